//! The methods of the first generation: a client names its task itself.

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::Request;
use inhouse_proto::snapshot::View;
use inhouse_proto::v0_1::{self, TaskIdParams, TaskPushNotificationConfig, TaskQueryParams, TaskSendParams};
use inhouse_proto::v1;

use crate::bindings::dialect::First;
use crate::bindings::events::Until;
use crate::bindings::operation::{Asked, Kind, Outcome, Send, Subscribe, history_length, valid};
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;
use crate::bindings::{Audited, Call, is_id};

/// What is asked.
pub(super) fn asked(kind: Kind, request: &Request<'_>, audited: &mut Audited) -> Result<Asked, A2aError> {
    Ok(match kind {
        Kind::Send => Asked::Send(send(request)?),
        Kind::Stream => Asked::Stream(send(request)?),
        Kind::Get => {
            let params: TaskQueryParams = request.decode_params()?;
            own_id(&params.id, audited)?;
            Asked::Get(params.into_v1())
        }
        Kind::Cancel => {
            let params: TaskIdParams = request.decode_params()?;
            own_id(&params.id, audited)?;
            Asked::Cancel(params.into_v1())
        }
        Kind::Subscribe => subscribe(request, audited)?,
        Kind::PushCreate => {
            let config: TaskPushNotificationConfig = request.decode_params()?;
            own_id(&config.id, audited)?;
            Asked::Push(PushAsked::create(config.into_v1(), Generation::First)?)
        }
        Kind::PushGet => {
            let params: TaskIdParams = request.decode_params()?;
            own_id(&params.id, audited)?;
            Asked::Push(PushAsked::Get(params.into_v1_config()))
        }
        Kind::List | Kind::Card | Kind::PushList | Kind::PushDelete => {
            return Err(A2aError::new(ErrorKind::MethodNotFound));
        }
    })
}

/// The way of writing for a call with this outcome.
pub(super) async fn dialect(call: &Call<'_>, outcome: &Outcome) -> Result<First, A2aError> {
    match outcome {
        Outcome::Stream(following) => {
            let mut first = First::new(&following.task_id);
            first.catch_up(call, following).await?;
            Ok(first)
        }
        Outcome::Task(..)
        | Outcome::Sent(..)
        | Outcome::Page(_)
        | Outcome::Card(_)
        | Outcome::Config(_)
        | Outcome::Configs(_)
        | Outcome::Deleted => Ok(First::new("")),
    }
}

fn subscribe(request: &Request<'_>, audited: &mut Audited) -> Result<Asked, A2aError> {
    let params: TaskQueryParams = request.decode_params()?;
    own_id(&params.id, audited)?;
    let view = View { history_length: history_length(params.history_length, "historyLength")?, artifacts: true };
    let request = v1::SubscribeToTaskRequest { id: params.id, ..Default::default() };
    // A status that says `final` is the last.
    Ok(Asked::Subscribe(Subscribe { request, view, until: Until::Settled, finished_too: false }))
}

fn own_id(id: &str, audited: &mut Audited) -> Result<(), A2aError> {
    if !is_id(id) {
        return Err(A2aError::invalid("id", "must be 1 to 128 printable ASCII characters"));
    }
    audited.task = Some(id.into());
    Ok(())
}

fn send(request: &Request<'_>) -> Result<Box<Send>, A2aError> {
    let v0_1::Send { task_id, mut request } = request.decode_params::<TaskSendParams>()?.into_v1()?;
    if task_id.as_ref().is_some_and(|id| !is_id(id)) {
        return Err(A2aError::invalid("id", "must be 1 to 128 printable ASCII characters"));
    }
    history_length(request.configuration.as_ref().and_then(|config| config.history_length), "historyLength")?;
    // This generation has no message ids; a retry is known by its task's id.
    if let Some(message) = request.message.as_mut().filter(|message| message.message_id.is_empty()) {
        message.message_id = task_id.clone().unwrap_or_else(|| "message".to_owned());
    }
    Ok(Box::new(Send { request: valid(request)?, task_id, direct: false, label: Generation::First.label() }))
}
