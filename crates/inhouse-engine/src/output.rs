//! Turns what an agent says into committed events of its task, within the task's bounds.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use inhouse_proto::v1::part::Content;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::{EscapedText, Event, TextHead};
use tokio::time::Instant;

use crate::activity::Activity;
use crate::agent::{AgentEvent, ArtifactUpdate, Asked, DecidedBy, End, Full, Note, Output, Stop, Usage};
use crate::ask::{Ask, Reply};
use crate::asking::{Asking, Said};
use crate::budget::Budgets;
use crate::cancel::{CancelSource, StopCause};
use crate::direct::Direct;
use crate::engine::Inner;
use crate::note::{Ids, now_ms};
use crate::queue::Slot;
use crate::store::{Lease, StoreError};
use crate::turn::{Closing, Room, Ticket};

/// The one writer of a task's log during a turn.
pub(crate) struct TaskOutput {
    inner: Arc<Inner>,
    lease: Lease,
    slot: Slot,
    asking: Arc<Asking>,
    /// What is asked now, and until when.
    open: Option<(Ask, Instant)>,
    /// The agent does not want to know it any more, but somebody is answering.
    withdrawn: bool,
    /// The no to what nobody has answered in time, until the log says that the turn goes on.
    overdue: Option<Reply>,
    /// The log says that the task waits for its caller.
    interrupted: bool,
    stop: Arc<CancelSource>,
    context_id: Arc<str>,
    /// Bytes that the task may still keep.
    room_bytes: usize,
    /// Artifacts that the turn may still begin.
    room_artifacts: usize,
    artifact_ids: HashSet<Arc<str>>,
    direct: Arc<Direct>,
    head: Arc<TextHead>,
    answer: Answer,
    usage: Option<Usage>,
    budgets: Budgets,
    shows_reasoning: bool,
    /// Nothing of this turn is in the log yet.
    silent: bool,
}

/// How far the default artifact of the turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
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

#[async_trait]
impl Output for TaskOutput {
    async fn emit(&mut self, event: AgentEvent) -> Result<(), Stop> {
        let event = match event {
            // Of a turn that was stopped, too.
            AgentEvent::Usage(usage) => {
                self.inner.ledger.add(&self.slot.owner, self.usage.replace(usage), usage, now_ms());
                return Ok(());
            }
            _ if self.direct.is_answered() || self.stop.cause().is_some() => return Err(Stop),
            AgentEvent::Active(Activity::Reasoning(_)) if !self.shows_reasoning => return Ok(()),
            // Only now: what a turn tells of itself at its end takes nothing from what it has done.
            _ if self.is_spent() => {
                self.stop.fire(StopCause::Budget);
                return Err(Stop);
            }
            AgentEvent::Withdraw => {
                if self.answer != Answer::Empty {
                    self.answer = Answer::Withdrawn;
                }
                return Ok(());
            }
            AgentEvent::Text(text) if text.is_empty() => return Ok(()),
            // A task that waits for its caller does not say that it works.
            AgentEvent::Working(_) | AgentEvent::Active(_) if self.open.is_some() => return Ok(()),
            AgentEvent::Text(text) => self.text(&text, false),
            AgentEvent::Artifact(update) => self.artifact(update)?,
            AgentEvent::Working(note) => {
                (self.silent, self.interrupted) = (false, false);
                self.ids().status(TaskState::Working, note, self.usage)
            }
            AgentEvent::Active(activity) => {
                (self.silent, self.interrupted) = (false, false);
                self.ids().active(&activity, self.usage)
            }
            AgentEvent::Message(parts) if self.silent && self.direct.answer() => {
                // There is no task that it could name (spec 4.1.4).
                let message = self.ids().agent_message(parts, None);
                Event::message(&v1::Message { task_id: String::new(), ..message })
            }
            AgentEvent::Message(parts) => {
                self.artifact(ArtifactUpdate { parts, last_chunk: true, ..ArtifactUpdate::default() })?
            }
        };
        self.commit(event).await.map(drop)
    }

    async fn ask(&mut self, ask: Ask) -> Result<Asked, Stop> {
        self.settle().await;
        if !self.inner.pause(&self.slot) {
            return Ok(Asked::TooMany);
        }
        // Before the log says so: whoever reads it there may answer at once.
        self.asking.ask(ask.clone());
        let ask_ms_max = self.inner.limits.ask_ms_max;
        let expires_ms = now_ms().saturating_add(i64::try_from(ask_ms_max).unwrap_or(i64::MAX));
        let note = ask.note(expires_ms, self.asking.has_approvers());
        self.open = Some((ask, Instant::now() + Duration::from_millis(ask_ms_max)));
        let event = self.ids().status(TaskState::InputRequired, note, self.usage);
        self.direct.show();
        let generation = self.commit(event).await?;
        self.asking.told(generation);
        self.interrupted = true;
        Ok(Asked::Waiting)
    }

    async fn reply(&mut self) -> Reply {
        loop {
            if let Some(reply) = self.overdue.clone() {
                // Before the reply is taken, so that nothing is lost with this future.
                let event = self.ids().status(TaskState::Working, Note::default(), self.usage);
                let _ = self.commit(event).await;
                (self.overdue, self.interrupted) = (None, false);
                return reply;
            }
            if let Some(reply) = self.answer().await {
                return reply;
            }
        }
    }

    fn unask(&mut self) {
        if self.open.is_some() {
            self.withdrawn = !self.asking.give_up();
            if !self.withdrawn {
                self.goes_on();
            }
        }
    }

    async fn leave(&mut self, artifact: ArtifactUpdate) -> Result<(), Full> {
        let known = artifact.artifact_id.as_deref().is_none_or(|id| self.artifact_ids.contains(id));
        // After a direct answer there is no task that could keep more.
        if self.direct.is_answered() || !(known || self.room_artifacts > 0) {
            return Err(Full);
        }
        let event = self.artifact(artifact).map_err(|Stop| Full)?;
        if event.kept_bytes() > self.room_bytes {
            return Err(Full);
        }
        self.commit(event).await.map(drop).map_err(|Stop| Full)
    }

    fn decided(&mut self, ask: &Ask, reply: Reply, by: DecidedBy) -> Reply {
        self.inner.decided(&self.slot, &self.lease.key.id, ask, reply, by)
    }
}

impl TaskOutput {
    /// Waits for the caller's answer; `None` when it is overdue.
    async fn answer(&mut self) -> Option<Reply> {
        let Some((ask, deadline)) = &self.open else { return std::future::pending().await };
        let asking = Arc::clone(&self.asking);
        let overdue = async {
            tokio::time::sleep_until(*deadline).await;
            // Somebody may be answering in this moment.
            if !asking.give_up() {
                std::future::pending::<()>().await;
            }
        };
        let answer = tokio::select! {
            answer = self.asking.answer() => answer,
            () = overdue => None,
        };
        if answer.is_none() {
            let reply = Reply::denied(&ask.id, "nobody answered in time");
            self.overdue = Some(self.inner.decided(&self.slot, &self.lease.key.id, ask, reply, DecidedBy::Nobody));
        }
        self.heard(answer)
    }

    /// What somebody has said to what is asked, with the lease that came with it, ends the ask; so does that nobody will.
    fn heard(&mut self, answer: Option<(Lease, Said)>) -> Option<Reply> {
        let reply = answer.map(|(lease, Said { reply, by })| {
            let reply = match &self.open {
                Some((ask, _)) => self.inner.decided(&self.slot, &lease.key.id, ask, reply, by),
                None => reply,
            };
            (self.lease, self.interrupted) = (lease, false);
            reply
        });
        self.goes_on();
        reply
    }

    /// An answer that was on its way when the agent withdrew what it asked is none to anything that it asks later; but the turn
    /// goes on under the lease that comes with it. Cancel safe.
    async fn settle(&mut self) {
        if self.withdrawn {
            let answer = self.asking.answer().await;
            self.withdrawn = false;
            self.heard(answer);
        }
    }

    /// The writer for a turn, which may keep so much more.
    pub(crate) fn new(inner: Arc<Inner>, ticket: &Ticket, room: Room) -> Self {
        let turn = &ticket.turn;
        let artifact_id = format!("answer-{}", turn.number);
        let entry = inner.agents.get(&ticket.slot.owner.agent);
        let (budgets, shows_reasoning) = entry.map(|entry| (entry.budgets, entry.shows_reasoning)).unwrap_or_default();
        Self {
            budgets,
            shows_reasoning,
            inner,
            lease: ticket.lease.clone(),
            slot: ticket.slot.clone(),
            asking: Arc::clone(&ticket.asking),
            open: None,
            withdrawn: false,
            overdue: None,
            interrupted: false,
            stop: Arc::clone(&ticket.stop),
            context_id: Arc::clone(&turn.context_id),
            room_bytes: room.bytes.saturating_sub(ticket.lease.kept_bytes),
            room_artifacts: room.artifacts,
            artifact_ids: HashSet::new(),
            direct: Arc::clone(&ticket.direct),
            head: Arc::new(TextHead::new(&turn.task_id, &turn.context_id, &artifact_id)),
            answer: Answer::Empty,
            usage: None,
            silent: true,
        }
    }

    /// Whether this turn has used something, and nothing more may be spent.
    fn is_spent(&self) -> bool {
        self.usage.is_some() && self.inner.ledger.check(&self.slot.owner, &self.budgets, now_ms()).is_err()
    }

    fn ids(&self) -> Ids<'_> {
        Ids { task: &self.lease.key.id, context: &self.context_id }
    }

    /// Says that the turn has begun, unless its first word may be the whole answer.
    pub(crate) async fn begin(&mut self) -> Result<(), Stop> {
        if self.direct.is_open() { Ok(()) } else { self.emit(AgentEvent::Working(Note::default())).await }
    }

    /// Closes the default artifact and commits how the turn ended, in one step. A direct answer is its own end.
    pub(crate) async fn finish(mut self, end: End) -> Closing {
        let end = end.under(self.stop.cause());
        let closing = Closing { outcome: end.outcome(), usage: self.usage };
        if !self.direct.is_answered()
            && let Err(error) = self.commit_end(end).await
        {
            tracing::warn!(task = %self.lease.key.id, %error, "the end of a turn was not committed");
        }
        closing
    }

    async fn commit_end(&mut self, end: End) -> Result<(), StoreError> {
        // A message that came while the turn ended has made the lease void that the turn knows; where the turn was lost, any has.
        if let Some(lease) = self.asking.close().filter(|lease| *lease != self.lease) {
            (self.lease, self.interrupted) = (lease, false);
        }
        let mut last = Vec::with_capacity(3);
        let worked = !matches!(end, End::Failed(_) | End::Canceled(_));
        let unsaid = self.silent && !matches!(end, End::Rejected(_));
        let closes = matches!(self.answer, Answer::Begun | Answer::Withdrawn);
        if (worked && unsaid) || (self.interrupted && (worked || closes)) {
            last.push(self.ids().status(TaskState::Working, Note::default(), None));
        }
        if closes {
            last.push(self.text("", true));
        }
        last.push(self.ids().end(end, self.usage));
        self.inner.store.append(&self.lease, last).await.map(|_| ())
    }

    fn text(&mut self, text: &str, last_chunk: bool) -> Event {
        let append = matches!(self.answer, Answer::Begun | Answer::Parts | Answer::Closed);
        self.answer = Answer::Begun;
        Event::text(&self.head, EscapedText::new(text), append, last_chunk)
    }

    fn artifact(&mut self, update: ArtifactUpdate) -> Result<Event, Stop> {
        let artifact_id = update.artifact_id.unwrap_or_else(|| self.head.artifact_id().to_owned());
        if artifact_id == self.head.artifact_id() {
            let ends_with_text =
                matches!(update.parts.last(), Some(part) if matches!(part.content, Some(Content::Text(_))));
            self.answer = match update.last_chunk {
                true => Answer::Closed,
                false if ends_with_text => Answer::Begun,
                false => Answer::Parts,
            };
        } else if self.artifact_ids.insert(artifact_id.as_str().into()) {
            self.room_artifacts = self.room_artifacts.checked_sub(1).ok_or_else(|| self.too_much())?;
        }
        Ok(Event::artifact(&v1::TaskArtifactUpdateEvent {
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
        }))
    }

    fn goes_on(&mut self) {
        self.open = None;
        self.inner.go_on(&self.slot);
    }

    fn too_much(&self) -> Stop {
        self.stop.fire(StopCause::OutputLimit);
        Stop
    }

    /// The number of the event.
    async fn commit(&mut self, event: Event) -> Result<u64, Stop> {
        self.settle().await;
        self.room_bytes = self.room_bytes.checked_sub(event.kept_bytes()).ok_or_else(|| self.too_much())?;
        // A turn that went on without an answer says so before anything else.
        let resumed = self.interrupted && self.open.is_none() && !matches!(event, Event::Status(_));
        let batch = if resumed || (self.silent && !matches!(event, Event::Message(_))) {
            vec![self.ids().status(TaskState::Working, Note::default(), None), event]
        } else {
            vec![event]
        };
        self.silent = false;
        self.interrupted &= !resumed;
        self.inner.store.append(&self.lease, batch).await.map_err(|error| {
            tracing::warn!(task = %self.lease.key.id, %error, "the task takes no more output");
            Stop
        })
    }
}
