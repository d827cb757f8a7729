//! The engine's face: submit, get, list, follow, cancel. Each takes a `Permit` and touches the permit's owner alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use inhouse_proto::error::A2aError;
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::TaskState;
use inhouse_trust::{AgentName, Permit, Principal};
use tokio::sync::watch;

use crate::agent::End;
use crate::asking::Asking;
use crate::budget::Ledger;
use crate::cancel::{CancelSource, StopCause};
use crate::direct::Direct;
use crate::entry::AgentEntry;
use crate::limits::EngineLimits;
use crate::queue::{Offer, Queue, Slot};
use crate::reader::Reader;
use crate::refusal::{not_found, refused, unsupported};
use crate::served::Served;
use crate::state::{is_interrupted, is_terminal};
use crate::store::{Filter, Owner, Page, Store, TaskKey};
use crate::turn::{self, Closing, Room, Ticket, TurnLimits};
use crate::window::SlidingWindow;
use crate::witness::{Ended, Witness};

/// The task engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) served: RwLock<Arc<Served>>,
    pub(crate) witness: Arc<dyn Witness>,
    pub(crate) ledger: Ledger,
    born: Instant,
    pub(crate) starts: Mutex<SlidingWindow<Principal>>,
    // Held for a lookup or a change of a few entries, never across an await.
    pub(crate) queue: Mutex<Queue<Ticket>>,
    pub(crate) live: Mutex<HashMap<TaskKey, Live>>,
    pub(crate) running: watch::Sender<usize>,
    pub(crate) closing: watch::Sender<bool>,
}

/// A turn that runs or waits for its place.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) stop: Arc<CancelSource>,
    pub(crate) direct: Arc<Direct>,
    pub(crate) asking: Arc<Asking>,
}

impl Engine {
    /// An engine over `store` for these agents.
    pub fn new(
        store: Arc<dyn Store>,
        agents: HashMap<AgentName, AgentEntry>,
        limits: EngineLimits,
        witness: Arc<dyn Witness>,
    ) -> Self {
        let inner = Inner {
            store,
            served: RwLock::new(Arc::new(Served::new(agents, limits))),
            witness,
            ledger: Ledger::default(),
            born: Instant::now(),
            starts: Mutex::new(SlidingWindow::new(limits.starts)),
            queue: Mutex::new(Queue::new(limits.queue)),
            live: Mutex::default(),
            running: watch::Sender::new(0),
            closing: watch::Sender::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The caller's own task as it stands.
    ///
    /// # Errors
    /// Task not found.
    pub async fn get(&self, permit: &Permit, id: &str) -> Result<Snapshot, A2aError> {
        self.look(&key(permit, id), true).await
    }

    /// The task, with its artifacts or without. Whoever has seen it once gets no direct answer any more.
    pub(crate) async fn look(&self, key: &TaskKey, artifacts: bool) -> Result<Snapshot, A2aError> {
        // First: a turn that answers directly while the store is asked is forgotten then.
        let live = self.live(key);
        let snapshot = self.inner.store.get(key, artifacts).await.map_err(refused)?;
        // A direct answer is no task.
        if self.shows(&snapshot, key, live.as_ref()) { Ok(snapshot) } else { Err(not_found(&key.id)) }
    }

    /// Whether this is a task; then it stays one. `live`: its turn before the snapshot was made.
    fn shows(&self, snapshot: &Snapshot, key: &TaskKey, live: Option<&Live>) -> bool {
        let is_undecided = snapshot.state == TaskState::Submitted && snapshot.message.is_none();
        let later = if is_undecided && live.is_none() { self.live(key) } else { None };
        snapshot.message.is_none() && (!is_undecided || live.or(later.as_ref()).is_none_or(|live| live.direct.show()))
    }

    /// The turn of a task, if it runs or waits for its place.
    pub(crate) fn live(&self, key: &TaskKey) -> Option<Live> {
        lock(&self.inner.live).get(key).cloned()
    }

    /// A page of the caller's tasks, each of which is a task from here on: whoever has seen it gets no direct answer any more.
    pub(crate) async fn list_own(&self, permit: &Permit, filter: &Filter) -> Result<Page, A2aError> {
        let owner = owner(permit);
        // First, as for one task.
        let live: HashMap<TaskKey, Live> = {
            let live = lock(&self.inner.live);
            let own = live.iter().filter(|(key, _)| key.owner == owner);
            own.map(|(key, live)| (key.clone(), live.clone())).collect()
        };
        let mut page = self.inner.store.list(&owner, filter).await.map_err(refused)?;
        let all = page.tasks.len();
        page.tasks.retain(|task| {
            let key = TaskKey { owner: owner.clone(), id: Arc::clone(&task.id) };
            self.shows(task, &key, live.get(&key))
        });
        page.total -= all - page.tasks.len();
        Ok(page)
    }

    /// Follows a task (spec 3.1.6): its snapshot and what comes after; or, with the number of the last event that the
    /// caller has seen, exactly what came after that, on a finished task too.
    ///
    /// # Errors
    /// Task not found; unsupported operation when it is finished and no number was given; invalid parameters for a
    /// number that the log has not reached.
    pub async fn follow(
        &self,
        permit: &Permit,
        id: &str,
        last_event: Option<u64>,
    ) -> Result<(Option<Snapshot>, Reader), A2aError> {
        let snapshot = self.get(permit, id).await?;
        let key = key(permit, id);
        match last_event {
            Some(seen) if seen > snapshot.generation => {
                let most = snapshot.generation;
                Err(A2aError::invalid("Last-Event-ID", format!("{seen} is beyond the last event of the task, {most}")))
            }
            Some(seen) if seen == snapshot.generation && is_terminal(snapshot.state) => Ok((None, Reader::ended())),
            Some(seen) => Ok((None, self.reader(key, seen)?)),
            None if is_terminal(snapshot.state) => {
                Err(unsupported(id, "the task is finished; its result is in GetTask"))
            }
            None => {
                let reader = self.reader(key, snapshot.generation)?;
                Ok((Some(snapshot), reader))
            }
        }
    }

    pub(crate) fn reader(&self, key: TaskKey, after: u64) -> Result<Reader, A2aError> {
        Reader::new(&self.inner.store, key, after, Duration::from_millis(self.inner.limits().recheck_ms))
    }

    /// Waits until the task is finished or waits for its caller.
    pub(crate) async fn settled(&self, key: &TaskKey) -> Result<Snapshot, A2aError> {
        let mut hint = self.inner.store.hint(key).map_err(refused)?;
        loop {
            let _ = tokio::time::timeout(Duration::from_millis(self.inner.limits().recheck_ms), hint.settled()).await;
            let snapshot = self.inner.store.get(key, false).await.map_err(refused)?;
            if snapshot.message.is_some() || is_terminal(snapshot.state) || is_interrupted(snapshot.state) {
                return self.inner.store.get(key, true).await.map_err(refused);
            }
        }
    }

    /// Ends all running turns now.
    pub fn stop_all(&self) {
        lock(&self.inner.live).values().for_each(|live| live.stop.fire(StopCause::Shutdown));
    }
}

impl Inner {
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Milliseconds of a clock that never goes back.
    pub(crate) fn uptime_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Promises a turn a place in the queue.
    pub(crate) fn reserve(self: &Arc<Self>, permit: &Permit) -> Option<Reservation> {
        let owner = owner(permit);
        let (starts, reserved) = {
            let mut queue = lock(&self.queue);
            (queue.bound(&owner, permit.limits()), queue.reserve(&owner))
        };
        self.start_all(starts);
        reserved.then(|| Reservation { inner: Arc::clone(self), owner, taken: false })
    }

    /// Lets a turn run, or wait: then at which place. `Err`: the server is stopping, and the turn comes back.
    pub(crate) fn enqueue(
        self: &Arc<Self>,
        mut place: Reservation,
        ticket: Ticket,
    ) -> Result<Option<usize>, Box<Ticket>> {
        place.taken = true;
        let live = Live {
            stop: Arc::clone(&ticket.stop),
            direct: Arc::clone(&ticket.direct),
            asking: Arc::clone(&ticket.asking),
        };
        lock(&self.live).insert(ticket.lease.key.clone(), live);
        // Counted before it starts, so that a shutdown which closes the queue behind it waits for it.
        self.running.send_modify(|count| *count += 1);
        let offer = lock(&self.queue).offer(ticket.slot.clone(), ticket);
        let (ended, result) = match offer {
            Offer::Start(ticket) => {
                self.start(ticket);
                (false, Ok(None))
            }
            Offer::Queued { position } => (true, Ok(Some(position))),
            Offer::Closed(ticket) => (true, Err(Box::new(ticket))),
        };
        if ended {
            self.running.send_modify(|count| *count -= 1);
        }
        result
    }

    /// Starts a turn that is counted in `running`.
    fn start(self: &Arc<Self>, ticket: Ticket) {
        let inner = Arc::clone(self);
        // Ends with the turn, and is joined by `shutdown`.
        tokio::spawn(async move {
            let slot = ticket.slot.clone();
            let spare = ticket.clone();
            inner.run(ticket).await;
            inner.forget(&spare);
            let next = lock(&inner.queue).finish(&slot);
            inner.start_all(next);
            inner.running.send_modify(|count| *count -= 1);
        });
    }

    pub(crate) fn start_all(self: &Arc<Self>, tickets: Vec<Ticket>) {
        for ticket in tickets {
            self.running.send_modify(|count| *count += 1);
            self.start(ticket);
        }
    }

    async fn run(self: &Arc<Self>, ticket: Ticket) {
        let (entry, bounds) = (Arc::clone(&ticket.entry), self.limits());
        let limits = TurnLimits {
            turn_ms_max: entry.turn_ms_max,
            stop_grace_ms: bounds.stop_grace_ms,
            room: Room { bytes: bounds.output_bytes_max, artifacts: bounds.artifacts_max },
        };
        let (spare, begun) = (ticket.clone(), Instant::now());
        let Owner { principal: who, agent } = &spare.slot.owner;
        self.witness.began(agent);
        // Its own task, so that a panic in an adapter is an error here and not the end of the bookkeeping.
        let turn = tokio::spawn(turn::run(Arc::clone(&entry.agent), Arc::clone(self), ticket, limits));
        let Closing { outcome, usage } = match turn.await {
            Ok(closing) => closing,
            Err(_) => self.close(&spare, turn::lost()).await,
        };
        let (task, took) = (&*spare.turn.task_id, begun.elapsed());
        let waited = begun.saturating_duration_since(spare.accepted);
        self.witness.ended(&Ended { who, agent, task, outcome, waited, took, usage });
    }

    /// Forgets a turn that has ended, but not the next one of the same task, which its caller may have begun already.
    fn forget(&self, ticket: &Ticket) {
        let mut live = lock(&self.live);
        if live.get(&ticket.lease.key).is_some_and(|live| Arc::ptr_eq(&live.stop, &ticket.stop)) {
            live.remove(&ticket.lease.key);
        }
    }

    pub(crate) async fn close(self: &Arc<Self>, ticket: &Ticket, end: End) -> Closing {
        let closing = turn::close(Arc::clone(self), ticket, end).await;
        self.forget(ticket);
        closing
    }
}

/// A promised place in the queue; given back when it is dropped unused.
pub(crate) struct Reservation {
    inner: Arc<Inner>,
    owner: Owner,
    taken: bool,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.taken {
            lock(&self.inner.queue).release(&self.owner);
        }
    }
}

/// The tasks that a permit is about.
pub(crate) fn owner(permit: &Permit) -> Owner {
    Owner { principal: permit.principal().clone(), agent: permit.agent().clone() }
}

pub(crate) fn key(permit: &Permit, id: &str) -> TaskKey {
    TaskKey { owner: owner(permit), id: id.into() }
}

pub(crate) fn slot(owner: Owner, context_id: Arc<str>) -> Slot {
    Slot { owner, context_id }
}

/// A panic while a lock was held left nothing half done: all changes under these locks are single steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
