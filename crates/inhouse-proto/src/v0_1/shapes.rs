//! Tasks, messages, artifacts and events as the first generation writes them, with the superset members of `v0_1`.

use super::Part;
use crate::json::{Struct, Timestamp};
use crate::v1::json_form::read_objects;

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The caller.
    User,
    /// The agent.
    Agent,
}

/// The stages of a task's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Accepted, not begun.
    Submitted,
    /// Under way.
    Working,
    /// Waits for the caller.
    InputRequired,
    /// Ended well.
    Completed,
    /// Ended at the caller's wish.
    Canceled,
    /// Ended with an error.
    Failed,
    /// Not known.
    Unknown,
}

/// Something said by one side to the other.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// `message`, for readers of later generations.
    #[serde(skip_deserializing)]
    pub kind: MessageKind,
    /// Who said it; always there, but in what callers forget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What was said.
    #[serde(default, deserialize_with = "read_objects")]
    pub parts: Vec<Part>,
    /// Anything else that is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
    /// The id that later generations have.
    #[serde(default, alias = "message_id", skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// The `kind` of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// The only one.
    #[default]
    Message,
}

/// The `kind` of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// The only one.
    #[default]
    Task,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TaskStatus {
    /// The stage.
    pub state: TaskState,
    /// A question, an explanation, or the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// Something that a task produced, or a piece of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// The id that later generations have.
    pub artifact_id: String,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The content.
    pub parts: Vec<Part>,
    /// Its place among the artifacts of the task, from 0.
    pub index: usize,
    /// The parts are added to the artifact of that index.
    pub append: bool,
    /// Nothing more comes for this artifact.
    pub last_chunk: bool,
    /// Anything else that is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
}

/// A unit of work and all that came of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// `task`, for readers of later generations.
    pub kind: TaskKind,
    /// The id that the caller chose.
    pub id: String,
    /// The conversation.
    pub session_id: String,
    /// The conversation, for readers of later generations.
    pub context_id: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// What it has produced.
    pub artifacts: Vec<Artifact>,
    /// What was said, oldest first.
    pub history: Vec<Message>,
    /// As `history`.
    pub messages: Vec<Message>,
    /// Anything else that is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
}

/// A task has a new status.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TaskStatusUpdateEvent {
    /// The id that the caller chose.
    pub id: String,
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
pub struct TaskArtifactUpdateEvent {
    /// The id that the caller chose.
    pub id: String,
    /// The artifact, or the piece of it.
    pub artifact: Artifact,
    /// Anything else that is known of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
}
