//! The methods of the first generation: a client names its task itself.

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::Request;
use inhouse_proto::read;
use inhouse_proto::snapshot::View;
use inhouse_proto::v0_1::{self, TaskIdParams, TaskPushNotificationConfig, TaskQueryParams, TaskSendParams};
use inhouse_proto::v1;
use inhouse_proto::validate::FieldViolation;

use crate::bindings::checked::{Checked, ID_RULE, history_length, is_id, valid_json};
use crate::bindings::dialect::First;
use crate::bindings::events::Until;
use crate::bindings::operation::{Asked, Kind, Outcome, Send, Subscribe};
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;
use crate::bindings::{Audited, Call};

/// What is asked.
pub(super) fn asked(kind: Kind, request: &Request<'_>, audited: &mut Audited) -> Result<Asked, A2aError> {
    let params = request.params();
    Ok(match kind {
        Kind::Send => Asked::Send(send(params)?),
        Kind::Stream => Asked::Stream(send(params)?),
        Kind::Get => {
            let request: v1::GetTaskRequest = valid_json(params, |params: TaskQueryParams| Ok(params.into_v1()))?;
            own_id(&request.id, audited)?;
            Asked::Get(request)
        }
        Kind::Cancel => {
            let request: v1::CancelTaskRequest = valid_json(params, |params: TaskIdParams| Ok(params.into_v1()))?;
            own_id(&request.id, audited)?;
            Asked::Cancel(request)
        }
        Kind::Subscribe => subscribe(params, audited)?,
        Kind::PushCreate => {
            let config: v1::TaskPushNotificationConfig =
                valid_json(params, |params: TaskPushNotificationConfig| Ok(params.into_v1()))?;
            own_id(&config.task_id, audited)?;
            Asked::Push(PushAsked::Create(Box::new(config), Generation::First))
        }
        Kind::PushGet => {
            let request: v1::GetTaskPushNotificationConfigRequest =
                valid_json(params, |params: TaskIdParams| Ok(params.into_v1_config()))?;
            own_id(&request.task_id, audited)?;
            Asked::Push(PushAsked::Get(request))
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

fn subscribe(params: &[u8], audited: &mut Audited) -> Result<Asked, A2aError> {
    let request: v1::GetTaskRequest = valid_json(params, |params: TaskQueryParams| Ok(params.into_v1()))?;
    own_id(&request.id, audited)?;
    let view = View { history_length: history_length(request.history_length), artifacts: true };
    let request = v1::SubscribeToTaskRequest { id: request.id, ..Default::default() };
    // A status that says `final` is the last.
    Ok(Asked::Subscribe(Subscribe { request, view, until: Until::Settled, finished_too: false }))
}

fn own_id(id: &str, audited: &mut Audited) -> Result<(), A2aError> {
    if !is_id(id) {
        return Err(A2aError::invalid("id", ID_RULE));
    }
    audited.task = Some(id.into());
    Ok(())
}

fn send(params: &[u8]) -> Result<Box<Send>, A2aError> {
    let wrong = |send: &v0_1::Send| {
        let mut wrong = send.request.wrong();
        if send.task_id.as_ref().is_some_and(|id| !is_id(id)) {
            wrong.push(FieldViolation::new("id", ID_RULE));
        }
        wrong
    };
    let v0_1::Send { task_id, request } = read::read(params, |params: TaskSendParams| named(params.into_v1()?), wrong)?;
    Ok(Box::new(Send { request, task_id, direct: false, label: Generation::First.label() }))
}

/// This generation has no message ids; a retry is known by its task's id.
fn named(mut send: v0_1::Send) -> Result<v0_1::Send, A2aError> {
    if let Some(message) = send.request.message.as_mut().filter(|message| message.message_id.is_empty()) {
        message.message_id = send.task_id.clone().filter(|id| is_id(id)).unwrap_or_else(|| "message".to_owned());
    }
    Ok(send)
}
