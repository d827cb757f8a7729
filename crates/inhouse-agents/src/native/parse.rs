//! The lines that a program of the native contract writes, as events. A line that is no object of the contract is text.

use inhouse_engine::agent::{AgentEvent, ArtifactUpdate, End, Failure, Note, Reason, Usage};
use inhouse_proto::json::{Struct, Value};
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use serde::Deserialize;

use crate::by_line::LineProtocol;
use crate::dialogue::{Ending, Said};
use crate::lenient::overfull;
use crate::text::{TextStream, without_escapes};

/// One line of the contract. Keys that are not known are passed over.
#[derive(Deserialize)]
struct Statement {
    text: Option<String>,
    data: Option<Value>,
    status: Option<Status>,
    artifact: Option<Artifact>,
    message: Option<Message>,
    usage: Option<Used>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Working,
    Completed,
    Failed,
    Rejected,
    InputRequired,
    AuthRequired,
    Canceled,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    artifact_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    parts: Vec<v1::Part>,
    #[serde(default)]
    append: bool,
    #[serde(default)]
    last_chunk: bool,
    metadata: Option<Struct>,
}

#[derive(Deserialize)]
struct Message {
    parts: Vec<v1::Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Used {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cost_usd: Option<f64>,
}

/// The reader of one turn.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    plain: TextStream,
}

impl Parser {
    fn state(statement: Statement, said: &mut Said) {
        let Statement { text, data, status, artifact, message, usage } = statement;
        if let Some(Used { input_tokens, output_tokens, cost_usd }) = usage {
            said.events.push(AgentEvent::Usage(Usage { input_tokens, output_tokens, cost_usd }));
        }
        if let Some(artifact) = artifact {
            said.events.push(AgentEvent::Artifact(artifact.into()));
        }
        if let Some(Message { parts }) = message {
            said.events.push(AgentEvent::Message(plain(parts)));
        }
        let text = text.map(without_escapes);
        let Some(status) = status else {
            return said.text(text.unwrap_or_default());
        };
        let note = Note { text, data };
        let end = match status {
            Status::Working => return said.events.push(AgentEvent::Working(note)),
            Status::Completed => End::Completed(note),
            Status::Failed => {
                let failure = match note.text {
                    Some(text) => Failure::said(Reason::AgentFailed, text),
                    None => Failure::new(Reason::AgentFailed, "the agent gave no reason"),
                };
                End::Failed(Failure { data: note.data, ..failure })
            }
            Status::Rejected => End::Rejected(note),
            Status::InputRequired => End::InputRequired(note),
            Status::AuthRequired => End::AuthRequired(note),
            Status::Canceled => End::Canceled(note),
        };
        said.over(end);
    }
}

impl LineProtocol for Parser {
    fn line(&mut self, line: &[u8], said: &mut Said) {
        if is_object(line)
            && let Some(end) = overfull(line)
        {
            return said.over(end);
        }
        match statement(line) {
            Some(statement) => Self::state(statement, said),
            None => said.text(self.plain.push(line)),
        }
    }

    fn finish(&mut self, said: &mut Said) {
        said.text(self.plain.finish());
    }

    fn ended(&mut self, ending: &Ending) -> End {
        ending.by_exit()
    }
}

fn is_object(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}

/// The line, if it is an object of the contract that says something.
fn statement(line: &[u8]) -> Option<Statement> {
    if !is_object(line) {
        return None;
    }
    let statement: Statement = serde_json::from_slice(line).ok()?;
    let has_parts = |parts: &[v1::Part]| !parts.is_empty() && parts.iter().all(|part| part.content.is_some());
    let whole = statement.artifact.as_ref().is_none_or(|artifact| has_parts(&artifact.parts))
        && statement.message.as_ref().is_none_or(|message| has_parts(&message.parts));
    let says = statement.text.is_some()
        || statement.status.is_some()
        || statement.artifact.is_some()
        || statement.message.is_some()
        || statement.usage.is_some();
    (whole && says).then_some(statement)
}

/// Parts whose texts have no terminal escapes.
fn plain(mut parts: Vec<v1::Part>) -> Vec<v1::Part> {
    for part in &mut parts {
        if let Some(Content::Text(text)) = &mut part.content {
            *text = without_escapes(std::mem::take(text));
        }
    }
    parts
}

impl From<Artifact> for ArtifactUpdate {
    fn from(artifact: Artifact) -> Self {
        let Artifact { artifact_id, name, description, parts, append, last_chunk, metadata } = artifact;
        Self { artifact_id, name, description, parts: plain(parts), append, last_chunk, metadata }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
