//! A2A 1.0 as JSON, for JSON-RPC (spec 9) and HTTP+JSON (spec 11): the log's own bytes.

use bytes::Bytes;
use inhouse_proto::error::A2aError;
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::wire::{Event, to_json};

use super::Dialect;
use crate::bindings::operation::Outcome;

/// See the module.
#[derive(Debug)]
pub(crate) struct V1;

impl Dialect for V1 {
    fn result(&self, outcome: Outcome, out: &mut Pieces) -> Result<(), A2aError> {
        match outcome {
            Outcome::Task(task, view) => task.write_v1(view, out),
            Outcome::Sent(task, view) => write_sent(&task, view, out),
            Outcome::Page(page) => page.write_v1(out),
            Outcome::Card(card) => out.copy(&to_json(&*card)),
            Outcome::Stream(_) => {}
        }
        Ok(())
    }

    fn first(&mut self, task: &Snapshot, view: View, _last: bool) -> Result<Vec<Vec<Bytes>>, A2aError> {
        let mut pieces = Pieces::default();
        write_sent(task, view, &mut pieces);
        Ok(vec![pieces.finish()])
    }

    fn event(&mut self, event: &Event, _last: bool) -> Vec<Vec<Bytes>> {
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
