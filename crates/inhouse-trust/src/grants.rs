//! Authorization: whether a caller may do one thing with one agent, and the [`Permit`] that proves it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{AgentName, Caller, CallerLimits, Principal, Scope};

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
    /// None: others are appointed, or the credential is not good for it.
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
/// use inhouse_trust::{Operation, Permit, Principal};
/// fn forged(principal: Principal, other: Permit) -> Permit {
///     Permit { principal, operation: Operation::Send, ..other }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Permit {
    principal: Principal,
    operation: Operation,
    agent: AgentName,
    decides: Decides,
    limits: CallerLimits,
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

    /// How much, where it is less than anybody may.
    pub fn limits(&self) -> CallerLimits {
        self.limits
    }
}

/// Why a caller may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The agent is not for him. It is answered like an agent that does not exist.
    #[error("the caller may not use this agent")]
    Agent,
    /// His credential is not good for it.
    #[error("the token is not good for this: it has not the scope {}", .0.name())]
    Scope(Scope),
}

/// Whether an agent exists for `caller`.
pub fn sees(caller: &Caller, agent: &AgentName, policy: &Policy) -> bool {
    let is_for = |principals: &BTreeSet<Principal>| principals.contains(caller.principal());
    policy.reserved.get(agent).is_none_or(is_for)
        && caller.rights().agents.as_ref().is_none_or(|agents| agents.contains(agent))
}

/// Whether `caller` may look at the server itself, which tells of all agents and callers.
///
/// # Errors
/// [`Denied`] when his credential is for some agents alone, or has not the scope.
pub fn administers(caller: &Caller) -> Result<(), Denied> {
    let rights = caller.rights();
    match rights.agents {
        Some(_) => Err(Denied::Agent),
        None if rights.scopes.contains(&Scope::Admin) => Ok(()),
        None => Err(Denied::Scope(Scope::Admin)),
    }
}

/// Decides whether `caller` may do `operation` with `agent`, and whose permission requests it may answer. The only place that does.
///
/// # Errors
/// [`Denied`] when the agent is not for the caller, or the operation.
pub fn grants(caller: &Caller, operation: Operation, agent: &AgentName, policy: &Policy) -> Result<Permit, Denied> {
    if !sees(caller, agent, policy) {
        return Err(Denied::Agent);
    }
    let (principal, rights) = (caller.principal(), caller.rights());
    let scope = Scope::of(operation);
    if !rights.scopes.contains(&scope) {
        return Err(Denied::Scope(scope));
    }
    let decides = match policy.approvers.get(agent) {
        _ if !rights.scopes.contains(&Scope::Approve) => Decides::None,
        None => Decides::Own,
        Some(approvers) if approvers.contains(principal) => Decides::All,
        Some(_) => Decides::None,
    };
    let (principal, agent, limits) = (principal.clone(), agent.clone(), rights.limits);
    Ok(Permit { principal, operation, agent, decides, limits })
}
