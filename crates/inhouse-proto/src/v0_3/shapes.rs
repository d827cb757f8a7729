//! Tasks, messages and artifacts as v0.3 has them.

use super::Part;
use crate::json::{Struct, Timestamp};
use crate::v1::json_form::{is_default, null_as_default, read_object, read_objects};

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
    /// Never begun, by the agent's choice.
    Rejected,
    /// Waits for credentials.
    AuthRequired,
    /// Not known.
    Unknown,
}

/// Something said by one side to the other.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename = "message", rename_all = "camelCase")]
pub struct Message {
    /// Chosen by whoever says it.
    #[serde(default, alias = "message_id", deserialize_with = "null_as_default")]
    pub message_id: String,
    /// Who said it; always there, but in what callers forget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What was said.
    #[serde(default, deserialize_with = "read_objects")]
    pub parts: Vec<Part>,
    /// The conversation.
    #[serde(default, alias = "context_id", deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub context_id: String,
    /// The task that it belongs to.
    #[serde(default, alias = "task_id", deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub task_id: String,
    /// Other tasks that it is about.
    #[serde(
        default,
        alias = "reference_task_ids",
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub reference_task_ids: Vec<String>,
    /// The extensions that it makes use of.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub extensions: Vec<String>,
    /// Anything else that is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TaskStatus {
    /// The stage.
    pub state: TaskState,
    /// A question, or an explanation.
    #[serde(default, deserialize_with = "read_object", skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// Something that a task produced, or a piece of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Unique within the task.
    #[serde(alias = "artifact_id")]
    pub artifact_id: String,
    /// A name for people.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub name: String,
    /// What it is, for people.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub description: String,
    /// The content.
    #[serde(deserialize_with = "read_objects")]
    pub parts: Vec<Part>,
    /// The extensions that it makes use of.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub extensions: Vec<String>,
    /// Anything else that is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
}

/// A unit of work and all that came of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename = "task", rename_all = "camelCase")]
pub struct Task {
    /// Chosen by the server.
    pub id: String,
    /// The conversation.
    #[serde(alias = "context_id")]
    pub context_id: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// What it has produced.
    #[serde(default, deserialize_with = "read_objects", skip_serializing_if = "is_default")]
    pub artifacts: Vec<Artifact>,
    /// What was said, oldest first.
    #[serde(default, deserialize_with = "read_objects", skip_serializing_if = "is_default")]
    pub history: Vec<Message>,
    /// Anything else that is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Struct>,
}
