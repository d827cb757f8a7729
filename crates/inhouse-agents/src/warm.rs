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
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::process::Limits;
use idle::{Idle, Wanted};

pub(crate) use idle::Live;

/// The processes of one agent that are kept. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Warm {
    limits: Limits,
    state: Arc<Mutex<State>>,
    /// Apart from the state, which a watch changes when it ends: one that is spawned too late ends at once.
    watches: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct State {
    kept: HashMap<String, Kept>,
    /// Turns that have a process, or will have one.
    busy: usize,
    /// Tells a process from an earlier one of the same conversation.
    next: u64,
}

/// A process that is kept, or on its way to its end; its watch has it.
#[derive(Debug)]
struct Kept {
    number: u64,
    since: Instant,
    plan: LaunchPlan,
    /// For the turn that wants it. None while it ends: dropping it is the wish that it does.
    wanted: Option<oneshot::Sender<Wanted>>,
    /// Closed when it is gone, or has been given to a turn.
    gone: watch::Receiver<()>,
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
        let warm_max = if runner.tier() != Tier::Group { limits.warm_max } else { 0 };
        Self { limits: Limits { warm_max, ..limits }, state: Arc::default(), watches: Mutex::default() }
    }

    /// For an agent that has a process for each turn.
    pub(crate) fn none() -> Self {
        let limits = Limits { warm_max: 0, ..Limits::default() };
        Self { limits, state: Arc::default(), watches: Mutex::default() }
    }

    /// Whether a process can be kept.
    pub(crate) fn keeps(&self) -> bool {
        self.limits.warm_max > 0
    }

    /// A place for a turn, and the process that is there for it. One that is unfit for the turn ends first, so that a conversation
    /// never has two; and so do those that have been unused for the longest time where the agent would have too many.
    pub(crate) async fn place<'a>(&'a self, id: &'a str, plan: LaunchPlan) -> (Place<'a>, Option<Live>) {
        let found = {
            let mut state = self.lock();
            state.busy += 1;
            state.kept.get_mut(id).map(|kept| (kept.plan == plan, kept.wanted.take(), kept.gone.clone()))
        };
        let place = Place { warm: self, id, plan };
        if let Some((is_same, wanted, gone)) = found {
            if let Some(wanted) = wanted.filter(|_| is_same)
                && let Some(live) = give(wanted).await
            {
                return (place, Some(live));
            }
            closed(gone).await;
        }
        while let Some(gone) = self.end_surplus() {
            closed(gone).await;
        }
        (place, None)
    }

    /// Ends the processes that work in a folder or below it, and waits until they are gone.
    pub(crate) async fn end_in(&self, folder: &Path) {
        let ending: Vec<_> = {
            let mut state = self.lock();
            let there = state.kept.values_mut().filter(|kept| kept.plan.directory().starts_with(folder));
            there.map(Kept::end).collect()
        };
        for gone in ending {
            closed(gone).await;
        }
    }

    /// Ends a process when the agent has more of them than it may: the one that has been unused for the longest time.
    fn end_surplus(&self) -> Option<watch::Receiver<()>> {
        let mut state = self.lock();
        if state.busy + state.kept.len() <= self.limits.processes_max {
            return None;
        }
        state.kept.values_mut().min_by_key(|kept| (kept.since, kept.number)).map(Kept::end)
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

    /// The start that a process is kept for.
    pub(crate) fn plan(&self) -> &LaunchPlan {
        &self.plan
    }

    /// Keeps the turn's process for the next turn. Beyond the bound the one that has been unused for the longest time ends.
    pub(crate) fn keep(&self, live: Live) {
        let (wanted, wish) = oneshot::channel();
        let (goes, gone) = watch::channel(());
        let since = Instant::now();
        let number = {
            let mut state = self.warm.lock();
            let number = state.next;
            state.next += 1;
            let kept = Kept { number, since, plan: self.plan.clone(), wanted: Some(wanted), gone };
            // Turns of a context run one after another: no other process of the conversation can be there.
            state.kept.insert(self.id.to_owned(), kept);
            while state.idle().count() > self.warm.limits.warm_max {
                state.idle().min_by_key(|kept| (kept.since, kept.number)).map(Kept::end);
            }
            number
        };
        let until = since + Duration::from_millis(self.warm.limits.warm_ms_max);
        let idle = Idle::new(live, self.warm.limits);
        let known = Known { state: Arc::downgrade(&self.warm.state), id: self.id.to_owned(), number, _goes: goes };
        let mut watches = lock(&self.warm.watches);
        while watches.try_join_next().is_some() {}
        watches.spawn(async move {
            let given = idle.watch(wish, until).await;
            drop(known);
            // A turn that was given up meanwhile drops it, which kills it.
            given.into_iter().for_each(|(live, turn)| drop(turn.send(live)));
        });
    }
}

impl State {
    fn idle(&mut self) -> impl Iterator<Item = &mut Kept> {
        self.kept.values_mut().filter(|kept| kept.wanted.is_some())
    }
}

impl Kept {
    /// It is to end; what is returned is closed when it is gone.
    fn end(&mut self) -> watch::Receiver<()> {
        self.wanted = None;
        self.gone.clone()
    }
}

/// The process, if it is still fit for a turn.
async fn give(wanted: oneshot::Sender<Wanted>) -> Option<Live> {
    let (turn, given) = oneshot::channel();
    wanted.send(turn).ok()?;
    given.await.ok()
}

async fn closed(mut gone: watch::Receiver<()>) {
    while gone.changed().await.is_ok() {}
}

/// What is known of a process as long as it is watched. Dropping it says that it is gone, or a turn's.
struct Known {
    state: Weak<Mutex<State>>,
    id: String,
    number: u64,
    _goes: watch::Sender<()>,
}

impl Drop for Known {
    fn drop(&mut self) {
        let Some(state) = self.state.upgrade() else { return };
        let mut state = lock(&state);
        if state.kept.get(&self.id).is_some_and(|kept| kept.number == self.number) {
            state.kept.remove(&self.id);
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic half way changes it.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
