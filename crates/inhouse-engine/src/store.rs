//! The port that every task store implements, and the words that it speaks.
//!
//! A store keeps each task's log and what follows from it: the snapshot, the list index, the retry keys. It upholds, in one
//! commit each: generations without holes, readers that see only what is committed, one terminal event which is the last,
//! appends only by the holder of the latest lease, and an owner in every key. `inhouse-store` has the conformance suite.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::Event;
use inhouse_trust::{AgentName, Principal};
use tokio::sync::watch;

/// Whose tasks: what belongs to another caller or another agent does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The caller.
    pub principal: Principal,
    /// The agent that the caller asked.
    pub agent: AgentName,
}

/// One task of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// Whose task.
    pub owner: Owner,
    /// Its id, unique within the owner's tasks.
    pub id: Arc<str>,
}

/// What makes two sends the same send: a key of the caller's, and a digest of the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryKey {
    /// The caller's key, for example its message id.
    pub key: Arc<str>,
    /// Digest of the content; another content under the same key is an error.
    pub content: u64,
}

/// A task to be made.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Its key; the id is new within the owner's tasks.
    pub key: TaskKey,
    /// The conversation that it belongs to.
    pub context_id: Arc<str>,
    /// The retry key, if the send has one.
    pub retry: Option<RetryKey>,
    /// The caller's message as v1 JSON.
    pub message: Bytes,
    /// The first event: `SUBMITTED`.
    pub event: Event,
    /// Shown in every snapshot of the task; means nothing to the store.
    pub label: u8,
    /// Whom its events are told to, from the first one on.
    pub push: Option<PushConfig>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// It was taken, and whoever submitted it holds the task's lease.
    Taken(Lease),
    /// The send was a retry: this task is the answer.
    Retried(Arc<str>),
}

/// The right to append to a task; a later lease makes it void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The task.
    pub key: TaskKey,
    /// Counts the leases of this task; only the latest may append.
    pub fence: u64,
    /// What the task kept when the lease was given, in bytes.
    pub kept_bytes: usize,
}

/// The caller's next message on a task that waits for it.
#[derive(Debug, Clone)]
pub struct NextMessage {
    /// The task.
    pub key: TaskKey,
    /// The retry key, if the send has one.
    pub retry: Option<RetryKey>,
    /// The message as v1 JSON.
    pub message: Bytes,
    /// The first event of the turn: `SUBMITTED`.
    pub event: Event,
    /// Whom the task's events are told to beside those who are told already.
    pub push: Option<PushConfig>,
}

/// A place in the list, which sorts by status time, newest first (spec 3.1.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Status time in milliseconds since the epoch.
    pub time_ms: i64,
    /// The task's id, which decides between equal times.
    pub id: Arc<str>,
}

/// Which tasks to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this conversation.
    pub context_id: Option<Arc<str>>,
    /// Only this state.
    pub state: Option<TaskState>,
    /// Only tasks whose status is of this time or later, in milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// Only tasks behind this place.
    pub after: Option<Place>,
    /// At most this many.
    pub limit: usize,
    /// Whether the snapshots hold the artifacts.
    pub artifacts: bool,
}

/// A page of the list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The tasks, newest status first.
    pub tasks: Vec<Snapshot>,
    /// Where the next page begins, if there is one.
    pub next: Option<Place>,
    /// How many tasks match, on all pages.
    pub total: usize,
}

/// An address that is told of a task's events (spec 4.3.1).
#[derive(Clone)]
pub struct PushConfig {
    /// Unique within the task.
    pub id: Arc<str>,
    /// The config as its caller made it, credentials and all.
    pub config: Arc<v1::TaskPushNotificationConfig>,
    /// Another one each time that a config is made under its id.
    pub revision: u64,
    /// By which generation of the protocol it came; means nothing to the store.
    pub label: u8,
    /// Number of the last event that was told; 0 before the first.
    pub told: u64,
}

impl PushConfig {
    /// What it keeps, in bytes.
    pub fn kept_bytes(&self) -> usize {
        let v1::TaskPushNotificationConfig { tenant, id, task_id, url, token, authentication } = &*self.config;
        let secret = authentication.as_ref().map_or(0, |info| info.scheme.len() + info.credentials.len());
        size_of::<v1::TaskPushNotificationConfig>()
            + [tenant, id, task_id, url, token].iter().map(|text| text.len()).sum::<usize>()
            + secret
    }
}

impl std::fmt::Debug for PushConfig {
    /// Without the config: it has secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushConfig").field("id", &self.id).field("told", &self.told).finish_non_exhaustive()
    }
}

/// Why a store refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such task for this owner.
    #[error("no task {0}")]
    NotFound(Arc<str>),
    /// A task of this owner has that id already.
    #[error("task {0} exists already")]
    Exists(Arc<str>),
    /// This retry key was used with another content.
    #[error("{0} was used before with other content")]
    OtherContent(Arc<str>),
    /// Somebody else took the task over.
    #[error("the lease of task {0} is void")]
    Fenced(Arc<str>),
    /// The state machine has no such move.
    #[error("task {id} can not go from {from:?} to {to:?}")]
    IllegalMove {
        /// The task.
        id: Arc<str>,
        /// Its state.
        from: TaskState,
        /// The state that was asked for.
        to: TaskState,
    },
    /// The task has as many push configs as it may have.
    #[error("a task has at most {0} push notification configs")]
    TooManyConfigs(usize),
    /// The store's own trouble.
    #[error("task store: {0}")]
    Unavailable(String),
}

/// How far a task's log has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Number of the last event.
    pub generation: u64,
    /// Whether the task is finished or waits for its caller.
    pub settled: bool,
}

/// A wake-up: the log may have grown. Losing one costs time, never an event.
#[derive(Debug, Clone)]
pub struct Hint(watch::Receiver<Progress>);

impl Hint {
    /// A hint that follows `progress`.
    pub fn new(progress: watch::Receiver<Progress>) -> Self {
        Self(progress)
    }

    /// Returns when the log may have grown beyond `generation`; never, if the store forgets the task.
    pub async fn beyond(&mut self, generation: u64) {
        self.wait(|progress| progress.generation > generation).await;
    }

    /// Returns when the task may be finished or wait for its caller.
    pub async fn settled(&mut self) {
        self.wait(|progress| progress.settled).await;
    }

    async fn wait(&mut self, enough: impl FnMut(&Progress) -> bool) {
        if self.0.wait_for(enough).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What tasks at rest keep together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// How many there are.
    pub tasks: usize,
    /// The room that they take, in bytes.
    pub bytes: usize,
}

/// Keeps tasks. All methods are atomic.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes a task and hands its first lease out, or finds the task that this retry made before.
    ///
    /// # Errors
    /// `Exists`, `OtherContent`.
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError>;

    /// The task that a send with this retry key made before.
    ///
    /// # Errors
    /// `OtherContent`.
    async fn retried(&self, owner: &Owner, retry: &RetryKey) -> Result<Option<Arc<str>>, StoreError>;

    /// The task as it stands, with its artifacts or, for less work, without.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get(&self, key: &TaskKey, artifacts: bool) -> Result<Snapshot, StoreError>;

    /// A page of the owner's tasks.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn list(&self, owner: &Owner, filter: &Filter) -> Result<Page, StoreError>;

    /// Committed events after `generation`, in order, some `bytes_max` of them but at least one if there is one.
    ///
    /// # Errors
    /// `NotFound`.
    async fn events(&self, key: &TaskKey, after: u64, bytes_max: usize) -> Result<Vec<Event>, StoreError>;

    /// Takes the right to append from whoever holds it.
    ///
    /// # Errors
    /// `NotFound`.
    async fn claim(&self, key: &TaskKey) -> Result<Lease, StoreError>;

    /// The same for a task that waits for its caller, and only for one.
    ///
    /// # Errors
    /// `NotFound`; `IllegalMove` when the task does not wait.
    async fn claim_waiting(&self, key: &TaskKey) -> Result<Lease, StoreError>;

    /// Takes over a task that waits for its caller: the message joins the history, the event the log. A retry of a message that
    /// was taken before changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `IllegalMove` when the task does not wait; `OtherContent` when another task has the retry key;
    /// `TooManyConfigs`.
    async fn resume(&self, next: NextMessage) -> Result<Submitted, StoreError>;

    /// Appends events in one commit; the number of the last one.
    ///
    /// # Errors
    /// `Fenced`, `IllegalMove`, `NotFound`; then nothing was appended.
    async fn append(&self, lease: &Lease, events: Vec<Event>) -> Result<u64, StoreError>;

    /// The same for the last events of a turn: nobody is at work on the task any more. Until then a task is not at rest, though it
    /// waits for its caller: whoever asks in the middle of a turn is not forgotten.
    ///
    /// # Errors
    /// As for `append`.
    async fn end(&self, lease: &Lease, events: Vec<Event>) -> Result<u64, StoreError>;

    /// Adds a push config to a task, or puts it in the place of the one that has its id.
    ///
    /// # Errors
    /// `NotFound`, `TooManyConfigs`.
    async fn push_set(&self, key: &TaskKey, config: PushConfig) -> Result<(), StoreError>;

    /// The push configs of a task, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    async fn push_list(&self, key: &TaskKey) -> Result<Vec<PushConfig>, StoreError>;

    /// Forgets a push config, if there is one of this id.
    ///
    /// # Errors
    /// `NotFound`, when there is no such task.
    async fn push_delete(&self, key: &TaskKey, id: &str) -> Result<(), StoreError>;

    /// Remembers how far a push config of this revision has been told. The number only grows; a config that is gone, or
    /// another one under its id, is none the wiser.
    ///
    /// # Errors
    /// `NotFound`, when there is no such task.
    async fn push_told(&self, key: &TaskKey, config: &PushConfig, generation: u64) -> Result<(), StoreError>;

    /// Forgets finished tasks that are over their time, and names the ones that have been at rest for too long, waiting for their
    /// caller. A clock that is set makes neither earlier.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn compact(&self) -> Result<Vec<TaskKey>, StoreError>;

    /// What tasks at rest keep: the finished ones, and those that wait for their caller while no turn is at work on them.
    fn kept(&self) -> Kept;

    /// How many tasks are in each state, of those that are in lists.
    fn states(&self) -> Vec<(TaskState, usize)>;

    /// Wake-ups for readers of a task.
    ///
    /// # Errors
    /// `NotFound`.
    fn hint(&self, key: &TaskKey) -> Result<Hint, StoreError>;
}
