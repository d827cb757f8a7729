//! A memory store whose wake-ups never arrive.

use std::sync::Arc;

use async_trait::async_trait;
use inhouse_engine::store::{
    Filter, Hint, Kept, Lease, NewTask, NextMessage, Owner, Page, Progress, PushConfig, RetryKey, Store, StoreError,
    Submitted, TaskKey,
};
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::Event;
use inhouse_store::MemoryStore;
use tokio::sync::watch;

pub struct Deaf(pub MemoryStore);

#[async_trait]
impl Store for Deaf {
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError> {
        self.0.submit(task).await
    }

    async fn retried(&self, owner: &Owner, retry: &RetryKey) -> Result<Option<Arc<str>>, StoreError> {
        self.0.retried(owner, retry).await
    }

    async fn get(&self, key: &TaskKey, artifacts: bool) -> Result<Snapshot, StoreError> {
        self.0.get(key, artifacts).await
    }

    async fn list(&self, owner: &Owner, filter: &Filter) -> Result<Page, StoreError> {
        self.0.list(owner, filter).await
    }

    async fn events(&self, key: &TaskKey, after: u64, bytes_max: usize) -> Result<Vec<Event>, StoreError> {
        self.0.events(key, after, bytes_max).await
    }

    async fn claim(&self, key: &TaskKey) -> Result<Lease, StoreError> {
        self.0.claim(key).await
    }

    async fn claim_waiting(&self, key: &TaskKey) -> Result<Lease, StoreError> {
        self.0.claim_waiting(key).await
    }

    async fn resume(&self, next: NextMessage) -> Result<Submitted, StoreError> {
        self.0.resume(next).await
    }

    async fn append(&self, lease: &Lease, events: Vec<Event>) -> Result<u64, StoreError> {
        self.0.append(lease, events).await
    }

    async fn push_set(&self, key: &TaskKey, config: PushConfig) -> Result<(), StoreError> {
        self.0.push_set(key, config).await
    }

    async fn push_list(&self, key: &TaskKey) -> Result<Vec<PushConfig>, StoreError> {
        self.0.push_list(key).await
    }

    async fn push_delete(&self, key: &TaskKey, id: &str) -> Result<(), StoreError> {
        self.0.push_delete(key, id).await
    }

    async fn push_told(&self, key: &TaskKey, config: &PushConfig, generation: u64) -> Result<(), StoreError> {
        self.0.push_told(key, config, generation).await
    }

    async fn compact(&self) -> Result<Vec<TaskKey>, StoreError> {
        self.0.compact().await
    }

    fn kept(&self) -> Kept {
        self.0.kept()
    }

    fn states(&self) -> Vec<(TaskState, usize)> {
        self.0.states()
    }

    fn hint(&self, key: &TaskKey) -> Result<Hint, StoreError> {
        self.0.hint(key)?;
        Ok(Hint::new(watch::Sender::new(Progress::default()).subscribe()))
    }
}
