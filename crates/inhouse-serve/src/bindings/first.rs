//! The first generation of A2A over JSON-RPC: `tasks/send` and its kin, through the same engine.
//!
//! A client chooses the id of its task. That id names a task among the caller's own and nothing else: with a known id the call
//! continues a task that waits, or is a retry; it never touches another caller's task.

use std::sync::Arc;

use bytes::Bytes;
use inhouse_engine::{Reader, Submission};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::{self, Id, Request};
use inhouse_proto::snapshot::{ArtifactJson, Snapshot, View, artifacts_to_v1, fold};
use inhouse_proto::v0_1::{self, Stream, Task, TaskIdParams, TaskQueryParams, TaskSendParams};
use inhouse_proto::v1;
use inhouse_proto::v1::stream_response::Payload;
use inhouse_proto::validate::Validate;
use inhouse_proto::wire::{Event, to_json};
use inhouse_trust::{Operation, Permit};

use super::sse::{Form, Frames, Until};
use super::v1::{check_message, history_length};
use super::{Answer, Audited, Call, is_id};

/// The methods of the first generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Send,
    SendSubscribe,
    Get,
    Cancel,
    Resubscribe,
    PushNotification,
}

impl Method {
    /// The method of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "tasks/send" => Self::Send,
            "tasks/sendSubscribe" => Self::SendSubscribe,
            "tasks/get" => Self::Get,
            "tasks/cancel" => Self::Cancel,
            "tasks/resubscribe" => Self::Resubscribe,
            "tasks/pushNotification/set" | "tasks/pushNotification/get" => Self::PushNotification,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Send => "tasks/send",
            Self::SendSubscribe => "tasks/sendSubscribe",
            Self::Get => "tasks/get",
            Self::Cancel => "tasks/cancel",
            Self::Resubscribe => "tasks/resubscribe",
            Self::PushNotification => "tasks/pushNotification",
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
        Method::Send => send(call, request, audited).await,
        Method::SendSubscribe => send_subscribe(call, request, audited).await,
        Method::Get => get(call, request, audited).await,
        Method::Cancel => cancel(call, request, audited).await,
        Method::Resubscribe => resubscribe(call, request, audited).await,
        Method::PushNotification => Err(A2aError::new(ErrorKind::PushNotificationNotSupported)),
    }
}

async fn send(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let (submission, view) = submission(request)?;
    let accepted = call.endpoint.engine.submit(&call.permit(Operation::Send)?, submission).await?;
    audited.task = Some(Arc::clone(accepted.task_id()));
    let task = accepted.settled().await?;
    audited.shows(&task);
    respond(request, &task, view)
}

async fn send_subscribe(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let (submission, view) = submission(request)?;
    let accepted = call.endpoint.engine.submit(&call.permit(Operation::Stream)?, submission).await?;
    audited.task = Some(Arc::clone(accepted.task_id()));
    let (task, reader) = accepted.follow().await?;
    audited.shows(&task);
    stream(call, request, &task, view, reader)
}

async fn get(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let params: TaskQueryParams = request.decode_params()?;
    let view = View { history_length: history_length(params.history_length, "historyLength")?, artifacts: true };
    let id = own_id(params.id, audited)?;
    let task = call.endpoint.engine.get(&call.permit(Operation::Get)?, &id).await?;
    audited.shows(&task);
    respond(request, &task, view)
}

async fn cancel(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let params: TaskIdParams = request.decode_params()?;
    let id = own_id(params.id, audited)?;
    let task = call.endpoint.engine.cancel(&call.permit(Operation::Cancel)?, &id).await?;
    audited.shows(&task);
    respond(request, &task, View::ALL)
}

async fn resubscribe(call: &Call<'_>, request: &Request<'_>, audited: &mut Audited) -> Result<Answer, A2aError> {
    let params: TaskQueryParams = request.decode_params()?;
    let view = View { history_length: history_length(params.history_length, "historyLength")?, artifacts: true };
    let id = own_id(params.id, audited)?;
    let permit = call.permit(Operation::Subscribe)?;
    let seen = call.last_event_id()?;
    let (task, reader) = call.endpoint.engine.follow(&permit, &id, seen).await?;
    if let Some(task) = task {
        audited.shows(&task);
        return stream(call, request, &task, view, reader);
    }
    let seen = seen.unwrap_or_default();
    let form = resume(call, request, &permit, &id, seen).await?;
    Ok(call.stream(form, Until::Settled, Frames::default(), Some(reader)))
}

/// The form of a stream whose caller has seen the events up to `seen`, with the artifacts that these have made: a later one
/// is counted on, and the last status has the whole answer.
async fn resume(
    call: &Call<'_>,
    request: &Request<'_>,
    permit: &Permit,
    id: &str,
    seen: u64,
) -> Result<Events, A2aError> {
    let mut form = Events::new(request, id);
    let (_, mut reader) = call.endpoint.engine.follow(permit, id, Some(0)).await?;
    let mut read = 0;
    while read < seen {
        for (generation, event) in reader.next().await? {
            read = generation;
            if read <= seen {
                fold(&mut form.artifacts, &event);
            }
        }
    }
    let so_far = v1::Task { artifacts: artifacts_to_v1(&form.artifacts)?, ..Default::default() };
    // Nothing of this is sent: the stream counts the artifacts.
    form.stream.events(&v1::StreamResponse { payload: Some(Payload::Task(so_far)) }, &[]);
    Ok(form)
}

/// A stream that begins with the task so far, and ends with the turn: a status that says `final` is the last.
fn stream(
    call: &Call<'_>,
    request: &Request<'_>,
    task: &Snapshot,
    view: View,
    reader: Reader,
) -> Result<Answer, A2aError> {
    let (form, frames) = begin(request, task, view)?;
    let ended = Until::Settled.is_reached(task.state);
    Ok(call.stream(form, Until::Settled, frames, (!ended).then_some(reader)))
}

fn own_id(id: String, audited: &mut Audited) -> Result<String, A2aError> {
    if !is_id(&id) {
        return Err(A2aError::invalid("id", "must be 1 to 128 printable ASCII characters"));
    }
    audited.task = Some(id.as_str().into());
    Ok(id)
}

fn submission(request: &Request<'_>) -> Result<(Submission, View), A2aError> {
    let v0_1::Send { task_id, request: mut send } = request.decode_params::<TaskSendParams>()?.into_v1()?;
    if task_id.as_ref().is_some_and(|id| !is_id(id)) {
        return Err(A2aError::invalid("id", "must be 1 to 128 printable ASCII characters"));
    }
    let config = send.configuration.take().unwrap_or_default();
    if config.task_push_notification_config.is_some() {
        return Err(A2aError::new(ErrorKind::PushNotificationNotSupported));
    }
    let view = View { history_length: history_length(config.history_length, "historyLength")?, artifacts: true };
    if let Some(message) = &mut send.message {
        // This generation has no message ids; a retry is known by its task's id.
        if message.message_id.is_empty() {
            message.message_id = task_id.clone().unwrap_or_else(|| "message".to_owned());
        }
        check_message(message)?;
    }
    let violations = send.violations();
    if !violations.is_empty() {
        return Err(A2aError::invalid_fields(violations));
    }
    let message = send.message.unwrap_or_default();
    let accepted_output_modes = config.accepted_output_modes;
    Ok((Submission { message, accepted_output_modes, idempotency_key: None, task_id, direct: false }, view))
}

fn respond(request: &Request<'_>, task: &Snapshot, view: View) -> Result<Answer, A2aError> {
    let task = Task::from_v1(&task.to_v1(view)?, &task.id);
    let mut out = jsonrpc::response_head(&request.id).to_vec();
    out.extend_from_slice(&to_json(&task));
    out.extend_from_slice(&jsonrpc::RESPONSE_TAIL);
    Ok(Answer::json(out))
}

/// The form of a stream, and its first frames: the task so far.
fn begin(request: &Request<'_>, task: &Snapshot, view: View) -> Result<(Events, Frames), A2aError> {
    let mut form = Events::new(request, &task.id);
    form.artifacts.clone_from(&task.artifacts);
    let response = v1::StreamResponse { payload: Some(Payload::Task(task.to_v1(view)?)) };
    let mut frames = Frames::default();
    for event in form.stream.events(&response, &[]) {
        frames.event(Some(task.generation), form.result(&event));
    }
    Ok((form, frames))
}

/// Events of the first generation. Its last status carries the whole answer, so the artifacts are gathered (their bytes are
/// the log's).
struct Events {
    head: Bytes,
    id: Id,
    stream: Stream,
    artifacts: Vec<ArtifactJson>,
}

impl Events {
    fn new(request: &Request<'_>, task_id: &str) -> Self {
        let head = jsonrpc::response_head(&request.id);
        Self { head, id: request.id.clone(), stream: Stream::new(task_id), artifacts: Vec::new() }
    }

    fn result(&self, event: &v0_1::Event) -> Vec<Bytes> {
        vec![self.head.clone(), to_json(event), jsonrpc::RESPONSE_TAIL]
    }
}

impl Form for Events {
    fn event(&mut self, event: &Event, last: bool) -> Vec<Vec<Bytes>> {
        fold(&mut self.artifacts, event);
        let artifacts = if last { artifacts_to_v1(&self.artifacts).unwrap_or_default() } else { Vec::new() };
        let response = event.to_v1().unwrap_or_default();
        self.stream.events(&response, &artifacts).iter().map(|event| self.result(event)).collect()
    }

    fn error(&mut self, error: &A2aError) -> Bytes {
        jsonrpc::plain_error_response(&self.id, error)
    }
}
