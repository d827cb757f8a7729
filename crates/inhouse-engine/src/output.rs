//! Turns what an agent says into committed events of its task, within the task's bounds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::TextHead;
use tokio::time::Instant;

use crate::activity::Activity;
use crate::agent::{
    AgentEvent, ArtifactUpdate, Asked, DecidedBy, End, Failure, Full, Note, Output, Reason, Stop, Usage,
};
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
use crate::written::{Draft, Written};

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
    /// What was said to it, until the log says that the turn goes on.
    replied: Option<Reply>,
    /// What the agent says beside what it asks: a task that waits for its caller takes it when it goes on.
    held: VecDeque<AgentEvent>,
    held_bytes: usize,
    stop: Arc<CancelSource>,
    context_id: Arc<str>,
    written: Written,
    /// The store has refused something, so that the log is not all that the agent has said.
    is_broken: bool,
    direct: Arc<Direct>,
    usage: Option<Usage>,
    budgets: Budgets,
    shows_reasoning: bool,
}

#[async_trait]
impl Output for TaskOutput {
    async fn emit(&mut self, event: AgentEvent) -> Result<(), Stop> {
        match &event {
            // Of a turn that was stopped, too.
            AgentEvent::Usage(usage) => {
                self.inner.ledger.add(&self.slot.owner, self.usage.replace(*usage), *usage, now_ms());
                return Ok(());
            }
            _ if self.direct.is_answered() || self.stop.cause().is_some() => return Err(Stop),
            AgentEvent::Active(Activity::Reasoning(_)) if !self.shows_reasoning => return Ok(()),
            // Only now: what a turn tells of itself at its end takes nothing from what it has done.
            _ if self.is_spent() => {
                self.stop.fire(StopCause::Budget);
                return Err(Stop);
            }
            AgentEvent::Text(text) if text.is_empty() => return Ok(()),
            // A task that waits for its caller does not say that it works.
            AgentEvent::Working(_) | AgentEvent::Active(_) if self.open.is_some() => return Ok(()),
            _ if self.open.is_some() && !self.withdrawn => return self.hold(event),
            _ => {}
        }
        self.release().await?;
        self.say(event).await
    }

    async fn ask(&mut self, ask: Ask) -> Result<Asked, Stop> {
        self.settle().await;
        self.release().await?;
        if !self.inner.pause(&self.slot) {
            return Ok(Asked::TooMany);
        }
        // Before the log says so: whoever reads it there may answer at once.
        self.asking.ask(ask.clone());
        self.replied = None;
        let ask_ms_max = self.inner.limits().ask_ms_max;
        let expires_ms = now_ms().saturating_add(i64::try_from(ask_ms_max).unwrap_or(i64::MAX));
        let note = ask.note(expires_ms, self.asking.has_approvers());
        self.open = Some((ask, Instant::now() + Duration::from_millis(ask_ms_max)));
        self.direct.show();
        let generation = self.commit(self.status(TaskState::InputRequired, note)).await?;
        self.asking.told(generation);
        Ok(Asked::Waiting)
    }

    async fn reply(&mut self) -> Reply {
        loop {
            if let Some(reply) = self.replied.clone() {
                // Before the reply is taken, so that nothing is lost with this future.
                if self.written.is_interrupted() {
                    let _ = self.commit(self.status(TaskState::Working, Note::default())).await;
                }
                let _ = self.release().await;
                self.replied = None;
                return reply;
            }
            self.answer().await;
        }
    }

    fn unask(&mut self) {
        self.replied = None;
        if self.open.is_some() {
            self.withdrawn = !self.asking.give_up();
            if !self.withdrawn {
                self.goes_on();
            }
        }
    }

    async fn leave(&mut self, artifact: ArtifactUpdate) -> Result<(), Full> {
        // At its end a turn asks nothing any more.
        self.unask();
        let _ = self.release().await;
        let draft = self.written.artifact(&self.lease.key.id, &self.context_id, artifact);
        // After a direct answer there is no task that could keep more.
        if self.direct.is_answered() || !self.written.fits(&draft, 0) {
            return Err(Full);
        }
        self.commit(draft).await.map(drop).map_err(|Stop| Full)
    }

    fn decided(&mut self, ask: &Ask, reply: Reply, by: DecidedBy) -> Reply {
        self.inner.decided(&self.slot, &self.lease.key.id, ask, reply, by)
    }
}

impl TaskOutput {
    /// Waits for what is said to what is asked: by somebody, or, when it is overdue, that nobody has.
    async fn answer(&mut self) {
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
        let nobody = answer.is_none().then(|| {
            let reply = Reply::denied(&ask.id, "nobody answered in time");
            self.inner.decided(&self.slot, &self.lease.key.id, ask, reply, DecidedBy::Nobody)
        });
        self.replied = self.heard(answer).or(nobody);
    }

    /// What somebody has said to what is asked, with the lease that came with it, ends the ask; so does that nobody will.
    fn heard(&mut self, answer: Option<(Lease, Said)>) -> Option<Reply> {
        let reply = answer.map(|(lease, Said { reply, by })| {
            self.resumed(lease);
            match &self.open {
                Some((ask, _)) => self.inner.decided(&self.slot, &self.lease.key.id, ask, reply, by),
                None => reply,
            }
        });
        self.goes_on();
        reply
    }

    /// A message has joined the task: what it brings, and what the task keeps now.
    fn resumed(&mut self, lease: Lease) {
        self.written.resumed(lease.kept_bytes);
        self.lease = lease;
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
        let (turn, lease) = (&ticket.turn, ticket.lease.clone());
        let head = TextHead::new(&turn.task_id, &turn.context_id, &format!("answer-{}", turn.number));
        Self {
            budgets: ticket.entry.budgets,
            shows_reasoning: ticket.entry.shows_reasoning,
            inner,
            written: Written::new(head, room, lease.kept_bytes),
            lease,
            slot: ticket.slot.clone(),
            asking: Arc::clone(&ticket.asking),
            open: None,
            withdrawn: false,
            replied: None,
            held: VecDeque::new(),
            held_bytes: 0,
            stop: Arc::clone(&ticket.stop),
            context_id: Arc::clone(&turn.context_id),
            is_broken: false,
            direct: Arc::clone(&ticket.direct),
            usage: None,
        }
    }

    /// Whether this turn has used something, and nothing more may be spent.
    fn is_spent(&self) -> bool {
        self.usage.is_some() && self.inner.ledger.check(&self.slot.owner, &self.budgets, now_ms()).is_err()
    }

    fn ids(&self) -> Ids<'_> {
        Ids { task: &self.lease.key.id, context: &self.context_id }
    }

    fn status(&self, state: TaskState, note: Note) -> Draft {
        Draft::status(state, self.ids().status(state, note, self.usage))
    }

    /// Says that the turn has begun, unless its first word may be the whole answer.
    pub(crate) async fn begin(&mut self) -> Result<(), Stop> {
        if self.direct.is_open() { Ok(()) } else { self.emit(AgentEvent::Working(Note::default())).await }
    }

    /// Closes the default artifact and commits how the turn ended, in one step. A direct answer is its own end.
    pub(crate) async fn finish(mut self, end: End) -> Closing {
        // A message that came while the turn ended has made the lease void that the turn knows; where the turn was lost, any has.
        if let Some(lease) = self.asking.close().filter(|lease| *lease != self.lease) {
            self.resumed(lease);
        }
        (self.open, self.withdrawn) = (None, false);
        let _ = self.release().await;
        let end = if self.is_broken { unwritten() } else { end };
        let end = end.under(self.stop.cause());
        let mut closing = Closing { outcome: end.outcome(), usage: self.usage };
        if !self.written.is_answered() {
            match self.commit_end(end).await {
                Ok(outcome) => closing.outcome = outcome,
                Err(error) => tracing::warn!(task = %self.lease.key.id, %error, "the end of a turn was not committed"),
            }
        }
        closing
    }

    /// How the turn ended after all.
    async fn commit_end(&mut self, end: End) -> Result<&'static str, StoreError> {
        let mut last = Vec::with_capacity(3);
        let (closes, works) = self.written.closes(&end);
        if works {
            last.push(self.ids().status(TaskState::Working, Note::default(), None));
        }
        if closes {
            last.push(self.written.text("", true).event);
        }
        let outcome = end.outcome();
        last.push(self.ids().end(end, self.usage));
        let store = &self.inner.store;
        match store.end(&self.lease, last).await {
            Ok(_) => Ok(outcome),
            // Whoever has taken the task over ends it.
            Err(error @ StoreError::Fenced(_)) => Err(error),
            // Nobody else would, ever.
            Err(error) => {
                tracing::warn!(task = %self.lease.key.id, %error, "the end of a turn was refused");
                let (bare, outcome) = (unwritten(), unwritten().outcome());
                store.end(&self.lease, vec![self.ids().end(bare, self.usage)]).await.map(|_| outcome)
            }
        }
    }

    /// Keeps what is said beside an ask, as far as the task will have room for it.
    fn hold(&mut self, event: AgentEvent) -> Result<(), Stop> {
        if let Some(draft) = self.draft(event.clone()) {
            if !self.written.fits(&draft, self.held_bytes) {
                return Err(self.too_much());
            }
            self.held_bytes += draft.event.kept_bytes();
        }
        self.held.push_back(event);
        Ok(())
    }

    /// Commits what was held, in its order. Cancel safe.
    async fn release(&mut self) -> Result<(), Stop> {
        while let Some(event) = self.held.front().cloned() {
            self.say(event).await?;
            self.held.pop_front();
        }
        self.held_bytes = 0;
        Ok(())
    }

    async fn say(&mut self, event: AgentEvent) -> Result<(), Stop> {
        match self.draft(event) {
            Some(draft) => self.commit(draft).await.map(drop),
            None => {
                self.written.withdraw();
                Ok(())
            }
        }
    }

    /// The event for what the agent says; none for a withdrawal.
    fn draft(&self, event: AgentEvent) -> Option<Draft> {
        let (task, context) = (&*self.lease.key.id, &*self.context_id);
        Some(match event {
            AgentEvent::Text(text) => self.written.text(&text, false),
            AgentEvent::Artifact(update) => self.written.artifact(task, context, update),
            AgentEvent::Working(note) => self.status(TaskState::Working, note),
            AgentEvent::Active(activity) => Draft::status(TaskState::Working, self.ids().active(&activity, self.usage)),
            AgentEvent::Message(parts) => self.direct_answer(&parts).unwrap_or_else(|| {
                let whole = ArtifactUpdate { parts, last_chunk: true, ..ArtifactUpdate::default() };
                self.written.artifact(task, context, whole)
            }),
            AgentEvent::Withdraw | AgentEvent::Usage(_) => return None,
        })
    }

    /// A direct answer, if there still can be one and the task has room for it: from here on nobody sees a task.
    fn direct_answer(&self, parts: &[v1::Part]) -> Option<Draft> {
        if !self.written.is_silent() || !self.direct.is_open() {
            return None;
        }
        // There is no task that it could name (spec 4.1.4).
        let message = self.ids().agent_message(parts.to_vec(), None);
        let draft = Draft::message(&v1::Message { task_id: String::new(), ..message });
        (self.written.fits(&draft, 0) && self.direct.answer()).then_some(draft)
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
    async fn commit(&mut self, draft: Draft) -> Result<u64, Stop> {
        self.settle().await;
        if !self.written.fits(&draft, 0) {
            return Err(self.too_much());
        }
        let Draft { event, mark } = draft;
        let bytes = event.kept_bytes();
        let mut batch = Vec::with_capacity(2);
        if self.written.has_to_work(&mark) {
            batch.push(self.ids().status(TaskState::Working, Note::default(), None));
        }
        batch.push(event);
        match self.inner.store.append(&self.lease, batch).await {
            Ok(generation) => {
                self.written.committed(mark, bytes);
                Ok(generation)
            }
            Err(error) => {
                tracing::warn!(task = %self.lease.key.id, %error, "the task takes no more output");
                self.is_broken = true;
                Err(Stop)
            }
        }
    }
}

/// How a turn ends of which the log does not tell all.
fn unwritten() -> End {
    End::Failed(Failure::new(Reason::Internal, "the task's log did not take all that the agent said"))
}
