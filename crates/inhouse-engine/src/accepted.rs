//! What a sender gets for a message that was taken: the task, now, when it is settled, or as it goes on.

use std::sync::Arc;
use std::time::Duration;

use inhouse_proto::error::A2aError;
use inhouse_proto::snapshot::Snapshot;

use crate::engine::Engine;
use crate::reader::Reader;
use crate::refusal::refused;
use crate::store::TaskKey;

/// A message that was taken.
pub struct Accepted {
    engine: Engine,
    key: TaskKey,
    /// All that there is to show, where the task is not the sender's own.
    receipt: Option<Snapshot>,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Accepted {
    pub(crate) fn new(engine: Engine, key: TaskKey) -> Self {
        Self { engine, key, receipt: None }
    }

    pub(crate) fn receipt(engine: Engine, key: TaskKey, receipt: Snapshot) -> Self {
        Self { engine, key, receipt: Some(receipt) }
    }

    /// The id of the task.
    pub fn task_id(&self) -> &Arc<str> {
        &self.key.id
    }

    /// Waits until the task is finished or waits for its caller. The snapshot may hold a direct answer.
    ///
    /// # Errors
    /// Task not found, when it was forgotten in the meantime.
    pub async fn settled(&self) -> Result<Snapshot, A2aError> {
        match &self.receipt {
            Some(receipt) => Ok(receipt.clone()),
            None => self.engine.settled(&self.key).await,
        }
    }

    /// The task as it stands.
    ///
    /// # Errors
    /// Task not found, when it was forgotten in the meantime.
    pub async fn snapshot(&self) -> Result<Snapshot, A2aError> {
        if let Some(receipt) = &self.receipt {
            return Ok(receipt.clone());
        }
        self.engine.inner.store.get(&self.key, true).await.map_err(refused)
    }

    /// The task as it stands and what comes after. Where the agent may answer without a task, its first word is waited for, but
    /// not for long.
    ///
    /// # Errors
    /// Task not found, when it was forgotten in the meantime.
    pub async fn follow(&self) -> Result<(Snapshot, Reader), A2aError> {
        if let Some(receipt) = &self.receipt {
            return Ok((receipt.clone(), Reader::ended()));
        }
        if let Some(live) = self.engine.live(&self.key).filter(|live| live.direct.is_open()) {
            let mut first = self.engine.reader(self.key.clone(), 1)?;
            let wait = Duration::from_millis(self.engine.inner.limits().direct_wait_ms);
            let heard = tokio::time::timeout(wait, first.next()).await;
            // Answered, but the answer is not in the log yet.
            if !live.direct.show() && heard.is_err() {
                first.next().await?;
            }
        }
        let snapshot = self.snapshot().await?;
        let reader = self.engine.reader(self.key.clone(), snapshot.generation)?;
        Ok((snapshot, reader))
    }
}
