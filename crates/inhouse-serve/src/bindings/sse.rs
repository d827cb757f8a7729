//! An event stream as a response body: a cursor on the log, written as Server-Sent Events (spec 9.4.2).
//!
//! There is no channel and no task behind it: hyper asks for the next bytes when the socket has room, and only then is the log
//! read. A slow reader therefore costs its own connection, and nothing grows. The `id` of an event is its generation.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Frame;
use inhouse_engine::state::{is_interrupted, is_terminal};
use inhouse_engine::{Numbered, Reader};
use inhouse_proto::error::A2aError;
use inhouse_proto::snapshot::Pieces;
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::Event;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// How events look in one generation of the protocol.
pub(crate) trait Form: Send + Unpin + 'static {
    /// The data lines that an event becomes, each in pieces; `last`: nothing follows.
    fn event(&mut self, event: &Event, last: bool) -> Vec<Vec<Bytes>>;
    /// The data line of an error that ends the stream.
    fn error(&mut self, error: &A2aError) -> Bytes;
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
    reading: Option<Reading>,
    keep_alive: Pin<Box<Sleep>>,
    keep_alive_every: Duration,
    /// Only looked at: the connection waits for it, and polls its body then.
    closing: watch::Receiver<bool>,
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
    ) -> Self {
        Self {
            form,
            until,
            ready: first.into(),
            reading: reader.map(read),
            keep_alive: Box::pin(tokio::time::sleep(keep_alive_every)),
            keep_alive_every,
            closing,
        }
    }

    fn take(&mut self, reader: Reader, events: Vec<Numbered>) {
        let mut frames = Frames::default();
        for (generation, event) in &events {
            let last = self.ends(event);
            for data in self.form.event(event, last) {
                frames.event(Some(*generation), data);
            }
            if last {
                self.ready.extend(frames.finish());
                return;
            }
        }
        self.ready.extend(frames.finish());
        self.reading = Some(read(reader));
    }

    fn ends(&self, event: &Event) -> bool {
        match event {
            Event::Status(status) => self.until.is_reached(status.state),
            Event::Message(_) => true,
            Event::Text { .. } | Event::Artifact(_) => false,
        }
    }

    fn fail(&mut self, error: &A2aError) {
        let mut frames = Frames::default();
        frames.event(None, vec![self.form.error(error)]);
        self.ready.extend(frames.finish());
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
            let Some(reading) = &mut this.reading else { return Poll::Ready(None) };
            if let Poll::Ready((reader, events)) = reading.as_mut().poll(cx) {
                this.reading = None;
                match events {
                    // The log has ended.
                    Ok(events) if events.is_empty() => {}
                    Ok(events) => this.take(reader, events),
                    Err(error) => this.fail(&error),
                }
            } else if *this.closing.borrow() {
                this.reading = None;
                this.ready.push_back(Bytes::from_static(b": the server is stopping\n\n"));
            } else if this.keep_alive.as_mut().poll(cx).is_ready() {
                this.ready.push_back(Bytes::from_static(b":\n\n"));
            } else {
                return Poll::Pending;
            }
        }
    }
}

/// Gathers event frames.
#[derive(Default)]
pub(crate) struct Frames {
    pieces: Pieces,
}

impl Frames {
    /// Adds one event: one `data` line (JSON has no line feeds), and its number.
    pub(crate) fn event(&mut self, generation: Option<u64>, data: Vec<Bytes>) {
        self.write(generation, |pieces| data.iter().for_each(|piece| pieces.share(piece)));
    }

    /// The same for data that is written here.
    pub(crate) fn write(&mut self, generation: Option<u64>, data: impl FnOnce(&mut Pieces)) {
        if let Some(generation) = generation {
            self.pieces.copy(format!("id: {generation}\n").as_bytes());
        }
        self.pieces.copy(b"data: ");
        data(&mut self.pieces);
        self.pieces.copy(b"\n\n");
    }

    /// The frames as few pieces.
    pub(crate) fn finish(self) -> Vec<Bytes> {
        self.pieces.finish()
    }
}
