//! What the engine serves now, the agents and its bounds, which may be others later; and a look at how it stands.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use inhouse_proto::v1::TaskState;
use inhouse_trust::AgentName;

use crate::engine::{Engine, Inner, lock};
use crate::entry::AgentEntry;
use crate::limits::EngineLimits;
use crate::note::now_ms;
use crate::store::Kept;
use crate::witness::{Occupancy, UsedToday};

/// The agents, and the bounds of their work.
pub(crate) struct Served {
    agents: HashMap<AgentName, Arc<AgentEntry>>,
    limits: EngineLimits,
}

impl Served {
    pub(crate) fn new(agents: HashMap<AgentName, AgentEntry>, limits: EngineLimits) -> Self {
        let agents = agents.into_iter().map(|(name, entry)| (name, Arc::new(entry))).collect();
        Self { agents, limits }
    }
}

impl Inner {
    fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The bounds that hold now.
    pub(crate) fn limits(&self) -> EngineLimits {
        self.served().limits
    }

    /// An agent as it is now. Who has it once goes on with it.
    pub(crate) fn entry(&self, agent: &AgentName) -> Option<Arc<AgentEntry>> {
        self.served().agents.get(agent).cloned()
    }
}

impl Engine {
    /// Serves these agents from now on, within these bounds. Turns that were taken before, those that wait among them, have the agent
    /// that they were sent to.
    pub fn renew(&self, agents: HashMap<AgentName, AgentEntry>, limits: EngineLimits) {
        let inner = &self.inner;
        *inner.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Served::new(agents, limits));
        lock(&inner.starts).renew(limits.starts);
        let next = lock(&inner.queue).renew(limits.queue);
        inner.start_all(next);
    }

    /// How many turns of each agent there are.
    pub fn occupancy(&self) -> Vec<(AgentName, Occupancy)> {
        let (served, queue) = (self.inner.served(), lock(&self.inner.queue));
        served.agents.keys().map(|agent| (agent.clone(), queue.occupancy(agent))).collect()
    }

    /// What each agent has used today, as far as it tells.
    pub fn used_today(&self) -> Vec<(AgentName, UsedToday)> {
        self.inner.ledger.used_today(now_ms())
    }

    /// What finished tasks and those that wait for their caller keep.
    pub fn kept(&self) -> Kept {
        self.inner.store.kept()
    }

    /// How many tasks are in each state.
    pub fn states(&self) -> Vec<(TaskState, usize)> {
        self.inner.store.states()
    }
}
