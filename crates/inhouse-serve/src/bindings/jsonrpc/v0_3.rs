//! The methods of A2A 0.3, and of 0.2 where it is the same.

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::json;
use inhouse_proto::jsonrpc::Request;
use inhouse_proto::snapshot::View;
use inhouse_proto::v0_3::{
    MessageSendParams, PushConfigDeleteParams, PushConfigGetParams, PushConfigListParams, PushConfigSetParams,
    TaskIdParams, TaskQueryParams,
};

use crate::bindings::checked::valid_json;
use crate::bindings::events::Until;
use crate::bindings::operation::{Asked, Kind, Send, Subscribe};
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;

/// What is asked.
pub(super) fn asked(kind: Kind, request: &Request<'_>) -> Result<Asked, A2aError> {
    let params = request.params();
    Ok(match kind {
        Kind::Send => Asked::Send(send(params)?),
        Kind::Stream => Asked::Stream(send(params)?),
        Kind::Get => Asked::Get(valid_json(params, |params: TaskQueryParams| Ok(params.into_v1()))?),
        Kind::Cancel => Asked::Cancel(valid_json(params, |params: TaskIdParams| Ok(params.into_v1()))?),
        Kind::Subscribe => Asked::Subscribe(Subscribe {
            request: valid_json(params, |params: TaskIdParams| Ok(params.into_v1()))?,
            view: View::ALL,
            until: Until::Finished,
            // A finished task is shown, and the stream ends.
            finished_too: true,
        }),
        Kind::PushCreate => {
            let config = valid_json(params, |params: PushConfigSetParams| Ok(params.into_v1()))?;
            Asked::Push(PushAsked::Create(Box::new(config), Generation::V03))
        }
        Kind::PushGet => Asked::Push(push_get(params)?),
        Kind::PushList => {
            Asked::Push(PushAsked::List(valid_json(params, |params: PushConfigListParams| Ok(params.into_v1()))?))
        }
        Kind::PushDelete => {
            Asked::Push(PushAsked::Delete(valid_json(params, |params: PushConfigDeleteParams| Ok(params.into_v1()))?))
        }
        Kind::Card => Asked::ExtendedCard(Default::default()),
        Kind::List => return Err(A2aError::new(ErrorKind::MethodNotFound)),
    })
}

/// Who names no config means the only one, or the oldest.
fn push_get(params: &[u8]) -> Result<PushAsked, A2aError> {
    let named: PushConfigGetParams = json::decode(params).unwrap_or_default();
    Ok(match named.push_notification_config_id.as_deref() {
        None | Some("") => PushAsked::Only(valid_json(params, |params: PushConfigListParams| Ok(params.into_v1()))?),
        Some(_) => PushAsked::Get(valid_json(params, |params: PushConfigGetParams| Ok(params.into_v1()))?),
    })
}

fn send(params: &[u8]) -> Result<Box<Send>, A2aError> {
    let request = valid_json(params, MessageSendParams::into_v1)?;
    Ok(Box::new(Send { request, task_id: None, direct: true, label: Generation::V03.label() }))
}
