//! Processes that are kept after a turn for the next one of the same conversation: up to a bound, for some time, and only for a turn
//! that would start the same process. Each is watched until then; whatever it does meanwhile that nobody asked for ends it.
//!
//! The conversation's id is made of the caller, the agent, the folder and the context, so that no turn reaches another's process.

mod idle;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use inhouse_run::{Runner, Tier};
use inhouse_trust::LaunchPlan;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::process::Limits;
use idle::{Idle, Order};

pub(crate) use idle::Live;

/// The processes of one agent that are kept. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Warm {
    limits: Limits,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    kept: HashMap<String, Kept>,
    /// Turns that have a process, or will have one.
    busy: usize,
    /// Tells a process from an earlier one of the same conversation.
    next: u64,
    watches: JoinSet<()>,
}

/// A process that is kept; its watch has it.
#[derive(Debug)]
struct Kept {
    number: u64,
    since: Instant,
    plan: LaunchPlan,
    /// Dropping it ends the process.
    orders: oneshot::Sender<Order>,
}

/// The place of a turn among the processes of its agent, as long as the turn has one.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    warm: &'a Warm,
    id: &'a str,
    /// The start that the process is kept for, without the words of a new or resumed conversation.
    plan: LaunchPlan,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.warm.lock().busy -= 1;
    }
}

impl Warm {
    /// For an agent whose processes can take several turns, where the runner can end what each of them leaves.
    pub(crate) fn new(limits: Limits, runner: &Runner) -> Self {
        let warm_max = if runner.tier() == Tier::Reaper { limits.warm_max } else { 0 };
        Self { limits: Limits { warm_max, ..limits }, state: Arc::default() }
    }

    /// For an agent that has a process for each turn.
    pub(crate) fn none() -> Self {
        Self { limits: Limits { warm_max: 0, ..Limits::default() }, state: Arc::default() }
    }

    /// Whether a process can be kept.
    pub(crate) fn keeps(&self) -> bool {
        self.limits.warm_max > 0
    }

    /// A place for a turn, and the process that is there for it. A process that was started for something else ends first, and so
    /// do those that have been unused for the longest time where the agent would have too many.
    pub(crate) async fn place<'a>(&'a self, id: &'a str, plan: LaunchPlan) -> (Place<'a>, Option<Live>) {
        let found = {
            let mut state = self.lock();
            state.busy += 1;
            state.kept.remove(id)
        };
        let place = Place { warm: self, id, plan };
        match found {
            Some(kept) if kept.plan == place.plan => {
                if let Some(live) = kept.give().await {
                    return (place, Some(live));
                }
            }
            Some(kept) => kept.end().await,
            None => {}
        }
        while let Some(surplus) = self.surplus(self.limits.processes_max) {
            surplus.end().await;
        }
        (place, None)
    }

    /// Ends the processes that work in a folder or below it, and waits until they are gone.
    pub(crate) async fn end_in(&self, folder: &Path) {
        let there: Vec<_> = {
            let mut state = self.lock();
            state.kept.extract_if(|_, kept| kept.plan.directory().starts_with(folder)).collect()
        };
        for (_, kept) in there {
            kept.end().await;
        }
    }

    /// The one that has been unused for the longest time, when the agent has more processes than this.
    fn surplus(&self, processes_max: usize) -> Option<Kept> {
        let mut state = self.lock();
        if state.busy + state.kept.len() <= processes_max {
            return None;
        }
        state.remove_oldest()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Place<'_> {
    /// The conversation's id.
    pub(crate) fn id(&self) -> &str {
        self.id
    }

    /// Keeps the turn's process for the next turn. Beyond the bound the one that has been unused for the longest time ends.
    pub(crate) fn keep(&self, live: Live) {
        let Limits { warm_max, warm_ms_max, .. } = self.warm.limits;
        let mut state = self.warm.lock();
        while state.watches.try_join_next().is_some() {}
        let (orders, ordered) = oneshot::channel();
        let (number, since) = (state.next, Instant::now());
        state.next += 1;
        let idle = Idle::new(live, self.warm.limits);
        let (known, id) = (Arc::downgrade(&self.warm.state), self.id.to_owned());
        state.watches.spawn(async move {
            let until = since + Duration::from_millis(warm_ms_max);
            idle.watch(ordered, until, || forget(&known, &id, number)).await;
        });
        let kept = Kept { number, since, plan: self.plan.clone(), orders };
        // An earlier one of the conversation can not be there: turns of a context run one after another, and if not, it ends.
        drop(state.kept.insert(self.id.to_owned(), kept));
        while state.kept.len() > warm_max {
            drop(state.remove_oldest());
        }
    }
}

impl State {
    fn remove_oldest(&mut self) -> Option<Kept> {
        let (id, _) = self.kept.iter().min_by_key(|(_, kept)| (kept.since, kept.number))?;
        let id = id.clone();
        self.kept.remove(&id)
    }
}

impl Kept {
    /// The process, if it is still fit for a turn.
    async fn give(self) -> Option<Live> {
        let (give, given) = oneshot::channel();
        self.orders.send(Order::Give(give)).ok()?;
        given.await.ok()
    }

    /// Ends the process, and waits until it is gone.
    async fn end(self) {
        let (done, gone) = oneshot::channel();
        if self.orders.send(Order::End(done)).is_ok() {
            // It is gone when nobody can tell any more.
            let _ = gone.await;
        }
    }
}

/// A process is ending by itself: nobody can have it any more.
fn forget(state: &Weak<Mutex<State>>, id: &str, number: u64) {
    let Some(state) = state.upgrade() else { return };
    let mut state = lock(&state);
    if state.kept.get(id).is_some_and(|kept| kept.number == number) {
        state.kept.remove(id);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing that can panic half way changes it.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
