//! A2A 1.0 methods over JSON-RPC (spec 9.4).

use std::sync::Arc;

use bytes::Bytes;
use inhouse_engine::{Reader, Submission};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::{self, Id, Request};
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::v1;
use inhouse_proto::wire::Event;
use inhouse_trust::Operation;

use super::sse::{Form, Frames, Until};
use super::{Answer, Audited, Call, is_id, list};

const PARTS_MAX: usize = 64;

/// The methods of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    SendMessage,
    SendStreamingMessage,
    GetTask,
    ListTasks,
    CancelTask,
    SubscribeToTask,
    /// The four methods of push notification configurations, which the card does not offer.
    PushNotification,
    GetExtendedAgentCard,
}

impl Method {
    /// The method of this name (spec 5.3).
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "SendMessage" => Self::SendMessage,
            "SendStreamingMessage" => Self::SendStreamingMessage,
            "GetTask" => Self::GetTask,
            "ListTasks" => Self::ListTasks,
            "CancelTask" => Self::CancelTask,
            "SubscribeToTask" => Self::SubscribeToTask,
            "CreateTaskPushNotificationConfig"
            | "GetTaskPushNotificationConfig"
            | "ListTaskPushNotificationConfigs"
            | "DeleteTaskPushNotificationConfig" => Self::PushNotification,
            "GetExtendedAgentCard" => Self::GetExtendedAgentCard,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::SendMessage => "SendMessage",
            Self::SendStreamingMessage => "SendStreamingMessage",
            Self::GetTask => "GetTask",
            Self::ListTasks => "ListTasks",
            Self::CancelTask => "CancelTask",
            Self::SubscribeToTask => "SubscribeToTask",
            Self::PushNotification => "PushNotificationConfig",
            Self::GetExtendedAgentCard => "GetExtendedAgentCard",
        }
    }
}

/// Answers one call.
pub(crate) async fn answer(
    call: &Call<'_>,
    method: Method,
    request: &Request<'_>,
    audited: &mut Audited,
) -> Result<Answer, A2aError> {
    audited.method = method.as_str();
    call.check_extensions()?;
    match method {
        Method::SendMessage => send(call, request, audited).await,
        Method::SendStreamingMessage => stream(call, request, audited).await,
        Method::GetTask => get(call, request, audited).await,
        Method::ListTasks => list::list(call, request).await,
        Method::CancelTask => cancel(call, request, audited).await,
        Method::SubscribeToTask => subscribe(call, request, audited).await,
        Method::PushNotification => Err(A2aError::new(ErrorKind::PushNotificationNotSupported)),
        Method::GetExtendedAgentCard => Err(A2aError::new(ErrorKind::UnsupportedOperation)),
    }
}

async fn send(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let params: v1::SendMessageRequest = request.valid_params()?;
    let (submission, config) = submission(call, params)?;
    let direct = !config.return_immediately;
    let permit = call.permit(Operation::Send)?;
    let accepted = call.endpoint.engine.submit(&permit, Submission { direct, ..submission }).await?;
    audited.task = Some(Arc::clone(accepted.task_id()));
    let task = if direct { accepted.settled().await? } else { accepted.snapshot().await? };
    let view =
        View { history_length: history_length(config.history_length, "configuration.historyLength")?, artifacts: true };
    audited.shows(&task);
    Ok(respond(request, |out| write_sent(&task, view, out)))
}

async fn stream(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let params: v1::SendMessageRequest = request.valid_params()?;
    let (submission, config) = submission(call, params)?;
    let permit = call.permit(Operation::Stream)?;
    let view =
        View { history_length: history_length(config.history_length, "configuration.historyLength")?, artifacts: true };
    let accepted = call.endpoint.engine.submit(&permit, Submission { direct: true, ..submission }).await?;
    audited.task = Some(Arc::clone(accepted.task_id()));
    let (task, reader) = accepted.follow().await?;
    audited.shows(&task);
    Ok(event_stream(call, request, Some((task, view)), reader, Until::Settled))
}

async fn get(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let params: v1::GetTaskRequest = request.valid_params()?;
    let view = View { history_length: history_length(params.history_length, "historyLength")?, artifacts: true };
    let permit = call.permit(Operation::Get)?;
    audited.task = known_id(&params.id);
    let task = call.endpoint.engine.get(&permit, &params.id).await?;
    audited.shows(&task);
    Ok(respond(request, |out| task.write_v1(view, out)))
}

async fn cancel(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let params: v1::CancelTaskRequest = request.valid_params()?;
    let permit = call.permit(Operation::Cancel)?;
    audited.task = known_id(&params.id);
    let task = call.endpoint.engine.cancel(&permit, &params.id).await?;
    audited.shows(&task);
    Ok(respond(request, |out| task.write_v1(View::ALL, out)))
}

async fn subscribe(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let params: v1::SubscribeToTaskRequest = request.valid_params()?;
    let permit = call.permit(Operation::Subscribe)?;
    audited.task = known_id(&params.id);
    let (task, reader) = call.endpoint.engine.follow(&permit, &params.id, call.last_event_id()?).await?;
    task.iter().for_each(|task| audited.shows(task));
    Ok(event_stream(call, request, task.map(|task| (task, View::ALL)), reader, Until::Finished))
}

/// What the engine needs of a send, checked as far as one message can be.
fn submission(
    call: &Call<'_>,
    params: v1::SendMessageRequest,
) -> Result<(Submission, v1::SendMessageConfiguration), A2aError> {
    let config = params.configuration.unwrap_or_default();
    history_length(config.history_length, "configuration.historyLength")?;
    if config.task_push_notification_config.is_some() {
        return Err(A2aError::new(ErrorKind::PushNotificationNotSupported));
    }
    let message = params.message.unwrap_or_default();
    check_message(&message)?;
    let submission = Submission {
        message,
        accepted_output_modes: config.accepted_output_modes.clone(),
        idempotency_key: call.idempotency_key()?,
        task_id: None,
        direct: false,
    };
    Ok((submission, config))
}

/// Ids, role and number of parts.
pub(crate) fn check_message(message: &v1::Message) -> Result<(), A2aError> {
    if message.role() != v1::Role::User {
        return Err(A2aError::invalid("message.role", "must be ROLE_USER"));
    }
    if message.parts.len() > PARTS_MAX {
        return Err(A2aError::invalid(
            "message.parts",
            format!("at most {PARTS_MAX} parts, not {}", message.parts.len()),
        ));
    }
    for (field, id) in [
        ("message.messageId", &message.message_id),
        ("message.contextId", &message.context_id),
        ("message.taskId", &message.task_id),
    ] {
        if !id.is_empty() && !is_id(id) {
            return Err(A2aError::invalid(field, "must be 1 to 128 printable ASCII characters"));
        }
    }
    Ok(())
}

/// Absent: no limit; 0: none (spec 3.2.4).
pub(crate) fn history_length(length: Option<i32>, field: &str) -> Result<Option<usize>, A2aError> {
    let positive = |length| {
        usize::try_from(length).map_err(|_| A2aError::invalid(field, format!("must not be negative, not {length}")))
    };
    length.map(positive).transpose()
}

/// An id for the audit; what can not be one of ours is not written down.
fn known_id(id: &str) -> Option<Arc<str>> {
    is_id(id).then(|| id.into())
}

/// A whole answer whose result is what `write` writes.
pub(crate) fn respond(request: &Request<'_>, write: impl FnOnce(&mut Pieces)) -> Answer {
    let mut pieces = Pieces::default();
    write_response(&jsonrpc::response_head(&request.id), &mut pieces, write);
    Answer::pieces(pieces.finish())
}

fn write_response(head: &[u8], out: &mut Pieces, result: impl FnOnce(&mut Pieces)) {
    out.copy(head);
    result(out);
    out.copy(&jsonrpc::RESPONSE_TAIL);
}

/// What a send is answered with: the task, or the message that stands in its place (spec 3.1.1).
fn write_sent(task: &Snapshot, view: View, out: &mut Pieces) {
    if let Some(message) = &task.message {
        return out.share(message);
    }
    out.copy(b"{\"task\":");
    task.write_v1(view, out);
    out.copy(b"}");
}

fn event_stream(
    call: &Call<'_>,
    request: &Request<'_>,
    first: Option<(Snapshot, View)>,
    reader: Reader,
    until: Until,
) -> Answer {
    let form = V1Events { head: jsonrpc::response_head(&request.id), id: request.id.clone() };
    let mut frames = Frames::default();
    let mut ended = false;
    if let Some((task, view)) = first {
        frames.write(Some(task.generation), |out| {
            write_response(&form.head, out, |out| write_sent(&task, view, out));
        });
        ended = task.message.is_some() || until.is_reached(task.state);
    }
    call.stream(form, until, frames, (!ended).then_some(reader))
}

/// 1.0 events: `StreamResponse` as the result of the call.
struct V1Events {
    /// The answer up to its result.
    head: Bytes,
    id: Id,
}

impl Form for V1Events {
    fn event(&mut self, event: &Event, _last: bool) -> Vec<Vec<Bytes>> {
        let mut pieces = Vec::with_capacity(5);
        pieces.push(self.head.clone());
        event.write_v1(&mut pieces);
        pieces.push(jsonrpc::RESPONSE_TAIL);
        vec![pieces]
    }

    fn error(&mut self, error: &A2aError) -> Bytes {
        jsonrpc::error_response(&self.id, error)
    }
}
