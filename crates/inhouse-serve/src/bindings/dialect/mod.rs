//! How each generation of the protocol writes what came of a call, as JSON. What stands around it is the envelope's.

mod first;
mod v0_3;
mod v0_3_proto;
mod v1;

use bytes::Bytes;
use inhouse_proto::error::{A2aError, status_response, status_response_0_3};
use inhouse_proto::jsonrpc::{self, Id};
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::wire::Event;

use super::operation::{Following, Outcome};
use super::sse::{self, Sse};
use super::{Answer, Call};

pub(crate) use first::First;
pub(crate) use v0_3::V03;
pub(crate) use v0_3_proto::V03Proto;
pub(crate) use v1::V1;

/// One generation's way of writing. A value serves one call, so it may remember what it wrote.
pub(crate) trait Dialect: Send + Unpin + 'static {
    /// The result of a call that is answered at once.
    ///
    /// # Errors
    /// Unsupported operation, for an outcome that this generation has no words for.
    fn result(&self, outcome: Outcome, out: &mut Pieces) -> Result<(), A2aError>;

    /// The results that begin a stream: the task so far, or the message in its place; `last`: nothing follows.
    ///
    /// # Errors
    /// Internal, when the log can not be read back.
    fn first(&mut self, task: &Snapshot, view: View, last: bool) -> Result<Vec<Vec<Bytes>>, A2aError>;

    /// The results that an event becomes, each in pieces; `last`: nothing follows.
    fn event(&mut self, generation: u64, event: &Event, last: bool) -> Vec<Vec<Bytes>>;

    /// Whether it writes copies of what is in the log, and not the log's own bytes: as a stream's results, or as a whole one.
    fn copies(&self, _is_stream: bool) -> bool {
        true
    }
}

/// What stands around a result.
#[derive(Debug, Clone)]
pub(crate) enum Envelope {
    /// A JSON-RPC response; `head`: up to the result.
    Rpc { id: Id, head: Bytes },
    /// The same with the errors of the first generation.
    PlainRpc { id: Id, head: Bytes },
    /// Nothing: HTTP itself says how it went.
    Bare,
    /// The same with the errors of 0.3.
    Bare03,
}

impl Envelope {
    /// Responses to the JSON-RPC request of this id.
    pub(crate) fn rpc(id: &Id) -> Self {
        Self::Rpc { id: id.clone(), head: jsonrpc::response_head(id) }
    }

    /// Responses of the first generation to the request of this id.
    pub(crate) fn plain_rpc(id: &Id) -> Self {
        Self::PlainRpc { id: id.clone(), head: jsonrpc::response_head(id) }
    }

    pub(crate) fn wrap(&self, mut result: Vec<Bytes>) -> Vec<Bytes> {
        match self {
            Self::Rpc { head, .. } | Self::PlainRpc { head, .. } => {
                result.insert(0, head.clone());
                result.push(jsonrpc::RESPONSE_TAIL);
            }
            Self::Bare | Self::Bare03 => {}
        }
        result
    }

    fn write(
        &self,
        out: &mut Pieces,
        result: impl FnOnce(&mut Pieces) -> Result<(), A2aError>,
    ) -> Result<(), A2aError> {
        match self {
            Self::Rpc { head, .. } | Self::PlainRpc { head, .. } => {
                out.copy(head);
                result(out)?;
                out.copy(&jsonrpc::RESPONSE_TAIL);
            }
            Self::Bare | Self::Bare03 => result(out)?,
        }
        Ok(())
    }

    /// A whole answer that says what went wrong.
    pub(crate) fn error(&self, error: &A2aError) -> Bytes {
        match self {
            Self::Rpc { id, .. } => jsonrpc::error_response(id, error),
            Self::PlainRpc { id, .. } => jsonrpc::plain_error_response(id, error),
            Self::Bare => status_response(error),
            Self::Bare03 => status_response_0_3(error),
        }
    }
}

/// The answer to a call: whole, or a stream.
///
/// # Errors
/// As [`Dialect::result`] and [`Dialect::first`]; unavailable, when it is a copy for which there is no room.
pub(crate) fn write(
    call: &Call<'_>,
    envelope: Envelope,
    dialect: Box<dyn Dialect>,
    outcome: Outcome,
) -> Result<Answer, A2aError> {
    if let Outcome::Stream(following) = outcome {
        return stream(call, Sse { envelope, dialect }, following);
    }
    let mut pieces = Pieces::default();
    envelope.write(&mut pieces, |out| dialect.result(outcome, out))?;
    let pieces = pieces.finish();
    Ok(Answer::pieces(if dialect.copies(false) { call.endpoint.copies.count(pieces)? } else { pieces }))
}

fn stream(call: &Call<'_>, mut form: Sse, following: Following) -> Result<Answer, A2aError> {
    let Following { first, reader, until, .. } = following;
    let mut frames = Pieces::default();
    let mut ended = false;
    if let Some((task, view)) = first {
        ended = task.message.is_some() || until.is_reached(task.state);
        for result in form.dialect.first(&task, view, ended)? {
            sse::frame(Some(task.generation), &form.envelope.wrap(result), &mut frames);
        }
    }
    call.stream(form, until, frames.finish(), (!ended).then_some(reader))
}
