//! What a turn has put into its task's log, as far as its next event depends on it. An event counts when it is committed and no
//! sooner, so that what follows it, and the turn's end above all, always fits the log as it is.

use std::collections::HashSet;
use std::sync::Arc;

use inhouse_proto::v1::part::Content;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::{EscapedText, Event, TextHead};

use crate::agent::{ArtifactUpdate, End};
use crate::state::{is_interrupted, may_move};
use crate::turn::Room;

/// The log, as its one writer knows it.
#[derive(Debug)]
pub(crate) struct Written {
    /// The default artifact.
    head: Arc<TextHead>,
    answer: Answer,
    /// The other artifacts of the turn.
    artifact_ids: HashSet<Arc<str>>,
    state: TaskState,
    /// A direct answer stands there, and nothing can follow.
    is_answered: bool,
    room: Room,
    /// Bytes that the task may still keep.
    room_bytes: usize,
}

/// How far the default artifact of the turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// No text yet.
    Empty,
    /// Something stands in the log; more is appended.
    Begun,
    /// The same, and no text is at its end: there is nothing to close.
    Parts,
    /// The same, and its last piece was marked as such.
    Closed,
    /// Something stands in the log, but is withdrawn: the next text replaces it.
    Withdrawn,
}

/// An event that is about to be committed.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) event: Event,
    pub(crate) mark: Mark,
}

/// What an event changes.
#[derive(Debug)]
pub(crate) enum Mark {
    Status(TaskState),
    Message,
    Answer(Answer),
    Artifact(Arc<str>),
}

impl Draft {
    /// A direct answer.
    pub(crate) fn message(message: &v1::Message) -> Self {
        Self { event: Event::message(message), mark: Mark::Message }
    }

    /// A status update to this state.
    pub(crate) fn status(state: TaskState, event: Event) -> Self {
        Self { event, mark: Mark::Status(state) }
    }
}

impl Written {
    /// A turn begins on a task that says `SUBMITTED` and keeps so much.
    pub(crate) fn new(head: TextHead, room: Room, kept_bytes: usize) -> Self {
        Self {
            head: Arc::new(head),
            answer: Answer::Empty,
            artifact_ids: HashSet::new(),
            state: TaskState::Submitted,
            is_answered: false,
            room,
            room_bytes: room.bytes.saturating_sub(kept_bytes),
        }
    }

    /// Nothing of this turn is in the log yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.state == TaskState::Submitted
    }

    /// The log says that the task waits for its caller.
    pub(crate) fn is_interrupted(&self) -> bool {
        is_interrupted(self.state)
    }

    /// A direct answer is in the log.
    pub(crate) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Text of the default artifact.
    pub(crate) fn text(&self, text: &str, last_chunk: bool) -> Draft {
        let append = matches!(self.answer, Answer::Begun | Answer::Parts | Answer::Closed);
        let event = Event::text(&self.head, EscapedText::new(text), append, last_chunk);
        Draft { event, mark: Mark::Answer(Answer::Begun) }
    }

    /// A piece of an artifact of this task.
    pub(crate) fn artifact(&self, task: &str, context: &str, update: ArtifactUpdate) -> Draft {
        let default_id = self.head.artifact_id();
        let artifact_id = update.artifact_id.unwrap_or_else(|| default_id.to_owned());
        let ends_with_text =
            matches!(update.parts.last(), Some(part) if matches!(part.content, Some(Content::Text(_))));
        let mark = match update.last_chunk {
            _ if artifact_id != default_id => Mark::Artifact(artifact_id.as_str().into()),
            true => Mark::Answer(Answer::Closed),
            false if ends_with_text => Mark::Answer(Answer::Begun),
            false => Mark::Answer(Answer::Parts),
        };
        let event = Event::artifact(&v1::TaskArtifactUpdateEvent {
            task_id: task.to_owned(),
            context_id: context.to_owned(),
            artifact: Some(v1::Artifact {
                artifact_id,
                name: update.name.unwrap_or_default(),
                description: update.description.unwrap_or_default(),
                parts: update.parts,
                metadata: update.metadata,
                ..v1::Artifact::default()
            }),
            append: update.append,
            last_chunk: update.last_chunk,
            metadata: None,
        });
        Draft { event, mark }
    }

    /// The next text replaces what stands in the default artifact.
    pub(crate) fn withdraw(&mut self) {
        if self.answer != Answer::Empty {
            self.answer = Answer::Withdrawn;
        }
    }

    /// Whether the task has room for the event, and so many bytes more.
    pub(crate) fn fits(&self, draft: &Draft, more_bytes: usize) -> bool {
        let known = match &draft.mark {
            Mark::Artifact(id) => self.artifact_ids.len() < self.room.artifacts || self.artifact_ids.contains(id),
            _ => true,
        };
        known && draft.event.kept_bytes().saturating_add(more_bytes) <= self.room_bytes
    }

    /// Whether the log has to say `WORKING` before the event.
    pub(crate) fn has_to_work(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Status(state) => !may_move(self.state, *state),
            Mark::Message => false,
            Mark::Answer(_) | Mark::Artifact(_) => self.state != TaskState::Working,
        }
    }

    /// Whether the default artifact has to be closed before the turn ends, and whether the log has to say `WORKING` before that.
    pub(crate) fn closes(&self, end: &End) -> (bool, bool) {
        let closes = matches!(self.answer, Answer::Begun | Answer::Withdrawn);
        let worked = !matches!(end, End::Failed(_) | End::Canceled(_));
        let works = match self.state {
            TaskState::Submitted => worked && !matches!(end, End::Rejected(_)),
            _ => self.is_interrupted() && (worked || closes),
        };
        (closes, works)
    }

    /// The event has been committed, which takes so many bytes.
    pub(crate) fn committed(&mut self, mark: Mark, bytes: usize) {
        self.room_bytes = self.room_bytes.saturating_sub(bytes);
        let working = TaskState::Working;
        match mark {
            Mark::Status(state) => self.state = state,
            Mark::Message => self.is_answered = true,
            Mark::Answer(answer) => (self.state, self.answer) = (working, answer),
            Mark::Artifact(id) => {
                self.state = working;
                self.artifact_ids.insert(id);
            }
        }
    }

    /// A message has joined the task, which keeps so much now and says `WORKING`.
    pub(crate) fn resumed(&mut self, kept_bytes: usize) {
        self.state = TaskState::Working;
        self.room_bytes = self.room.bytes.saturating_sub(kept_bytes);
    }
}
