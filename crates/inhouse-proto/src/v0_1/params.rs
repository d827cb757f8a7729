//! What callers of the first generation ask for, and the same in v1.

use super::{Message, PushNotificationConfig, Role};
use crate::error::A2aError;
use crate::json::Struct;
use crate::v1;
use crate::v1::json_form::{null_as_default, read_object};

/// Parameters of `tasks/send` and `tasks/sendSubscribe`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskSendParams {
    /// The caller's own id for the task.
    pub id: Option<String>,
    /// The conversation.
    #[serde(alias = "session_id")]
    pub session_id: Option<String>,
    /// What the caller says.
    #[serde(default, deserialize_with = "read_object")]
    pub message: Option<Message>,
    /// Media types that the caller can read.
    #[serde(alias = "accepted_output_modes")]
    pub accepted_output_modes: Option<Vec<String>>,
    /// Where to send news of the task.
    #[serde(default, alias = "push_notification", deserialize_with = "read_object")]
    pub push_notification: Option<PushNotificationConfig>,
    /// At most this many of the latest messages in the answer.
    #[serde(alias = "history_length")]
    pub history_length: Option<i32>,
    /// Anything else for the agent.
    pub metadata: Option<Struct>,
}

/// Parameters of `tasks/get`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskQueryParams {
    /// The caller's own id for the task, or one that the server chose for a caller of another generation.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// At most this many of the latest messages in the answer.
    #[serde(alias = "history_length")]
    pub history_length: Option<i32>,
    /// Anything else for the agent.
    pub metadata: Option<Struct>,
}

/// Parameters of `tasks/cancel`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct TaskIdParams {
    /// As in [`TaskQueryParams`].
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// Anything else for the agent.
    pub metadata: Option<Struct>,
}

/// A `tasks/send` in v1's words.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// The caller's own id for the task; the request does not have it, since nobody else may be touched by it.
    pub task_id: Option<String>,
    /// The request. Where the caller gave no `messageId`, it is empty, and to be filled before the request is validated.
    pub request: v1::SendMessageRequest,
}

impl TaskSendParams {
    /// The same in v1.
    ///
    /// # Errors
    /// `InvalidParams` for a file part that has no content, two, or none that is base64.
    pub fn into_v1(self) -> Result<Send, A2aError> {
        let message = self.message.map(|message| message.into_v1("message")).transpose()?;
        let context_id = self.session_id.unwrap_or_default();
        let configuration = v1::SendMessageConfiguration {
            accepted_output_modes: self.accepted_output_modes.unwrap_or_default(),
            task_push_notification_config: self.push_notification.map(PushNotificationConfig::into_v1),
            history_length: self.history_length,
            return_immediately: false,
        };
        let request = v1::SendMessageRequest {
            tenant: String::new(),
            message: message.map(|message| v1::Message { context_id, ..message }),
            configuration: Some(configuration),
            metadata: self.metadata,
        };
        Ok(Send { task_id: self.id.filter(|id| !id.is_empty()), request })
    }
}

impl Message {
    /// The same in v1; `path` names this message in an error.
    ///
    /// # Errors
    /// As [`super::Part::into_v1`].
    pub fn into_v1(self, path: &str) -> Result<v1::Message, A2aError> {
        let parts = self.parts.into_iter().enumerate();
        let parts =
            parts.map(|(index, part)| part.into_v1(&format!("{path}.parts[{index}]"))).collect::<Result<_, _>>()?;
        let role = match self.role {
            None => v1::Role::Unspecified,
            Some(Role::User) => v1::Role::User,
            Some(Role::Agent) => v1::Role::Agent,
        };
        let message_id = self.message_id.unwrap_or_default();
        Ok(v1::Message { message_id, role: role.into(), parts, metadata: self.metadata, ..v1::Message::default() })
    }
}

impl TaskQueryParams {
    /// The same in v1, with the caller's own id.
    pub fn into_v1(self) -> v1::GetTaskRequest {
        v1::GetTaskRequest { tenant: String::new(), id: self.id, history_length: self.history_length }
    }
}

impl TaskIdParams {
    /// The same in v1, with the caller's own id.
    pub fn into_v1(self) -> v1::CancelTaskRequest {
        v1::CancelTaskRequest { tenant: String::new(), id: self.id, metadata: self.metadata }
    }
}
