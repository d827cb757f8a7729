//! Turns what an agent says into committed events of its task, within the task's bounds.

use std::sync::Arc;

use async_trait::async_trait;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::{EscapedText, Event, TextHead};

use crate::agent::{AgentEvent, ArtifactUpdate, End, Note, Output, Stop, Usage};
use crate::cancel::{CancelSource, StopCause};
use crate::note::Ids;
use crate::store::{Lease, Store, StoreError};

/// The one writer of a task's log during a turn.
pub(crate) struct TaskOutput {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lease: Lease,
    pub(crate) stop: Arc<CancelSource>,
    pub(crate) context_id: Arc<str>,
    /// Bytes that the task may still keep.
    pub(crate) room_bytes: usize,
    /// Whether a first `Message` may be a direct answer without a task.
    pub(crate) direct: bool,
    pub(crate) head: Arc<TextHead>,
    pub(crate) answer: Answer,
    pub(crate) usage: Option<Usage>,
    /// Nothing of this turn is in the log yet.
    pub(crate) silent: bool,
    /// A direct answer stands in the log: nothing follows.
    pub(crate) answered: bool,
}

/// How far the default artifact of the turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// No text yet.
    Empty,
    /// Text stands in the log; more is appended.
    Begun,
    /// Text stands in the log, but is withdrawn: the next one replaces it.
    Withdrawn,
}

#[async_trait]
impl Output for TaskOutput {
    async fn emit(&mut self, event: AgentEvent) -> Result<(), Stop> {
        if self.answered || self.stop.cause().is_some() {
            return Err(Stop);
        }
        let event = match event {
            AgentEvent::Usage(usage) => {
                self.usage = Some(usage);
                return Ok(());
            }
            AgentEvent::Withdraw => {
                if self.answer == Answer::Begun {
                    self.answer = Answer::Withdrawn;
                }
                return Ok(());
            }
            AgentEvent::Text(text) if text.is_empty() => return Ok(()),
            AgentEvent::Text(text) => self.text(&text, false),
            AgentEvent::Artifact(update) => self.artifact(update),
            AgentEvent::Working(note) => {
                self.silent = false;
                self.ids().status(TaskState::Working, note, self.usage)
            }
            AgentEvent::Message(parts) if self.direct && self.silent => {
                Event::message(&self.ids().agent_message(parts, None))
            }
            AgentEvent::Message(parts) => {
                self.artifact(ArtifactUpdate { parts, last_chunk: true, ..ArtifactUpdate::default() })
            }
        };
        self.commit(event).await
    }
}

impl TaskOutput {
    pub(crate) fn ids(&self) -> Ids<'_> {
        Ids { task: &self.lease.key.id, context: &self.context_id }
    }

    /// Says that the turn has begun.
    pub(crate) async fn begin(&mut self) -> Result<(), Stop> {
        if self.direct { Ok(()) } else { self.emit(AgentEvent::Working(Note::default())).await }
    }

    /// Closes the default artifact and commits how the turn ended, in one step. A direct answer is its own end.
    pub(crate) async fn finish(mut self, end: End) -> Result<u64, StoreError> {
        if self.answered {
            return Ok(0);
        }
        let mut last = Vec::with_capacity(2);
        if self.silent {
            last.push(self.ids().status(TaskState::Working, Note::default(), None));
        }
        if self.answer != Answer::Empty {
            last.push(self.text("", true));
        }
        last.push(self.ids().end(self.stop.cause(), end, self.usage));
        self.store.append(&self.lease, last).await
    }

    fn text(&mut self, text: &str, last_chunk: bool) -> Event {
        let append = self.answer == Answer::Begun;
        self.answer = Answer::Begun;
        Event::text(&self.head, EscapedText::new(text), append, last_chunk)
    }

    fn artifact(&mut self, update: ArtifactUpdate) -> Event {
        let artifact_id = update.artifact_id.unwrap_or_else(|| self.head.artifact_id().to_owned());
        Event::artifact(&v1::TaskArtifactUpdateEvent {
            task_id: self.lease.key.id.to_string(),
            context_id: self.context_id.to_string(),
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
        })
    }

    async fn commit(&mut self, event: Event) -> Result<(), Stop> {
        let bytes = event.kept_bytes();
        if bytes > self.room_bytes {
            self.stop.fire(StopCause::OutputLimit);
            return Err(Stop);
        }
        self.room_bytes -= bytes;
        let batch = if self.silent && !matches!(event, Event::Message(_)) {
            vec![self.ids().status(TaskState::Working, Note::default(), None), event]
        } else {
            vec![event]
        };
        self.silent = false;
        self.answered = matches!(batch[0], Event::Message(_));
        match self.store.append(&self.lease, batch).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(task = %self.lease.key.id, %error, "the task takes no more output");
                Err(Stop)
            }
        }
    }
}
