//! The tasks of one owner, and the indexes over them. The indexes change in the same step as the status that they sort by.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use inhouse_engine::state::is_interrupted;
use inhouse_engine::store::{Filter, Lease, NewTask, Page, Place, RetryKey, StoreError, Submitted, TaskKey};
use inhouse_proto::wire::Event;

use super::lock;
use super::record::Record;

/// One owner's tasks.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    tasks: HashMap<Arc<str>, Arc<Mutex<Record>>>,
    retries: HashMap<Arc<str>, (u64, Arc<str>)>,
    /// All listed tasks by status time.
    by_time: BTreeMap<Place, Arc<Mutex<Record>>>,
    /// The same, per conversation.
    by_context: HashMap<Arc<str>, BTreeSet<Place>>,
    /// Finished tasks by the time of their end, with what they keep in bytes.
    finished: BTreeMap<Place, usize>,
    finished_bytes: usize,
    waiting: BTreeSet<Place>,
}

impl Shelf {
    pub(super) fn record(&self, id: &str) -> Option<Arc<Mutex<Record>>> {
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
        if let Some(retry) = &task.retry {
            if let Some(id) = self.retried(retry)? {
                return Ok(Submitted::Retried(id));
            }
        }
        let id = Arc::clone(&task.key.id);
        if self.tasks.contains_key(&id) {
            return Err(StoreError::Exists(id));
        }
        let record = Record::new(Arc::clone(&id), task.context_id, task.retry.clone(), task.message, task.event)?;
        if let Some(retry) = task.retry {
            self.retries.insert(retry.key, (retry.content, Arc::clone(&id)));
        }
        let record = Arc::new(Mutex::new(record));
        self.index(&lock(&record), &record);
        self.tasks.insert(id, record);
        Ok(Submitted::Created(Lease { key: task.key, fence: 1 }))
    }

    /// Appends, and says what the task keeps if this has finished it.
    pub(super) fn append(&mut self, lease: &Lease, events: Vec<Event>) -> Result<(u64, Option<usize>), StoreError> {
        let shared = self.known(&lease.key)?;
        let mut record = lock(&shared);
        let before = record.place();
        let generation = record.append(lease, events)?;
        self.unindex(&record.context_id, &before);
        self.index(&record, &shared);
        if !record.is_finished() {
            return Ok((generation, None));
        }
        self.finished.insert(record.place(), record.kept_bytes);
        self.finished_bytes += record.kept_bytes;
        Ok((generation, Some(record.kept_bytes)))
    }

    pub(super) fn resume(&mut self, key: &TaskKey, message: Bytes, event: Event) -> Result<Lease, StoreError> {
        let shared = self.known(key)?;
        let mut record = lock(&shared);
        let before = record.place();
        let mut lease = Lease { key: key.clone(), fence: 0 };
        record.resume(&mut lease, message, event)?;
        self.unindex(&record.context_id, &before);
        self.index(&record, &shared);
        Ok(lease)
    }

    fn known(&self, key: &TaskKey) -> Result<Arc<Mutex<Record>>, StoreError> {
        self.record(&key.id).ok_or_else(|| StoreError::NotFound(Arc::clone(&key.id)))
    }

    fn index(&mut self, record: &Record, shared: &Arc<Mutex<Record>>) {
        // A direct answer is no task, and is in no list.
        if record.message.is_some() {
            return;
        }
        let place = record.place();
        if is_interrupted(record.status.state) {
            self.waiting.insert(place.clone());
        }
        self.by_context.entry(Arc::clone(&record.context_id)).or_default().insert(place.clone());
        self.by_time.insert(place, Arc::clone(shared));
    }

    fn unindex(&mut self, context_id: &Arc<str>, place: &Place) {
        self.waiting.remove(place);
        self.by_time.remove(place);
        if let Some(places) = self.by_context.get_mut(context_id) {
            places.remove(place);
            if places.is_empty() {
                self.by_context.remove(context_id);
            }
        }
    }

    pub(super) fn list(&self, filter: &Filter) -> Page {
        match &filter.context_id {
            Some(context) => {
                let places = self.by_context.get(context).into_iter().flatten().rev();
                self.page(filter, places.filter_map(|place| self.by_time.get_key_value(place)), None)
            }
            None => {
                let bounds = (filter.since_ms.map_or(Bound::Unbounded, since), Bound::Unbounded);
                let total = (filter.since_ms.is_none() && filter.state.is_none()).then_some(self.by_time.len());
                match (&filter.after, total) {
                    // The whole list: the page begins where the last one ended, and the count is known.
                    (Some(after), Some(_)) => self.page(filter, self.by_time.range(..after.clone()).rev(), total),
                    _ => self.page(filter, self.by_time.range(bounds).rev(), total),
                }
            }
        }
    }

    /// Walks places from the newest; stops after the page when the total is known, else counts the rest.
    fn page<'a>(
        &self,
        filter: &Filter,
        places: impl Iterator<Item = (&'a Place, &'a Arc<Mutex<Record>>)>,
        total: Option<usize>,
    ) -> Page {
        let mut tasks = Vec::with_capacity(filter.limit.min(128));
        let (mut matching, mut next, mut last) = (0, None, None);
        for (place, shared) in places {
            let record = lock(shared);
            let fits = filter.state.is_none_or(|state| record.status.state == state)
                && filter.since_ms.is_none_or(|since_ms| place.time_ms >= since_ms);
            if !fits {
                continue;
            }
            matching += 1;
            let beyond_page = tasks.len() == filter.limit;
            if beyond_page {
                next = next.or_else(|| last.clone());
            } else if filter.after.as_ref().is_none_or(|after| place < after) {
                tasks.push(record.snapshot(filter.artifacts));
                last = Some(place.clone());
            }
            if beyond_page && total.is_some() {
                break;
            }
        }
        Page { tasks, next, total: total.unwrap_or(matching) }
    }

    /// How many finished tasks there are, and what they keep in bytes.
    pub(super) fn finished_load(&self) -> (usize, usize) {
        (self.finished.len(), self.finished_bytes)
    }

    /// Forgets the task that finished first, if it finished before `before_ms`; what it kept, in bytes.
    pub(super) fn forget_oldest_finished(&mut self, before_ms: i64) -> Option<usize> {
        let (place, bytes) = self.finished.first_key_value().filter(|(place, _)| place.time_ms < before_ms)?;
        let (place, bytes) = (place.clone(), *bytes);
        self.finished.remove(&place);
        self.finished_bytes -= bytes;
        if let Some(shared) = self.tasks.remove(&place.id) {
            let record = lock(&shared);
            if let Some(retry) = &record.retry {
                self.retries.remove(&retry.key);
            }
            self.unindex(&record.context_id, &place);
        }
        Some(bytes)
    }

    /// Tasks that have waited for their caller since before `before_ms`.
    pub(super) fn waiting_since(&self, before_ms: i64) -> Vec<Arc<str>> {
        self.waiting.iter().take_while(|place| place.time_ms < before_ms).map(|place| Arc::clone(&place.id)).collect()
    }
}

fn since(time_ms: i64) -> Bound<Place> {
    Bound::Included(Place { time_ms, id: "".into() })
}
