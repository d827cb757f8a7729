//! A stream of v1 events as the first generation reads it: only status and artifact updates, artifacts counted by index.

use super::{Artifact, Task, TaskArtifactUpdateEvent, TaskState, TaskStatus, TaskStatusUpdateEvent};
use crate::json::Struct;
use crate::v1::{self, stream_response::Payload};

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A new status.
    Status(TaskStatusUpdateEvent),
    /// A new artifact, or more of one.
    Artifact(TaskArtifactUpdateEvent),
}

/// What must be remembered of one stream: which artifact has which index.
#[derive(Debug, Clone)]
pub struct Stream {
    id: String,
    artifact_ids: Vec<String>,
}

impl Stream {
    /// A stream about the task that its caller knows as `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), artifact_ids: Vec::new() }
    }

    /// The events that `response` becomes, in order.
    ///
    /// `artifacts` are those of the whole task so far: a final status without a message gets the answer from them. They are
    /// not looked at otherwise; without them that status stays without message.
    pub fn events(&mut self, response: &v1::StreamResponse, artifacts: &[v1::Artifact]) -> Vec<Event> {
        match &response.payload {
            Some(Payload::Task(task)) => self.snapshot(task),
            Some(Payload::Message(answer)) => self.answer(answer),
            Some(Payload::StatusUpdate(update)) => {
                vec![self.status(update.status.as_ref(), artifacts, update.metadata.clone())]
            }
            Some(Payload::ArtifactUpdate(update)) => {
                let artifact = update.artifact.as_ref();
                artifact.map(|artifact| self.artifact(artifact, update)).into_iter().collect()
            }
            None => Vec::new(),
        }
    }

    fn snapshot(&mut self, task: &v1::Task) -> Vec<Event> {
        let whole = v1::TaskArtifactUpdateEvent { last_chunk: is_final(task.status.as_ref()), ..Default::default() };
        let artifacts = task.artifacts.iter().map(|artifact| self.artifact(artifact, &whole)).collect::<Vec<_>>();
        let status = self.status(task.status.as_ref(), &task.artifacts, task.metadata.clone());
        artifacts.into_iter().chain([status]).collect()
    }

    fn answer(&mut self, answer: &v1::Message) -> Vec<Event> {
        let Task { id, status, artifacts, .. } = Task::from_answer(answer, &self.id);
        let artifacts = artifacts
            .into_iter()
            .map(|artifact| Event::Artifact(TaskArtifactUpdateEvent { id: id.clone(), artifact, metadata: None }));
        let status = TaskStatusUpdateEvent { id: id.clone(), status, r#final: true, metadata: None };
        artifacts.chain([Event::Status(status)]).collect()
    }

    fn status(&self, status: Option<&v1::TaskStatus>, artifacts: &[v1::Artifact], metadata: Option<Struct>) -> Event {
        let r#final = is_final(status);
        let status = TaskStatus::from_v1(status, if r#final { artifacts } else { &[] });
        Event::Status(TaskStatusUpdateEvent { id: self.id.clone(), status, r#final, metadata })
    }

    fn artifact(&mut self, artifact: &v1::Artifact, update: &v1::TaskArtifactUpdateEvent) -> Event {
        let known = self.artifact_ids.iter().position(|id| *id == artifact.artifact_id);
        let index = known.unwrap_or_else(|| {
            self.artifact_ids.push(artifact.artifact_id.clone());
            self.artifact_ids.len() - 1
        });
        let artifact = Artifact::from_v1(artifact, index, update.append, update.last_chunk);
        Event::Artifact(TaskArtifactUpdateEvent { id: self.id.clone(), artifact, metadata: update.metadata.clone() })
    }
}

fn is_final(status: Option<&v1::TaskStatus>) -> bool {
    status.is_some_and(|status| TaskState::from_v1(status.state()).is_final())
}
