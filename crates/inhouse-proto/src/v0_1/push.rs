//! Who is told of a task's events, in the first generation: one address for a task, known by the task's id.

use super::TaskIdParams;
use crate::v1;
use crate::v1::json_form::{null_as_default, read_object};

/// An address that is told of a task's events.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PushNotificationConfig {
    #[serde(default, deserialize_with = "null_as_default")]
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(default, deserialize_with = "read_object", skip_serializing_if = "Option::is_none")]
    authentication: Option<AuthenticationInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct AuthenticationInfo {
    #[serde(default, deserialize_with = "null_as_default")]
    schemes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<String>,
}

/// An address and its task: parameters and result of `tasks/pushNotification/set`, and what `tasks/pushNotification/get` finds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskPushNotificationConfig {
    /// The task.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// The address; always there, but in what callers forget.
    #[serde(default, alias = "push_notification_config", deserialize_with = "read_object")]
    pub push_notification_config: Option<PushNotificationConfig>,
}

impl PushNotificationConfig {
    /// The same in v1.
    pub(super) fn into_v1(self) -> v1::TaskPushNotificationConfig {
        let authentication =
            self.authentication.map(|AuthenticationInfo { schemes, credentials }| v1::AuthenticationInfo {
                scheme: schemes.into_iter().next().unwrap_or_default(),
                credentials: credentials.unwrap_or_default(),
            });
        let token = self.token.unwrap_or_default();
        v1::TaskPushNotificationConfig { url: self.url, token, authentication, ..Default::default() }
    }
}

impl TaskPushNotificationConfig {
    /// The same in v1, under the task's id.
    pub fn into_v1(self) -> v1::TaskPushNotificationConfig {
        let (id, task_id) = (self.id.clone(), self.id);
        v1::TaskPushNotificationConfig { id, task_id, ..self.push_notification_config.unwrap_or_default().into_v1() }
    }

    /// The config as this generation knows it.
    pub fn from_v1(config: &v1::TaskPushNotificationConfig) -> Self {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let authentication = config.authentication.as_ref().map(|info| AuthenticationInfo {
            schemes: some(&info.scheme).into_iter().collect(),
            credentials: some(&info.credentials),
        });
        let push_notification_config =
            PushNotificationConfig { url: config.url.clone(), token: some(&config.token), authentication };
        Self { id: config.task_id.clone(), push_notification_config: Some(push_notification_config) }
    }
}

impl TaskIdParams {
    /// The config of this task in v1: it has the task's id.
    pub fn into_v1_config(self) -> v1::GetTaskPushNotificationConfigRequest {
        v1::GetTaskPushNotificationConfigRequest { tenant: String::new(), task_id: self.id.clone(), id: self.id }
    }
}
