//! A2A 1.0 methods (spec 9.4): their parameters are the messages of the service.

use inhouse_proto::error::A2aError;
use inhouse_proto::json;
use inhouse_proto::jsonrpc::Request;
use inhouse_proto::snapshot::View;
use inhouse_proto::v1;
use serde::de::DeserializeOwned;

use crate::bindings::checked::{Checked, valid_json};
use crate::bindings::events::Until;
use crate::bindings::operation::{Asked, Kind, Send, Subscribe};
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;

/// What is asked.
pub(super) fn asked(kind: Kind, request: &Request<'_>) -> Result<Asked, A2aError> {
    Ok(match kind {
        Kind::Send => Asked::Send(send(request)?),
        Kind::Stream => Asked::Stream(send(request)?),
        Kind::Get => Asked::Get(params(request)?),
        Kind::List => Asked::List(params(request)?),
        Kind::Cancel => Asked::Cancel(params(request)?),
        Kind::Subscribe => Asked::Subscribe(Subscribe {
            request: params(request)?,
            view: View::ALL,
            until: Until::Finished,
            finished_too: false,
        }),
        Kind::PushCreate => {
            let config = v1::TaskPushNotificationConfig::from_body(request.params(), None, Checked::wrong)?;
            Asked::Push(PushAsked::Create(Box::new(config), Generation::V1))
        }
        Kind::PushGet => Asked::Push(PushAsked::Get(params(request)?)),
        Kind::PushList => Asked::Push(PushAsked::List(params(request)?)),
        Kind::PushDelete => Asked::Push(PushAsked::Delete(params(request)?)),
        Kind::Card => Asked::ExtendedCard(json::decode(request.params())?),
    })
}

fn params<V: DeserializeOwned + Checked>(request: &Request<'_>) -> Result<V, A2aError> {
    valid_json(request.params(), Ok)
}

fn send(request: &Request<'_>) -> Result<Box<Send>, A2aError> {
    Ok(Box::new(Send { request: params(request)?, task_id: None, direct: true, label: Generation::V1.label() }))
}
