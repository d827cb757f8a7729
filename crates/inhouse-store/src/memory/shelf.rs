//! The tasks of one owner, and the indexes over them. The indexes change in the same step as the status that they sort by.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inhouse_engine::state::is_interrupted;
use inhouse_engine::store::{
    Filter, Lease, NewTask, NextMessage, Page, Place, RetryKey, StoreError, Submitted, TaskKey,
};
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::Event;
use tokio::time::Instant;

use super::lock;
use super::record::Record;

type SharedRecord = Arc<Mutex<Record>>;
/// Tasks in the order of a list, so that a page is made without looking each of them up.
type Index = BTreeMap<Place, SharedRecord>;

/// One owner's tasks.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    tasks: HashMap<Arc<str>, SharedRecord>,
    retries: HashMap<Arc<str>, (u64, Arc<str>)>,
    /// All listed tasks by status time.
    by_time: Index,
    /// The same, per conversation and per state.
    by_context: HashMap<Arc<str>, Index>,
    by_state: HashMap<TaskState, Index>,
    /// Tasks that nobody works at, with what they keep in bytes: finished ones, and ones that wait for their caller.
    finished: BTreeMap<Rest, usize>,
    waiting: BTreeMap<Rest, usize>,
    at_rest_bytes: usize,
}

/// Since when a task is at rest, by a clock that nobody sets: with the machine's, all would be over their time once that is set ahead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rest {
    since: Instant,
    id: Arc<str>,
}

/// How the tasks at rest have changed: by how many, and by how many bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) tasks: isize,
    pub(super) bytes: isize,
}

impl Shelf {
    pub(super) fn record(&self, id: &str) -> Option<SharedRecord> {
        self.tasks.get(id).cloned()
    }

    pub(super) fn retried(&self, retry: &RetryKey) -> Result<Option<Arc<str>>, StoreError> {
        match self.retries.get(&retry.key) {
            Some((content, id)) if *content == retry.content => Ok(Some(Arc::clone(id))),
            Some(_) => Err(StoreError::OtherContent(Arc::clone(&retry.key))),
            None => Ok(None),
        }
    }

    pub(super) fn submit(&mut self, task: NewTask) -> Result<Submitted, StoreError> {
        if let Some(retry) = &task.retry
            && let Some(id) = self.retried(retry)?
        {
            return Ok(Submitted::Retried(id));
        }
        let id = Arc::clone(&task.key.id);
        if self.tasks.contains_key(&id) {
            return Err(StoreError::Exists(id));
        }
        let (key, retry) = (task.key.clone(), task.retry.clone());
        let record = Record::new(task)?;
        self.remember(retry, &id);
        let kept_bytes = record.kept_bytes;
        let shared = Arc::new(Mutex::new(record));
        self.index(&shared, &lock(&shared));
        self.tasks.insert(id, shared);
        Ok(Submitted::Taken(Lease { key, fence: 1, kept_bytes }))
    }

    pub(super) fn resume(&mut self, next: NextMessage, configs_max: usize) -> Result<(Submitted, Change), StoreError> {
        let shared = self.known(&next.key)?;
        // The same key with other content: another answer on a task that its caller named, or a mistake.
        if let Some(retry) = &next.retry
            && let Some((content, id)) = self.retries.get(&retry.key)
        {
            match retry.content == *content {
                true => return Ok((Submitted::Retried(Arc::clone(id)), Change::default())),
                false if *id != next.key.id => return Err(StoreError::OtherContent(Arc::clone(&retry.key))),
                false => {}
            }
        }
        let retry = next.retry.clone();
        let mut record = lock(&shared);
        let (place, state) = (record.place(), record.status.state);
        let lease = record.resume(next, configs_max)?;
        self.remember(retry, &lease.key.id);
        let change = self.moved(&shared, &mut record, &place, state);
        Ok((Submitted::Taken(lease), change))
    }

    /// Appends, and says how that has changed the tasks at rest. `ends`: nobody is at work on the task any more.
    pub(super) fn append(
        &mut self,
        lease: &Lease,
        events: Vec<Event>,
        ends: bool,
    ) -> Result<(u64, Change), StoreError> {
        let shared = self.known(&lease.key)?;
        let mut record = lock(&shared);
        let (place, state) = (record.place(), record.status.state);
        let generation = record.append(lease, events)?;
        record.at_work &= !ends;
        Ok((generation, self.moved(&shared, &mut record, &place, state)))
    }

    /// Changes the push configs of a task, and with them what it keeps.
    pub(super) fn change_push<T>(
        &mut self,
        key: &TaskKey,
        change: impl FnOnce(&mut Record) -> T,
    ) -> Result<(T, Change), StoreError> {
        let shared = self.known(key)?;
        let mut record = lock(&shared);
        let changed = change(&mut record);
        let (place, state) = (record.place(), record.status.state);
        Ok((changed, self.moved(&shared, &mut record, &place, state)))
    }

    fn known(&self, key: &TaskKey) -> Result<SharedRecord, StoreError> {
        self.record(&key.id).ok_or_else(|| StoreError::NotFound(Arc::clone(&key.id)))
    }

    fn remember(&mut self, retry: Option<RetryKey>, id: &Arc<str>) {
        if let Some(retry) = retry {
            self.retries.insert(retry.key, (retry.content, Arc::clone(id)));
        }
    }

    fn moved(&mut self, shared: &SharedRecord, record: &mut Record, place: &Place, state: TaskState) -> Change {
        let rested = record.rest.clone().filter(|_| record.place() == *place);
        let mut change = self.unindex(record, place, state);
        self.index(shared, record);
        let rests = if record.is_finished() {
            &mut self.finished
        } else if is_interrupted(record.status.state) && !record.at_work {
            &mut self.waiting
        } else {
            return change;
        };
        let rest = rested.unwrap_or_else(|| Rest { since: Instant::now(), id: Arc::clone(&record.place().id) });
        rests.insert(rest.clone(), record.kept_bytes);
        record.rest = Some(rest);
        self.at_rest_bytes += record.kept_bytes;
        change.tasks += 1;
        change.bytes += record.kept_bytes.cast_signed();
        change
    }

    fn index(&mut self, shared: &SharedRecord, record: &Record) {
        // A direct answer is no task, and is in no list.
        if record.message.is_some() {
            return;
        }
        let place = record.place();
        let context = self.by_context.entry(Arc::clone(&record.context_id)).or_default();
        context.insert(place.clone(), Arc::clone(shared));
        self.by_state.entry(record.status.state).or_default().insert(place.clone(), Arc::clone(shared));
        self.by_time.insert(place, Arc::clone(shared));
    }

    fn unindex(&mut self, record: &mut Record, place: &Place, state: TaskState) -> Change {
        self.by_time.remove(place);
        remove_from(&mut self.by_context, &record.context_id, place);
        remove_from(&mut self.by_state, &state, place);
        let rested = record.rest.take();
        let bytes = rested.and_then(|rest| self.waiting.remove(&rest).or_else(|| self.finished.remove(&rest)));
        let Some(bytes) = bytes else { return Change::default() };
        self.at_rest_bytes -= bytes;
        Change { tasks: -1, bytes: -bytes.cast_signed() }
    }

    pub(super) fn list(&self, filter: &Filter) -> Page {
        let empty = Index::new();
        let (places, rest) = match (&filter.context_id, filter.state) {
            (Some(context), state) => (self.by_context.get(context), state),
            (None, Some(state)) => (self.by_state.get(&state), None),
            (None, None) => (Some(&self.by_time), None),
        };
        let places = places.unwrap_or(&empty);
        let fits = |(_, record): &(&Place, &SharedRecord)| rest.is_none_or(|state| lock(record).status.state == state);
        let since =
            filter.since_ms.map_or(Bound::Unbounded, |time_ms| Bound::Included(Place { time_ms, id: "".into() }));
        let total = match (rest, filter.since_ms) {
            (None, None) => places.len(),
            _ => places.range((since.clone(), Bound::Unbounded)).filter(fits).count(),
        };
        let before = filter.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let is_open = match (&since, &before) {
            (Bound::Included(since), Bound::Excluded(before)) => since < *before,
            _ => true,
        };
        let mut page: Vec<_> = if is_open {
            places.range((since.as_ref(), before)).rev().filter(fits).take(filter.limit.saturating_add(1)).collect()
        } else {
            Vec::new()
        };
        let more = page.len() > filter.limit;
        page.truncate(filter.limit);
        let next = page.last().filter(|_| more).map(|(place, _)| (*place).clone());
        let tasks = page.into_iter().map(|(_, record)| lock(record).snapshot(filter.artifacts)).collect();
        Page { tasks, next, total }
    }

    /// How many tasks are at rest, and what they keep in bytes.
    pub(super) fn at_rest(&self) -> (usize, usize) {
        (self.finished.len() + self.waiting.len(), self.at_rest_bytes)
    }

    /// How many listed tasks are in each state.
    pub(super) fn states(&self) -> impl Iterator<Item = (TaskState, usize)> {
        self.by_state.iter().map(|(state, tasks)| (*state, tasks.len()))
    }

    /// Forgets the task that finished first, if it did so that long ago.
    pub(super) fn forget_finished(&mut self, age: Duration) -> Option<Change> {
        let id = self.finished.keys().next().filter(|rest| rest.since.elapsed() > age)?.id.clone();
        Some(self.forget(&id))
    }

    /// Forgets the task that has been at rest for longest.
    pub(super) fn forget_oldest(&mut self) -> Option<Change> {
        let id = self.finished.keys().next().into_iter().chain(self.waiting.keys().next()).min()?.id.clone();
        Some(self.forget(&id))
    }

    fn forget(&mut self, id: &Arc<str>) -> Change {
        let Some(shared) = self.tasks.remove(id) else { return Change::default() };
        let mut record = lock(&shared);
        for key in &record.retries {
            self.retries.remove(key);
        }
        let (place, state) = (record.place(), record.status.state);
        self.unindex(&mut record, &place, state)
    }

    /// Tasks that have waited for their caller for longer than this.
    pub(super) fn waiting_for(&self, age: Duration) -> Vec<Arc<str>> {
        let overdue = self.waiting.keys().take_while(|rest| rest.since.elapsed() > age);
        overdue.map(|rest| Arc::clone(&rest.id)).collect()
    }
}

fn remove_from<K: std::hash::Hash + Eq>(index: &mut HashMap<K, Index>, key: &K, place: &Place) {
    if let Some(places) = index.get_mut(key) {
        places.remove(place);
        if places.is_empty() {
            index.remove(key);
        }
    }
}
