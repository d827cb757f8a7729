//! What the contract tests of drivers share: one turn of a recorded dialogue, played through its reader, and what a caller and the
//! agent would have seen of it.

use inhouse_engine::agent::{AgentEvent, End, Usage};
use inhouse_engine::{Activity, Ask};
use inhouse_run::Exit;
use serde_json::Value;

use crate::by_line::{ByLine, LineProtocol};
use crate::dialogue::{Dialogue as _, Ending, Said};

/// What was seen.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) text: String,
    /// How often depends on how its bytes came.
    pub(crate) withdrawn: bool,
    pub(crate) working: Vec<String>,
    pub(crate) thoughts: Vec<String>,
    pub(crate) usage: Option<Usage>,
    pub(crate) asked: Vec<Ask>,
    pub(crate) unasked: Vec<String>,
    /// What was written to the agent, line by line.
    pub(crate) written: Vec<Value>,
    pub(crate) end: Option<End>,
}

/// A turn that is replayed.
pub(crate) struct Replay<P> {
    pub(crate) parser: ByLine<P>,
    pub(crate) seen: Seen,
}

impl Seen {
    /// How it ended, in one line.
    pub(crate) fn end(&self) -> String {
        match self.end.as_ref().unwrap() {
            End::Completed(_) => "completed".to_owned(),
            End::Canceled(_) => "canceled".to_owned(),
            End::Failed(failure) => {
                format!("{}: {}", failure.reason.code(), failure.detail.as_deref().unwrap_or_default())
            }
            other => panic!("it never ends with {other:?}"),
        }
    }

    /// The requests that were written to the agent, by their names; an answer has none.
    pub(crate) fn methods(&self) -> Vec<&str> {
        self.written.iter().map(|line| line["method"].as_str().unwrap_or_default()).collect()
    }
}

impl<P: LineProtocol> Replay<P> {
    /// Before the agent's first line, with what is written to it at once.
    pub(crate) fn new(line_bytes_max: usize, protocol: P, input: &[u8]) -> Self {
        let mut replay = Self { parser: ByLine::new(line_bytes_max, protocol), seen: Seen::default() };
        replay.wrote(input);
        replay
    }

    /// The agent writes, and is read in pieces of so many bytes.
    pub(crate) fn read(&mut self, stream: &str, piece_bytes: usize) {
        for piece in stream.as_bytes().chunks(piece_bytes) {
            let mut said = Said::default();
            self.parser.read(piece, &mut said);
            self.saw(said);
        }
    }

    /// Lines are written to the agent.
    pub(crate) fn wrote(&mut self, lines: &[u8]) {
        let lines = std::str::from_utf8(lines).unwrap().lines();
        self.seen.written.extend(lines.map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }

    /// The turn is wished to end.
    pub(crate) fn interrupt(&mut self) {
        let lines = self.parser.interrupt().unwrap();
        self.wrote(&lines);
    }

    /// The agent's output and its process have ended.
    pub(crate) fn end(mut self, code: i32) -> Seen {
        let mut said = Said::default();
        self.parser.finish(&mut said);
        self.saw(said);
        let exit = Exit { code: Some(code), signal: None, ..Exit::default() };
        let ending = Ending { exit, last_error: None };
        self.seen.end.get_or_insert_with(|| self.parser.ended(&ending));
        self.seen
    }

    fn saw(&mut self, said: Said) {
        said.replies.iter().for_each(|line| self.wrote(line));
        self.seen.asked.extend(said.asks);
        self.seen.unasked.extend(said.unasked);
        self.seen.end = self.seen.end.take().or(said.end);
        for event in said.events {
            match event {
                AgentEvent::Text(text) => self.seen.text.push_str(&text),
                AgentEvent::Withdraw => {
                    self.seen.text.clear();
                    self.seen.withdrawn = true;
                }
                AgentEvent::Working(note) => self.seen.working.push(note.text.unwrap()),
                AgentEvent::Active(Activity::Reasoning(thought)) => self.seen.thoughts.push(thought),
                AgentEvent::Active(activity) => self.seen.working.push(activity.sentence()),
                AgentEvent::Usage(usage) => self.seen.usage = Some(usage),
                other => panic!("it never says {other:?}"),
            }
        }
    }
}
