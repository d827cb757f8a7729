//! Who is told of a task's events, in v0.3.

use crate::v1;
use crate::v1::json_form::{is_default, null_as_default, read_object};

/// An address that is told of a task's events.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PushNotificationConfig {
    /// Unique within the task; the task's own id when absent.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub id: String,
    /// The address.
    #[serde(default, deserialize_with = "null_as_default")]
    pub url: String,
    /// Handed back with each notification, so that the receiver knows it.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub token: String,
    /// How to authenticate there.
    #[serde(default, deserialize_with = "read_object", skip_serializing_if = "Option::is_none")]
    pub authentication: Option<AuthenticationInfo>,
}

/// How to authenticate at a receiver of notifications.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AuthenticationInfo {
    /// Schemes that the receiver takes, the best first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub schemes: Vec<String>,
    /// What to send.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub credentials: String,
}

/// An address and its task.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskPushNotificationConfig {
    /// The task.
    #[serde(default, alias = "task_id", deserialize_with = "null_as_default")]
    pub task_id: String,
    /// The address; always there, but in what callers forget.
    #[serde(default, alias = "push_notification_config", deserialize_with = "read_object")]
    pub push_notification_config: Option<PushNotificationConfig>,
}

/// Parameters of `tasks/pushNotificationConfig/set`.
pub type PushConfigSetParams = TaskPushNotificationConfig;

/// Parameters of `tasks/pushNotificationConfig/get`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushConfigGetParams {
    /// The task.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// Which of its configurations; its only one when absent.
    #[serde(alias = "push_notification_config_id")]
    pub push_notification_config_id: Option<String>,
}

/// Parameters of `tasks/pushNotificationConfig/list`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct PushConfigListParams {
    /// The task.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
}

/// Parameters of `tasks/pushNotificationConfig/delete`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushConfigDeleteParams {
    /// The task.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// As in [`PushConfigGetParams`].
    #[serde(alias = "push_notification_config_id")]
    pub push_notification_config_id: Option<String>,
}

impl PushNotificationConfig {
    /// The same in v1, for the task; the id of an absent task leaves an absent id absent.
    pub(super) fn into_v1(self, task_id: &str) -> v1::TaskPushNotificationConfig {
        v1::TaskPushNotificationConfig {
            tenant: String::new(),
            id: or_task(Some(self.id), task_id),
            task_id: task_id.to_owned(),
            url: self.url,
            token: self.token,
            authentication: self.authentication.and_then(AuthenticationInfo::into_v1),
        }
    }
}

/// The id of a configuration. In this generation the only one of a task needs none, and is known by the task's.
fn or_task(id: Option<String>, task_id: &str) -> String {
    id.filter(|id| !id.is_empty()).unwrap_or_else(|| task_id.to_owned())
}

impl AuthenticationInfo {
    /// The first of the schemes, as v1 has only one; nothing where nothing is said.
    fn into_v1(self) -> Option<v1::AuthenticationInfo> {
        let scheme = self.schemes.into_iter().next().unwrap_or_default();
        let credentials = self.credentials;
        Some(v1::AuthenticationInfo { scheme, credentials }).filter(|info| *info != v1::AuthenticationInfo::default())
    }
}

impl TaskPushNotificationConfig {
    /// The same in v1.
    pub fn into_v1(self) -> v1::TaskPushNotificationConfig {
        self.push_notification_config.unwrap_or_default().into_v1(&self.task_id)
    }

    /// The configuration as this generation knows it.
    pub fn from_v1(config: &v1::TaskPushNotificationConfig) -> Self {
        let authentication = config.authentication.as_ref().map(|info| AuthenticationInfo {
            schemes: vec![info.scheme.clone()],
            credentials: info.credentials.clone(),
        });
        let push_notification_config = PushNotificationConfig {
            id: config.id.clone(),
            url: config.url.clone(),
            token: config.token.clone(),
            authentication,
        };
        Self { task_id: config.task_id.clone(), push_notification_config: Some(push_notification_config) }
    }
}

impl PushConfigGetParams {
    /// The same in v1, for whoever names a config.
    pub fn into_v1(self) -> v1::GetTaskPushNotificationConfigRequest {
        let id = self.push_notification_config_id.unwrap_or_default();
        v1::GetTaskPushNotificationConfigRequest { tenant: String::new(), task_id: self.id, id }
    }
}

impl PushConfigListParams {
    /// The same in v1, for all of them at once.
    pub fn into_v1(self) -> v1::ListTaskPushNotificationConfigsRequest {
        v1::ListTaskPushNotificationConfigsRequest { task_id: self.id, ..Default::default() }
    }
}

impl PushConfigDeleteParams {
    /// The same in v1.
    pub fn into_v1(self) -> v1::DeleteTaskPushNotificationConfigRequest {
        let id = or_task(self.push_notification_config_id, &self.id);
        v1::DeleteTaskPushNotificationConfigRequest { tenant: String::new(), task_id: self.id, id }
    }
}
