//! The memory store: a shelf of tasks per owner, each task a record behind its own lock.
//!
//! Lock order: the map of shelves, a shelf, a record. A shelf is shared for a lookup or a page, and held for a change of
//! status, which moves the task in the list index in the same step; text of a running task takes its record's lock alone.

mod record;
mod shelf;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use async_trait::async_trait;
use inhouse_engine::store::{
    Filter, Hint, Kept, Lease, NewTask, NextMessage, Owner, Page, PushConfig, RetryKey, Store, StoreError, Submitted,
    TaskKey,
};
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::Event;

use record::Record;
use shelf::{Change, Shelf};

/// What the memory store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    /// How long a finished task is kept, in seconds.
    pub finished_s_max: u64,
    /// How many tasks are kept that nobody works at.
    pub finished_tasks_max: usize,
    /// How much they may keep together, in bytes.
    pub finished_bytes_max: usize,
    /// How long a task waits for its caller's next message, in seconds.
    pub waiting_s_max: u64,
    /// How many push configs a task may have.
    pub push_configs_per_task_max: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            finished_s_max: 3_600,
            finished_tasks_max: 200_000,
            finished_bytes_max: 512 << 20,
            waiting_s_max: 86_400,
            push_configs_per_task_max: 16,
        }
    }
}

/// Keeps tasks in memory.
pub struct MemoryStore {
    limits: MemoryLimits,
    shelves: RwLock<HashMap<Owner, SharedShelf>>,
    kept: Mutex<Kept>,
}

/// Callers that only look do not wait for each other.
type SharedShelf = Arc<RwLock<Shelf>>;

impl MemoryStore {
    /// An empty store.
    pub fn new(limits: MemoryLimits) -> Self {
        Self { limits, shelves: RwLock::default(), kept: Mutex::default() }
    }

    fn shelf(&self, owner: &Owner) -> Option<SharedShelf> {
        self.shelves.read().unwrap_or_else(PoisonError::into_inner).get(owner).cloned()
    }

    fn shelf_or_new(&self, owner: &Owner) -> SharedShelf {
        self.shelf(owner).unwrap_or_else(|| {
            let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shelves.entry(owner.clone()).or_default())
        })
    }

    fn shelf_of(&self, key: &TaskKey) -> Result<SharedShelf, StoreError> {
        self.shelf(&key.owner).ok_or_else(|| StoreError::NotFound(Arc::clone(&key.id)))
    }

    fn record(&self, key: &TaskKey) -> Result<Arc<Mutex<Record>>, StoreError> {
        let record = read(&*self.shelf_of(key)?).record(&key.id);
        record.ok_or_else(|| StoreError::NotFound(Arc::clone(&key.id)))
    }

    /// Counts a change of the tasks at rest, and forgets the oldest ones of whoever keeps most while there are too many.
    fn changed(&self, change: Change) {
        self.count(change);
        while let Some(heaviest) = self.heaviest_if_over() {
            match write(&heaviest).forget_oldest() {
                Some(change) => self.count(change),
                None => return,
            }
        }
    }

    fn count(&self, change: Change) {
        let mut kept = lock(&self.kept);
        kept.tasks = kept.tasks.saturating_add_signed(change.tasks);
        kept.bytes = kept.bytes.saturating_add_signed(change.bytes);
    }

    /// The shelf that keeps most, while all of them together keep too much.
    fn heaviest_if_over(&self) -> Option<SharedShelf> {
        let kept = *lock(&self.kept);
        let over_bytes = kept.bytes > self.limits.finished_bytes_max;
        if !over_bytes && kept.tasks <= self.limits.finished_tasks_max {
            return None;
        }
        let shelves: Vec<_> = self.shelves.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        shelves.into_iter().max_by_key(|shelf| {
            let (tasks, bytes) = read(shelf).at_rest();
            if over_bytes { bytes } else { tasks }
        })
    }

    fn change_push<T>(&self, key: &TaskKey, change: impl FnOnce(&mut Record) -> T) -> Result<T, StoreError> {
        let (changed, change) = write(&*self.shelf_of(key)?).change_push(key, change)?;
        self.changed(change);
        Ok(changed)
    }

    /// Appends under the shelf's lock, so that the list index moves in the same step.
    fn append_status(&self, lease: &Lease, events: Vec<Event>, ends: bool) -> Result<u64, StoreError> {
        let (generation, change) = write(&*self.shelf_of(&lease.key)?).append(lease, events, ends)?;
        if change != Change::default() {
            self.changed(change);
        }
        Ok(generation)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError> {
        let shelf = self.shelf_or_new(&task.key.owner);
        let mut shelf = write(&shelf);
        shelf.submit(task)
    }

    async fn retried(&self, owner: &Owner, retry: &RetryKey) -> Result<Option<Arc<str>>, StoreError> {
        self.shelf(owner).map_or(Ok(None), |shelf| read(&shelf).retried(retry))
    }

    async fn get(&self, key: &TaskKey, artifacts: bool) -> Result<Snapshot, StoreError> {
        let record = self.record(key)?;
        let snapshot = lock(&record).snapshot(artifacts);
        Ok(snapshot)
    }

    async fn list(&self, owner: &Owner, filter: &Filter) -> Result<Page, StoreError> {
        let empty = Page { tasks: Vec::new(), next: None, total: 0 };
        Ok(self.shelf(owner).map_or(empty, |shelf| read(&shelf).list(filter)))
    }

    async fn events(&self, key: &TaskKey, after: u64, bytes_max: usize) -> Result<Vec<Event>, StoreError> {
        let record = self.record(key)?;
        let events = lock(&record).events_after(after, bytes_max);
        Ok(events)
    }

    async fn claim(&self, key: &TaskKey) -> Result<Lease, StoreError> {
        let record = self.record(key)?;
        let mut record = lock(&record);
        Ok(Lease { key: key.clone(), fence: record.claim(), kept_bytes: record.kept_bytes })
    }

    async fn claim_waiting(&self, key: &TaskKey) -> Result<Lease, StoreError> {
        let record = self.record(key)?;
        let mut record = lock(&record);
        record.check_waiting()?;
        Ok(Lease { key: key.clone(), fence: record.claim(), kept_bytes: record.kept_bytes })
    }

    async fn resume(&self, next: NextMessage) -> Result<Submitted, StoreError> {
        let (submitted, change) =
            write(&*self.shelf_of(&next.key)?).resume(next, self.limits.push_configs_per_task_max)?;
        self.count(change);
        Ok(submitted)
    }

    async fn append(&self, lease: &Lease, events: Vec<Event>) -> Result<u64, StoreError> {
        if events.iter().any(|event| matches!(event, Event::Status(_) | Event::Message(_))) {
            return self.append_status(lease, events, false);
        }
        let record = self.record(&lease.key)?;
        let mut record = lock(&record);
        record.append(lease, events)
    }

    async fn end(&self, lease: &Lease, events: Vec<Event>) -> Result<u64, StoreError> {
        self.append_status(lease, events, true)
    }

    async fn push_set(&self, key: &TaskKey, config: PushConfig) -> Result<(), StoreError> {
        self.change_push(key, |record| record.push_set(config, self.limits.push_configs_per_task_max))?
    }

    async fn push_list(&self, key: &TaskKey) -> Result<Vec<PushConfig>, StoreError> {
        let record = self.record(key)?;
        let configs = lock(&record).push.clone();
        Ok(configs)
    }

    async fn push_delete(&self, key: &TaskKey, id: &str) -> Result<(), StoreError> {
        self.change_push(key, |record| record.push_delete(id))
    }

    async fn push_told(&self, key: &TaskKey, config: &PushConfig, generation: u64) -> Result<(), StoreError> {
        let record = self.record(key)?;
        lock(&record).push_told(config, generation);
        Ok(())
    }

    async fn compact(&self) -> Result<Vec<TaskKey>, StoreError> {
        let MemoryLimits { finished_s_max, waiting_s_max, .. } = self.limits;
        let mut overdue = Vec::new();
        let shelves: Vec<_> = {
            let map = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
            map.iter().map(|(owner, shelf)| (owner.clone(), Arc::clone(shelf))).collect()
        };
        for (owner, shelf) in shelves {
            while let Some(change) = write(&shelf).forget_finished(Duration::from_secs(finished_s_max)) {
                self.count(change);
            }
            let waiting = read(&shelf).waiting_for(Duration::from_secs(waiting_s_max));
            overdue.extend(waiting.into_iter().map(|id| TaskKey { owner: owner.clone(), id }));
        }
        Ok(overdue)
    }

    fn kept(&self) -> Kept {
        *lock(&self.kept)
    }

    fn states(&self) -> Vec<(TaskState, usize)> {
        let shelves: Vec<_> = self.shelves.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let mut states = HashMap::new();
        for shelf in shelves {
            read(&shelf).states().for_each(|(state, tasks)| *states.entry(state).or_default() += tasks);
        }
        states.into_iter().collect()
    }

    fn hint(&self, key: &TaskKey) -> Result<Hint, StoreError> {
        let record = self.record(key)?;
        let hint = lock(&record).hint();
        Ok(hint)
    }
}

fn read(shelf: &RwLock<Shelf>) -> RwLockReadGuard<'_, Shelf> {
    shelf.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shelf: &RwLock<Shelf>) -> RwLockWriteGuard<'_, Shelf> {
    shelf.write().unwrap_or_else(PoisonError::into_inner)
}

/// A panic while a lock was held left nothing half done: each change is checked before its first step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
