//! Server-Sent Events (spec 9.4.2, 11.7): one `data` line an event, since JSON has no line feeds. The `id` of an event is its
//! generation.

use bytes::Bytes;
use hyper::HeaderMap;
use inhouse_proto::error::A2aError;
use inhouse_proto::snapshot::Pieces;
use inhouse_proto::wire::Event;

use super::dialect::{Dialect, Envelope};
use super::events::Form;

/// Results of a dialect, each in its envelope.
pub(crate) struct Sse {
    pub(crate) envelope: Envelope,
    pub(crate) dialect: Box<dyn Dialect>,
}

impl Form for Sse {
    fn event(&mut self, generation: u64, event: &Event, last: bool, out: &mut Pieces) {
        for result in self.dialect.event(generation, event, last) {
            frame(Some(generation), &self.envelope.wrap(result), out);
        }
    }

    fn copies(&self) -> bool {
        self.dialect.copies(true)
    }

    fn error(&mut self, error: &A2aError, out: &mut Pieces) {
        frame(None, &[self.envelope.error(error)], out);
    }

    fn pause(&self) -> Bytes {
        Bytes::from_static(b":\n\n")
    }

    fn goodbye(&self) -> Bytes {
        Bytes::from_static(b": the server is stopping\n\n")
    }

    fn trailers(&self, _error: Option<&A2aError>) -> Option<Box<HeaderMap>> {
        None
    }
}

/// Adds one event with its number.
pub(crate) fn frame(generation: Option<u64>, data: &[Bytes], out: &mut Pieces) {
    if let Some(generation) = generation {
        out.copy(format!("id: {generation}\n").as_bytes());
    }
    out.copy(b"data: ");
    data.iter().for_each(|piece| out.share(piece));
    out.copy(b"\n\n");
}
