//! Webhooks of a task: requests into v1, configs both ways, and the three shapes in which clients create one over HTTP.

use super::names::{self, ConfigName};
use super::{
    AuthenticationInfo, CreateTaskPushNotificationConfigRequest, DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest, ListTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigResponse, PushNotificationConfig, TaskPushNotificationConfig,
};
use crate::error::A2aError;
use crate::v1;
use crate::v1::json_form::{null_as_default, read_object};

/// The body of a create over HTTP: the whole request, or the config alone, with the task in the path.
#[derive(Debug, Clone, PartialEq, Default, serde::Deserialize)]
#[serde(default)]
pub struct PushConfigBody {
    #[serde(deserialize_with = "null_as_default")]
    parent: String,
    #[serde(rename = "configId", alias = "config_id", deserialize_with = "null_as_default")]
    config_id: String,
    #[serde(deserialize_with = "read_object")]
    config: Option<TaskPushNotificationConfig>,
    #[serde(deserialize_with = "null_as_default")]
    name: String,
    #[serde(rename = "pushNotificationConfig", alias = "push_notification_config", deserialize_with = "read_object")]
    push_notification_config: Option<PushNotificationConfig>,
}

impl PushConfigBody {
    /// The request; `parent` is the task's name in the path.
    ///
    /// # Errors
    /// `InvalidParams` for two configs, or for a body that names another task.
    pub fn into_request(self, parent: &str) -> Result<CreateTaskPushNotificationConfigRequest, A2aError> {
        if !self.parent.is_empty() && self.parent != parent {
            return Err(A2aError::invalid("parent", "names another task than the path"));
        }
        let is_bare = !self.name.is_empty() || self.push_notification_config.is_some();
        if is_bare && self.config.is_some() {
            return Err(A2aError::invalid("config", "stands beside name or pushNotificationConfig"));
        }
        let push_notification_config = self.push_notification_config;
        let bare = is_bare.then_some(TaskPushNotificationConfig { name: self.name, push_notification_config });
        let (parent, config_id, config) = (parent.to_owned(), self.config_id, self.config.or(bare));
        Ok(CreateTaskPushNotificationConfigRequest { parent, config_id, config })
    }
}

impl CreateTaskPushNotificationConfigRequest {
    /// The same in v1. The id is the first that is given of `config_id`, the config's own and that in its name; else it is
    /// the task's.
    ///
    /// # Errors
    /// `InvalidParams` for names that are none or that name two tasks, and for a request without a config.
    pub fn into_v1(self) -> Result<v1::TaskPushNotificationConfig, A2aError> {
        let task_id = names::task_id("parent", &self.parent)?;
        let TaskPushNotificationConfig { name, push_notification_config } = self.config.unwrap_or_default();
        let Some(config) = push_notification_config else {
            return Err(A2aError::invalid("config.pushNotificationConfig", "must be present"));
        };
        let mut named = ConfigName { task_id: task_id.clone(), config_id: String::new() };
        if !name.is_empty() {
            named = ConfigName::parse("config.name", &name)?;
        }
        if named.task_id != task_id {
            return Err(A2aError::invalid("config.name", "names another task than parent"));
        }
        let given = [&self.config_id, &config.id].into_iter().find(|id| !id.is_empty()).cloned();
        let id = given.unwrap_or_else(|| named.config_id());
        Ok(v1::TaskPushNotificationConfig { id, ..config.into_v1(task_id) })
    }
}

impl GetTaskPushNotificationConfigRequest {
    /// The same in v1; without an id of the config it is the one that has the id of the task.
    ///
    /// # Errors
    /// `InvalidParams` for a `name` that is not that of a config.
    pub fn into_v1(self) -> Result<v1::GetTaskPushNotificationConfigRequest, A2aError> {
        let name = ConfigName::parse("name", &self.name)?;
        let (tenant, task_id) = (String::new(), name.task_id.clone());
        Ok(v1::GetTaskPushNotificationConfigRequest { tenant, task_id, id: name.config_id() })
    }
}

impl DeleteTaskPushNotificationConfigRequest {
    /// The same in v1, as [`GetTaskPushNotificationConfigRequest::into_v1`].
    ///
    /// # Errors
    /// As there.
    pub fn into_v1(self) -> Result<v1::DeleteTaskPushNotificationConfigRequest, A2aError> {
        let name = ConfigName::parse("name", &self.name)?;
        let (tenant, task_id) = (String::new(), name.task_id.clone());
        Ok(v1::DeleteTaskPushNotificationConfigRequest { tenant, task_id, id: name.config_id() })
    }
}

impl ListTaskPushNotificationConfigRequest {
    /// The same in v1.
    ///
    /// # Errors
    /// `InvalidParams` for a `parent` that is not `tasks/{id}`.
    pub fn into_v1(self) -> Result<v1::ListTaskPushNotificationConfigsRequest, A2aError> {
        let task_id = names::task_id("parent", &self.parent)?;
        let (page_size, page_token) = (self.page_size, self.page_token);
        Ok(v1::ListTaskPushNotificationConfigsRequest { tenant: String::new(), task_id, page_size, page_token })
    }
}

impl PushNotificationConfig {
    /// The config in v1; of several schemes the first counts.
    pub(super) fn into_v1(self, task_id: String) -> v1::TaskPushNotificationConfig {
        let authentication = self.authentication.map(|AuthenticationInfo { schemes, credentials }| {
            v1::AuthenticationInfo { scheme: schemes.into_iter().next().unwrap_or_default(), credentials }
        });
        let (id, url, token) = (self.id, self.url, self.token);
        v1::TaskPushNotificationConfig { tenant: String::new(), id, task_id, url, token, authentication }
    }

    fn from_v1(config: &v1::TaskPushNotificationConfig) -> Self {
        let authentication = config.authentication.as_ref().map(|info| AuthenticationInfo {
            schemes: Some(info.scheme.clone()).filter(|scheme| !scheme.is_empty()).into_iter().collect(),
            credentials: info.credentials.clone(),
        });
        let (id, url, token) = (config.id.clone(), config.url.clone(), config.token.clone());
        Self { id, url, token, authentication }
    }
}

impl TaskPushNotificationConfig {
    /// The config as 0.3 knows it, under its name.
    pub fn from_v1(config: &v1::TaskPushNotificationConfig) -> Self {
        let name = names::config(&config.task_id, &config.id);
        Self { name, push_notification_config: Some(PushNotificationConfig::from_v1(config)) }
    }
}

impl ListTaskPushNotificationConfigResponse {
    /// The page as 0.3 knows it.
    pub fn from_v1(page: &v1::ListTaskPushNotificationConfigsResponse) -> Self {
        let configs = page.configs.iter().map(TaskPushNotificationConfig::from_v1).collect();
        Self { configs, next_page_token: page.next_page_token.clone() }
    }
}
