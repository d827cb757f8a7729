//! What is written down about a decision: one JSON object on one line, without message text and without secrets.

use std::net::IpAddr;

use crate::text::is_hidden;
use crate::{AgentName, Principal};

/// Characters of any one field; what a caller sends can not make a line long.
const FIELD_CHARS_MAX: usize = 256;

/// One decision. There is no field for what a caller or an agent said.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// When, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Who asked, once known.
    pub who: Option<&'a Principal>,
    /// From which address.
    pub source: IpAddr,
    /// What was asked: the protocol's method, or the method and path of the request.
    pub operation: &'a str,
    /// Of which agent.
    pub agent: Option<&'a AgentName>,
    /// About which task.
    pub task: Option<&'a str>,
    /// In which conversation.
    pub context: Option<&'a str>,
    /// In which trace, where the caller traces.
    pub trace: Option<&'a str>,
    /// `ok`; `denied` when the agent is reserved for others; else the reason code of the error.
    pub outcome: &'a str,
    /// The state of the task in the answer, when it is settled: a call that is `ok` may tell of a task that failed.
    pub state: Option<&'a str>,
    /// The status of the HTTP answer; errors of JSON-RPC are mostly told with 200.
    pub status: u16,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

/// What has happened to a task while its agent worked. There is no field for what was said here either.
#[derive(Debug, Clone)]
pub struct Deed<'a> {
    /// When, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Whose task it is.
    pub who: &'a Principal,
    /// Which agent has worked on it.
    pub agent: &'a AgentName,
    /// Its id.
    pub task: &'a str,
    /// What came of it, in one word.
    pub outcome: &'a str,
}

impl Deed<'_> {
    /// The line of a decision on something that the agent wanted to do with a tool: who or what decided, in one word, and which approver.
    pub fn decided(&self, tool: &str, by: &str, approver: Option<&Principal>) -> String {
        self.begun("decide", Some(tool), [("by", Some(by)), ("approver", approver.map(Principal::as_str))]) + "}"
    }

    /// The line of a turn that has ended, with what was measured of it, as far as it is known.
    pub fn ended(&self, measured: &[(&'static str, Option<f64>)]) -> String {
        let known = |(name, number): &(_, Option<f64>)| Some((*name, number.filter(|number| number.is_finite())?));
        let numbers =
            measured.iter().filter_map(known).map(|(name, number): (&str, _)| format!(",\"{name}\":{number}"));
        self.begun("turn", None, []) + &numbers.collect::<String>() + "}"
    }

    fn begun<const N: usize>(&self, operation: &str, tool: Option<&str>, more: [(&str, Option<&str>); N]) -> String {
        let (who, agent) = (Some(self.who.as_str()), Some(self.agent.as_str()));
        let texts = [("who", who), ("operation", Some(operation)), ("agent", agent), ("task", Some(self.task))];
        let texts = texts.into_iter().chain([("tool", tool), ("outcome", Some(self.outcome))]);
        begun(self.time_ms, texts.chain(more))
    }
}

impl Record<'_> {
    /// The record as one line of JSON, without the line's end. Whatever a terminal would act on is written as `\\uXXXX`.
    pub fn line(&self) -> String {
        let source = self.source.to_string();
        let texts = [
            ("who", self.who.map(Principal::as_str)),
            ("source", Some(&source)),
            ("operation", Some(self.operation)),
            ("agent", self.agent.map(AgentName::as_str)),
            ("task", self.task),
            ("context", self.context),
            ("trace", self.trace),
            ("outcome", Some(self.outcome)),
            ("state", self.state),
        ];
        begun(self.time_ms, texts) + &format!(",\"status\":{},\"duration_us\":{}}}", self.status, self.duration_us)
    }
}

/// The time and the texts that are known, as the beginning of an object.
fn begun<'a>(time_ms: u64, texts: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let mut line = format!("{{\"time_ms\":{time_ms}");
    for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        line.extend([",\"", name, "\":\""]);
        text.chars().take(FIELD_CHARS_MAX).for_each(|c| push_escaped(&mut line, c));
        line.push('"');
    }
    line
}

fn push_escaped(line: &mut String, c: char) {
    match c {
        '"' | '\\' => line.extend(['\\', c]),
        _ if is_hidden(c) => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| *line += &format!("\\u{unit:04x}")),
        _ => line.push(c),
    }
}
