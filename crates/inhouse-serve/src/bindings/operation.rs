//! The operations of the protocol (spec 3.1), whatever binding and generation they came by: asked in v1's words, answered
//! with what the engine holds. A binding decodes before and writes after; what is allowed is decided here alone.

use std::sync::Arc;

use inhouse_engine::{Accepted, Reader, Submission};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::json;
use inhouse_proto::snapshot::{Snapshot, View};
use inhouse_proto::v1::{self, stream_response::Payload};
use inhouse_trust::{Operation, Permit};

use super::checked::history_length;
use super::events::Until;
use super::list::{self, ListPage};
use super::push::{self, PushAsked};
use super::version::Generation;
use super::words::Written;
use super::{Audited, Call};

/// The operations (spec 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Send,
    Stream,
    Get,
    List,
    Cancel,
    Subscribe,
    PushCreate,
    PushGet,
    PushList,
    PushDelete,
    Card,
}

impl Kind {
    /// The name in the protocol's service.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Send => "SendMessage",
            Self::Stream => "SendStreamingMessage",
            Self::Get => "GetTask",
            Self::List => "ListTasks",
            Self::Cancel => "CancelTask",
            Self::Subscribe => "SubscribeToTask",
            Self::PushCreate => "CreateTaskPushNotificationConfig",
            Self::PushGet => "GetTaskPushNotificationConfig",
            Self::PushList => "ListTaskPushNotificationConfigs",
            Self::PushDelete => "DeleteTaskPushNotificationConfig",
            Self::Card => "GetExtendedAgentCard",
        }
    }
}

/// What a caller asks for. A message is boxed: each step of a call would keep room for it.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Send a message and wait for the answer, or for the task.
    Send(Box<Send>),
    /// Send a message and follow the answer.
    Stream(Box<Send>),
    Get(v1::GetTaskRequest),
    List(v1::ListTasksRequest),
    Cancel(v1::CancelTaskRequest),
    /// Follow a task.
    Subscribe(Subscribe),
    Push(PushAsked),
    ExtendedCard(v1::GetExtendedAgentCardRequest),
}

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) request: v1::SendMessageRequest,
    /// The id that the caller chose for the task; only the first generation lets it.
    pub(crate) task_id: Option<String>,
    /// Whether the answer may be a message instead of a task.
    pub(crate) direct: bool,
    /// What the binding wants to know of the task later.
    pub(crate) label: u8,
}

/// A task to be followed.
#[derive(Debug)]
pub(crate) struct Subscribe {
    pub(crate) request: v1::SubscribeToTaskRequest,
    pub(crate) view: View,
    pub(crate) until: Until,
    /// A finished task is shown; else it is refused (spec 3.1.6).
    pub(crate) finished_too: bool,
}

/// What came of it.
pub(crate) enum Outcome {
    Task(Snapshot, View),
    /// The task, or the message that stands in its place (spec 3.1.1).
    Sent(Snapshot, View),
    Page(ListPage),
    Card(Box<v1::AgentCard>),
    /// A push notification config.
    Config(Box<v1::TaskPushNotificationConfig>),
    Configs(v1::ListTaskPushNotificationConfigsResponse),
    /// A push notification config is gone.
    Deleted,
    Stream(Following),
}

/// A task that is followed.
pub(crate) struct Following {
    pub(crate) task_id: Arc<str>,
    /// The task so far, unless the caller goes on where it was.
    pub(crate) first: Option<(Snapshot, View)>,
    /// The number of the last event that the caller has seen.
    pub(crate) seen: u64,
    pub(crate) reader: Reader,
    pub(crate) until: Until,
}

impl Asked {
    /// The message that is sent, if one is.
    pub(crate) fn message(&self) -> Option<&v1::Message> {
        match self {
            Self::Send(send) | Self::Stream(send) => send.request.message.as_ref(),
            _ => None,
        }
    }

    /// Whether it may start or change something.
    fn is_change(&self) -> bool {
        match self {
            Self::Send(_) | Self::Stream(_) | Self::Cancel(_) => true,
            Self::Push(asked) => asked.is_change(),
            Self::Get(_) | Self::List(_) | Self::Subscribe(_) | Self::ExtendedCard(_) => false,
        }
    }

    /// The agent that the request names, if it names one.
    fn tenant(&self) -> &str {
        match self {
            Self::Send(send) | Self::Stream(send) => &send.request.tenant,
            Self::Get(request) => &request.tenant,
            Self::List(request) => &request.tenant,
            Self::Cancel(request) => &request.tenant,
            Self::Subscribe(subscribe) => &subscribe.request.tenant,
            Self::Push(asked) => asked.tenant(),
            Self::ExtendedCard(request) => &request.tenant,
        }
    }
}

/// Does what is asked.
pub(crate) async fn perform(call: &Call<'_>, asked: Asked, audited: &mut Audited) -> Result<Outcome, A2aError> {
    let call = &call.of_tenant(asked.tenant())?;
    audited.agent = Some(call.endpoint.agent.clone());
    if asked.is_change() {
        if !call.audit.admits().await {
            return Err(A2aError::new(ErrorKind::AuditUnavailable));
        }
        audited.is_change = true;
    }
    match asked {
        Asked::Send(send) => self::send(call, send, audited).await,
        Asked::Stream(send) => stream(call, send, audited).await,
        Asked::Get(request) => get(call, request, audited).await,
        Asked::List(request) => list::list(call, request).await.map(Outcome::Page),
        Asked::Cancel(request) => cancel(call, request, audited).await,
        Asked::Subscribe(subscribe) => self::subscribe(call, subscribe, audited).await,
        Asked::Push(asked) => push::perform(call, asked, audited).await,
        Asked::ExtendedCard(_) => {
            call.permit(Operation::Get)?;
            Ok(Outcome::Card(Box::new((call.card)(&call.endpoint.agent))))
        }
    }
}

/// Whether the card offers the operation (spec 3.3.4): asked before anything of the request is looked at. The service of 0.3 has a
/// card in any case (0.3 `GetAgentCard`): whether it says more is another matter.
pub(crate) fn offered(call: &Call<'_>, generation: Generation, by: Written, kind: Kind) -> Result<(), A2aError> {
    let needs_extended = (generation, by) != (Generation::V03, Written::Service);
    let missing = match kind {
        Kind::Stream | Kind::Subscribe if !call.endpoint.capabilities.streaming => "streaming",
        Kind::Card if needs_extended && !call.endpoint.capabilities.extended_card => "extendedAgentCard",
        Kind::PushCreate | Kind::PushGet | Kind::PushList | Kind::PushDelete if call.endpoint.push.is_none() => {
            return Err(A2aError::new(ErrorKind::PushNotificationNotSupported));
        }
        _ => return Ok(()),
    };
    Err(A2aError::new(ErrorKind::UnsupportedOperation).with("capability", missing))
}

async fn send(call: &Call<'_>, send: Box<Send>, audited: &mut Audited) -> Result<Outcome, A2aError> {
    let waits = !send.request.configuration.as_ref().is_some_and(|config| config.return_immediately);
    let (submission, view) = submission(call, send)?;
    let permit = call.permit(Operation::Send)?;
    let direct = submission.direct && waits;
    let accepted = submit(call, &permit, Submission { direct, ..submission }, audited).await?;
    let task = if waits { accepted.settled().await? } else { accepted.snapshot().await? };
    audited.shows(&task);
    Ok(Outcome::Sent(task, view))
}

async fn stream(call: &Call<'_>, send: Box<Send>, audited: &mut Audited) -> Result<Outcome, A2aError> {
    let (submission, view) = submission(call, send)?;
    let permit = call.permit(Operation::Stream)?;
    let accepted = submit(call, &permit, submission, audited).await?;
    let (task, reader) = accepted.follow().await?;
    audited.shows(&task);
    let (task_id, seen) = (Arc::clone(&task.id), task.generation);
    Ok(Outcome::Stream(Following { task_id, first: Some((task, view)), seen, reader, until: Until::Settled }))
}

async fn submit(
    call: &Call<'_>,
    permit: &Permit,
    submission: Submission,
    audited: &mut Audited,
) -> Result<Accepted, A2aError> {
    let room = push::check(call, permit, submission.push.as_ref()).await?;
    let told = submission.push.as_ref().map(|config| config.id.clone());
    let accepted = call.endpoint.engine.submit(permit, submission).await?;
    audited.task = Some(Arc::clone(accepted.task_id()));
    if let (Some(id), Some(room)) = (told, room) {
        let id = if id.is_empty() { accepted.task_id() } else { id.as_str() };
        push::follow(call, permit, accepted.task_id(), id, room).await?;
    }
    Ok(accepted)
}

async fn get(call: &Call<'_>, request: v1::GetTaskRequest, audited: &mut Audited) -> Result<Outcome, A2aError> {
    let view = View { history_length: history_length(request.history_length), artifacts: true };
    let permit = call.permit(Operation::Get)?;
    audited.names(&request.id);
    let task = call.endpoint.engine.show(&permit, &request.id).await?;
    audited.shows(&task);
    Ok(Outcome::Task(task, view))
}

async fn cancel(call: &Call<'_>, request: v1::CancelTaskRequest, audited: &mut Audited) -> Result<Outcome, A2aError> {
    let permit = call.permit(Operation::Cancel)?;
    audited.names(&request.id);
    let task = call.endpoint.engine.cancel(&permit, &request.id).await?;
    audited.shows(&task);
    Ok(Outcome::Task(task, View::ALL))
}

async fn subscribe(call: &Call<'_>, subscribe: Subscribe, audited: &mut Audited) -> Result<Outcome, A2aError> {
    let Subscribe { request, view, until, finished_too } = subscribe;
    let engine = &call.endpoint.engine;
    let permit = call.permit(Operation::Subscribe)?;
    audited.names(&request.id);
    let seen = call.last_event_id()?;
    let (task, reader) = match engine.follow(&permit, &request.id, seen).await {
        Err(error) if finished_too && error.kind == ErrorKind::UnsupportedOperation => {
            (Some(engine.get(&permit, &request.id).await?), Reader::ended())
        }
        followed => followed?,
    };
    task.iter().for_each(|task| audited.shows(task));
    let seen = task.as_ref().map_or(seen.unwrap_or_default(), |task| task.generation);
    let first = task.map(|task| (task, view));
    Ok(Outcome::Stream(Following { task_id: request.id.into(), first, seen, reader, until }))
}

/// What the engine needs of a send.
fn submission(call: &Call<'_>, send: Box<Send>) -> Result<(Submission, View), A2aError> {
    let Send { request, task_id, direct, label } = *send;
    let config = request.configuration.unwrap_or_default();
    let history_length = history_length(config.history_length);
    let message = request.message.unwrap_or_default();
    let submission = Submission {
        message,
        accepted_output_modes: config.accepted_output_modes,
        idempotency_key: call.idempotency_key()?,
        via: call.via()?,
        task_id,
        // A task that is told of is a task.
        direct: direct && config.task_push_notification_config.is_none(),
        label,
        push: config.task_push_notification_config,
    };
    Ok((submission, View { history_length, artifacts: true }))
}

/// The task, or the message that stands in its place, as a message of the model.
pub(crate) fn sent(task: &Snapshot, view: View) -> Result<Payload, A2aError> {
    let Some(message) = &task.message else { return Ok(Payload::Task(task.to_v1(view)?)) };
    let response: v1::StreamResponse = json::decode_own(message)?;
    response.payload.ok_or_else(|| A2aError::new(ErrorKind::Internal))
}

/// How a task stands, as an event: in 0.3 a task has no `final`, and the event that has it follows.
pub(crate) fn ended(payload: &Payload) -> Option<v1::StreamResponse> {
    let Payload::Task(v1::Task { id, context_id, status, .. }) = payload else { return None };
    let update = v1::TaskStatusUpdateEvent {
        task_id: id.clone(),
        context_id: context_id.clone(),
        status: status.clone(),
        metadata: None,
    };
    Some(v1::StreamResponse { payload: Some(Payload::StatusUpdate(update)) })
}
