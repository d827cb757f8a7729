//! The body of a push notification config as clients write it: the message itself, or the config nested in a request.

use serde::Deserialize;

use super::TaskPushNotificationConfig;
use super::json_form::{null_as_default, read_object};
use crate::json::{self, DecodeError};

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

impl TaskPushNotificationConfig {
    /// Reads a config that stands by itself, or as `config` beside the ids that belong to it.
    ///
    /// # Errors
    /// As [`json::decode_request`].
    pub fn from_body(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Nested { tenant, task_id, config_id, config } = json::decode_request(bytes)?;
        let Some(mut config) = config else { return json::decode(bytes) };
        for (outer, inner) in
            [(tenant, &mut config.tenant), (task_id, &mut config.task_id), (config_id, &mut config.id)]
        {
            if !outer.is_empty() {
                *inner = outer;
            }
        }
        Ok(config)
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
            let config = TaskPushNotificationConfig::from_body(body.as_bytes()).unwrap();
            let TaskPushNotificationConfig { tenant, id, task_id, url, token, authentication } = config;
            let all = [tenant.as_str(), &id, &task_id, &url, &token];
            assert_eq!((all, authentication), (["x", "c", "t", "https://h", "s"], None), "{body}");
        }
        for body in ["[]", "null", "{", r#"{"config":[]}"#, r#"{"url":1}"#, r#"{"config":{},"config":{}}"#] {
            assert!(TaskPushNotificationConfig::from_body(body.as_bytes()).is_err(), "{body}");
        }
    }
}
