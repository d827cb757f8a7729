//! What the tests of drivers share: a turn with a real permit, an output that collects, and a runner.

#![allow(dead_code, clippy::unwrap_used, reason = "test code of which each file uses its part")]

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use inhouse_agents::{AgentSpec, ProgramSpec, Protocol, build};
use inhouse_engine::agent::{
    Agent, AgentEvent, ArtifactUpdate, Asked, DecidedBy, End, Full, Note, Output, Stop, Turn, Usage,
};
use inhouse_engine::cancel::{Cancel, CancelSource, StopCause};
use inhouse_engine::{Ask, Reply};
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use inhouse_proto::via::Via;
use inhouse_run::{Options, Runner, Tier};
use inhouse_trust::{
    AgentCommand, AgentName, HostEnv, Input, Operation, Permit, Policy, Principal, Secret, TokenDigest, Tokens, grants,
};

/// Longer than anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Collects what an agent says; fires `cancel` or refuses more, when it has enough.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) events: Vec<AgentEvent>,
    pub(crate) text: String,
    pub(crate) usage: Option<Usage>,
    pub(crate) cancel_at: Option<(&'static str, CancelSource)>,
    pub(crate) text_bytes_max: Option<usize>,
    /// What was asked, and what is said to it, in order; without an answer the agent waits.
    pub(crate) asked: Vec<Ask>,
    pub(crate) replies: VecDeque<fn(&Ask) -> Reply>,
    pub(crate) reply_after_ms: u64,
    pub(crate) unasked: usize,
    /// What was left behind; so many times there was no room for it.
    pub(crate) left: Vec<ArtifactUpdate>,
    pub(crate) full: usize,
    pub(crate) decided: Vec<(String, &'static str, DecidedBy)>,
}

#[async_trait]
impl Output for Collected {
    async fn emit(&mut self, event: AgentEvent) -> Result<(), Stop> {
        match &event {
            AgentEvent::Text(text) => self.text.push_str(text),
            AgentEvent::Withdraw => self.text.clear(),
            AgentEvent::Usage(usage) => self.usage = Some(*usage),
            _ => {}
        }
        self.events.push(event);
        if let Some((_, cancel)) = self.cancel_at.as_ref().filter(|(word, _)| self.text.contains(word)) {
            cancel.fire(StopCause::Canceled);
        }
        let full = self.text_bytes_max.is_some_and(|bytes_max| self.text.len() > bytes_max);
        if full { Err(Stop) } else { Ok(()) }
    }

    async fn ask(&mut self, ask: Ask) -> Result<Asked, Stop> {
        self.asked.push(ask);
        Ok(Asked::Waiting)
    }

    async fn reply(&mut self) -> Reply {
        tokio::time::sleep(Duration::from_millis(self.reply_after_ms)).await;
        match (self.replies.pop_front(), self.asked.last()) {
            (Some(reply), Some(ask)) => reply(ask),
            _ => std::future::pending().await,
        }
    }

    async fn leave(&mut self, artifact: ArtifactUpdate) -> Result<(), Full> {
        self.left.push(artifact);
        if self.left.len() <= self.full { Err(Full) } else { Ok(()) }
    }

    fn unask(&mut self) {
        self.unasked += 1;
    }

    fn decided(&mut self, ask: &Ask, reply: Reply, by: DecidedBy) -> Reply {
        self.decided.push((ask.tool.clone(), ask.decision(&reply), by));
        reply
    }
}

pub(crate) fn permit() -> Permit {
    permit_of("ann")
}

pub(crate) fn permit_of(caller: &str) -> Permit {
    let digest = TokenDigest::of(&Secret::new("token".to_owned()));
    let tokens = Tokens::new([(Principal::new(caller).unwrap(), digest)]);
    let caller = tokens.caller(&[b"Bearer token"], 0).unwrap();
    grants(&caller, Operation::Send, &AgentName::new("agent").unwrap(), &Policy::default()).unwrap()
}

pub(crate) fn message(text: &str) -> v1::Message {
    let part = v1::Part { content: Some(Content::Text(text.to_owned())), ..v1::Part::default() };
    v1::Message { message_id: "m".to_owned(), role: v1::Role::User.into(), parts: vec![part], ..v1::Message::default() }
}

pub(crate) fn turn(text: &str, cancel: Cancel) -> Turn {
    Turn {
        permit: permit(),
        task_id: "task-1".into(),
        context_id: "context-1".into(),
        number: 1,
        message: message(text),
        history: Vec::new(),
        accepted_output_modes: Vec::new(),
        via: Via::default(),
        begins_context: true,
        cancel,
    }
}

pub(crate) fn command(program: &str, args: &[&str], input: Input) -> AgentCommand {
    AgentCommand {
        program: PathBuf::from(program),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        input,
        env_pass: Vec::new(),
        env_set: Vec::new(),
        directory: PathBuf::from("/"),
    }
}

pub(crate) fn spec(command: AgentCommand, protocol: Protocol) -> AgentSpec {
    AgentSpec::Program(Box::new(ProgramSpec::new(command, protocol)))
}

/// Takes one turn, and fails the test when it takes too long.
pub(crate) async fn take(spec: AgentSpec, turn: &Turn, output: &mut Collected) -> End {
    take_again(&agent(spec), turn, output).await
}

/// An agent, for several turns.
pub(crate) fn agent(spec: AgentSpec) -> Arc<dyn Agent> {
    build(spec, &runner(), &HostEnv::new(std::env::vars_os()))
}

pub(crate) fn runner() -> Runner {
    let options = Options { tier: Some(Tier::Group), ..Options::default() };
    Runner::new(options).expect("the group tier is available everywhere")
}

pub(crate) async fn take_again(agent: &Arc<dyn Agent>, turn: &Turn, output: &mut Collected) -> End {
    tokio::time::timeout(DEADLINE, agent.turn(turn, output)).await.expect("a turn ends in time")
}

/// One turn of an agent of its own.
pub(crate) async fn once(spec: AgentSpec, turn: &Turn) -> (Collected, End) {
    let mut output = Collected::default();
    let end = take(spec, turn, &mut output).await;
    (output, end)
}

/// One turn in a context: its answer, and the notes on the way.
pub(crate) async fn answered(agent: &Arc<dyn Agent>, context: &str, begins_context: bool) -> (String, Vec<String>) {
    let (_source, cancel) = CancelSource::new();
    let mut output = Collected::default();
    let turn = Turn { context_id: context.into(), begins_context, ..turn("hi", cancel) };
    let end = take_again(agent, &turn, &mut output).await;
    assert_eq!(end, End::Completed(Note::default()), "{:?}", output.events);
    let note = |event: &AgentEvent| if let AgentEvent::Working(note) = event { note.text.clone() } else { None };
    (output.text.clone(), output.events.iter().filter_map(note).collect())
}

/// One turn of a shell script that reads the text from standard input.
pub(crate) async fn script(script: &str, text: &str) -> (String, End) {
    let (_source, cancel) = CancelSource::new();
    let mut output = Collected::default();
    let command = command("/bin/sh", &["-c", script], Input::Stdin);
    let end = take(spec(command, Protocol::Text), &turn(text, cancel), &mut output).await;
    (output.text, end)
}
