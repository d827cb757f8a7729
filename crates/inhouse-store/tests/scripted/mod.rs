//! Scripted agents and a small house around them: an engine over the memory store.

#![allow(
    unreachable_pub,
    missing_docs,
    dead_code,
    unused_imports,
    reason = "shared between test files, of which each uses its part"
)]

mod steps;
mod watched;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use inhouse_engine::agent::{
    Agent, AgentEvent, ArtifactUpdate, Asked, DecidedBy, End, Failure, Note, Output, Reason, Turn,
};
use inhouse_engine::{
    Accepted, AgentEntry, Ask, Budgets, Choice, Effect, Ended, Engine, EngineLimits, Numbered, Question, Submission,
    Takes, Witness,
};
use inhouse_proto::error::A2aError;
use inhouse_proto::json;
use inhouse_proto::snapshot::{Snapshot, View};
use inhouse_proto::v1::{self, TaskState, part::Content};
use inhouse_proto::wire::Event;
use inhouse_store::{MemoryLimits, MemoryStore};
use inhouse_trust::{AgentName, Operation, Permit, Policy, Principal, Secret, TokenDigest, Tokens, grants};
use tokio::sync::Notify;

pub use steps::{Step, steps};
use watched::{Watch, Watched};

/// What a scripted agent does in a turn.
#[derive(Debug, Clone)]
pub enum Script {
    Say(Vec<String>),
    SayThenHang(String),
    CompletesWhenCanceled,
    Withdraws(String, String),
    AnswersDirectly(String),
    Ends(End),
    AskTwice,
    AsksThenHangs,
    /// Asks in the middle of its turn, this many times, and says what it was told.
    Asks(usize),
    /// Asks a question that is no request for leave, and says what it was told.
    AsksAQuestion,
    /// Asks, and wants to know no more.
    AsksInVain,
    /// Asks, waits until it is told that somebody has answered, wants to know no more, and asks anew.
    AsksAnew(Arc<Notify>),
    ArtifactThenText(String, String),
    AnswersWhenTold(String, Arc<Notify>),
    LeavesWhenCanceled([usize; 3]),
    Flood,
    Panics,
    /// Does one thing after another; `house.tell()` is waited for where that is said.
    Steps(Vec<Step>, Arc<Notify>),
}

impl Script {
    pub fn say<const N: usize>(texts: [&str; N]) -> Self {
        Self::Say(texts.map(str::to_owned).to_vec())
    }

    pub fn lines(count: usize) -> Self {
        Self::Say((0..count).map(|at| format!("line {at}\n")).collect())
    }

    pub fn say_then_hang(text: &str) -> Self {
        Self::SayThenHang(text.to_owned())
    }

    pub fn completes_when_canceled() -> Self {
        Self::CompletesWhenCanceled
    }

    pub fn withdraws(first: &str, second: &str) -> Self {
        Self::Withdraws(first.to_owned(), second.to_owned())
    }

    pub fn answers_directly(text: &str) -> Self {
        Self::AnswersDirectly(text.to_owned())
    }

    pub fn fail(detail: &str) -> Self {
        Self::Ends(End::Failed(Failure::new(Reason::AgentFailed, detail)))
    }

    pub fn reject(text: &str) -> Self {
        Self::Ends(End::Rejected(note(text)))
    }

    pub fn ask(text: &str) -> Self {
        Self::Ends(End::InputRequired(note(text)))
    }

    pub fn ask_twice() -> Self {
        Self::AskTwice
    }

    pub fn asks_then_hangs() -> Self {
        Self::AsksThenHangs
    }

    pub fn asks(times: usize) -> Self {
        Self::Asks(times)
    }

    pub fn asks_in_vain() -> Self {
        Self::AsksInVain
    }

    pub fn asks_anew() -> Self {
        Self::AsksAnew(Arc::default())
    }

    pub fn artifact_then_text(artifact: &str, text: &str) -> Self {
        Self::ArtifactThenText(artifact.to_owned(), text.to_owned())
    }

    pub fn answers_when_told(text: &str) -> Self {
        Self::AnswersWhenTold(text.to_owned(), Arc::default())
    }

    /// Leaves artifacts of so many bytes behind, after it was stopped.
    pub fn leaves_when_canceled(sizes: [usize; 3]) -> Self {
        Self::LeavesWhenCanceled(sizes)
    }

    pub fn flood() -> Self {
        Self::Flood
    }

    pub fn panics() -> Self {
        Self::Panics
    }
}

#[async_trait]
impl Agent for Script {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        let done = End::Completed(Note::default());
        match self {
            Self::Say(texts) => {
                for text in texts {
                    let _ = output.emit(AgentEvent::Text(text.clone())).await;
                }
                done
            }
            Self::SayThenHang(text) => {
                let _ = output.emit(AgentEvent::Text(text.clone())).await;
                std::future::pending().await
            }
            Self::CompletesWhenCanceled => {
                turn.cancel.requested().await;
                done
            }
            Self::Withdraws(first, second) => {
                for event in [AgentEvent::Text(first.clone()), AgentEvent::Withdraw, AgentEvent::Text(second.clone())] {
                    let _ = output.emit(event).await;
                }
                done
            }
            Self::AnswersDirectly(text) => {
                let _ = output.emit(AgentEvent::Message(vec![part(text)])).await;
                done
            }
            Self::AnswersWhenTold(text, told) => {
                told.notified().await;
                let _ = output.emit(AgentEvent::Message(vec![part(text)])).await;
                done
            }
            Self::ArtifactThenText(artifact, text) => {
                let update = ArtifactUpdate { parts: vec![part(artifact)], ..ArtifactUpdate::default() };
                let _ = output.emit(AgentEvent::Artifact(update)).await;
                let _ = output.emit(AgentEvent::Text(text.clone())).await;
                done
            }
            Self::AsksThenHangs if turn.number == 1 => End::InputRequired(note("well?")),
            Self::AsksThenHangs => {
                turn.cancel.requested().await;
                done
            }
            Self::Asks(times) => ask_and_tell(*times, turn, output).await,
            Self::AsksAQuestion => {
                let ask = Ask { tool: String::new(), ..permission("q1") };
                let _ = output.ask(ask).await;
                let told = output.reply().await;
                let _ = output.emit(AgentEvent::Text(told.choice().unwrap_or("no").to_owned())).await;
                done
            }
            Self::AsksInVain => {
                let _ = output.ask(permission("r1")).await;
                output.unask();
                let _ = output.emit(AgentEvent::Text("never mind".to_owned())).await;
                done
            }
            Self::AsksAnew(answered) => ask_anew(answered, turn, output).await,
            Self::Ends(end) => end.clone(),
            Self::AskTwice if turn.number < 3 => End::InputRequired(note("and?")),
            Self::AskTwice => done,
            Self::LeavesWhenCanceled(sizes) => leave_when_canceled(sizes, turn, output).await,
            Self::Flood => loop {
                if output.emit(AgentEvent::Text("x".repeat(1_000))).await.is_err() {
                    return done;
                }
            },
            Self::Panics => panic!("on purpose"),
            Self::Steps(steps, told) => steps::walk(steps, told, output).await,
        }
    }
}

/// Asks so many times, and says each time what it was told.
async fn ask_and_tell(times: usize, turn: &Turn, output: &mut dyn Output) -> End {
    let done = End::Completed(Note::default());
    let _ = output.emit(AgentEvent::Text("before".to_owned())).await;
    for number in 1..=times {
        let told = match output.ask(permission(&format!("r{number}"))).await {
            Ok(Asked::Waiting) => tokio::select! {
                reply = output.reply() => reply.choice().unwrap_or("no").to_owned(),
                _ = turn.cancel.requested() => return done,
            },
            Ok(Asked::TooMany) => "too many".to_owned(),
            Err(_) => return done,
        };
        let _ = output.emit(AgentEvent::Text(format!(" {told}"))).await;
    }
    done
}

async fn ask_anew(answered: &Notify, turn: &Turn, output: &mut dyn Output) -> End {
    let _ = output.ask(permission("r0")).await;
    answered.notified().await;
    output.unask();
    ask_and_tell(1, turn, output).await
}

async fn leave_when_canceled(sizes: &[usize], turn: &Turn, output: &mut dyn Output) -> End {
    turn.cancel.requested().await;
    for size in sizes {
        let (artifact_id, parts) = (Some("left".to_owned()), vec![part(&"x".repeat(*size))]);
        let _ = output.leave(ArtifactUpdate { artifact_id, parts, ..ArtifactUpdate::default() }).await;
    }
    let _ = output.emit(AgentEvent::Text("too late".to_owned())).await;
    End::Completed(Note::default())
}

fn permission(id: &str) -> Ask {
    let option = |id: &str, effect| Choice { id: id.into(), label: id.into(), effect };
    let options = vec![option("allow", Effect::Allow), option("deny", Effect::Deny)];
    let question = Question { id: "p".into(), text: "May I?".into(), options, multiple: false, free_text: false };
    let input = serde_json::json!({"command": "ls"});
    Ask { id: id.into(), tool: "Bash".into(), subject: "ls".into(), input, questions: vec![question] }
}

/// What was decided, line by line; whether there is no room for more; and how turns ended.
#[derive(Debug, Default)]
pub struct Witnessed(pub Mutex<Vec<String>>, pub AtomicBool, pub Mutex<Vec<String>>);

impl Witness for Witnessed {
    fn decided(&self, who: &Principal, _: &AgentName, _: &str, tool: &str, decision: &str, by: DecidedBy) {
        let approver = if let DecidedBy::Approver(who) = &by { format!(" {}", who.as_str()) } else { String::new() };
        self.0.lock().unwrap().push(format!("{} {tool} {decision} {}{approver}", who.as_str(), by.name()));
    }

    fn has_room(&self) -> bool {
        !self.1.load(Ordering::SeqCst)
    }

    fn began(&self, _: &AgentName) {}

    fn ended(&self, turn: &Ended<'_>) {
        self.2.lock().unwrap().push(format!("{} {} {}", turn.who.as_str(), turn.agent, turn.outcome));
    }
}

/// An engine with one scripted agent, `demo`.
pub struct House {
    script: Script,
    limits: EngineLimits,
    witness: Arc<Witnessed>,
    watch: Arc<Watch>,
    pub engine: Engine,
}

impl House {
    pub fn new(script: Script) -> Self {
        Self::with(script, EngineLimits::default())
    }

    pub fn with(script: Script, mut limits: EngineLimits) -> Self {
        limits.stop_grace_ms = 200;
        Self::over(false, MemoryLimits::default(), script, limits, 60_000)
    }

    /// A house whose store keeps so much.
    pub fn keeping(script: Script, kept: MemoryLimits) -> Self {
        Self::over(false, kept, script, EngineLimits::default(), 60_000)
    }

    /// A house whose store drops every wake-up.
    pub fn deaf(script: Script, limits: EngineLimits) -> Self {
        Self::over(true, MemoryLimits::default(), script, limits, 60_000)
    }

    pub fn turn_ms_max(self, turn_ms_max: u64) -> Self {
        Self::over(false, MemoryLimits::default(), self.script, self.limits, turn_ms_max)
    }

    /// Ann's task, once it has ended.
    pub async fn ended(&self, id: &str) -> Snapshot {
        self.ended_for(&permit("ann"), id).await
    }

    /// The same of whoever has this permit.
    pub async fn ended_for(&self, permit: &Permit, id: &str) -> Snapshot {
        let done = async {
            loop {
                let task = self.engine.get(permit, id).await.unwrap();
                if inhouse_engine::state::is_terminal(task.state) {
                    return task;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), done).await.unwrap()
    }

    fn over(is_deaf: bool, kept: MemoryLimits, script: Script, limits: EngineLimits, turn_ms_max: u64) -> Self {
        let watch = Arc::new(Watch::default());
        let store = Watched::new(MemoryStore::new(kept), is_deaf, &watch);
        let answers_directly =
            matches!(script, Script::AnswersDirectly(_) | Script::AnswersWhenTold(..) | Script::Steps(..));
        let agent = Arc::new(script.clone());
        let entry = AgentEntry {
            agent,
            turn_ms_max,
            takes: Takes::Text,
            accepts: Vec::new(),
            gives: Vec::new(),
            answers_directly,
            budgets: Budgets::default(),
            shows_reasoning: false,
        };
        let agents = HashMap::from([(AgentName::new("demo").unwrap(), entry)]);
        let witness = Arc::new(Witnessed::default());
        let engine = Engine::new(Arc::new(store), agents, limits, Arc::clone(&witness) as _);
        Self { script, limits, engine, witness, watch }
    }

    /// How often the engine has looked at a task.
    pub fn looks(&self) -> usize {
        self.watch.looks.load(Ordering::SeqCst)
    }

    /// The next look sees its task, and waits before it tells.
    pub fn hold_next_look(&self) -> Arc<Notify> {
        let gate = Arc::default();
        *self.watch.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    /// From now on the store refuses so many appends.
    pub fn refuse(&self, appends: usize) {
        self.watch.refusals.store(appends, Ordering::SeqCst);
    }

    /// From now on nothing can be written down.
    pub fn fill_audit(&self) {
        self.witness.1.store(true, Ordering::SeqCst);
    }

    /// What was decided so far.
    pub fn decided(&self) -> Vec<String> {
        self.witness.0.lock().unwrap().clone()
    }

    /// How turns ended, once this many have.
    pub async fn ends(&self, count: usize) -> Vec<String> {
        let ended = async {
            while self.witness.2.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
        self.witness.2.lock().unwrap().clone()
    }

    /// A further message of a task.
    pub async fn say(&self, id: &str, text: &str) -> Result<Accepted, A2aError> {
        self.submit("ann", v1::Message { task_id: id.to_owned(), ..message(text) }).await
    }

    pub async fn submit(&self, who: &str, message: v1::Message) -> Result<Accepted, A2aError> {
        self.engine.submit(&permit(who), submission(message)).await
    }

    /// Starts a task and does not wait.
    pub async fn start(&self, who: &str, text: &str) -> String {
        self.submit(who, message(text)).await.unwrap().task_id().to_string()
    }

    /// Tells an agent that waits for it to go on.
    pub fn tell(&self) {
        if let Script::AnswersWhenTold(_, told) | Script::AsksAnew(told) | Script::Steps(_, told) = &self.script {
            told.notify_one();
        }
    }

    /// Sends and waits.
    pub async fn send(&self, who: &str, text: &str) -> Snapshot {
        let accepted = self.submit(who, message(text)).await.unwrap();
        tokio::time::timeout(Duration::from_secs(20), accepted.settled()).await.unwrap().unwrap()
    }

    /// Sends, and waits for the end, whatever it asks in between.
    pub async fn send_to_the_end(&self, who: &str, text: &str) -> Snapshot {
        let id = self.start(who, text).await;
        let ended = async {
            loop {
                let task = self.engine.get(&permit(who), &id).await.unwrap();
                if inhouse_engine::state::is_terminal(task.state) {
                    return task;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap()
    }

    pub async fn wait_for(&self, id: &str, state: TaskState) {
        let reached = async {
            while self.engine.get(&permit("ann"), id).await.unwrap().state != state {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap();
    }

    /// All events after `after`, up to the last one of a finished task.
    pub async fn read_from(&self, id: &str, after: u64) -> Vec<Numbered> {
        let (_, mut reader) = self.engine.follow(&permit("ann"), id, Some(after)).await.unwrap();
        let last = self.engine.get(&permit("ann"), id).await.unwrap().generation;
        let mut seen: Vec<Numbered> = Vec::new();
        while after + (seen.len() as u64) < last {
            seen.extend(tokio::time::timeout(Duration::from_secs(20), reader.next()).await.unwrap().unwrap());
        }
        seen
    }
}

pub fn message(text: &str) -> v1::Message {
    let message_id = uuid::Uuid::new_v4().to_string();
    v1::Message { message_id, role: v1::Role::User.into(), parts: vec![part(text)], ..v1::Message::default() }
}

fn part(text: &str) -> v1::Part {
    v1::Part { content: Some(Content::Text(text.to_owned())), ..v1::Part::default() }
}

/// The state that an event brings.
pub fn state(event: &Event) -> Option<TaskState> {
    match event {
        Event::Status(status) => Some(status.state),
        _ => None,
    }
}

pub fn submission(message: v1::Message) -> Submission {
    Submission { message, ..Submission::default() }
}

pub fn permit(who: &str) -> Permit {
    permit_by(&Policy::default(), who)
}

/// Where `boss` decides on what the agent may do.
pub fn guarded(who: &str) -> Permit {
    let mut policy = Policy::default();
    policy.appoint(AgentName::new("demo").unwrap(), [Principal::new("boss").unwrap()]);
    permit_by(&policy, who)
}

fn permit_by(policy: &Policy, who: &str) -> Permit {
    let secret = Secret::new(format!("{who}-secret-token"));
    let tokens = Tokens::new([(Principal::new(who).unwrap(), TokenDigest::of(&secret))]);
    let header = format!("Bearer {who}-secret-token");
    let caller = tokens.caller(&[header.as_bytes()], 0).unwrap();
    grants(&caller, Operation::Send, &AgentName::new("demo").unwrap(), policy).unwrap()
}

/// The text of the task's artifacts.
pub fn text_of(task: &Snapshot) -> String {
    let task = task.to_v1(View::ALL).unwrap();
    let parts = task.artifacts.into_iter().flat_map(|artifact| artifact.parts);
    let text = |part: v1::Part| match part.content {
        Some(Content::Text(text)) => text,
        _ => String::new(),
    };
    parts.map(text).collect()
}

/// The reason code in the status message.
pub fn reason(task: &Snapshot) -> Option<String> {
    let status: v1::TaskStatus = json::decode(&task.status).unwrap();
    let metadata = status.message?.metadata?;
    Some(metadata.0.get("reason")?.as_str()?.to_owned())
}

fn note(text: &str) -> Note {
    Note { text: Some(text.to_owned()), data: None }
}
