//! What callers of 0.3 ask for, and the same in v1.

use super::names::task_id;
use super::{CancelTaskRequest, GetTaskRequest, SendMessageConfiguration, SendMessageRequest, TaskSubscriptionRequest};
use crate::error::A2aError;
use crate::v1;

impl SendMessageRequest {
    /// The same in v1. Without a configuration the caller waits for the task.
    ///
    /// # Errors
    /// As [`super::Message::into_v1`].
    pub fn into_v1(self) -> Result<v1::SendMessageRequest, A2aError> {
        Ok(v1::SendMessageRequest {
            tenant: String::new(),
            message: self.request.map(|message| message.into_v1("message")).transpose()?,
            configuration: self.configuration.map(SendMessageConfiguration::into_v1),
            metadata: self.metadata,
        })
    }
}

impl SendMessageConfiguration {
    fn into_v1(self) -> v1::SendMessageConfiguration {
        v1::SendMessageConfiguration {
            accepted_output_modes: self.accepted_output_modes,
            task_push_notification_config: self.push_notification.map(|config| config.into_v1(String::new())),
            history_length: history_length(self.history_length),
            return_immediately: !self.blocking,
        }
    }
}

impl GetTaskRequest {
    /// The same in v1.
    ///
    /// # Errors
    /// `InvalidParams` for a `name` that is not `tasks/{id}`.
    pub fn into_v1(self) -> Result<v1::GetTaskRequest, A2aError> {
        let history_length = history_length(self.history_length);
        Ok(v1::GetTaskRequest { tenant: String::new(), id: task_id("name", &self.name)?, history_length })
    }
}

impl CancelTaskRequest {
    /// The same in v1.
    ///
    /// # Errors
    /// As [`GetTaskRequest::into_v1`].
    pub fn into_v1(self) -> Result<v1::CancelTaskRequest, A2aError> {
        Ok(v1::CancelTaskRequest { tenant: String::new(), id: task_id("name", &self.name)?, metadata: None })
    }
}

impl TaskSubscriptionRequest {
    /// The same in v1.
    ///
    /// # Errors
    /// As [`GetTaskRequest::into_v1`].
    pub fn into_v1(self) -> Result<v1::SubscribeToTaskRequest, A2aError> {
        Ok(v1::SubscribeToTaskRequest { tenant: String::new(), id: task_id("name", &self.name)? })
    }
}

/// 0 means all in 0.3.
fn history_length(length: i32) -> Option<i32> {
    Some(length).filter(|length| *length != 0)
}
