//! What callers of v0.3 ask of messages and tasks, and the same in v1.

use super::{Message, PushNotificationConfig};
use crate::error::A2aError;
use crate::json::Struct;
use crate::v1;
use crate::v1::json_form::{null_as_default, read_object};

/// Parameters of `message/send` and `message/stream`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct MessageSendParams {
    /// What the caller says.
    #[serde(default, deserialize_with = "read_object")]
    pub message: Option<Message>,
    /// How to answer.
    #[serde(default, deserialize_with = "read_object")]
    pub configuration: Option<MessageSendConfiguration>,
    /// Anything else for the agent.
    pub metadata: Option<Struct>,
}

/// How a caller wants to be answered.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageSendConfiguration {
    /// Media types that the caller can read.
    #[serde(default, alias = "accepted_output_modes", deserialize_with = "null_as_default")]
    pub accepted_output_modes: Vec<String>,
    /// Whether the answer waits for the end of the task; it does when absent.
    pub blocking: Option<bool>,
    /// At most this many of the latest messages in the answer.
    #[serde(alias = "history_length")]
    pub history_length: Option<i32>,
    /// Where to send news of the task.
    #[serde(default, alias = "push_notification_config", deserialize_with = "read_object")]
    pub push_notification_config: Option<PushNotificationConfig>,
}

/// Parameters of `tasks/get`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskQueryParams {
    /// The task.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// At most this many of the latest messages in the answer.
    #[serde(alias = "history_length")]
    pub history_length: Option<i32>,
}

/// Parameters of `tasks/cancel` and `tasks/resubscribe`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct TaskIdParams {
    /// The task.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// Anything else for the agent.
    pub metadata: Option<Struct>,
}

impl MessageSendParams {
    /// The same in v1.
    ///
    /// # Errors
    /// As [`super::Part::into_v1`], for a part of the message.
    pub fn into_v1(self) -> Result<v1::SendMessageRequest, A2aError> {
        Ok(v1::SendMessageRequest {
            tenant: String::new(),
            message: self.message.map(|message| message.into_v1("message")).transpose()?,
            configuration: self.configuration.map(MessageSendConfiguration::into_v1),
            metadata: self.metadata,
        })
    }
}

impl MessageSendConfiguration {
    fn into_v1(self) -> v1::SendMessageConfiguration {
        // The task has no id yet, so that a configuration without one gets none here.
        let push = self.push_notification_config.map(|config| config.into_v1(""));
        v1::SendMessageConfiguration {
            accepted_output_modes: self.accepted_output_modes,
            task_push_notification_config: push,
            history_length: self.history_length,
            return_immediately: self.blocking == Some(false),
        }
    }
}

impl TaskQueryParams {
    /// The same in v1.
    pub fn into_v1(self) -> v1::GetTaskRequest {
        v1::GetTaskRequest { tenant: String::new(), id: self.id, history_length: self.history_length }
    }
}

impl TaskIdParams {
    /// The same in v1, as the request that the method asks for.
    pub fn into_v1<Request: From<Self>>(self) -> Request {
        self.into()
    }
}

impl From<TaskIdParams> for v1::CancelTaskRequest {
    fn from(TaskIdParams { id, metadata }: TaskIdParams) -> Self {
        Self { tenant: String::new(), id, metadata }
    }
}

impl From<TaskIdParams> for v1::SubscribeToTaskRequest {
    fn from(TaskIdParams { id, .. }: TaskIdParams) -> Self {
        Self { tenant: String::new(), id }
    }
}
