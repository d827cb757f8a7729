//! How long a caller waits (`grpc-timeout`). A call that is late is answered so; the task that it began goes on.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body as HttpBody, Frame};
use inhouse_proto::error::A2aError;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::{headers, late};
use crate::Body;

const HEADER: &str = "grpc-timeout";
/// As many digits as the header may have.
const DIGITS_MAX: usize = 8;

/// When a caller stops waiting, if ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bindings) struct Deadline(Option<Instant>);

impl Deadline {
    /// Reads the header, which counts from now.
    ///
    /// # Errors
    /// Invalid parameters, for what is no time.
    pub(in crate::bindings) fn read(headers: &HeaderMap) -> Result<Self, A2aError> {
        let Some(value) = headers.get(HEADER) else { return Ok(Self(None)) };
        let time = value.to_str().ok().and_then(duration);
        let time =
            time.ok_or_else(|| A2aError::invalid(HEADER, "must be up to 8 digits and one of H, M, S, m, u, n"))?;
        Ok(Self(Instant::now().checked_add(time)))
    }

    /// What comes of `future` in time; none, when it is late.
    pub(super) async fn limit<F: Future>(self, future: F) -> Option<F::Output> {
        match self.0 {
            Some(deadline) => timeout_at(deadline, future).await.ok(),
            None => Some(future.await),
        }
    }

    /// The same for the rest of an answer, which ends with the status that it is late.
    pub(super) fn limit_body(self, body: Body) -> Body {
        match self.0 {
            Some(deadline) => Body::stream(Limited { body: Some(body), sleep: Box::pin(sleep_until(deadline)) }),
            None => body,
        }
    }
}

struct Limited {
    /// None, once it is late.
    body: Option<Body>,
    sleep: Pin<Box<Sleep>>,
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if self.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.body = None;
        Poll::Ready(Some(Ok(Frame::trailers(headers(&late().0)))))
    }
}

/// `1H`, `30S`, `100m`: hours, minutes, seconds, milli-, micro-, nanoseconds.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit).filter(|digits| (1..=DIGITS_MAX).contains(&digits.len()))?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(number * 3600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_grpc_writes_them() {
        for (text, time) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("30S", Some(Duration::from_secs(30))),
            ("00000100m", Some(Duration::from_millis(100))),
            ("5u", Some(Duration::from_micros(5))),
            ("5n", Some(Duration::from_nanos(5))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("", None),
            ("S", None),
            ("1", None),
            ("123456789S", None),
            ("+1S", None),
            ("1s", None),
            ("1ä", None),
        ] {
            assert_eq!(duration(text), time, "{text:?}");
        }
    }
}
