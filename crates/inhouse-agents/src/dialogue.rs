//! What the dialogue with an agent is to the driver that runs its process: bytes in, events out, and how the turn ended.
//! Dialogues are pure: they read no clock, start nothing and wait for nothing.

use inhouse_engine::agent::{AgentEvent, End, Failure, Note, Reason};
use inhouse_engine::{Activity, Ask, Reply, Retry, Step, StepState};
use inhouse_run::Exit;

use crate::plan::Plan;
use crate::text::without_escapes;

/// One turn in one protocol.
pub(crate) trait Dialogue: Send {
    /// Takes the next bytes of standard output.
    fn read(&mut self, bytes: &[u8], said: &mut Said);

    /// Standard output has ended.
    fn finish(&mut self, said: &mut Said);

    /// What to write to the agent to make it stop; without it, the process is asked by signal alone.
    fn interrupt(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// What to write to the agent when something that it asks is answered. Agents that ask nothing hear nothing.
    fn reply(&mut self, _reply: &Reply) -> Option<Vec<u8>> {
        None
    }

    /// What needs no leave in this turn, where no rule forbids it: a tool, and all that it acts on.
    fn free(&self) -> Vec<Free> {
        Vec::new()
    }

    /// How its process is to be watched until the next turn; nothing when it can not take one. Asked once the turn is over.
    fn rest(&self) -> Option<Rest> {
        None
    }

    /// How the turn ended, now that the process has and nothing that it wrote has told.
    fn ended(&mut self, ending: &Ending) -> End;
}

/// A tool, and what it acts on.
pub(crate) type Free = (&'static str, String);

/// Whether a line of a process between two turns says that it does something which nobody asked for.
pub(crate) type Acts = fn(&[u8]) -> bool;

/// How a process is between two turns.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) acts: Acts,
    /// What it writes next is the rest of a line.
    pub(crate) mid_line: bool,
    pub(crate) opened: Opened,
}

/// What the next turn has to know of the conversation that is open in a process.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Opened {
    /// The agent's id of it.
    pub(crate) id: String,
    /// The id of the last request to the process.
    pub(crate) request: u64,
    /// Whether the agent takes images, where it has to say so.
    pub(crate) takes_images: bool,
    /// Whether it takes resources, where it has to say so.
    pub(crate) takes_resources: bool,
    /// The mode that the agent is in, where it has modes.
    pub(crate) mode: String,
    /// The agent has told that its helpers had begun before its first text, so that what a sweep ends is none of them.
    pub(crate) knows_helpers: bool,
    /// Its plan, where it changes one step at a time.
    pub(crate) plan: Plan,
}

/// What came of some bytes.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// For the caller, in order.
    pub(crate) events: Vec<AgentEvent>,
    /// For the agent's standard input.
    pub(crate) replies: Vec<Vec<u8>>,
    /// To be written after a pause: it was asked too early.
    pub(crate) again: Option<Vec<u8>>,
    /// Which of the replies brings the caller's text: the agent is ready, and what its process has started by then are its own
    /// helpers.
    pub(crate) text_at: Option<usize>,
    /// What it wants to know before it goes on.
    pub(crate) asks: Vec<Ask>,
    /// The ids of asks whose answer it does not want to know any more.
    pub(crate) unasked: Vec<String>,
    /// How the turn ended, as the agent says: nothing more of it counts, and its input ends.
    pub(crate) end: Option<End>,
}

impl Said {
    /// Adds text, joined to the text before it.
    pub(crate) fn text(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        match self.events.last_mut() {
            Some(AgentEvent::Text(last)) => last.push_str(&text),
            _ => self.events.push(AgentEvent::Text(text)),
        }
    }

    /// The agent is ready, and is given the caller's text.
    pub(crate) fn begin(&mut self, line: Vec<u8>) {
        self.text_at = Some(self.replies.len());
        self.replies.push(line);
    }

    /// The agent is at work, and has this to say of it.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.events.push(AgentEvent::Working(Note { text: Some(text.into()), data: None }));
    }

    /// The agent uses a tool.
    pub(crate) fn tool(&mut self, name: &str) {
        self.events.push(AgentEvent::Active(Activity::Tool { name: without_escapes(name.to_owned()) }));
    }

    /// The agent asks the model's provider again.
    pub(crate) fn retry(&mut self, retry: Retry) {
        self.events.push(AgentEvent::Active(Activity::Retry(retry)));
    }

    /// The agent's plan, by the text and the state of each step.
    pub(crate) fn plan<'a>(&mut self, steps: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let step =
            |(text, state): (&str, &str)| Step { text: without_escapes(text.to_owned()), state: StepState::of(state) };
        let steps: Vec<_> = steps.into_iter().filter(|(text, _)| !text.is_empty()).map(step).collect();
        if !steps.is_empty() {
            self.events.push(AgentEvent::Active(Activity::Plan(steps)));
        }
    }

    /// What the agent's model has thought.
    pub(crate) fn reasoning(&mut self, text: &str) {
        let text = without_escapes(text.trim().to_owned());
        if !text.is_empty() {
            self.events.push(AgentEvent::Active(Activity::Reasoning(text)));
        }
    }

    /// The turn has ended.
    pub(crate) fn over(&mut self, end: End) {
        self.end = Some(end);
    }
}

/// How a process ended.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// Its exit.
    pub(crate) exit: Exit,
    /// The last line of its standard error, as a caller may see it.
    pub(crate) last_error: Option<String>,
}

impl Ending {
    /// One line for the caller on a process that ended without saying why.
    pub(crate) fn reason(&self) -> String {
        match (&self.last_error, self.exit.signal) {
            (Some(line), _) => line.clone(),
            (None, Some(signal)) if !self.exit.supervisor_lost => format!("killed by signal {signal}"),
            (None, _) => self.exit.to_string(),
        }
    }

    /// The end of a process whose exit code is all that tells of success.
    pub(crate) fn by_exit(&self) -> End {
        if self.exit.success() {
            return End::Completed(Note::default());
        }
        failed(Reason::AgentFailed, self.reason())
    }
}

/// The end of a turn whose agent had to say how it went, and did not.
pub(crate) fn without_result(ending: &Ending) -> End {
    failed(Reason::AgentProtocol, format!("the agent ended without a result: {}", ending.reason()))
}

/// A failed turn.
pub(crate) fn failed(reason: Reason, detail: impl Into<String>) -> End {
    End::Failed(Failure::new(reason, detail))
}
