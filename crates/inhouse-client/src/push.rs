//! The calls about the webhooks of a task (spec 3.1.7 to 3.1.10).

use inhouse_proto::v1;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::client::{Client, Reply};
use crate::error::ClientError;

impl Client {
    /// Names a webhook that is told of a task (spec 3.1.7).
    ///
    /// # Errors
    /// As for any call.
    pub async fn create_push(
        &self,
        mut config: v1::TaskPushNotificationConfig,
    ) -> Result<Reply<v1::TaskPushNotificationConfig>, ClientError> {
        config.tenant = self.tenant(config.tenant).await?;
        self.call("CreateTaskPushNotificationConfig", &config, self.options().first_byte_timeout_ms).await
    }

    /// One webhook of a task (spec 3.1.8).
    ///
    /// # Errors
    /// As for any call.
    pub async fn push(&self, task_id: &str, id: &str) -> Result<Reply<v1::TaskPushNotificationConfig>, ClientError> {
        let tenant = self.tenant(String::new()).await?;
        let request =
            v1::GetTaskPushNotificationConfigRequest { tenant, task_id: task_id.to_owned(), id: id.to_owned() };
        self.call("GetTaskPushNotificationConfig", &request, self.options().first_byte_timeout_ms).await
    }

    /// A page of a task's webhooks (spec 3.1.9).
    ///
    /// # Errors
    /// As for any call.
    pub async fn list_push(
        &self,
        mut request: v1::ListTaskPushNotificationConfigsRequest,
    ) -> Result<Reply<v1::ListTaskPushNotificationConfigsResponse>, ClientError> {
        request.tenant = self.tenant(request.tenant).await?;
        self.call("ListTaskPushNotificationConfigs", &request, self.options().first_byte_timeout_ms).await
    }

    /// Tells a webhook no more of a task (spec 3.1.10). The answer is each server's own.
    ///
    /// # Errors
    /// As for any call.
    pub async fn delete_push(&self, task_id: &str, id: &str) -> Result<Box<RawValue>, ClientError> {
        let tenant = self.tenant(String::new()).await?;
        let request =
            v1::DeleteTaskPushNotificationConfigRequest { tenant, task_id: task_id.to_owned(), id: id.to_owned() };
        let reply: Reply<IgnoredAny> =
            self.call("DeleteTaskPushNotificationConfig", &request, self.options().first_byte_timeout_ms).await?;
        Ok(reply.json)
    }
}
