//! What a credential is good for: what may be done with it, with which agents, until when, and how much.

use std::collections::BTreeSet;

use crate::{AgentName, Operation};

/// One kind of thing that a credential may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Send messages, and so start turns.
    Send,
    /// Read and follow the caller's tasks.
    Read,
    /// Cancel them.
    Cancel,
    /// Have webhooks told of them.
    Push,
    /// Answer what agents ask leave for.
    Approve,
    /// Look at the server itself, what it counts, how it stands, what it has written down; and have it read its configuration again.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Send, Self::Read, Self::Cancel, Self::Push, Self::Approve, Self::Admin];

    /// Its name in commands, files and claims.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Read => "read",
            Self::Cancel => "cancel",
            Self::Push => "push",
            Self::Approve => "approve",
            Self::Admin => "admin",
        }
    }

    /// The scope of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// What an operation needs.
    pub(crate) fn of(operation: Operation) -> Self {
        match operation {
            Operation::Send | Operation::Stream => Self::Send,
            Operation::Get | Operation::List | Operation::Subscribe => Self::Read,
            Operation::Cancel => Self::Cancel,
            Operation::Push => Self::Push,
        }
    }
}

/// Bounds of one caller that are narrower than those of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallerLimits {
    /// Turns that may be started in a minute.
    pub starts_per_minute_max: Option<u32>,
    /// Turns of one agent that may run at the same time.
    pub running_max: Option<usize>,
    /// Turns that may wait for one agent.
    pub queued_max: Option<usize>,
}

/// What a credential is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// What may be done.
    pub scopes: BTreeSet<Scope>,
    /// With which agents; all, where nothing is said. It opens none that is reserved for others.
    pub agents: Option<BTreeSet<AgentName>>,
    /// From this second since the epoch on it is good for nothing.
    pub expires_at_s: Option<u64>,
    /// How much.
    pub limits: CallerLimits,
}

impl Default for Rights {
    /// Everything but a look at the server itself, with all agents, for ever, as much as anybody.
    fn default() -> Self {
        Self {
            scopes: Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin).collect(),
            agents: None,
            expires_at_s: None,
            limits: CallerLimits::default(),
        }
    }
}

impl Rights {
    /// The same, and that look too, for whoever runs the server.
    pub fn of_operator() -> Self {
        Self { scopes: Scope::ALL.into(), ..Self::default() }
    }

    /// Whether it is good for something at this time.
    pub fn hold_at(&self, now_s: u64) -> bool {
        self.expires_at_s.is_none_or(|expires| now_s < expires)
    }
}
