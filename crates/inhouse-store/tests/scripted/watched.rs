//! A memory store that counts how often its tasks are looked at, whose wake-ups may never arrive, and that may be in trouble.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use inhouse_engine::store::{
    Filter, Hint, Kept, Lease, NewTask, NextMessage, Owner, Page, Progress, PushConfig, RetryKey, Store, StoreError,
    Submitted, TaskKey,
};
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::Event;
use inhouse_store::MemoryStore;
use tokio::sync::{Notify, watch};

pub struct Watched {
    store: MemoryStore,
    is_deaf: bool,
    watch: Arc<Watch>,
}

/// What a test sees of its store, and does to it.
#[derive(Debug, Default)]
pub struct Watch {
    pub looks: AtomicUsize,
    /// So many of the next appends are refused.
    pub refusals: AtomicUsize,
    /// What the next look waits for, once it has seen the task.
    pub gate: Mutex<Option<Arc<Notify>>>,
}

impl Watch {
    fn refuse(&self) -> Result<(), StoreError> {
        let left = |left: usize| left.checked_sub(1);
        match self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left) {
            Ok(_) => Err(StoreError::Unavailable("out of order".to_owned())),
            Err(_) => Ok(()),
        }
    }
}

impl Watched {
    pub fn new(store: MemoryStore, is_deaf: bool, watch: &Arc<Watch>) -> Self {
        Self { store, is_deaf, watch: Arc::clone(watch) }
    }
}

#[async_trait]
impl Store for Watched {
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError> {
        self.store.submit(task).await
    }

    async fn retried(&self, owner: &Owner, retry: &RetryKey) -> Result<Option<Arc<str>>, StoreError> {
        self.store.retried(owner, retry).await
    }

    async fn get(&self, key: &TaskKey, artifacts: bool) -> Result<Snapshot, StoreError> {
        self.watch.looks.fetch_add(1, Ordering::SeqCst);
        let snapshot = self.store.get(key, artifacts).await;
        let gate = self.watch.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        snapshot
    }

    async fn list(&self, owner: &Owner, filter: &Filter) -> Result<Page, StoreError> {
        self.store.list(owner, filter).await
    }

    async fn events(&self, key: &TaskKey, after: u64, bytes_max: usize) -> Result<Vec<Event>, StoreError> {
        self.store.events(key, after, bytes_max).await
    }

    async fn claim(&self, key: &TaskKey) -> Result<Lease, StoreError> {
        self.store.claim(key).await
    }

    async fn claim_waiting(&self, key: &TaskKey) -> Result<Lease, StoreError> {
        self.store.claim_waiting(key).await
    }

    async fn resume(&self, next: NextMessage) -> Result<Submitted, StoreError> {
        self.store.resume(next).await
    }

    async fn append(&self, lease: &Lease, events: Vec<Event>) -> Result<u64, StoreError> {
        self.watch.refuse()?;
        self.store.append(lease, events).await
    }

    async fn end(&self, lease: &Lease, events: Vec<Event>) -> Result<u64, StoreError> {
        self.watch.refuse()?;
        self.store.end(lease, events).await
    }

    async fn push_set(&self, key: &TaskKey, config: PushConfig) -> Result<(), StoreError> {
        self.store.push_set(key, config).await
    }

    async fn push_list(&self, key: &TaskKey) -> Result<Vec<PushConfig>, StoreError> {
        self.store.push_list(key).await
    }

    async fn push_delete(&self, key: &TaskKey, id: &str) -> Result<(), StoreError> {
        self.store.push_delete(key, id).await
    }

    async fn push_told(&self, key: &TaskKey, config: &PushConfig, generation: u64) -> Result<(), StoreError> {
        self.store.push_told(key, config, generation).await
    }

    async fn compact(&self) -> Result<Vec<TaskKey>, StoreError> {
        self.store.compact().await
    }

    fn kept(&self) -> Kept {
        self.store.kept()
    }

    fn states(&self) -> Vec<(TaskState, usize)> {
        self.store.states()
    }

    fn hint(&self, key: &TaskKey) -> Result<Hint, StoreError> {
        let hint = self.store.hint(key)?;
        Ok(if self.is_deaf { Hint::new(watch::Sender::new(Progress::default()).subscribe()) } else { hint })
    }
}
