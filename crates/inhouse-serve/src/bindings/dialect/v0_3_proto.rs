//! A2A 0.3 as JSON, for HTTP+JSON: the messages of its protobuf service.

use bytes::Bytes;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::v0_3_proto::{
    ListTaskPushNotificationConfigResponse, StreamResponse, Task, TaskPushNotificationConfig,
};
use inhouse_proto::v1;
use inhouse_proto::wire::{Event, to_json};

use super::Dialect;
use crate::bindings::operation::{Outcome, ended, sent};
use crate::card::hybrid;

/// See the module.
#[derive(Debug)]
pub(crate) struct V03Proto;

impl Dialect for V03Proto {
    fn result(&self, outcome: Outcome, out: &mut Pieces) -> Result<(), A2aError> {
        match outcome {
            Outcome::Task(task, view) => out.copy(&to_json(&Task::from_v1(&task.to_v1(view)?))),
            // The answer to a send has the members of an event of the same kind.
            Outcome::Sent(task, view) => {
                let response = v1::StreamResponse { payload: Some(sent(&task, view)?) };
                out.copy(&to_json(&StreamResponse::from_v1(&response, false)));
            }
            // Clients read this one as JSON-RPC has it.
            Outcome::Card(card) => out.copy(&to_json(&hybrid(&card))),
            Outcome::Config(config) => out.copy(&to_json(&TaskPushNotificationConfig::from_v1(&config))),
            Outcome::Configs(page) => {
                out.copy(&to_json(&ListTaskPushNotificationConfigResponse::from_v1(&page)));
            }
            // A body where 0.3 promises none: without one the Python client breaks.
            Outcome::Deleted => out.copy(b"{}"),
            Outcome::Page(_) | Outcome::Stream(_) => return Err(A2aError::new(ErrorKind::UnsupportedOperation)),
        }
        Ok(())
    }

    fn first(&mut self, task: &Snapshot, view: View, last: bool) -> Result<Vec<Vec<Bytes>>, A2aError> {
        let payload = sent(task, view)?;
        let ended = ended(&payload).filter(|_| last);
        let begun = v1::StreamResponse { payload: Some(payload) };
        Ok([Some(begun), ended].iter().flatten().map(|response| result(response, last)).collect())
    }

    fn event(&mut self, _generation: u64, event: &Event, last: bool) -> Vec<Vec<Bytes>> {
        vec![result(&event.to_v1().unwrap_or_default(), last)]
    }
}

fn result(response: &v1::StreamResponse, last: bool) -> Vec<Bytes> {
    vec![to_json(&StreamResponse::from_v1(response, last))]
}
