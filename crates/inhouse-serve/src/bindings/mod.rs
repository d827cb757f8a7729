//! The bindings: from a request's bytes to the engine and back.
//!
//! A binding (`jsonrpc`) decodes what is asked into an `operation`, and writes what came of it in the caller's `dialect`.

pub(crate) mod jsonrpc;
pub(crate) mod rest;
pub(crate) mod grpc;
pub(crate) mod dialect;
pub(crate) mod operation;
pub(crate) mod checked;
mod list;
pub(crate) mod parameters;
pub(crate) mod extensions;
mod version;
mod words;
pub(crate) mod push;
mod events;
#[cfg(test)]
mod fuzz;
mod sse;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use inhouse_engine::{Engine, Reader};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::{AgentCard, TaskState};
use inhouse_trust::{AgentName, Caller, Operation, Permit, Policy, grants, sees};
use tokio::sync::watch;

use self::checked::is_id;
use self::events::{EventStream, Form, Until};
use self::extensions::{Extension, Extensions};
pub(crate) use self::version::Generation;
use crate::AuditLog;
use crate::body::Body;
use crate::copies::Copies;
use crate::push::Push;

/// Room for copies where nothing else is said, in bytes.
const COPIED_BYTES_MAX: usize = 256 << 20;

/// One agent's endpoint.
#[derive(Clone)]
pub struct Endpoint {
    /// The agent behind it.
    pub agent: AgentName,
    /// The engine that runs it.
    pub engine: Engine,
    /// Who may use it.
    pub policy: Arc<Policy>,
    /// A comment is sent on idle streams this often.
    pub keep_alive: Duration,
    /// The room for large answers that are not the log's own bytes.
    pub copies: Copies,
    /// Turns `true` when open streams have to end.
    pub closing: watch::Receiver<bool>,
    /// Tells webhooks; without it there are no push notifications.
    pub push: Option<Push>,
    /// What else the card offers.
    pub capabilities: Capabilities,
    /// Messages that have passed through so many agents are refused.
    pub hops_max: u8,
    /// Extensions beside the server's own.
    pub extensions: Arc<[Extension]>,
}

impl Endpoint {
    /// An endpoint that offers everything but push notifications, to everybody who comes in.
    pub fn new(agent: AgentName, engine: Engine, closing: watch::Receiver<bool>) -> Self {
        Self {
            agent,
            engine,
            policy: Arc::default(),
            keep_alive: Duration::from_secs(15),
            copies: Copies::new(COPIED_BYTES_MAX),
            closing,
            push: None,
            capabilities: Capabilities::default(),
            hops_max: 4,
            extensions: [].into(),
        }
    }
}

/// What a server can be told not to offer (spec 3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Streams of events.
    pub streaming: bool,
    /// A card that says more to known callers.
    pub extended_card: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { streaming: true, extended_card: true }
    }
}

/// A request that has passed the front door.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The agent at the request's address.
    pub(crate) endpoint: &'a Endpoint,
    /// Finds the agent that a request names by itself.
    pub(crate) tenants: &'a (dyn Fn(&str) -> Option<&'a Endpoint> + Sync),
    /// The card that a known caller sees of an agent.
    pub(crate) card: &'a (dyn Fn(&AgentName) -> AgentCard + Sync),
    pub(crate) caller: &'a Caller,
    pub(crate) headers: &'a HeaderMap,
    /// The query of the request's target.
    pub(crate) query: Option<&'a str>,
    /// The path names the agent (`/{tenant}/…`): what a body says of it does not count.
    pub(crate) is_named: bool,
    /// What starts or changes something has to be written down.
    pub(crate) audit: &'a AuditLog,
}

/// A response, and what the audit says of it.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Body,
    pub(crate) is_stream: bool,
    /// Of a whole answer.
    pub(crate) media_type: &'static str,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) extensions: Extensions,
    /// What stands in the head of an answer that has no body and says in trailers how it went.
    pub(crate) trailers_only: Option<Box<HeaderMap>>,
    pub(crate) audited: Audited,
}

/// What the audit says of a call besides who made it and when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audited {
    /// The method, as far as it is one of ours.
    pub(crate) method: &'static str,
    /// The agent that was asked, where it is not the one at the address.
    pub(crate) agent: Option<AgentName>,
    pub(crate) task: Option<Arc<str>>,
    pub(crate) context: Option<Arc<str>>,
    /// The state of the task in the answer, if it is settled.
    pub(crate) state: Option<&'static str>,
    /// `None`: ok; else the error's reason.
    pub(crate) refusal: Option<&'static str>,
    /// It may have started or changed something.
    pub(crate) is_change: bool,
}

impl<'a> Call<'a> {
    /// The same call to the agent of this name (spec 4.4.6); an empty one is the agent at the address. Agents that are
    /// reserved for others do not exist.
    fn of_tenant(&self, tenant: &str) -> Result<Self, A2aError> {
        if self.is_named || tenant.is_empty() || tenant == self.endpoint.agent.as_str() {
            return Ok(*self);
        }
        let granted = |endpoint: &&Endpoint| sees(self.caller, &endpoint.agent, &endpoint.policy);
        let endpoint = (self.tenants)(tenant).filter(granted);
        let unknown = || A2aError::invalid("tenant", "there is no agent of this name");
        Ok(Self { endpoint: endpoint.ok_or_else(unknown)?, ..*self })
    }

    /// The right to do this, if the caller has it.
    pub(crate) fn permit(&self, operation: Operation) -> Result<Permit, A2aError> {
        let Endpoint { agent, policy, .. } = self.endpoint;
        grants(self.caller, operation, agent, policy)
            .map_err(|denied| A2aError::new(ErrorKind::PermissionDenied).detail(denied.to_string()))
    }

    /// A stream of what `reader` finds, after the first frames.
    ///
    /// # Errors
    /// Unavailable, when the first frames are copies for which there is no room.
    fn stream(
        &self,
        form: impl Form,
        until: Until,
        first: Vec<Bytes>,
        reader: Option<Reader>,
    ) -> Result<Answer, A2aError> {
        let Endpoint { copies, closing, keep_alive, .. } = self.endpoint;
        let first = if form.copies() { copies.count(first)? } else { first };
        let stream = EventStream::new(form, until, first, reader, *keep_alive, closing.clone(), copies.clone());
        Ok(Answer { is_stream: true, body: Body::stream(stream), ..Answer::json(Bytes::new()) })
    }
}

impl Audited {
    /// The request names this task; what can not be an id of ours is not written down.
    fn names(&mut self, task_id: &str) {
        self.task = is_id(task_id).then(|| task_id.into());
    }

    /// The answer shows this task.
    fn shows(&mut self, task: &Snapshot) {
        self.context = Some(Arc::clone(&task.context_id));
        self.state = if task.message.is_some() { None } else { settled(task.state) };
    }
}

/// A state in which a task is finished or waits for its caller, as the audit writes it.
fn settled(state: TaskState) -> Option<&'static str> {
    match state {
        TaskState::Completed => Some("completed"),
        TaskState::Failed => Some("failed"),
        TaskState::Canceled => Some("canceled"),
        TaskState::Rejected => Some("rejected"),
        TaskState::InputRequired => Some("input-required"),
        TaskState::AuthRequired => Some("auth-required"),
        TaskState::Unspecified | TaskState::Submitted | TaskState::Working => None,
    }
}

impl Answer {
    /// A whole JSON answer.
    pub(crate) fn json(json: impl Into<Bytes>) -> Self {
        Self::whole(Body::full(json))
    }

    /// A whole JSON answer in pieces.
    fn pieces(json: Vec<Bytes>) -> Self {
        Self::whole(Body::chunks(json))
    }

    fn whole(body: Body) -> Self {
        Self {
            status: StatusCode::OK,
            body,
            is_stream: false,
            media_type: "application/json",
            retry_after_s: None,
            extensions: Extensions::default(),
            trailers_only: None,
            audited: Audited::default(),
        }
    }
}
