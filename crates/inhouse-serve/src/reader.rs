//! A request's body, read only when it is asked for: whole, within its size, its time and its minimum rate.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::pulse::Pulse;
use crate::{Limits, Refusal};

/// What is allocated before the bytes are there, whatever length the client names.
const RESERVE_BYTES_MAX: u64 = 16 << 10;

/// The unread body of one request. Dropping it unread closes the connection after the answer.
pub struct BodyReader {
    incoming: Incoming,
    bytes_max: usize,
    limits: Arc<Limits>,
    pulse: Arc<Pulse>,
}

impl BodyReader {
    pub(crate) fn new(incoming: Incoming, limits: Arc<Limits>, pulse: Arc<Pulse>) -> Self {
        Self { incoming, bytes_max: limits.body_bytes_max, limits, pulse }
    }

    /// The same, which takes no more than so many bytes.
    pub(crate) fn at_most(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max.min(self.bytes_max);
        self
    }

    /// The bytes that there are at least: the length that the client names, 0 when it names none.
    pub(crate) fn bytes_min(&self) -> u64 {
        self.incoming.size_hint().lower()
    }

    /// The body as it comes, for a service that known callers have a conversation with; it bounds each message by itself.
    pub(crate) fn into_incoming(self) -> Incoming {
        self.incoming
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// A [`Refusal`]: 413 when it is too large, 408 when it is too slow, 400 when it is cut or badly framed.
    pub async fn read(mut self) -> Result<Bytes, Refusal> {
        let start = Instant::now();
        let first = match self.frame(start, 0).await? {
            Some(bytes) if self.incoming.is_end_stream() => return Ok(self.ended(bytes)),
            Some(bytes) => bytes,
            None => return Ok(self.ended(Bytes::new())),
        };
        let expected = self.incoming.size_hint().lower().min(RESERVE_BYTES_MAX) as usize;
        let mut whole = BytesMut::with_capacity(first.len() + expected);
        whole.extend_from_slice(&first);
        drop(first);
        while let Some(bytes) = self.frame(start, whole.len()).await? {
            whole.extend_from_slice(&bytes);
        }
        Ok(self.ended(whole.freeze()))
    }

    fn ended(&self, bytes: Bytes) -> Bytes {
        self.pulse.body_ended();
        bytes
    }

    /// The next bytes, after `received` of them. Trailers are thrown away.
    async fn frame(&mut self, start: Instant, received: usize) -> Result<Option<Bytes>, Refusal> {
        let max = self.bytes_max;
        let due = start + self.time_for(received);
        loop {
            let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut self.incoming).poll_frame(cx));
            let frame = match timeout_at(due, next).await.map_err(|_| too_slow())? {
                None => return Ok(None),
                Some(frame) => frame.map_err(|_| broken())?,
            };
            match frame.into_data() {
                Ok(bytes) if received + bytes.len() > max => return Err(too_large(max)),
                Ok(bytes) => return Ok(Some(bytes)),
                Err(_) => {}
            }
        }
    }

    /// How long after the start the next bytes have to be there.
    fn time_for(&self, received: usize) -> Duration {
        let Limits { body_read_ms_max, body_bytes_per_s_min, body_lag_ms_max, .. } = *self.limits;
        let earned_ms = (received as u64 * 1000).checked_div(body_bytes_per_s_min).unwrap_or(body_read_ms_max);
        Duration::from_millis(body_read_ms_max.min(body_lag_ms_max.saturating_add(earned_ms)))
    }
}

/// The refusal of a body that is, or says that it is, larger than `bytes_max`.
pub(crate) fn too_large(bytes_max: usize) -> Refusal {
    let message = format!("the request body has more than {bytes_max} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
}

fn too_slow() -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the request body came too slowly")
}

fn broken() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "the request body ended early or is badly framed")
}
