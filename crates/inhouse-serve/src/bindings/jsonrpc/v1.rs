//! A2A 1.0 methods (spec 9.4): their parameters are the messages of the service.

use inhouse_proto::error::A2aError;
use inhouse_proto::jsonrpc::Request;
use inhouse_proto::snapshot::View;
use inhouse_proto::v1;

use crate::bindings::events::Until;
use crate::bindings::operation::{Asked, Kind, Send, Subscribe};
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;

/// What is asked.
pub(super) fn asked(kind: Kind, request: &Request<'_>) -> Result<Asked, A2aError> {
    Ok(match kind {
        Kind::Send => Asked::Send(send(request)?),
        Kind::Stream => Asked::Stream(send(request)?),
        Kind::Get => Asked::Get(request.valid_params()?),
        Kind::List => Asked::List(request.valid_params()?),
        Kind::Cancel => Asked::Cancel(request.valid_params()?),
        Kind::Subscribe => Asked::Subscribe(Subscribe {
            request: request.valid_params()?,
            view: View::ALL,
            until: Until::Finished,
            finished_too: false,
        }),
        Kind::PushCreate => {
            let config = v1::TaskPushNotificationConfig::from_body(request.params())?;
            Asked::Push(PushAsked::create(config, Generation::V1)?)
        }
        Kind::PushGet => Asked::Push(PushAsked::Get(request.decode_params()?)),
        Kind::PushList => Asked::Push(PushAsked::List(request.decode_params()?)),
        Kind::PushDelete => Asked::Push(PushAsked::Delete(request.decode_params()?)),
        Kind::Card => Asked::ExtendedCard(request.decode_params()?),
    })
}

fn send(request: &Request<'_>) -> Result<Box<Send>, A2aError> {
    Ok(Box::new(Send { request: request.valid_params()?, task_id: None, direct: true, label: Generation::V1.label() }))
}
