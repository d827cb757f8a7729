//! JSON-RPC 2.0 over HTTP (spec 9): envelope, version, method table, and errors in the caller's generation.

mod first;
mod v0_3;
mod v1;

use hyper::StatusCode;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::json;
use inhouse_proto::jsonrpc::{Id, Request};
use inhouse_proto::v0_1::TaskIdParams;
use inhouse_trust::Operation;

use super::dialect::{self, Dialect, Envelope};
use super::extensions::Extensions;
use super::operation::{self, Kind, Outcome};
use super::rest::is_json;
use super::version::Generation;
use super::words::{Written, in_words_of};
use super::{Answer, Audited, Call};

/// A method by its name in one generation (spec 5.3, and the older schemas).
#[derive(Debug)]
struct Method {
    name: &'static str,
    generation: Generation,
    kind: Kind,
}

const fn method(name: &'static str, generation: Generation, kind: Kind) -> Method {
    Method { name, generation, kind }
}

const METHODS: [Method; 29] = [
    method("SendMessage", Generation::V1, Kind::Send),
    method("SendStreamingMessage", Generation::V1, Kind::Stream),
    method("GetTask", Generation::V1, Kind::Get),
    method("ListTasks", Generation::V1, Kind::List),
    method("CancelTask", Generation::V1, Kind::Cancel),
    method("SubscribeToTask", Generation::V1, Kind::Subscribe),
    method("CreateTaskPushNotificationConfig", Generation::V1, Kind::PushCreate),
    method("GetTaskPushNotificationConfig", Generation::V1, Kind::PushGet),
    method("ListTaskPushNotificationConfigs", Generation::V1, Kind::PushList),
    method("DeleteTaskPushNotificationConfig", Generation::V1, Kind::PushDelete),
    method("GetExtendedAgentCard", Generation::V1, Kind::Card),
    method("message/send", Generation::V03, Kind::Send),
    method("message/stream", Generation::V03, Kind::Stream),
    method("tasks/get", Generation::V03, Kind::Get),
    method("tasks/cancel", Generation::V03, Kind::Cancel),
    method("tasks/resubscribe", Generation::V03, Kind::Subscribe),
    method("tasks/pushNotificationConfig/set", Generation::V03, Kind::PushCreate),
    method("tasks/pushNotificationConfig/get", Generation::V03, Kind::PushGet),
    method("tasks/pushNotificationConfig/list", Generation::V03, Kind::PushList),
    method("tasks/pushNotificationConfig/delete", Generation::V03, Kind::PushDelete),
    method("agent/getAuthenticatedExtendedCard", Generation::V03, Kind::Card),
    method("agent/authenticatedExtendedCard", Generation::V03, Kind::Card),
    method("tasks/send", Generation::First, Kind::Send),
    method("tasks/sendSubscribe", Generation::First, Kind::Stream),
    method("tasks/get", Generation::First, Kind::Get),
    method("tasks/cancel", Generation::First, Kind::Cancel),
    method("tasks/resubscribe", Generation::First, Kind::Subscribe),
    method("tasks/pushNotification/set", Generation::First, Kind::PushCreate),
    method("tasks/pushNotification/get", Generation::First, Kind::PushGet),
];

/// Answers one request body.
pub(crate) async fn answer(call: &Call<'_>, body: &[u8]) -> Answer {
    let mut audited = Audited::default();
    // Before the method is known, only the version tells who asks.
    let spoken = call.generation().ok().flatten().unwrap_or(Generation::V1);
    let early = |id: &Id| envelope(spoken, id);
    if !is_json(call.headers) {
        let error = A2aError::new(ErrorKind::ContentTypeNotSupported).with("supported", "application/json");
        let refused = refusal(&early(&Id::NULL), &error, audited);
        return Answer { status: StatusCode::BAD_REQUEST, ..refused };
    }
    let request = match Request::parse(body) {
        Ok(request) => request,
        Err(refused) => return refusal(&early(&refused.id), &refused.error, audited),
    };
    let method = match find(call, &request).await {
        Ok(method) => method,
        Err(error) => return refusal(&early(&request.id), &error, audited),
    };
    audited.method = method.name;
    let envelope = envelope(method.generation, &request.id);
    match perform(call, method, &request, &envelope, &mut audited).await {
        Ok(answer) => Answer { audited, ..answer },
        Err(error) => {
            let error = in_words_of(method.generation, Written::Schema, method.kind, error);
            refusal(&envelope, &error, audited)
        }
    }
}

async fn perform(
    call: &Call<'_>,
    method: &Method,
    request: &Request<'_>,
    envelope: &Envelope,
    audited: &mut Audited,
) -> Result<Answer, A2aError> {
    operation::offered(call, method.generation, Written::Schema, method.kind)?;
    let asked = match method.generation {
        Generation::V1 => v1::asked(method.kind, request)?,
        Generation::V03 => v0_3::asked(method.kind, request)?,
        Generation::First => first::asked(method.kind, request, audited)?,
    };
    let extensions = call.extensions(method.generation, &asked)?;
    let outcome = operation::perform(call, asked, audited).await?;
    let dialect = dialect(call, method.generation, extensions, &outcome).await?;
    Ok(Answer { extensions, ..dialect::write(call, envelope.clone(), dialect, outcome)? })
}

async fn dialect(
    call: &Call<'_>,
    generation: Generation,
    extensions: Extensions,
    outcome: &Outcome,
) -> Result<Box<dyn Dialect>, A2aError> {
    Ok(match generation {
        Generation::V1 => Box::new(dialect::V1(extensions)),
        Generation::V03 => Box::new(dialect::V03),
        Generation::First => Box::new(first::dialect(call, outcome).await?),
    })
}

fn envelope(generation: Generation, id: &Id) -> Envelope {
    match generation {
        Generation::V1 | Generation::V03 => Envelope::rpc(id),
        Generation::First => Envelope::plain_rpc(id),
    }
}

/// The method of this name, if it belongs to the version that the caller speaks. Without a version the name tells; three
/// names belong to two generations, and there the task tells by which of them it came.
async fn find(call: &Call<'_>, request: &Request<'_>) -> Result<&'static Method, A2aError> {
    let name = &request.method;
    let spoken = call.generation()?;
    let fits = |method: &&Method| method.name == *name && spoken.is_none_or(|spoken| spoken == method.generation);
    let mut methods = METHODS.iter().filter(fits);
    match (methods.next(), methods.next()) {
        (Some(_), Some(first)) if is_first(call, request).await => Ok(first),
        (Some(method), _) => Ok(method),
        (None, _) => {
            let name: String = name.chars().take(64).collect();
            Err(A2aError::new(ErrorKind::MethodNotFound).with("method", name))
        }
    }
}

/// Whether the task that the request names came by the first generation.
async fn is_first(call: &Call<'_>, request: &Request<'_>) -> bool {
    let (Ok(params), Ok(permit)) = (json::decode::<TaskIdParams>(request.params()), call.permit(Operation::Get)) else {
        return false;
    };
    let task = call.endpoint.engine.get(&permit, &params.id).await;
    task.is_ok_and(|task| task.label == Generation::First.label())
}

/// An error as the answer to a request. HTTP's own codes are for what HTTP's own tools handle; the rest is 200 (spec 9.5).
fn refusal(envelope: &Envelope, error: &A2aError, audited: Audited) -> Answer {
    let status = match error.kind {
        ErrorKind::ResourceExhausted
        | ErrorKind::Unavailable
        | ErrorKind::AuditUnavailable
        | ErrorKind::PayloadTooLarge
        | ErrorKind::PermissionDenied => StatusCode::from_u16(error.kind.http_status()).unwrap_or(StatusCode::OK),
        _ => StatusCode::OK,
    };
    let audited = Audited { refusal: Some(error.kind.reason()), ..audited };
    Answer { status, retry_after_s: error.retry_after_s, audited, ..Answer::json(envelope.error(error)) }
}
