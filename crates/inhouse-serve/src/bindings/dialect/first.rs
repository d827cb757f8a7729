//! The first generation of A2A: `tasks/send` and its kin, through the same engine.
//!
//! A client chooses the id of its task. That id names a task among the caller's own and nothing else: with a known id the call
//! continues a task that waits, or is a retry; it never touches another caller's task.

use bytes::Bytes;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::{ArtifactJson, Pieces, Snapshot, View, artifacts_to_v1, fold};
use inhouse_proto::v0_1::{Event as FirstEvent, Stream, Task, TaskPushNotificationConfig};
use inhouse_proto::v1;
use inhouse_proto::v1::stream_response::Payload;
use inhouse_proto::wire::{Event, to_json};
use inhouse_trust::Operation;

use super::Dialect;
use crate::bindings::Call;
use crate::bindings::operation::{Following, Outcome};

/// One call. The last status of a stream carries the whole answer, so the artifacts are gathered (their bytes are the log's).
pub(crate) struct First {
    stream: Stream,
    artifacts: Vec<ArtifactJson>,
}

impl First {
    /// For a call about the task that its caller knows by this id.
    pub(crate) fn new(task_id: &str) -> Self {
        Self { stream: Stream::new(task_id), artifacts: Vec::new() }
    }

    /// Takes in the artifacts that the events up to the one that the caller has seen have made: a later one is counted on.
    ///
    /// # Errors
    /// Task not found, when it was forgotten in the meantime.
    pub(crate) async fn catch_up(&mut self, call: &Call<'_>, following: &Following) -> Result<(), A2aError> {
        if following.first.is_some() {
            return Ok(());
        }
        let permit = call.permit(Operation::Subscribe)?;
        let (_, mut reader) = call.endpoint.engine.follow(&permit, &following.task_id, Some(0)).await?;
        let mut read = 0;
        while read < following.seen {
            for (generation, event) in reader.next().await? {
                read = generation;
                if read <= following.seen {
                    fold(&mut self.artifacts, &event);
                }
            }
        }
        let so_far = v1::Task { artifacts: artifacts_to_v1(&self.artifacts)?, ..Default::default() };
        // Nothing of this is sent: the stream counts the artifacts.
        self.stream.events(&v1::StreamResponse { payload: Some(Payload::Task(so_far)) }, &[]);
        Ok(())
    }
}

impl Dialect for First {
    fn result(&self, outcome: Outcome, out: &mut Pieces) -> Result<(), A2aError> {
        match outcome {
            Outcome::Task(task, view) | Outcome::Sent(task, view) => {
                out.copy(&to_json(&Task::from_v1(&task.to_v1(view)?, &task.id)));
                Ok(())
            }
            Outcome::Config(config) => {
                out.copy(&to_json(&TaskPushNotificationConfig::from_v1(&config)));
                Ok(())
            }
            Outcome::Page(_) | Outcome::Card(_) | Outcome::Configs(_) | Outcome::Deleted | Outcome::Stream(_) => {
                Err(A2aError::new(ErrorKind::UnsupportedOperation))
            }
        }
    }

    fn first(&mut self, task: &Snapshot, view: View, _last: bool) -> Result<Vec<Vec<Bytes>>, A2aError> {
        self.artifacts.clone_from(&task.artifacts);
        let response = v1::StreamResponse { payload: Some(Payload::Task(task.to_v1(view)?)) };
        Ok(results(&self.stream.events(&response, &[])))
    }

    fn event(&mut self, _generation: u64, event: &Event, last: bool) -> Vec<Vec<Bytes>> {
        fold(&mut self.artifacts, event);
        let artifacts = if last { artifacts_to_v1(&self.artifacts).unwrap_or_default() } else { Vec::new() };
        let response = event.to_v1().unwrap_or_default();
        results(&self.stream.events(&response, &artifacts))
    }
}

fn results(events: &[FirstEvent]) -> Vec<Vec<Bytes>> {
    events.iter().map(|event| vec![to_json(event)]).collect()
}
