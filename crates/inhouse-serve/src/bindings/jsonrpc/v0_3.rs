//! The methods of A2A 0.3, and of 0.2 where it is the same.

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::Request;
use inhouse_proto::snapshot::View;
use inhouse_proto::v0_3::{
    MessageSendParams, PushConfigDeleteParams, PushConfigGetParams, PushConfigListParams, PushConfigSetParams,
    TaskIdParams, TaskQueryParams,
};

use crate::bindings::events::Until;
use crate::bindings::operation::{Asked, Kind, Send, Subscribe, valid};
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;

/// What is asked.
pub(super) fn asked(kind: Kind, request: &Request<'_>) -> Result<Asked, A2aError> {
    Ok(match kind {
        Kind::Send => Asked::Send(send(request)?),
        Kind::Stream => Asked::Stream(send(request)?),
        Kind::Get => Asked::Get(valid(request.decode_params::<TaskQueryParams>()?.into_v1())?),
        Kind::Cancel => Asked::Cancel(valid(request.decode_params::<TaskIdParams>()?.into_v1())?),
        Kind::Subscribe => Asked::Subscribe(Subscribe {
            request: valid(request.decode_params::<TaskIdParams>()?.into_v1())?,
            view: View::ALL,
            until: Until::Finished,
            // A finished task is shown, and the stream ends.
            finished_too: true,
        }),
        Kind::PushCreate => {
            let config = request.decode_params::<PushConfigSetParams>()?.into_v1();
            Asked::Push(PushAsked::create(config, Generation::V03)?)
        }
        Kind::PushGet => {
            let named = request.decode_params::<PushConfigGetParams>()?.into_v1();
            Asked::Push(named.map_or_else(PushAsked::Only, PushAsked::Get))
        }
        Kind::PushList => Asked::Push(PushAsked::List(request.decode_params::<PushConfigListParams>()?.into_v1())),
        Kind::PushDelete => {
            Asked::Push(PushAsked::Delete(request.decode_params::<PushConfigDeleteParams>()?.into_v1()))
        }
        Kind::Card => Asked::ExtendedCard(Default::default()),
        Kind::List => return Err(A2aError::new(ErrorKind::MethodNotFound)),
    })
}

fn send(request: &Request<'_>) -> Result<Box<Send>, A2aError> {
    let request = valid(request.decode_params::<MessageSendParams>()?.into_v1()?)?;
    Ok(Box::new(Send { request, task_id: None, direct: true, label: Generation::V03.label() }))
}
