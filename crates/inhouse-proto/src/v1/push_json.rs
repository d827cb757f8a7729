//! The body of a push notification config as clients write it: the message itself, or the config nested in a request.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::TaskPushNotificationConfig;
use super::json_form::{null_as_default, read_object};
use crate::error::A2aError;
use crate::json;
use crate::read::read;
use crate::validate::FieldViolation;

/// What stands around a nested config.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Nested {
    #[serde(deserialize_with = "null_as_default")]
    tenant: String,
    #[serde(rename = "taskId", alias = "task_id", deserialize_with = "null_as_default")]
    task_id: String,
    #[serde(rename = "configId", alias = "config_id", deserialize_with = "null_as_default")]
    config_id: String,
    #[serde(deserialize_with = "read_object")]
    config: Option<TaskPushNotificationConfig>,
}

/// Tells which of the two it is.
#[derive(Deserialize)]
struct Outside {
    config: Option<IgnoredAny>,
}

impl TaskPushNotificationConfig {
    /// Reads a config that stands by itself, or as `config` beside the ids that belong to it; `task` is the one that the
    /// request's path names.
    ///
    /// # Errors
    /// As [`read`].
    pub fn from_body(
        bytes: &[u8],
        task: Option<&str>,
        wrong: impl FnOnce(&Self) -> Vec<FieldViolation>,
    ) -> Result<Self, A2aError> {
        let of_task = |config: Self| match task {
            Some(task) => Self { task_id: task.to_owned(), ..config },
            None => config,
        };
        match json::decode(bytes) {
            Ok(Outside { config: None }) => read(bytes, |config| Ok(of_task(config)), wrong),
            _ => read(bytes, |nested: Nested| Ok(of_task(nested.into_config())), wrong),
        }
    }
}

impl Nested {
    fn into_config(self) -> TaskPushNotificationConfig {
        let mut config = self.config.unwrap_or_default();
        for (outer, inner) in
            [(self.tenant, &mut config.tenant), (self.task_id, &mut config.task_id), (self.config_id, &mut config.id)]
        {
            if !outer.is_empty() {
                *inner = outer;
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_stands_by_itself_or_in_a_request() {
        for body in [
            r#"{"tenant":"x","taskId":"t","id":"c","url":"https://h","token":"s"}"#,
            r#"{"task_id":"t","tenant":"x","config":{"id":"c","url":"https://h","token":"s"}}"#,
            r#"{"taskId":"t","configId":"c","config":{"tenant":"x","id":null,"url":"https://h","token":"s"},"extra":1}"#,
        ] {
            let config = TaskPushNotificationConfig::from_body(body.as_bytes(), None, |_| Vec::new()).unwrap();
            let TaskPushNotificationConfig { tenant, id, task_id, url, token, authentication } = config;
            let all = [tenant.as_str(), &id, &task_id, &url, &token];
            assert_eq!((all, authentication), (["x", "c", "t", "https://h", "s"], None), "{body}");
        }
        for body in ["null", "{", r#"{"config":[]}"#, r#"{"url":1}"#, r#"{"config":{},"config":{}}"#] {
            assert!(TaskPushNotificationConfig::from_body(body.as_bytes(), None, |_| Vec::new()).is_err(), "{body}");
        }
        let config = TaskPushNotificationConfig::from_body(b"{}", Some("t"), |_| Vec::new()).unwrap();
        assert_eq!(config.task_id, "t", "the path names the task");
    }
}
