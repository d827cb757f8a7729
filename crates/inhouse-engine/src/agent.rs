//! The port that every agent adapter implements: one turn in, events out, one end.
//!
//! An adapter never touches the task: it emits what the agent says and returns how the turn ended. The engine turns
//! both into the task's log, so a late, doubled or missing word of an adapter can not put a task into a wrong state.

use std::sync::Arc;

use async_trait::async_trait;
use inhouse_proto::json::{Struct, Value};
use inhouse_proto::v1;
use inhouse_proto::via::{TraceParent, Via};
use inhouse_trust::{Permit, Principal};

use crate::activity::Activity;
use crate::ask::{Ask, Reply};
use crate::cancel::Cancel;

/// One configured agent, ready to take turns. Turns of different tasks may run at the same time.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// Takes one turn: starts what is needed, emits events into `output` as they come, returns when nothing of it is left.
    ///
    /// When [`Turn::cancel`] fires the adapter asks the agent to stop, ends whatever it started and returns; the engine drops the future
    /// when that takes longer than its own limit, so dropping it must end everything as well.
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End;
}

/// Where an adapter puts what the agent says.
#[async_trait]
pub trait Output: Send {
    /// Commits one event. Waits while the log is busy, which is the back-pressure on the agent's pipe.
    ///
    /// # Errors
    /// [`Stop`] when the task takes nothing more (output limit, cancel): the adapter ends its run and returns.
    async fn emit(&mut self, event: AgentEvent) -> Result<(), Stop>;

    /// Asks the caller. The task waits from then on, and its clock with it, until [`reply`](Self::reply) returns or
    /// [`unask`](Self::unask) is called. One ask at a time.
    ///
    /// # Errors
    /// [`Stop`], as for any event.
    async fn ask(&mut self, ask: Ask) -> Result<Asked, Stop>;

    /// What was said to the ask: the caller's answer, or a no where nobody answered in time. Pending while nothing is asked.
    /// Cancel safe.
    async fn reply(&mut self) -> Reply;

    /// The agent does not want to know any more. An answer that is on its way is heard by nobody, least of all the next ask.
    fn unask(&mut self);

    /// Commits what the turn leaves behind, a whole artifact, however the turn ended: also after it was stopped.
    ///
    /// # Errors
    /// [`Full`] when the task has no room for it. Nothing is committed then, and it is no failure of the turn.
    async fn leave(&mut self, artifact: ArtifactUpdate) -> Result<(), Full>;

    /// Something was decided without the caller: by a rule, or because it could not be asked.
    /// The reply that counts: what can not be written down is not allowed.
    fn decided(&mut self, ask: &Ask, reply: Reply, by: DecidedBy) -> Reply;
}

/// What became of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The caller has been asked.
    Waiting,
    /// Too many turns wait for an answer already: the agent is to be told no.
    TooMany,
}

/// Who decided what an agent may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecidedBy {
    /// The caller whose task it is.
    Caller,
    /// Somebody who is appointed for it.
    Approver(Principal),
    /// A rule of the operator's.
    Rule,
    /// Nobody could be asked, or nobody answered in time.
    Nobody,
}

impl DecidedBy {
    /// The word that the audit has for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Approver(_) => "approver",
            Self::Rule => "rule",
            Self::Nobody => "nobody",
        }
    }
}

/// The task takes no more output; the adapter's own end is then ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// The task has no room for what a turn leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What an adapter needs to know for one turn.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The right to run this agent for this caller.
    pub permit: Permit,
    /// The task, as the server named it.
    pub task_id: Arc<str>,
    /// The conversation that the task belongs to.
    pub context_id: Arc<str>,
    /// Whether the conversation begins with this turn: its id was made for it, so that nobody can mean an earlier one.
    pub begins_context: bool,
    /// Counts the messages of this task, from 1.
    pub number: u32,
    /// The caller's message of this turn.
    pub message: v1::Message,
    /// Earlier messages of this task, oldest first.
    pub history: Vec<v1::Message>,
    /// Media types that the caller accepts; empty when it did not say.
    pub accepted_output_modes: Vec<String>,
    /// The way that the message has come.
    pub via: Via,
    /// Fires when the turn has to end early: cancel, timeout, shutdown.
    pub cancel: Cancel,
}

impl Turn {
    /// The text of the message's text parts, joined by line feeds; `data` parts stand as JSON.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for part in &self.message.parts {
            let piece = match &part.content {
                Some(v1::part::Content::Text(text)) => text.clone(),
                Some(v1::part::Content::Data(Value(data))) => data.to_string(),
                _ => continue,
            };
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&piece);
        }
        out
    }

    /// The id of the trace that it belongs to, for the log.
    pub fn trace_id(&self) -> Option<&str> {
        self.via.trace.as_ref().map(TraceParent::trace_id)
    }
}

/// Something that an agent did, as far as callers are concerned.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentEvent {
    /// Text of the answer; appends to the default artifact.
    Text(String),
    /// Everything said so far in the default artifact is withdrawn; the next text replaces it.
    Withdraw,
    /// A whole artifact or a piece of one.
    Artifact(ArtifactUpdate),
    /// The agent is at work and says so, in its own words.
    Working(Note),
    /// The agent is at work: what it does.
    Active(Activity),
    /// A direct answer without a task, if nothing has reached the caller yet; else it becomes the default artifact.
    Message(Vec<v1::Part>),
    /// What the turn cost so far; the last one counts.
    Usage(Usage),
}

/// A piece of an artifact, as an agent gives it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArtifactUpdate {
    /// Unique within the task; the default artifact when absent.
    pub artifact_id: Option<String>,
    /// A name for people.
    pub name: Option<String>,
    /// A description for people.
    pub description: Option<String>,
    /// At least one part.
    pub parts: Vec<v1::Part>,
    /// Appends to the artifact of the same id; replaces it otherwise.
    pub append: bool,
    /// Nothing more comes for this artifact.
    pub last_chunk: bool,
    /// Metadata of the artifact.
    pub metadata: Option<Struct>,
}

/// Text and data of a status message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Note {
    /// For people.
    pub text: Option<String>,
    /// For programs.
    pub data: Option<Value>,
}

/// What a turn used, as far as the agent tells.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Tokens read by the model.
    pub input_tokens: Option<u64>,
    /// Tokens written by the model.
    pub output_tokens: Option<u64>,
    /// Price of this turn in US dollars.
    pub cost_usd: Option<f64>,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// The agent finished its work.
    Completed(Note),
    /// It did not; the reason is a stable code.
    Failed(Failure),
    /// The agent declined the task.
    Rejected(Note),
    /// The agent asks; the caller's next message on the task is the answer.
    InputRequired(Note),
    /// The agent needs a credential that the caller provides out of band.
    AuthRequired(Note),
    /// The agent stopped by itself or as asked.
    Canceled(Note),
}

/// Why a turn failed: a stable code for programs, a line for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The stable code.
    pub reason: Reason,
    /// One line, redacted, safe to show to the caller.
    pub detail: Option<String>,
    /// What the agent has to say about it to programs.
    pub data: Option<Value>,
    /// Whether the line is the agent's own message to its caller, which stands as it is.
    pub quoted: bool,
}

impl Failure {
    /// A failure with a line for people.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: Some(detail.into()), data: None, quoted: false }
    }

    /// A failure that the agent itself tells its caller of.
    pub fn said(reason: Reason, text: impl Into<String>) -> Self {
        Self { quoted: true, ..Self::new(reason, text) }
    }
}

/// Stable reason codes of failed tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The program could not be started.
    StartFailed,
    /// The text can not be given to this agent (NUL or too long for an argument).
    InputRefused,
    /// The agent ended without success.
    AgentFailed,
    /// What the agent wrote does not follow its protocol.
    AgentProtocol,
    /// The agent's model provider failed.
    ProviderFailed,
    /// The turn took longer than the agent's total time.
    Timeout,
    /// The agent wrote more than a task may keep.
    OutputLimit,
    /// The agent's processes used more memory than they may, or were too many.
    ResourceLimit,
    /// What may be spent in a day is spent.
    Budget,
    /// The server is stopping.
    Shutdown,
    /// A defect of the server.
    Internal,
}

impl Reason {
    /// The code that callers see in metadata and text.
    pub fn code(self) -> &'static str {
        match self {
            Self::StartFailed => "start_failed",
            Self::InputRefused => "input_refused",
            Self::AgentFailed => "agent_failed",
            Self::AgentProtocol => "agent_protocol",
            Self::ProviderFailed => "provider_failed",
            Self::Timeout => "timeout",
            Self::OutputLimit => "output_limit",
            Self::ResourceLimit => "resource_limit",
            Self::Budget => "budget",
            Self::Shutdown => "shutdown",
            Self::Internal => "internal",
        }
    }
}
