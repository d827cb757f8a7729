//! The package `a2a.v1` of A2A 0.3.

use bytes::Bytes;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::{Snapshot, View};
use inhouse_proto::v0_3_proto::{
    AgentCard, CancelTaskRequest, CreateTaskPushNotificationConfigRequest, DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest, GetTaskRequest, ListTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigResponse, SendMessageRequest, SendMessageResponse, StreamResponse, Task,
    TaskPushNotificationConfig, TaskSubscriptionRequest,
};
use inhouse_proto::v1;
use inhouse_proto::wire::Event;
use prost::Message;

use super::{Package, decode, internal, send_payload};
use crate::bindings::checked::valid;
use crate::bindings::events::Until;
use crate::bindings::extensions::Extensions;
use crate::bindings::operation::{Asked, Kind, Outcome, Send, Subscribe, ended, sent};
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;

/// The operation of this name.
pub(super) fn kind(method: &str) -> Option<Kind> {
    Some(match method {
        "SendMessage" => Kind::Send,
        "SendStreamingMessage" => Kind::Stream,
        "GetTask" => Kind::Get,
        "CancelTask" => Kind::Cancel,
        "TaskSubscription" => Kind::Subscribe,
        "CreateTaskPushNotificationConfig" => Kind::PushCreate,
        "GetTaskPushNotificationConfig" => Kind::PushGet,
        "ListTaskPushNotificationConfig" => Kind::PushList,
        "DeleteTaskPushNotificationConfig" => Kind::PushDelete,
        "GetAgentCard" => Kind::Card,
        _ => return None,
    })
}

/// See the module.
pub(super) struct V03;

impl Package for V03 {
    fn asked(&self, kind: Kind, message: &[u8]) -> Result<Asked, A2aError> {
        Ok(match kind {
            Kind::Send => Asked::Send(send(message)?),
            Kind::Stream => Asked::Stream(send(message)?),
            Kind::Get => Asked::Get(valid(decode::<GetTaskRequest>(message)?.into_v1()?)?),
            Kind::Cancel => Asked::Cancel(valid(decode::<CancelTaskRequest>(message)?.into_v1()?)?),
            Kind::Subscribe => Asked::Subscribe(Subscribe {
                request: valid(decode::<TaskSubscriptionRequest>(message)?.into_v1()?)?,
                view: View::ALL,
                until: Until::Finished,
                finished_too: true,
            }),
            Kind::PushCreate => {
                let config = valid(decode::<CreateTaskPushNotificationConfigRequest>(message)?.into_v1()?)?;
                Asked::Push(PushAsked::Create(Box::new(config), Generation::V03))
            }
            Kind::PushGet => {
                let request = decode::<GetTaskPushNotificationConfigRequest>(message)?.into_v1()?;
                Asked::Push(PushAsked::Get(valid(request)?))
            }
            Kind::PushList => {
                let request = decode::<ListTaskPushNotificationConfigRequest>(message)?.into_v1()?;
                Asked::Push(PushAsked::List(valid(request)?))
            }
            Kind::PushDelete => {
                let request = decode::<DeleteTaskPushNotificationConfigRequest>(message)?.into_v1()?;
                Asked::Push(PushAsked::Delete(valid(request)?))
            }
            Kind::Card => Asked::ExtendedCard(Default::default()),
            Kind::List => return Err(A2aError::new(ErrorKind::MethodNotFound)),
        })
    }

    fn response(&self, outcome: Outcome) -> Result<Vec<Bytes>, A2aError> {
        let message = match outcome {
            Outcome::Task(task, view) => Task::from_v1(&task.to_v1(view)?).encode_to_vec(),
            Outcome::Sent(task, view) => {
                let response = v1::SendMessageResponse { payload: Some(send_payload(&task, view)?) };
                SendMessageResponse::from_v1(&response).encode_to_vec()
            }
            Outcome::Card(card) => AgentCard::from_v1(&card).encode_to_vec(),
            Outcome::Config(config) => TaskPushNotificationConfig::from_v1(&config).encode_to_vec(),
            Outcome::Configs(page) => ListTaskPushNotificationConfigResponse::from_v1(&page).encode_to_vec(),
            Outcome::Deleted => Vec::new(),
            Outcome::Page(_) | Outcome::Stream(_) => return Err(internal()),
        };
        Ok(vec![message.into()])
    }

    fn first(&self, task: &Snapshot, view: View, last: bool, _: Extensions) -> Result<Vec<Vec<Bytes>>, A2aError> {
        let payload = sent(task, view)?;
        let ended = ended(&payload).filter(|_| last);
        let begun = v1::StreamResponse { payload: Some(payload) };
        Ok([Some(begun), ended].iter().flatten().map(|response| encoded(response, last)).collect())
    }

    fn event(&self, _generation: u64, event: &Event, last: bool, _: Extensions) -> Result<Vec<Bytes>, A2aError> {
        Ok(encoded(&event.to_v1()?, last))
    }

    /// Clients of this generation know an error by its name in front.
    fn says(&self, error: &A2aError) -> String {
        format!("{}: {}", error.kind.type_name_0_3(), error.kind.message())
    }
}

fn encoded(response: &v1::StreamResponse, last: bool) -> Vec<Bytes> {
    vec![StreamResponse::from_v1(response, last).encode_to_vec().into()]
}

fn send(message: &[u8]) -> Result<Box<Send>, A2aError> {
    let request = valid(decode::<SendMessageRequest>(message)?.into_v1()?)?;
    Ok(Box::new(Send { request, task_id: None, direct: true, label: Generation::V03.label() }))
}
