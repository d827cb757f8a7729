//! One task in memory: its log, and what of it a snapshot needs.

use std::sync::Arc;

use bytes::Bytes;
use inhouse_engine::state::{is_interrupted, is_terminal, may_move};
use inhouse_engine::store::{Hint, Lease, NewTask, NextMessage, Place, Progress, PushConfig, StoreError, TaskKey};
use inhouse_proto::snapshot::{Snapshot, fold, head};
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::{Event, StatusEvent};
use tokio::sync::watch;

use super::shelf::Rest;

/// A task's log, state and history.
#[derive(Debug)]
pub(super) struct Record {
    id: Arc<str>,
    pub(super) context_id: Arc<str>,
    head: Bytes,
    /// Keys of the sends that made the task and went on with it.
    pub(super) retries: Vec<Arc<str>>,
    log: Vec<Event>,
    pub(super) status: StatusEvent,
    history: Vec<Bytes>,
    metadata: Option<Bytes>,
    pub(super) message: Option<Bytes>,
    pub(super) kept_bytes: usize,
    /// Its shelf's matter.
    pub(super) rest: Option<Rest>,
    fence: u64,
    /// Whether the holder of the lease has more to say.
    pub(super) at_work: bool,
    label: u8,
    /// The push configs, oldest first.
    pub(super) push: Vec<PushConfig>,
    progress: watch::Sender<Progress>,
}

impl Record {
    /// A task with its first event, if that is one it may begin with.
    pub(super) fn new(task: NewTask) -> Result<Self, StoreError> {
        let NewTask { key: TaskKey { id, .. }, context_id, retry, message, event, label, push } = task;
        let Event::Status(status) = event.clone() else {
            return Err(illegal(&id, TaskState::Unspecified, TaskState::Unspecified));
        };
        if !may_move(TaskState::Unspecified, status.state) {
            return Err(illegal(&id, TaskState::Unspecified, status.state));
        }
        Ok(Self {
            head: head(&id, &context_id),
            id,
            context_id,
            retries: retry.map(|retry| retry.key).into_iter().collect(),
            kept_bytes: event.kept_bytes() + message.len() + push.as_ref().map_or(0, PushConfig::kept_bytes),
            log: vec![event],
            status,
            history: vec![message],
            metadata: None,
            message: None,
            rest: None,
            fence: 1,
            at_work: true,
            label,
            push: push.into_iter().collect(),
            progress: watch::Sender::new(Progress { generation: 1, settled: false }),
        })
    }

    /// Takes the right to append from whoever holds it.
    pub(super) fn claim(&mut self) -> u64 {
        self.at_work = true;
        self.fence += 1;
        self.fence
    }

    /// Whether all of `events` may follow in this order; nothing is changed.
    fn check(&self, lease: &Lease, events: &[Event]) -> Result<(), StoreError> {
        if lease.fence != self.fence {
            return Err(StoreError::Fenced(Arc::clone(&self.id)));
        }
        let mut state = self.status.state;
        let mut answered = self.message.is_some();
        for event in events {
            let to = match event {
                Event::Status(status) => status.state,
                Event::Message(_) => TaskState::Completed,
                Event::Text { .. } | Event::Artifact(_) => TaskState::Working,
            };
            let fits = match event {
                Event::Status(_) => may_move(state, to),
                Event::Message(_) => state == TaskState::Submitted,
                Event::Text { .. } | Event::Artifact(_) => state == TaskState::Working,
            };
            if answered || !fits {
                return Err(illegal(&self.id, state, to));
            }
            answered = matches!(event, Event::Message(_));
            state = to;
        }
        Ok(())
    }

    /// Appends all of `events`, or none.
    pub(super) fn append(&mut self, lease: &Lease, events: Vec<Event>) -> Result<u64, StoreError> {
        self.check(lease, &events)?;
        events.into_iter().for_each(|event| self.push(event));
        Ok(self.tell())
    }

    fn push(&mut self, event: Event) {
        self.kept_bytes += event.kept_bytes();
        match &event {
            Event::Status(status) => self.enter(status.clone()),
            Event::Message(json) => self.message = Some(json.clone()),
            Event::Text { .. } | Event::Artifact(_) => {}
        }
        self.log.push(event);
    }

    /// Wakes readers, after the commit: what they find is there. The number of the last event.
    fn tell(&self) -> u64 {
        let progress = Progress { generation: self.generation(), settled: self.is_settled() };
        self.progress.send_replace(progress);
        progress.generation
    }

    fn enter(&mut self, status: StatusEvent) {
        self.history.extend(status.history.clone());
        if status.metadata.is_some() {
            self.metadata.clone_from(&status.metadata);
        }
        self.status = status;
    }

    /// Whether the task waits for its caller.
    pub(super) fn check_waiting(&self) -> Result<(), StoreError> {
        if is_interrupted(self.status.state) {
            Ok(())
        } else {
            Err(illegal(&self.id, self.status.state, TaskState::Submitted))
        }
    }

    /// The caller's next message, and the lease that goes with it.
    pub(super) fn resume(&mut self, next: NextMessage, configs_max: usize) -> Result<Lease, StoreError> {
        self.check_waiting()?;
        if let Some(config) = next.push {
            self.push_set(config, configs_max)?;
        }
        let fence = self.claim();
        self.push(next.event);
        self.kept_bytes += next.message.len();
        self.history.push(next.message);
        self.retries.extend(next.retry.map(|retry| retry.key));
        self.tell();
        Ok(Lease { key: next.key, fence, kept_bytes: self.kept_bytes })
    }

    /// Number of the last event.
    pub(super) fn generation(&self) -> u64 {
        self.log.len() as u64
    }

    /// Whether nothing can happen any more.
    pub(super) fn is_finished(&self) -> bool {
        self.message.is_some() || is_terminal(self.status.state)
    }

    fn is_settled(&self) -> bool {
        self.is_finished() || is_interrupted(self.status.state)
    }

    /// Where the task stands in the list.
    pub(super) fn place(&self) -> Place {
        Place { time_ms: self.status.time_ms, id: Arc::clone(&self.id) }
    }

    /// The task as it stands, with its artifacts or without.
    pub(super) fn snapshot(&self, with_artifacts: bool) -> Snapshot {
        let mut artifacts = Vec::new();
        if with_artifacts {
            self.log.iter().for_each(|event| fold(&mut artifacts, event));
        }
        Snapshot {
            id: Arc::clone(&self.id),
            context_id: Arc::clone(&self.context_id),
            head: self.head.clone(),
            generation: self.generation(),
            state: self.status.state,
            status_time_ms: self.status.time_ms,
            status: self.status.status.clone(),
            history: self.history.clone(),
            artifacts,
            metadata: self.metadata.clone(),
            message: self.message.clone(),
            label: self.label,
        }
    }

    /// Events after a generation: some `bytes_max` of them, at least one if there is one.
    pub(super) fn events_after(&self, after: u64, bytes_max: usize) -> Vec<Event> {
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(self.log.len());
        let mut bytes = 0;
        let enough = |event: &&Event| {
            let more = bytes < bytes_max;
            bytes += event.kept_bytes();
            more
        };
        self.log[from..].iter().take_while(enough).cloned().collect()
    }

    /// Adds a push config, or replaces the one of its id.
    pub(super) fn push_set(&mut self, config: PushConfig, configs_max: usize) -> Result<(), StoreError> {
        let at = self.push.iter().position(|known| known.id == config.id);
        if at.is_none() && self.push.len() >= configs_max {
            return Err(StoreError::TooManyConfigs(configs_max));
        }
        self.kept_bytes += config.kept_bytes();
        match at {
            Some(at) => self.kept_bytes -= std::mem::replace(&mut self.push[at], config).kept_bytes(),
            None => self.push.push(config),
        }
        Ok(())
    }

    /// Forgets the push config of this id.
    pub(super) fn push_delete(&mut self, id: &str) {
        let before = self.push.iter().find(|config| &*config.id == id).map_or(0, PushConfig::kept_bytes);
        self.kept_bytes -= before;
        self.push.retain(|config| &*config.id != id);
    }

    /// Remembers how far a push config has been told.
    pub(super) fn push_told(&mut self, config: &PushConfig, generation: u64) {
        let is_meant = |known: &&mut PushConfig| known.id == config.id && known.revision == config.revision;
        self.push.iter_mut().filter(is_meant).for_each(|known| known.told = known.told.max(generation));
    }

    /// Wake-ups for readers.
    pub(super) fn hint(&self) -> Hint {
        Hint::new(self.progress.subscribe())
    }
}

fn illegal(id: &Arc<str>, from: TaskState, to: TaskState) -> StoreError {
    StoreError::IllegalMove { id: Arc::clone(id), from, to }
}
