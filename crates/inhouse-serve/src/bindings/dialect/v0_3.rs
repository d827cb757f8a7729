//! A2A 0.3 as JSON, for JSON-RPC: `kind` tells what a thing is, states are in lower case, and an event says whether it is the
//! last.

use bytes::Bytes;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::v0_3::{Event as Event03, Task, TaskPushNotificationConfig};
use inhouse_proto::v1;
use inhouse_proto::wire::{Event, to_json};

use super::Dialect;
use crate::bindings::operation::{Outcome, ended, sent};
use crate::card::hybrid;

/// See the module.
#[derive(Debug)]
pub(crate) struct V03;

impl Dialect for V03 {
    fn result(&self, outcome: Outcome, out: &mut Pieces) -> Result<(), A2aError> {
        match outcome {
            Outcome::Task(task, view) => out.copy(&to_json(&Task::from_v1(&task.to_v1(view)?))),
            Outcome::Sent(task, view) => write(&v1::StreamResponse { payload: Some(sent(&task, view)?) }, false, out),
            Outcome::Card(card) => out.copy(&to_json(&hybrid(&card))),
            Outcome::Config(config) => out.copy(&to_json(&TaskPushNotificationConfig::from_v1(&config))),
            Outcome::Configs(page) => {
                let configs: Vec<_> = page.configs.iter().map(TaskPushNotificationConfig::from_v1).collect();
                out.copy(&to_json(&configs));
            }
            Outcome::Deleted => out.copy(b"null"),
            Outcome::Page(_) | Outcome::Stream(_) => return Err(A2aError::new(ErrorKind::UnsupportedOperation)),
        }
        Ok(())
    }

    fn first(&mut self, task: &Snapshot, view: View, last: bool) -> Result<Vec<Vec<Bytes>>, A2aError> {
        let payload = sent(task, view)?;
        let ended = ended(&payload).filter(|_| last);
        let mut all = results(&v1::StreamResponse { payload: Some(payload) }, false);
        all.extend(ended.iter().flat_map(|ended| results(ended, true)));
        Ok(all)
    }

    fn event(&mut self, _generation: u64, event: &Event, last: bool) -> Vec<Vec<Bytes>> {
        results(&event.to_v1().unwrap_or_default(), last)
    }
}

fn write(response: &v1::StreamResponse, last: bool, out: &mut Pieces) {
    results(response, last).iter().flatten().for_each(|piece| out.share(piece));
}

fn results(response: &v1::StreamResponse, last: bool) -> Vec<Vec<Bytes>> {
    Event03::from_v1(response, last).iter().map(|event| vec![to_json(event)]).collect()
}
