//! A2A 1.0 as JSON, for JSON-RPC (spec 9) and HTTP+JSON (spec 11): the log's own bytes, but where an extension changes events.

use bytes::Bytes;
use inhouse_proto::error::A2aError;
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::v1::StreamResponse;
use inhouse_proto::wire::{Event, to_json};

use super::Dialect;
use crate::bindings::extensions::Extensions;
use crate::bindings::operation::{Outcome, sent};

/// See the module.
#[derive(Debug)]
pub(crate) struct V1(pub(crate) Extensions);

impl Dialect for V1 {
    fn copies(&self, is_stream: bool) -> bool {
        is_stream && self.0.change_events()
    }

    fn result(&self, outcome: Outcome, out: &mut Pieces) -> Result<(), A2aError> {
        match outcome {
            Outcome::Task(task, view) => task.write_v1(view, out),
            Outcome::Sent(task, view) => write_sent(&task, view, out),
            Outcome::Page(page) => page.write_v1(out),
            Outcome::Card(card) => out.copy(&to_json(&*card)),
            Outcome::Config(config) => out.copy(&to_json(&*config)),
            Outcome::Configs(page) => out.copy(&to_json(&page)),
            // google.protobuf.Empty.
            Outcome::Deleted => out.copy(b"{}"),
            Outcome::Stream(_) => {}
        }
        Ok(())
    }

    fn first(&mut self, task: &Snapshot, view: View, _last: bool) -> Result<Vec<Vec<Bytes>>, A2aError> {
        if self.0.change_events() {
            let response = StreamResponse { payload: Some(sent(task, view)?) };
            return Ok(vec![vec![to_json(&self.0.extend(response, task.generation))]]);
        }
        let mut pieces = Pieces::default();
        write_sent(task, view, &mut pieces);
        Ok(vec![pieces.finish()])
    }

    fn event(&mut self, generation: u64, event: &Event, _last: bool) -> Vec<Vec<Bytes>> {
        if self.0.change_events() {
            let response = self.0.extend(event.to_v1().unwrap_or_default(), generation);
            return vec![vec![to_json(&response)]];
        }
        // With room for an envelope.
        let mut pieces = Vec::with_capacity(5);
        event.write_v1(&mut pieces);
        vec![pieces]
    }
}

fn write_sent(task: &Snapshot, view: View, out: &mut Pieces) {
    if let Some(message) = &task.message {
        return out.share(message);
    }
    out.copy(b"{\"task\":");
    task.write_v1(view, out);
    out.copy(b"}");
}
