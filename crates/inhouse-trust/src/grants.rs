//! Authorization: whether a caller may do one thing with one agent, and the [`Permit`] that proves it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{AgentName, Caller, Principal};

/// What is asked of an agent or of its tasks (specification, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Send a message and wait for the answer, or for the task.
    Send,
    /// Send a message and follow the answer.
    Stream,
    /// Read one task.
    Get,
    /// List tasks.
    List,
    /// Cancel a task.
    Cancel,
    /// Follow a task.
    Subscribe,
    /// Decide to whom a task's events are told.
    Push,
}

impl Operation {
    /// Whether it may start an agent.
    pub fn starts(self) -> bool {
        matches!(self, Self::Send | Self::Stream)
    }
}

/// Which principals may use which agents, and who decides on what an agent may do. An agent without a rule is open to every
/// principal, and each caller decides for his own tasks.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    reserved: BTreeMap<AgentName, BTreeSet<Principal>>,
    approvers: BTreeMap<AgentName, BTreeSet<Principal>>,
}

/// Whose permission requests of an agent a principal answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decides {
    /// Those of its own tasks: nobody is appointed for the agent.
    Own,
    /// Those of everybody's tasks: it is appointed.
    All,
    /// None: others are appointed.
    None,
}

impl Policy {
    /// Reserves an agent for the given principals; a second rule for it adds to the first.
    pub fn reserve(&mut self, agent: AgentName, principals: impl IntoIterator<Item = Principal>) {
        self.reserved.entry(agent).or_default().extend(principals);
    }

    /// Appoints those who answer all permission requests of an agent, in place of its callers; a second rule adds to the first.
    pub fn appoint(&mut self, agent: AgentName, principals: impl IntoIterator<Item = Principal>) {
        self.approvers.entry(agent).or_default().extend(principals);
    }

    /// Whether an agent is for some principals only, so that strangers must not see that it exists.
    pub fn is_reserved(&self, agent: &AgentName) -> bool {
        self.reserved.contains_key(agent)
    }
}

/// The right of one principal to do one thing with one agent. Made by [`grants`] alone:
///
/// ```compile_fail,E0451
/// use inhouse_trust::{AgentName, Decides, Operation, Permit, Principal};
/// let (principal, agent) = (Principal::new("ann").expect("a name"), AgentName::new("claude").expect("a name"));
/// let forged = Permit { principal, operation: Operation::Send, agent, decides: Decides::All };
/// ```
#[derive(Debug, Clone)]
pub struct Permit {
    principal: Principal,
    operation: Operation,
    agent: AgentName,
    decides: Decides,
}

impl Permit {
    /// Whose right it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What may be done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// With which agent.
    pub fn agent(&self) -> &AgentName {
        &self.agent
    }

    /// Whose permission requests of the agent may be answered with it.
    pub fn decides(&self) -> Decides {
        self.decides
    }
}

/// The caller may not use this agent. It is answered like an agent that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the caller may not use this agent")]
pub struct Denied;

/// Decides whether `caller` may do `operation` with `agent`, and whose permission requests it may answer. The only place that does.
///
/// # Errors
/// [`Denied`] when the agent is reserved for others.
pub fn grants(caller: &Caller, operation: Operation, agent: &AgentName, policy: &Policy) -> Result<Permit, Denied> {
    let principal = caller.principal();
    if policy.reserved.get(agent).is_some_and(|principals| !principals.contains(principal)) {
        return Err(Denied);
    }
    let decides = match policy.approvers.get(agent) {
        None => Decides::Own,
        Some(approvers) if approvers.contains(principal) => Decides::All,
        Some(_) => Decides::None,
    };
    Ok(Permit { principal: principal.clone(), operation, agent: agent.clone(), decides })
}
