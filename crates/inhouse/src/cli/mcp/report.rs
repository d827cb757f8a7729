//! What a model is told: the same as text and as a structured value. Pure.
//!
//! Some clients give their model the one, some the other, so each says everything.

use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::is_interrupted;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;
use serde_json::{Value, json};

use super::tools::without_format;
use crate::cli::problem::Problem;
use crate::cli::text::{one_line, state_name};
use crate::cli::transcript::Transcript;

const DESCRIPTION_CHARS_MAX: usize = 1_000;
const SKILLS_MAX: usize = 20;
const FILES_MAX: usize = 100;
/// A request of an agent that is larger is told in words alone.
const REQUEST_BYTES_MAX: usize = 32 << 10;
/// What a status says, in words.
pub(super) const NOTE_BYTES_MAX: usize = 16 << 10;

/// The agents that can be asked.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct AgentsReport {
    pub(super) agents: Vec<AgentReport>,
    /// Servers that could not be asked, and what to do about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) problems: Vec<ServerReport>,
}

/// One agent.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AgentReport {
    /// How calls name it.
    pub(super) id: String,
    name: String,
    description: String,
    skills: Vec<SkillReport>,
    /// Whether its server takes it where none is named.
    #[serde(rename = "default")]
    pub(super) is_default: bool,
}

/// What an agent is good for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SkillReport {
    name: String,
    description: String,
}

/// A server that could not be asked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ServerReport {
    pub(super) server: String,
    pub(super) problem: String,
}

/// A task, as far as it has come.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TaskReport {
    /// As the call has named it.
    agent: Option<String>,
    /// None where the agent has answered without a task.
    task_id: Option<String>,
    /// For the next message of the same conversation.
    context_id: Option<String>,
    /// completed, failed, canceled, rejected, input-required, auth-required, working, submitted; answered without a task.
    state: &'static str,
    /// What the agent has answered so far.
    answer: String,
    /// How much of the answer is left out here.
    #[schemars(transform = without_format)]
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted_bytes: Option<usize>,
    /// What the state says: a question, a reason, what the agent does.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// What the agent asks, with its options.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Value>,
    /// Files of the answer, described.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
    /// What to do now.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl AgentReport {
    pub(super) fn new(id: String, name: &str, description: &str, mut skills: Vec<SkillReport>) -> Self {
        skills.truncate(SKILLS_MAX);
        let (name, description) = (short(name), short(description));
        Self { id, name, description, skills, is_default: true }
    }

    /// The same, as its server's list has it.
    pub(super) fn listed(self, id: &str, is_default: bool) -> Self {
        Self { id: id.to_owned(), is_default, ..self }
    }
}

impl SkillReport {
    pub(super) fn new(name: &str, description: &str) -> Self {
        Self { name: short(name), description: short(description) }
    }
}

impl AgentsReport {
    pub(super) fn result(&self) -> CallToolResult {
        let mut text = format!("agents: {}\n", self.agents.len());
        for agent in &self.agents {
            let default = if agent.is_default { " (default of its server)" } else { "" };
            text.push_str(&format!("\n{}{default}: {}\n  {}\n", agent.id, agent.name, agent.description));
            for skill in &agent.skills {
                text.push_str(&format!("  - {}: {}\n", skill.name, skill.description));
            }
        }
        for server in &self.problems {
            text.push_str(&format!("\nproblem with {}: {}\n", server.server, server.problem));
        }
        told(vec![text], json!(self), self.agents.is_empty())
    }
}

impl TaskReport {
    pub(super) fn new(agent: Option<&str>, transcript: &Transcript, bytes_max: usize) -> Self {
        let whole = transcript.text();
        let answer = clipped(&whole, bytes_max);
        let state = transcript.state.map_or("answered", state_name);
        let note = transcript.note.as_deref().map(|note| clipped(note, NOTE_BYTES_MAX).to_owned());
        let fits = |request: &&Value| request.to_string().len() <= REQUEST_BYTES_MAX;
        Self {
            agent: agent.map(str::to_owned),
            task_id: transcript.task_id.clone(),
            context_id: transcript.context_id.clone(),
            state,
            omitted_bytes: (answer.len() < whole.len()).then(|| whole.len() - answer.len()),
            answer: answer.to_owned(),
            note,
            request: transcript.request.as_ref().filter(fits).cloned(),
            files: transcript.files().take(FILES_MAX).map(|file| one_line(file).into_owned()).collect(),
            next: next(transcript),
        }
    }

    /// The answer stands by itself, exactly; what there is to say about it follows.
    pub(super) fn result(&self, is_error: bool) -> CallToolResult {
        let mut about = match &self.task_id {
            Some(id) => format!("task {}: {}", one_line(id), self.state),
            None => self.state.to_owned(),
        };
        // A completed task without an artifact has answered with its note.
        if let Some(note) = self.note.as_ref().filter(|note| **note != self.answer) {
            about.push_str(&format!("\n{note}"));
        }
        if let Some(bytes) = self.omitted_bytes {
            about.push_str(&format!("\n{bytes} bytes of the answer are left out"));
        }
        about.extend(self.files.iter().map(|file| format!("\nfile: {file}")));
        if let Some(id) = &self.context_id {
            about.push_str(&format!("\ncontext_id: {}", one_line(id)));
        }
        if let Some(next) = &self.next {
            about.push_str(&format!("\n{next}"));
        }
        let texts = if self.answer.is_empty() { vec![about] } else { vec![self.answer.clone(), about] };
        told(texts, json!(self), is_error)
    }
}

/// What went wrong, and what to do about it.
pub(super) fn error(problem: &Problem) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(problem.text())])
}

fn told(texts: Vec<String>, structured: Value, is_error: bool) -> CallToolResult {
    let content = texts.into_iter().map(ContentBlock::text).collect();
    let mut result = if is_error { CallToolResult::error(content) } else { CallToolResult::success(content) };
    result.structured_content = Some(structured);
    result
}

fn next(transcript: &Transcript) -> Option<String> {
    let id = one_line(transcript.task_id.as_deref()?);
    Some(match transcript.state? {
        TaskState::AuthRequired => {
            format!("the agent needs a credential; tell the user, then wait with get_task, task_id {id}, wait_s")
        }
        state if is_interrupted(state) && transcript.waits_for_approver() => {
            format!("an approver decides on this, not you; wait for it with get_task, task_id {id}, wait_s")
        }
        state if is_interrupted(state) => format!("answer with the tool answer, task_id {id}"),
        TaskState::Submitted | TaskState::Working => {
            format!("the task goes on; wait for it with get_task, task_id {id}, wait_s, or end it with cancel_task")
        }
        _ => return None,
    })
}

fn short(text: &str) -> String {
    text.chars().take(DESCRIPTION_CHARS_MAX).collect()
}

/// The beginning of a text, with whole characters.
pub(super) fn clipped(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (bytes_max, beginning) in [(0, ""), (1, "a"), (2, "a"), (3, "aü"), (9, "aü")] {
            assert_eq!(clipped("aü", bytes_max), beginning);
        }
    }
}
