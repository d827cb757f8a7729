//! What the engine tells of its turns to whoever writes it down and counts it.

use std::time::Duration;

use inhouse_trust::{AgentName, Principal};

use crate::agent::{DecidedBy, Usage};

/// Writes down what was decided about the agents' requests, and how turns went.
pub trait Witness: Send + Sync + 'static {
    /// `who`: the caller whose task it is. `decision`: one word.
    fn decided(&self, who: &Principal, agent: &AgentName, task: &str, tool: &str, decision: &str, by: DecidedBy);

    /// Whether a decision would be written down now. What is allowed has to be.
    fn has_room(&self) -> bool;

    /// A turn begins to run.
    fn began(&self, agent: &AgentName);

    /// A turn that began has ended.
    fn ended(&self, turn: &Ended<'_>);
}

/// How a turn went.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Whose turn it was.
    pub who: &'a Principal,
    /// Which agent ran.
    pub agent: &'a AgentName,
    /// For which task.
    pub task: &'a str,
    /// The state in which it left its task, or the reason code of a failure; one word.
    pub outcome: &'static str,
    /// How long it had waited for its place.
    pub waited: Duration,
    /// How long it ran.
    pub took: Duration,
    /// What it has used, as far as the agent tells.
    pub usage: Option<Usage>,
}

/// How many turns of an agent there are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Occupancy {
    /// They run.
    pub running: usize,
    /// They wait for a place.
    pub waiting: usize,
    /// They wait for somebody's answer.
    pub asking: usize,
}

/// What an agent has used today (UTC), of all its callers together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UsedToday {
    /// Tokens, read and written.
    pub tokens: u64,
    /// US dollars.
    pub usd: f64,
}
