//! An event stream as a response body: a cursor on the log, written in the form of a binding.
//!
//! There is no channel and no task behind it: hyper asks for the next bytes when the socket has room, and only then is the log
//! read. A slow reader therefore costs its own connection, and nothing grows.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Frame;
use inhouse_engine::state::{is_interrupted, is_terminal};
use inhouse_engine::{Numbered, Reader};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::Pieces;
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::Event;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use crate::copies::Copies;

/// How a binding writes a stream.
pub(crate) trait Form: Send + Unpin + 'static {
    /// Adds what an event becomes; `last`: nothing follows.
    fn event(&mut self, generation: u64, event: &Event, last: bool, out: &mut Pieces);
    /// Whether it writes copies of what is in the log, and not the log's own bytes.
    fn copies(&self) -> bool;
    /// Adds an error, if the form has a place for it among the events.
    fn error(&mut self, error: &A2aError, out: &mut Pieces);
    /// What is sent while nothing happens, so that nobody takes the stream for dead; nothing, where the transport sees to it.
    fn pause(&self) -> Bytes;
    /// What is sent when the server stops.
    fn goodbye(&self) -> Bytes;
    /// What stands behind the stream, which an error may have ended.
    fn trailers(&self, error: Option<&A2aError>) -> Option<Box<HeaderMap>>;
}

/// When a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// When the task is finished (spec 3.1.6).
    Finished,
    /// Also when the task waits for its caller: this turn is over.
    Settled,
}

impl Until {
    /// Whether a stream ends with this state.
    pub(crate) fn is_reached(self, state: TaskState) -> bool {
        is_terminal(state) || (self == Self::Settled && is_interrupted(state))
    }
}

type Reading = Pin<Box<dyn Future<Output = (Reader, Result<Vec<Numbered>, A2aError>)> + Send>>;

/// The body of a stream.
pub(crate) struct EventStream<F> {
    form: F,
    until: Until,
    ready: VecDeque<Bytes>,
    trailers: Option<Box<HeaderMap>>,
    reading: Option<Reading>,
    keep_alive: Pin<Box<Sleep>>,
    keep_alive_every: Duration,
    /// Only looked at: the connection waits for it, and polls its body then.
    closing: watch::Receiver<bool>,
    copies: Copies,
}

impl<F: Form> EventStream<F> {
    /// A stream of what `reader` finds, after the frames in `first`. It ends when `closing` is true.
    pub(crate) fn new(
        form: F,
        until: Until,
        first: Vec<Bytes>,
        reader: Option<Reader>,
        keep_alive_every: Duration,
        closing: watch::Receiver<bool>,
        copies: Copies,
    ) -> Self {
        let trailers = if reader.is_none() { form.trailers(None) } else { None };
        Self {
            form,
            until,
            ready: first.into(),
            trailers,
            reading: reader.map(read),
            keep_alive: Box::pin(tokio::time::sleep(keep_alive_every)),
            keep_alive_every,
            closing,
            copies,
        }
    }

    fn take(&mut self, reader: Reader, events: Vec<Numbered>) {
        let mut out = Pieces::default();
        let mut last = false;
        for (generation, event) in &events {
            last = self.ends(event);
            self.form.event(*generation, event, last, &mut out);
            if last {
                break;
            }
        }
        let pieces = out.finish();
        let counted = if self.form.copies() { self.copies.count(pieces) } else { Ok(pieces) };
        match counted {
            Ok(pieces) => self.ready.extend(pieces),
            Err(error) => return self.fail(&error),
        }
        if last {
            self.trailers = self.form.trailers(None);
        } else {
            self.reading = Some(read(reader));
        }
    }

    fn ends(&self, event: &Event) -> bool {
        match event {
            Event::Status(status) => self.until.is_reached(status.state),
            Event::Message(_) => true,
            Event::Text { .. } | Event::Artifact(_) => false,
        }
    }

    fn fail(&mut self, error: &A2aError) {
        let mut out = Pieces::default();
        self.form.error(error, &mut out);
        self.ready.extend(out.finish());
        self.trailers = self.form.trailers(Some(error));
    }

    fn stop(&mut self) {
        self.reading = None;
        self.ready.extend(Some(self.form.goodbye()).filter(|bytes| !bytes.is_empty()));
        self.trailers = self.form.trailers(Some(&A2aError::new(ErrorKind::Unavailable)));
    }
}

fn read(mut reader: Reader) -> Reading {
    Box::pin(async move {
        let events = reader.next().await;
        (reader, events)
    })
}

impl<F: Form> hyper::body::Body for EventStream<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.ready.pop_front() {
                let next = Instant::now() + this.keep_alive_every;
                this.keep_alive.as_mut().reset(next);
                if this.ready.is_empty() {
                    // Thousands of streams wait with nothing to say: they keep no room for it.
                    this.ready = VecDeque::new();
                }
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let Some(reading) = &mut this.reading else {
                return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(*trailers))));
            };
            if let Poll::Ready((reader, events)) = reading.as_mut().poll(cx) {
                this.reading = None;
                match events {
                    // The log has ended.
                    Ok(events) if events.is_empty() => this.trailers = this.form.trailers(None),
                    Ok(events) => this.take(reader, events),
                    Err(error) => this.fail(&error),
                }
            } else if *this.closing.borrow() {
                this.stop();
            } else if !this.form.pause().is_empty() && this.keep_alive.as_mut().poll(cx).is_ready() {
                this.ready.push_back(this.form.pause());
            } else {
                return Poll::Pending;
            }
        }
    }
}
