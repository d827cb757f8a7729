//! The package `lf.a2a.v1`: the messages of the model as they are.

use bytes::Bytes;
use inhouse_proto::error::A2aError;
use inhouse_proto::snapshot::{Snapshot, View};
use inhouse_proto::v1;
use inhouse_proto::wire::Event;
use prost::Message;

use super::{Package, decode, internal, send_payload};
use crate::bindings::checked::valid;
use crate::bindings::events::Until;
use crate::bindings::extensions::Extensions;
use crate::bindings::operation::{Asked, Kind, Outcome, Send, Subscribe, sent};
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;

/// The operations, in the order of the service.
const KINDS: [Kind; 11] = [
    Kind::Send,
    Kind::Stream,
    Kind::Get,
    Kind::List,
    Kind::Cancel,
    Kind::Subscribe,
    Kind::PushCreate,
    Kind::PushGet,
    Kind::PushList,
    Kind::Card,
    Kind::PushDelete,
];

/// The operation of this name.
pub(super) fn kind(method: &str) -> Option<Kind> {
    KINDS.into_iter().find(|kind| kind.name() == method)
}

/// See the module.
pub(super) struct V1;

impl Package for V1 {
    fn asked(&self, kind: Kind, message: &[u8]) -> Result<Asked, A2aError> {
        Ok(match kind {
            Kind::Send => Asked::Send(send(message)?),
            Kind::Stream => Asked::Stream(send(message)?),
            Kind::Get => Asked::Get(valid(decode(message)?)?),
            Kind::List => Asked::List(valid(decode(message)?)?),
            Kind::Cancel => Asked::Cancel(valid(decode(message)?)?),
            Kind::Subscribe => Asked::Subscribe(Subscribe {
                request: valid(decode(message)?)?,
                view: View::ALL,
                until: Until::Finished,
                finished_too: false,
            }),
            Kind::PushCreate => Asked::Push(PushAsked::Create(Box::new(valid(decode(message)?)?), Generation::V1)),
            Kind::PushGet => Asked::Push(PushAsked::Get(valid(decode(message)?)?)),
            Kind::PushList => Asked::Push(PushAsked::List(valid(decode(message)?)?)),
            Kind::PushDelete => Asked::Push(PushAsked::Delete(valid(decode(message)?)?)),
            Kind::Card => Asked::ExtendedCard(decode(message)?),
        })
    }

    fn response(&self, outcome: Outcome) -> Result<Vec<Bytes>, A2aError> {
        let message = match outcome {
            Outcome::Task(task, view) => task.to_v1(view)?.encode_to_vec(),
            Outcome::Sent(task, view) => {
                v1::SendMessageResponse { payload: Some(send_payload(&task, view)?) }.encode_to_vec()
            }
            Outcome::Page(page) => page.into_v1()?.encode_to_vec(),
            Outcome::Card(card) => card.encode_to_vec(),
            Outcome::Config(config) => config.encode_to_vec(),
            Outcome::Configs(page) => page.encode_to_vec(),
            Outcome::Deleted => Vec::new(),
            Outcome::Stream(_) => return Err(internal()),
        };
        Ok(vec![message.into()])
    }

    fn first(&self, task: &Snapshot, view: View, _last: bool, by: Extensions) -> Result<Vec<Vec<Bytes>>, A2aError> {
        let response = by.extend(v1::StreamResponse { payload: Some(sent(task, view)?) }, task.generation);
        Ok(vec![vec![response.encode_to_vec().into()]])
    }

    fn event(
        &self,
        generation: u64,
        event: &Event,
        _last: bool,
        extensions: Extensions,
    ) -> Result<Vec<Bytes>, A2aError> {
        if extensions.change_events() {
            return Ok(vec![extensions.extend(event.to_v1()?, generation).encode_to_vec().into()]);
        }
        let mut message = Vec::with_capacity(3);
        event.write_protobuf(&mut message)?;
        Ok(message)
    }

    fn says(&self, error: &A2aError) -> String {
        error.kind.message().to_owned()
    }
}

fn send(message: &[u8]) -> Result<Box<Send>, A2aError> {
    let request = valid(decode(message)?)?;
    Ok(Box::new(Send { request, task_id: None, direct: true, label: Generation::V1.label() }))
}
