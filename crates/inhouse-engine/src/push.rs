//! Push notification configs (spec 3.1.7 to 3.1.10): whom a task's events are told to, and how far they have been told. The
//! telling itself is a reader of the log like any other, and stands above the engine.

use std::sync::Arc;

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1;
use inhouse_trust::Permit;

use crate::engine::{Engine, key};
use crate::reader::Reader;
use crate::refusal::refused;
use crate::state::is_terminal;
use crate::store::PushConfig;

impl Engine {
    /// Adds a config to the task that it names, or replaces the one of its id. Without an id it has the task's own.
    ///
    /// # Errors
    /// Task not found; resource exhausted when the task has enough of them.
    pub async fn push_set(
        &self,
        permit: &Permit,
        config: v1::TaskPushNotificationConfig,
        label: u8,
    ) -> Result<PushConfig, A2aError> {
        let key = key(permit, &config.task_id);
        self.look(&key, false).await?;
        let config = named(config, &key.id, label);
        self.inner.store.push_set(&key, config.clone()).await.map_err(refused)?;
        Ok(config)
    }

    /// The configs of a task, oldest first.
    ///
    /// # Errors
    /// Task not found.
    pub async fn push_configs(&self, permit: &Permit, task_id: &str) -> Result<Vec<PushConfig>, A2aError> {
        let key = key(permit, task_id);
        self.look(&key, false).await?;
        self.inner.store.push_list(&key).await.map_err(refused)
    }

    /// One of them.
    ///
    /// # Errors
    /// Task not found, when there is no such task or no such config of it (spec 3.1.8).
    pub async fn push_config(&self, permit: &Permit, task_id: &str, id: &str) -> Result<PushConfig, A2aError> {
        let configs = self.push_configs(permit, task_id).await?;
        let missing = || A2aError::new(ErrorKind::TaskNotFound).with("taskId", task_id).with("configId", id);
        configs.into_iter().find(|config| &*config.id == id).ok_or_else(missing)
    }

    /// Forgets a config; one that is not there is forgotten already (spec 3.1.10).
    ///
    /// # Errors
    /// Task not found.
    pub async fn push_delete(&self, permit: &Permit, task_id: &str, id: &str) -> Result<(), A2aError> {
        let key = key(permit, task_id);
        self.look(&key, false).await?;
        self.inner.store.push_delete(&key, id).await.map_err(refused)
    }

    /// Remembers how far a config has been told.
    ///
    /// # Errors
    /// Task not found, when it was forgotten in the meantime.
    pub async fn push_told(&self, permit: &Permit, config: &PushConfig, generation: u64) -> Result<(), A2aError> {
        self.inner.store.push_told(&key(permit, &config.config.task_id), config, generation).await.map_err(refused)
    }

    /// The task as it stands, and what comes after; after a finished one nothing does.
    ///
    /// # Errors
    /// Task not found.
    pub async fn watch(&self, permit: &Permit, task_id: &str) -> Result<(Snapshot, Reader), A2aError> {
        let snapshot = self.get(permit, task_id).await?;
        let reader = match is_terminal(snapshot.state) {
            true => Reader::ended(),
            false => self.reader(key(permit, task_id), snapshot.generation)?,
        };
        Ok((snapshot, reader))
    }
}

/// The config of a task, under an id.
pub(crate) fn named(mut config: v1::TaskPushNotificationConfig, task_id: &str, label: u8) -> PushConfig {
    task_id.clone_into(&mut config.task_id);
    if config.id.is_empty() {
        config.id.clone_from(&config.task_id);
    }
    let revision = uuid::Uuid::new_v4().as_u64_pair().0;
    PushConfig { id: config.id.as_str().into(), config: Arc::new(config), revision, label, told: 0 }
}
