//! Who may run now: a pure queue of turns, fair between callers, with limits per agent and per caller.
//!
//! Turns of one conversation run one after another. Waiting turns of an agent are taken from its callers in rotation, so
//! that one caller with a thousand turns delays another caller's first turn by one turn, not by a thousand.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use inhouse_trust::{AgentName, CallerLimits, Principal};

use crate::limits::QueueLimits;
use crate::store::Owner;
use crate::witness::Occupancy;

/// What the queue needs to know of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    /// The caller and the agent.
    pub(crate) owner: Owner,
    /// The conversation.
    pub(crate) context_id: Arc<str>,
}

/// What became of an offered turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer<T> {
    /// It runs now.
    Start(T),
    /// It waits; 1 is next.
    Queued {
        /// How many starts it is away, as things stand.
        position: usize,
    },
    /// The queue is closed: the turn comes back.
    Closed(T),
}

/// The queue. `T` is whatever starts a turn.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    limits: QueueLimits,
    agents: HashMap<AgentName, Lane<T>>,
    is_closed: bool,
}

#[derive(Debug)]
struct Lane<T> {
    running: usize,
    running_by_caller: HashMap<Principal, usize>,
    /// Places promised to turns that are about to be offered.
    reserved: HashMap<Principal, usize>,
    busy: HashSet<Slot>,
    /// Of the busy ones, those whose turn waits for an answer and so does not count as running.
    asking: HashSet<Slot>,
    /// Callers with waiting turns; the first is served next.
    rotation: VecDeque<Principal>,
    waiting: HashMap<Principal, VecDeque<(Slot, T)>>,
    /// The bounds of those callers that have narrower ones, as of their latest turn.
    narrow: HashMap<Principal, CallerLimits>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            running: 0,
            running_by_caller: HashMap::new(),
            reserved: HashMap::new(),
            busy: HashSet::new(),
            asking: HashSet::new(),
            rotation: VecDeque::new(),
            waiting: HashMap::new(),
            narrow: HashMap::new(),
        }
    }
}

impl<T> Queue<T> {
    /// An empty queue.
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { limits, agents: HashMap::new(), is_closed: false }
    }

    /// Has other bounds from now on: the turns that start for it. Where there are too many now, none starts until there are not.
    pub(crate) fn renew(&mut self, limits: QueueLimits) -> Vec<T> {
        self.limits = limits;
        self.agents.values_mut().flat_map(|lane| lane.fill(limits)).collect()
    }

    /// Bounds of a caller's own, from here on. The turns of its that start now: no later one passes them.
    pub(crate) fn bound(&mut self, owner: &Owner, narrow: CallerLimits) -> Vec<T> {
        let lane = self.agents.entry(owner.agent.clone()).or_default();
        let before = match narrow == CallerLimits::default() {
            true => lane.narrow.remove(&owner.principal),
            false => lane.narrow.insert(owner.principal.clone(), narrow),
        };
        if before.unwrap_or_default() == narrow { Vec::new() } else { lane.fill(self.limits) }
    }

    /// Promises a place to a turn of `owner`; `false` when there is no room. Each promise is taken up by one `offer`, or given back.
    pub(crate) fn reserve(&mut self, owner: &Owner) -> bool {
        let lane = self.agents.entry(owner.agent.clone()).or_default();
        let caller = &owner.principal;
        let limits = lane.limits_of(caller, self.limits);
        let agent_room = limits.running_per_agent_max.saturating_add(limits.queued_per_agent_max);
        let caller_room = limits.running_per_caller_max.saturating_add(limits.queued_per_caller_max);
        let free = !self.is_closed && lane.admitted() < agent_room && lane.admitted_of(caller) < caller_room;
        if free {
            *lane.reserved.entry(caller.clone()).or_default() += 1;
        }
        free
    }

    /// Gives a promised place back.
    pub(crate) fn release(&mut self, owner: &Owner) {
        if let Some(lane) = self.agents.get_mut(&owner.agent) {
            lane.take_reservation(&owner.principal);
        }
    }

    /// Starts a turn for which a place was reserved, or lets it wait.
    pub(crate) fn offer(&mut self, slot: Slot, turn: T) -> Offer<T> {
        let limits = self.limits;
        let lane = self.agents.entry(slot.owner.agent.clone()).or_default();
        let caller = slot.owner.principal.clone();
        lane.take_reservation(&caller);
        if self.is_closed {
            return Offer::Closed(turn);
        }
        // Whatever waits can not start now, or it would have been started by what made room: a turn that can passes nobody.
        if lane.may_start(&slot, limits) {
            lane.start(slot);
            return Offer::Start(turn);
        }
        let line = lane.waiting.entry(caller.clone()).or_default();
        if line.is_empty() {
            lane.rotation.push_back(caller.clone());
        }
        line.push_back((slot, turn));
        Offer::Queued { position: lane.last_position(&caller) }
    }

    /// A running turn has ended: the turns that start now.
    pub(crate) fn finish(&mut self, slot: &Slot) -> Vec<T> {
        let limits = self.limits;
        let Some(lane) = self.agents.get_mut(&slot.owner.agent) else { return Vec::new() };
        lane.stop(slot);
        lane.fill(limits)
    }

    /// A running turn asks its caller, and makes room for others meanwhile: the turns that start now. None at all when too many
    /// turns ask already.
    pub(crate) fn pause(&mut self, slot: &Slot) -> Option<Vec<T>> {
        let limits = self.limits;
        let lane = self.agents.get_mut(&slot.owner.agent)?;
        let of_caller = lane.asking.iter().filter(|other| other.owner.principal == slot.owner.principal).count();
        if lane.asking.len() >= limits.asking_per_agent_max || of_caller >= limits.asking_per_caller_max {
            return None;
        }
        if lane.busy.contains(slot) && lane.asking.insert(slot.clone()) {
            lane.count_down(&slot.owner.principal);
        }
        Some(lane.fill(limits))
    }

    /// A turn that asked goes on. It may be one too many for a while: its process is there already.
    pub(crate) fn go_on(&mut self, slot: &Slot) {
        if let Some(lane) = self.agents.get_mut(&slot.owner.agent)
            && lane.asking.remove(slot)
        {
            lane.count_up(&slot.owner.principal);
        }
    }

    /// Takes a waiting turn out of the queue.
    pub(crate) fn remove(&mut self, owner: &Owner, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let lane = self.agents.get_mut(&owner.agent)?;
        let line = lane.waiting.get_mut(&owner.principal)?;
        let at = line.iter().position(|(_, turn)| wanted(turn))?;
        let (_, turn) = line.remove(at)?;
        lane.forget_empty_line(&owner.principal);
        Some(turn)
    }

    /// How many turns of an agent there are.
    pub(crate) fn occupancy(&self, agent: &AgentName) -> Occupancy {
        let counts = |lane: &Lane<T>| Occupancy {
            running: lane.running,
            waiting: lane.waiting_count(),
            asking: lane.asking.len(),
        };
        self.agents.get(agent).map(counts).unwrap_or_default()
    }

    /// Takes all waiting turns out of the queue, and takes no more.
    pub(crate) fn close(&mut self) -> Vec<T> {
        self.is_closed = true;
        let mut turns = Vec::new();
        for lane in self.agents.values_mut() {
            lane.rotation.clear();
            turns.extend(lane.waiting.drain().flat_map(|(_, line)| line).map(|(_, turn)| turn));
        }
        turns
    }
}

impl<T> Lane<T> {
    fn waiting_count(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// Where the last turn of a caller's line stands: each other caller has a turn before each of the caller's own, and those
    /// ahead in rotation one more.
    fn last_position(&self, caller: &Principal) -> usize {
        let own = self.waiting.get(caller).map_or(0, VecDeque::len);
        let at = self.rotation.iter().position(|other| other == caller).unwrap_or(0);
        let before = |(place, other): (usize, &Principal)| {
            let rounds = if place < at { own } else { own.saturating_sub(1) };
            self.waiting.get(other).map_or(0, VecDeque::len).min(rounds)
        };
        let others = self.rotation.iter().enumerate().filter(|(_, other)| *other != caller);
        own + others.map(before).sum::<usize>()
    }

    fn admitted(&self) -> usize {
        self.running + self.waiting_count() + self.reserved.values().sum::<usize>()
    }

    fn admitted_of(&self, caller: &Principal) -> usize {
        let count = |counts: &HashMap<Principal, usize>| counts.get(caller).copied().unwrap_or(0);
        count(&self.running_by_caller) + count(&self.reserved) + self.waiting.get(caller).map_or(0, VecDeque::len)
    }

    fn take_reservation(&mut self, caller: &Principal) {
        decrement(&mut self.reserved, caller);
    }

    fn limits_of(&self, caller: &Principal, all: QueueLimits) -> QueueLimits {
        let Some(narrow) = self.narrow.get(caller) else { return all };
        let least = |own: Option<usize>, all: usize| own.map_or(all, |own| own.min(all));
        QueueLimits {
            running_per_caller_max: least(narrow.running_max, all.running_per_caller_max),
            queued_per_caller_max: least(narrow.queued_max, all.queued_per_caller_max),
            ..all
        }
    }

    fn may_start(&self, slot: &Slot, limits: QueueLimits) -> bool {
        let limits = self.limits_of(&slot.owner.principal, limits);
        self.running < limits.running_per_agent_max
            && self
                .running_by_caller
                .get(&slot.owner.principal)
                .is_none_or(|running| *running < limits.running_per_caller_max)
            && !self.busy.contains(slot)
    }

    fn start(&mut self, slot: Slot) {
        self.count_up(&slot.owner.principal);
        self.busy.insert(slot);
    }

    fn count_up(&mut self, caller: &Principal) {
        self.running += 1;
        *self.running_by_caller.entry(caller.clone()).or_default() += 1;
    }

    fn count_down(&mut self, caller: &Principal) {
        self.running -= 1;
        decrement(&mut self.running_by_caller, caller);
    }

    fn stop(&mut self, slot: &Slot) {
        let was_asking = self.asking.remove(slot);
        if self.busy.remove(slot) && !was_asking {
            self.count_down(&slot.owner.principal);
        }
    }

    /// All turns that may start now.
    fn fill(&mut self, limits: QueueLimits) -> Vec<T> {
        std::iter::from_fn(|| self.next(limits)).collect()
    }

    /// The first turn in rotation that may start; its caller goes to the end of the rotation.
    fn next(&mut self, limits: QueueLimits) -> Option<T> {
        for turn_of in 0..self.rotation.len() {
            let caller = self.rotation[turn_of].clone();
            let line = self.waiting.get(&caller)?;
            let Some(at) = line.iter().position(|(slot, _)| self.may_start(slot, limits)) else { continue };
            let (slot, turn) = self.waiting.get_mut(&caller)?.remove(at)?;
            self.rotation.remove(turn_of);
            self.rotation.push_back(caller.clone());
            self.forget_empty_line(&caller);
            self.start(slot);
            return Some(turn);
        }
        None
    }

    fn forget_empty_line(&mut self, caller: &Principal) {
        if self.waiting.get(caller).is_some_and(VecDeque::is_empty) {
            self.waiting.remove(caller);
            self.rotation.retain(|other| other != caller);
        }
    }
}

/// Counts one less, and forgets a count of zero.
fn decrement(counts: &mut HashMap<Principal, usize>, caller: &Principal) {
    if let Some(count) = counts.get_mut(caller) {
        *count -= 1;
        if *count == 0 {
            counts.remove(caller);
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
