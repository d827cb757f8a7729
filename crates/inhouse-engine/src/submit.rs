//! A message comes in: the rules of ids (spec 3.4), retries, limits, and then a turn that runs or waits.

use std::sync::Arc;

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::json;
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::via::Via;
use inhouse_proto::wire::to_json;
use inhouse_trust::{Decides, Permit};
use sha2::{Digest, Sha256};

use crate::accepted::Accepted;
use crate::agent::{End, Note, Turn};
use crate::approve::Waiting;
use crate::asking::Asking;
use crate::cancel::{CancelSource, StopCause};
use crate::direct::Direct;
use crate::engine::{Engine, Reservation, key, lock, owner, slot};
use crate::entry::AgentEntry;
use crate::limits::Idempotency;
use crate::note::{Ids, now_ms};
use crate::push::named;
use crate::refusal::{refused, unsupported};
use crate::state::is_interrupted;
use crate::store::{Lease, NewTask, NextMessage, Owner, RetryKey, Submitted, TaskKey};
use crate::turn::Ticket;

/// A message for an agent, validated by its binding.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// The message as the caller sent it.
    pub message: v1::Message,
    /// Media types that the caller accepts.
    pub accepted_output_modes: Vec<String>,
    /// The `Idempotency-Key` of the request.
    pub idempotency_key: Option<String>,
    /// The id that the caller chose for the task; only the first generation of the protocol lets it.
    pub task_id: Option<String>,
    /// Whether the caller can take a message instead of a task: it has seen no task yet and will not before the answer.
    pub direct: bool,
    /// What the binding wants to know of the task later; means nothing to the engine.
    pub label: u8,
    /// The way that it has come.
    pub via: Via,
    /// Whom the task's events are told to, from the first one on.
    pub push: Option<v1::TaskPushNotificationConfig>,
}

/// The task that a message is about.
enum Continued {
    Own(Snapshot),
    Anothers(Waiting),
}

impl Engine {
    /// Takes a message: begins a task, or continues one that waits for its caller (spec 3.1.1, 3.4).
    ///
    /// # Errors
    /// Task not found, unsupported operation (the task does not wait), content type not supported, invalid parameters
    /// (contexts that do not match, a message id used with other content), resource exhausted (limits), unavailable
    /// (the server is stopping). Then nothing has changed.
    pub async fn submit(&self, permit: &Permit, submission: Submission) -> Result<Accepted, A2aError> {
        let entry = self.entry(permit)?;
        check_parts(&entry, &submission.message)?;
        if !entry.can_please(&submission.accepted_output_modes) {
            let error = A2aError::new(ErrorKind::ContentTypeNotSupported);
            return Err(error.with("acceptedOutputModes", "none of them").with("supported", entry.gives.join(", ")));
        }
        // A task that waits under an id of its caller's own takes any message under that id: it is the answer.
        let answered = self.waiting(permit, submission.task_id.as_deref()).await;
        let retry = if answered.is_some() { None } else { self.retry_key(&submission) };
        if let Some(id) = self.retried(permit, retry.as_ref()).await? {
            return Ok(self.accepted(key(permit, &id), submission.direct));
        }
        let continued = match answered {
            Some(task) => Some(task),
            None => match self.continued(permit, &submission).await? {
                Some(Continued::Anothers(waiting)) => return self.approve(permit, submission, waiting).await,
                Some(Continued::Own(task)) => Some(task),
                None => None,
            },
        };
        if let Some(task) = &continued
            && let Some(said) = self.claim(permit, task, &submission.message)?
        {
            let key = key(permit, &task.id);
            let retried = self.answer(&key, submission, task, retry, said).await?;
            return Ok(self.accepted(TaskKey { id: retried.unwrap_or(key.id), ..key }, false));
        }
        let place = self.admit(permit, &entry)?;
        match continued {
            Some(snapshot) => self.resume(permit, entry, submission, snapshot, retry, place).await,
            None => self.create(permit, entry, submission, retry, place).await,
        }
    }

    async fn retried(&self, permit: &Permit, retry: Option<&RetryKey>) -> Result<Option<Arc<str>>, A2aError> {
        match retry {
            Some(retry) => self.inner.store.retried(&owner(permit), retry).await.map_err(refused),
            None => Ok(None),
        }
    }

    fn entry(&self, permit: &Permit) -> Result<Arc<AgentEntry>, A2aError> {
        self.inner.entry(permit.agent()).ok_or_else(|| A2aError::new(ErrorKind::Internal))
    }

    /// The waiting task that the message continues, or that it gives leave to.
    async fn continued(&self, permit: &Permit, submission: &Submission) -> Result<Option<Continued>, A2aError> {
        let message = &submission.message;
        if message.task_id.is_empty() {
            return Ok(None);
        }
        let continued = match self.look(&key(permit, &message.task_id), false).await {
            Ok(task) => Continued::Own(task),
            Err(error) => match self.to_decide(permit, &message.task_id).await {
                Some(waiting) if error.kind == ErrorKind::TaskNotFound => Continued::Anothers(waiting),
                _ => return Err(error),
            },
        };
        let (Continued::Own(task) | Continued::Anothers(Waiting { task, .. })) = &continued;
        if !message.context_id.is_empty() && *message.context_id != *task.context_id {
            return Err(A2aError::invalid("message.contextId", "the task belongs to another context".to_owned()));
        }
        if !is_interrupted(task.state) {
            return Err(unsupported(
                &task.id,
                &format!("the task is {} and does not wait for a message", task.state.as_str_name()),
            ));
        }
        Ok(Some(continued))
    }

    /// The caller's task of this id, if it waits.
    async fn waiting(&self, permit: &Permit, id: Option<&str>) -> Option<Snapshot> {
        let task = self.look(&key(permit, id?), false).await.ok()?;
        is_interrupted(task.state).then_some(task)
    }

    pub(crate) fn retry_key(&self, submission: &Submission) -> Option<RetryKey> {
        let message = &submission.message;
        let by_message = !message.message_id.is_empty()
            && match self.inner.limits().idempotency {
                Idempotency::Auto => uuid::Uuid::try_parse(&message.message_id).is_ok(),
                Idempotency::Always => true,
                Idempotency::Off => false,
            };
        let key = match (&submission.idempotency_key, &submission.task_id) {
            (Some(key), _) => format!("key {key}"),
            (None, Some(id)) => format!("task {id}"),
            (None, None) if by_message => format!("message {}", message.message_id),
            _ => return None,
        };
        Some(RetryKey { key: key.into(), content: digest(&to_json(message)) })
    }

    /// The limits that decide whether the caller may start a turn now.
    fn admit(&self, permit: &Permit, entry: &AgentEntry) -> Result<Reservation, A2aError> {
        if self.inner.is_closing() {
            return Err(A2aError::new(ErrorKind::Unavailable).retry_after(1));
        }
        let place = self.inner.reserve(permit).ok_or_else(|| {
            let full = A2aError::new(ErrorKind::ResourceExhausted).with("cause", "the queue is full");
            full.retry_after(self.inner.limits().queue_retry_s)
        })?;
        self.inner.ledger.check(&owner(permit), &entry.budgets, now_ms()).map_err(|spent| {
            let error = A2aError::new(ErrorKind::ResourceExhausted).with("budget", spent.budget);
            error.detail("what may be spent in a day is spent").retry_after(spent.retry_s)
        })?;
        let all = self.inner.limits().starts.starts_max;
        let max = permit.limits().starts_per_minute_max.map_or(all, |own| own.min(all));
        lock(&self.inner.starts).admit_of(permit.principal(), max, self.inner.uptime_ms()).map_err(|retry| {
            let error = A2aError::new(ErrorKind::ResourceExhausted).with("startsMax", max.to_string());
            error.retry_after(retry.seconds)
        })?;
        Ok(place)
    }

    async fn create(
        &self,
        permit: &Permit,
        entry: Arc<AgentEntry>,
        submission: Submission,
        retry: Option<RetryKey>,
        place: Reservation,
    ) -> Result<Accepted, A2aError> {
        let id: Arc<str> = submission.task_id.clone().unwrap_or_else(new_id).into();
        let begins_context = submission.message.context_id.is_empty();
        let context_id: Arc<str> = match begins_context {
            true => new_id().into(),
            false => submission.message.context_id.as_str().into(),
        };
        let key = key(permit, &id);
        let message = filled(submission.message, &id, &context_id);
        let new = NewTask {
            key: key.clone(),
            context_id: Arc::clone(&context_id),
            retry,
            message: to_json(&message),
            event: submitted(&id, &context_id, None),
            label: submission.label,
            push: submission.push.map(|config| named(config, &id, submission.label)),
        };
        let lease = match self.inner.store.submit(new).await.map_err(refused)? {
            Submitted::Taken(lease) => lease,
            Submitted::Retried(id) => return Ok(self.accepted(TaskKey { id, ..key }, submission.direct)),
        };
        let direct = submission.direct && entry.answers_directly;
        let accepted = submission.accepted_output_modes;
        let begun = Begun { message, accepted, via: submission.via, begins_context, number: 1, history: Vec::new() };
        self.begin(place, ticket(permit, entry, lease, context_id, begun, direct)).await;
        Ok(self.accepted(key, direct))
    }

    async fn resume(
        &self,
        permit: &Permit,
        entry: Arc<AgentEntry>,
        submission: Submission,
        task: Snapshot,
        retry: Option<RetryKey>,
        place: Reservation,
    ) -> Result<Accepted, A2aError> {
        let message = filled(submission.message, &task.id, &task.context_id);
        let history: Vec<v1::Message> = task.history.iter().filter_map(|json| json::decode_own(json).ok()).collect();
        let turns = history.iter().filter(|message| message.role() == v1::Role::User).count();
        let key = key(permit, &task.id);
        let push = submission.push.map(|config| named(config, &task.id, submission.label));
        let event = submitted(&task.id, &task.context_id, None);
        let next = NextMessage { key: key.clone(), retry, message: to_json(&message), event, push };
        let lease = match self.inner.store.resume(next).await.map_err(refused)? {
            Submitted::Taken(lease) => lease,
            Submitted::Retried(id) => return Ok(self.accepted(TaskKey { id, ..key }, false)),
        };
        let (accepted, via, number) = (submission.accepted_output_modes, submission.via, number(turns));
        let begun = Begun { message, accepted, via, begins_context: false, number, history };
        self.begin(place, ticket(permit, entry, lease, task.context_id, begun, false)).await;
        Ok(self.accepted(key, false))
    }

    /// Lets the turn run or wait, and says in the log where it waits.
    async fn begin(&self, place: Reservation, ticket: Ticket) {
        let (lease, context, direct) =
            (ticket.lease.clone(), Arc::clone(&ticket.turn.context_id), Arc::clone(&ticket.direct));
        match self.inner.enqueue(place, ticket) {
            Ok(None) => {}
            Ok(Some(position)) => {
                // Whoever hears of a place in the queue hears of a task.
                if direct.show() {
                    let event = submitted(&lease.key.id, &context, Some(position));
                    // The turn may have begun, or ended, in the meantime: then its place is of no interest.
                    let _ = self.inner.store.append(&lease, vec![event]).await;
                }
            }
            Err(ticket) => {
                ticket.stop.fire(StopCause::Shutdown);
                self.inner.close(&ticket, End::Canceled(Note::default())).await;
            }
        }
    }

    /// `direct`: the caller can still take a message instead of the task.
    pub(crate) fn accepted(&self, key: TaskKey, direct: bool) -> Accepted {
        if let Some(live) = self.live(&key).filter(|_| !direct) {
            live.direct.show();
        }
        Accepted::new(self.clone(), key)
    }
}

struct Begun {
    message: v1::Message,
    accepted: Vec<String>,
    via: Via,
    begins_context: bool,
    number: u32,
    history: Vec<v1::Message>,
}

fn ticket(
    permit: &Permit,
    entry: Arc<AgentEntry>,
    lease: Lease,
    context_id: Arc<str>,
    begun: Begun,
    direct: bool,
) -> Ticket {
    let (source, cancel) = CancelSource::new();
    let owner: Owner = lease.key.owner.clone();
    let turn = Turn {
        permit: permit.clone(),
        task_id: Arc::clone(&lease.key.id),
        context_id: Arc::clone(&context_id),
        begins_context: begun.begins_context,
        number: begun.number,
        message: begun.message,
        history: begun.history,
        accepted_output_modes: begun.accepted,
        via: begun.via,
        cancel,
    };
    Ticket {
        turn: Arc::new(turn),
        entry,
        accepted: std::time::Instant::now(),
        lease,
        slot: slot(owner, context_id),
        direct: Arc::new(Direct::new(direct)),
        stop: Arc::new(source),
        asking: Arc::new(Asking::new(permit.decides() != Decides::Own)),
    }
}

/// Refuses what the agent can not take, instead of dropping it (spec 3.1.1).
fn check_parts(entry: &AgentEntry, message: &v1::Message) -> Result<(), A2aError> {
    let Some(part) = message.parts.iter().find(|part| !entry.takes_part(part)) else { return Ok(()) };
    let error = A2aError::new(ErrorKind::ContentTypeNotSupported).with("mediaType", &part.media_type);
    Err(error.with("supported", entry.taken()))
}

fn submitted(task: &str, context: &str, position: Option<usize>) -> inhouse_proto::wire::Event {
    let text = position.map(|place| format!("queued at position {place}"));
    Ids { task, context }.status(TaskState::Submitted, Note { text, data: None }, None)
}

/// The message as the task's history keeps it: with the ids that the server gave.
pub(crate) fn filled(mut message: v1::Message, task_id: &str, context_id: &str) -> v1::Message {
    message.task_id = task_id.to_owned();
    message.context_id = context_id.to_owned();
    if message.message_id.is_empty() {
        message.message_id = new_id();
    }
    message
}

fn number(turns_before: usize) -> u32 {
    u32::try_from(turns_before + 1).unwrap_or(u32::MAX)
}

/// Tells one content from another, also after a restart.
fn digest(content: &[u8]) -> u64 {
    let digest = Sha256::digest(content);
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
