//! What a task has said so far, folded from its events: the answer's text, byte for byte, and how the task stands. Pure.
//!
//! A snapshot after a lost connection is compared with what is known, so nothing is told twice and nothing is left out.

use inhouse_proto::v1::part::Content;
use inhouse_proto::v1::stream_response::Payload;
use inhouse_proto::v1::{Artifact, Part, Task, TaskState, TaskStatus};

/// The text of a task that is kept to be printed or compared.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// What an event brings that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// More of the answer.
    Text(String),
    /// An artifact that was told is replaced; its new text follows.
    Withdrawn,
    /// A file, described: it has no place in a text.
    File(String),
    /// The task is in another state, or says something about the one it is in.
    Status(TaskState, Option<String>),
}

/// The answer is larger than is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) answer_bytes_max: usize,
}

/// A task, or a direct message, as far as its events have told.
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) task_id: Option<String>,
    pub(crate) context_id: Option<String>,
    /// None for a direct message.
    pub(crate) state: Option<TaskState>,
    /// The text of the latest status.
    pub(crate) note: Option<String>,
    /// What the agent asks, for programs, as `inhouse` writes it.
    pub(crate) request: Option<serde_json::Value>,
    pieces: Vec<Piece>,
    /// The artifact that was told last, which decides where a line break is needed.
    told: Option<usize>,
    bytes: usize,
    bytes_max: usize,
}

impl Default for Transcript {
    fn default() -> Self {
        Self::bounded(ANSWER_BYTES_MAX)
    }
}

#[derive(Debug, Default)]
struct Piece {
    id: String,
    text: String,
    files: Vec<String>,
}

impl Transcript {
    /// Nothing yet, and never more than this of an answer.
    pub(crate) fn bounded(bytes_max: usize) -> Self {
        Self {
            task_id: None,
            context_id: None,
            state: None,
            note: None,
            request: None,
            pieces: Vec::new(),
            told: None,
            bytes: 0,
            bytes_max,
        }
    }

    /// What the task waits for is another's to say.
    pub(crate) fn waits_for_approver(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request["decides"] == "approver")
    }

    /// Takes the next event in and returns what is new in it.
    pub(crate) fn apply(&mut self, payload: &Payload) -> Result<Vec<Step>, TooLong> {
        let mut steps = Vec::new();
        match payload {
            Payload::Task(task) => self.snapshot(task, &mut steps),
            Payload::Message(message) => {
                self.context_id = named(&message.context_id);
                self.replace("", &message.parts, &mut steps);
            }
            Payload::StatusUpdate(update) => {
                self.named_by(&update.task_id, &update.context_id);
                self.status(update.status.as_ref(), &mut steps);
            }
            Payload::ArtifactUpdate(update) => {
                self.named_by(&update.task_id, &update.context_id);
                if let Some(artifact) = &update.artifact {
                    self.artifact(artifact, update.append, &mut steps);
                }
            }
        }
        if self.bytes > self.bytes_max { Err(TooLong { answer_bytes_max: self.bytes_max }) } else { Ok(steps) }
    }

    /// The whole answer. A task that ended well without an artifact has answered in its status.
    pub(crate) fn text(&self) -> String {
        let mut out = String::with_capacity(self.bytes + self.pieces.len());
        for piece in self.pieces.iter().filter(|piece| !piece.text.is_empty()) {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&piece.text);
        }
        if out.is_empty() && self.state == Some(TaskState::Completed) {
            out.push_str(self.note.as_deref().unwrap_or_default());
        }
        out
    }

    /// The files of the answer, described.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().flat_map(|piece| &piece.files).map(String::as_str)
    }

    fn snapshot(&mut self, task: &Task, steps: &mut Vec<Step>) {
        self.named_by(&task.id, &task.context_id);
        // What an agent says that it does comes before what it then writes, and a question or an end behind it.
        let status = task.status.as_ref();
        let (at_work, at_rest) = match status.map(TaskStatus::state) {
            Some(TaskState::Submitted | TaskState::Working) => (status, None),
            _ => (None, status),
        };
        self.status(at_work, steps);
        for artifact in &task.artifacts {
            self.artifact(artifact, false, steps);
        }
        self.status(at_rest, steps);
    }

    fn named_by(&mut self, task_id: &str, context_id: &str) {
        self.task_id = self.task_id.take().or_else(|| named(task_id));
        self.context_id = self.context_id.take().or_else(|| named(context_id));
    }

    fn status(&mut self, status: Option<&TaskStatus>, steps: &mut Vec<Step>) {
        let Some(status) = status else { return };
        let note = status.message.as_ref().map(|message| note_of(&message.parts)).filter(|note| !note.is_empty());
        let state = Some(status.state());
        if state != self.state || (note.is_some() && note != self.note) {
            steps.push(Step::Status(status.state(), note.clone()));
        }
        (self.state, self.note) = (state, note);
        self.request = status.message.as_ref().and_then(|message| message.parts.iter().find_map(request_of));
    }

    fn artifact(&mut self, artifact: &Artifact, append: bool, steps: &mut Vec<Step>) {
        if append {
            self.append(&artifact.artifact_id, &artifact.parts, steps);
        } else {
            self.replace(&artifact.artifact_id, &artifact.parts, steps);
        }
    }

    fn append(&mut self, id: &str, parts: &[Part], steps: &mut Vec<Step>) {
        let at = self.piece(id);
        let (mut text, mut files) = (String::new(), Vec::new());
        render(parts, &self.pieces[at].text, &mut text, &mut files);
        self.pieces[at].text.push_str(&text);
        self.pieces[at].files.extend(files.iter().cloned());
        self.tell(at, text, steps);
        steps.extend(files.into_iter().map(Step::File));
    }

    fn replace(&mut self, id: &str, parts: &[Part], steps: &mut Vec<Step>) {
        let at = self.piece(id);
        let (mut text, mut files) = (String::new(), Vec::new());
        render(parts, "", &mut text, &mut files);
        let old = std::mem::replace(
            &mut self.pieces[at],
            Piece { id: id.to_owned(), text: text.clone(), files: files.clone() },
        );
        match text.strip_prefix(old.text.as_str()) {
            Some(news) => self.tell(at, news.to_owned(), steps),
            None => {
                self.bytes -= old.text.len();
                steps.push(Step::Withdrawn);
                self.told = None;
                self.tell(at, text, steps);
            }
        }
        steps.extend(files.into_iter().filter(|file| !old.files.contains(file)).map(Step::File));
    }

    fn piece(&mut self, id: &str) -> usize {
        self.pieces.iter().position(|piece| piece.id == id).unwrap_or_else(|| {
            self.pieces.push(Piece { id: id.to_owned(), ..Piece::default() });
            self.pieces.len() - 1
        })
    }

    /// Another artifact begins on a line of its own.
    fn tell(&mut self, at: usize, text: String, steps: &mut Vec<Step>) {
        if text.is_empty() {
            return;
        }
        self.bytes += text.len();
        let before = self.told.replace(at).filter(|before| *before != at);
        if before.is_some_and(|before| !self.pieces[before].text.ends_with('\n')) {
            steps.push(Step::Text(format!("\n{text}")));
        } else {
            steps.push(Step::Text(text));
        }
    }
}

fn named(id: &str) -> Option<String> {
    Some(id.to_owned()).filter(|id| !id.is_empty())
}

/// The text of a message; data stands as JSON.
pub(crate) fn text_of(parts: &[Part]) -> String {
    let mut text = String::new();
    render(parts, "", &mut text, &mut Vec::new());
    text
}

/// What a status says to people. The data beside a text says the same to programs.
pub(crate) fn note_of(parts: &[Part]) -> String {
    let (texts, others): (Vec<_>, Vec<_>) =
        parts.iter().cloned().partition(|part| matches!(part.content, Some(Content::Text(_))));
    text_of(if texts.is_empty() { &others } else { &texts })
}

/// The request of an agent, as `inhouse` writes it.
fn request_of(part: &Part) -> Option<serde_json::Value> {
    match &part.content {
        Some(Content::Data(data)) => data.0.get("request").filter(|request| request.is_object()).cloned(),
        _ => None,
    }
}

/// Texts stand next to each other, because a stream cuts them anywhere; data has a line of its own.
fn render(parts: &[Part], before: &str, text: &mut String, files: &mut Vec<String>) {
    for part in parts {
        match &part.content {
            Some(Content::Text(more)) => text.push_str(more),
            Some(Content::Data(data)) => {
                let last = text.chars().next_back().or_else(|| before.chars().next_back());
                if last.is_some_and(|last| last != '\n') {
                    text.push('\n');
                }
                text.push_str(&data.0.to_string());
                text.push('\n');
            }
            Some(Content::Raw(bytes)) => files.push(file(part, &format!("{} bytes", bytes.len()))),
            Some(Content::Url(url)) => files.push(file(part, url)),
            None => {}
        }
    }
}

fn file(part: &Part, what: &str) -> String {
    let name = if part.filename.is_empty() { "without a name" } else { &part.filename };
    let kind = if part.media_type.is_empty() { String::new() } else { format!("{}, ", part.media_type) };
    format!("{name} ({kind}{what})")
}

#[cfg(test)]
#[path = "transcript_tests.rs"]
mod tests;
