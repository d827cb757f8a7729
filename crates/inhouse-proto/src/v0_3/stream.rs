//! Events of v1 as v0.3 reads them: results in a stream, and payloads of notifications.

use super::{Artifact, Message, Task, TaskStatus};
use crate::json::Struct;
use crate::v1::{self, stream_response::Payload};

/// One event of a stream. Its `kind` tells which.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Event {
    /// The task as it stands.
    Task(Task),
    /// The whole answer.
    Message(Message),
    /// A new status.
    Status(TaskStatusUpdateEvent),
    /// A new artifact, or more of one.
    Artifact(TaskArtifactUpdateEvent),
}

/// A task has a new status.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename = "status-update", rename_all = "camelCase")]
pub struct TaskStatusUpdateEvent {
    /// The task.
    pub task_id: String,
    /// The conversation.
    pub context_id: String,
    /// The status from now on.
    pub status: TaskStatus,
    /// Nothing more comes in this stream.
    pub r#final: bool,
    /// Anything else that is known of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
}

/// A task has a new artifact, or more of one.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename = "artifact-update", rename_all = "camelCase")]
pub struct TaskArtifactUpdateEvent {
    /// The task.
    pub task_id: String,
    /// The conversation.
    pub context_id: String,
    /// The artifact, or the piece of it.
    pub artifact: Artifact,
    /// The parts are added to the artifact of that id.
    pub append: bool,
    /// Nothing more comes for this artifact.
    pub last_chunk: bool,
    /// Anything else that is known of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
}

impl Event {
    /// The event that `response` is; `last` says that nothing more comes in this stream.
    ///
    /// `None` for a response without payload, or for an artifact update without artifact.
    pub fn from_v1(response: &v1::StreamResponse, last: bool) -> Option<Self> {
        Some(match response.payload.as_ref()? {
            Payload::Task(task) => Self::Task(Task::from_v1(task)),
            Payload::Message(message) => Self::Message(Message::from_v1(message)),
            Payload::StatusUpdate(update) => Self::Status(TaskStatusUpdateEvent {
                task_id: update.task_id.clone(),
                context_id: update.context_id.clone(),
                status: TaskStatus::from_v1(update.status.as_ref()),
                r#final: last,
                metadata: update.metadata.clone(),
            }),
            Payload::ArtifactUpdate(update) => Self::Artifact(TaskArtifactUpdateEvent {
                task_id: update.task_id.clone(),
                context_id: update.context_id.clone(),
                artifact: Artifact::from_v1(update.artifact.as_ref()?),
                append: update.append,
                last_chunk: update.last_chunk,
                metadata: update.metadata.clone(),
            }),
        })
    }
}
