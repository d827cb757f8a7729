//! gRPC (spec 10): the protocol's service over HTTP/2. A message is five bytes and its protobuf; how a call went stands in the
//! trailers. Events are encoded from the log's own bytes.

pub(super) mod deadline;
mod services;
mod v0_3;
mod v1;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use inhouse_proto::error::{A2aError, ErrorKind, status_details};
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::v1::{send_message_response, stream_response::Payload};
use inhouse_proto::wire::Event;
use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use self::deadline::Deadline;
use super::events::Form;
use super::extensions::Extensions;
use super::operation::{self, Asked, Following, Kind, Outcome, sent};
use super::version::{Generation, version_refused};
use super::words::{Written, in_words_of};
use super::{Answer, Audited, Call};
use crate::Body;

pub(crate) use services::{CHECK, Services};

/// The media type of the binding.
pub(crate) const GRPC: &str = "application/grpc";
/// A flag, and the length of the message.
const PREFIX_BYTES: usize = 5;
/// The flag of a message that is compressed.
const COMPRESSED: u8 = 1;

/// A method of the service, by the path that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    generation: Generation,
    kind: Kind,
}

/// How one package of the service reads and writes.
trait Package: Send + Sync + Unpin + 'static {
    /// What the request message asks for.
    ///
    /// # Errors
    /// Invalid parameters.
    fn asked(&self, kind: Kind, message: &[u8]) -> Result<Asked, A2aError>;
    /// The outcome of a unary call as its response message.
    ///
    /// # Errors
    /// Internal, when the log can not be read back.
    fn response(&self, outcome: Outcome) -> Result<Vec<Bytes>, A2aError>;
    /// The messages that begin a stream: the task so far, or the message in its place; `last`: nothing follows.
    ///
    /// # Errors
    /// As above.
    fn first(&self, task: &Snapshot, view: View, last: bool, by: Extensions) -> Result<Vec<Vec<Bytes>>, A2aError>;
    /// The message that an event becomes; `last`: nothing follows.
    ///
    /// # Errors
    /// Never for events that the log made.
    fn event(&self, generation: u64, event: &Event, last: bool, by: Extensions) -> Result<Vec<Bytes>, A2aError>;
    /// What a status says for people.
    fn says(&self, error: &A2aError) -> String;
}

/// Whether a request is one of gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(GRPC.as_bytes()))
}

impl Target {
    /// Reads `/package.Service/Method`.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let (generation, kind) = match service {
            "lf.a2a.v1.A2AService" => (Generation::V1, v1::kind(method)?),
            "a2a.v1.A2AService" => (Generation::V03, v0_3::kind(method)?),
            _ => return None,
        };
        Some(Self { generation, kind })
    }

    fn package(self) -> &'static dyn Package {
        match self.generation {
            Generation::V1 => &v1::V1,
            Generation::V03 | Generation::First => &v0_3::V03,
        }
    }
}

/// Answers one call, whose message stands in `body`.
pub(crate) async fn answer(call: &Call<'_>, target: Target, body: &[u8]) -> Answer {
    let mut audited = Audited { method: target.kind.name(), ..Audited::default() };
    let result = match Deadline::read(call.headers) {
        _ if body.first() == Some(&COMPRESSED) => Err(compressed()),
        // What goes on behind a call that nobody waits for any more is not ended by it.
        Ok(deadline) => match deadline.limit(Box::pin(perform(call, target, body, &mut audited))).await {
            Some(result) => result.map(|answer| Answer { body: deadline.limit_body(answer.body), ..answer }),
            None => Err(late()),
        },
        Err(error) => Err(refused(target.package(), &error)),
    };
    match result {
        Ok(answer) => Answer { audited, media_type: GRPC, ..answer },
        Err((status, reason)) => {
            let audited = Audited { refusal: Some(reason), ..audited };
            Answer { audited, media_type: GRPC, trailers_only: Some(Box::new(headers(&status))), ..Answer::json("") }
        }
    }
}

type Refused = (Status, &'static str);

async fn perform(call: &Call<'_>, target: Target, body: &[u8], audited: &mut Audited) -> Result<Answer, Refused> {
    let answer = async {
        match call.generation()? {
            Some(spoken) if spoken != target.generation => {
                return Err(version_refused(spoken.version(), target.generation.version()));
            }
            _ => {}
        }
        let package = target.package();
        operation::offered(call, target.generation, Written::Service, target.kind)?;
        let asked = package.asked(target.kind, message(body)?)?;
        let extensions = call.extensions(target.generation, &asked)?;
        let outcome = operation::perform(call, asked, audited).await?;
        match outcome {
            Outcome::Stream(following) => Ok(Answer { extensions, ..stream(call, package, extensions, following)? }),
            whole => Ok(Answer { extensions, ..unary(call, &package.response(whole)?)? }),
        }
    };
    answer.await.map_err(|error| {
        let error = in_words_of(target.generation, Written::Service, target.kind, error);
        refused(target.package(), &error)
    })
}

/// The one message of a request.
pub(super) fn message(body: &[u8]) -> Result<&[u8], A2aError> {
    let wrong = |what: &str| A2aError::new(ErrorKind::InvalidRequest).detail(what);
    let (prefix, message) = body.split_at_checked(PREFIX_BYTES).ok_or_else(|| wrong("there is no message"))?;
    let [flag, length @ ..] = prefix else { return Err(wrong("there is no message")) };
    let length = length.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
    match flag {
        0 if message.len() == length => Ok(message),
        0 => Err(wrong("the message is not as long as its prefix says")),
        _ => Err(wrong("compressed messages are not taken")),
    }
}

fn decode<T: Message + Default>(message: &[u8]) -> Result<T, A2aError> {
    T::decode(message).map_err(|error| A2aError::new(ErrorKind::InvalidParams).detail(error.to_string()))
}

/// What a send is answered with.
fn send_payload(task: &Snapshot, view: View) -> Result<send_message_response::Payload, A2aError> {
    match sent(task, view)? {
        Payload::Message(message) => Ok(send_message_response::Payload::Message(message)),
        Payload::Task(task) => Ok(send_message_response::Payload::Task(task)),
        Payload::StatusUpdate(_) | Payload::ArtifactUpdate(_) => Err(internal()),
    }
}

fn internal() -> A2aError {
    A2aError::new(ErrorKind::Internal)
}

/// A message with its prefix.
fn frame(message: &[Bytes], out: &mut Pieces) {
    let length: usize = message.iter().map(Bytes::len).sum();
    out.copy(&[0]);
    out.copy(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    message.iter().for_each(|piece| out.share(piece));
}

fn unary(call: &Call<'_>, message: &[Bytes]) -> Result<Answer, A2aError> {
    let mut out = Pieces::default();
    frame(message, &mut out);
    let pieces = call.endpoint.copies.count(out.finish())?;
    Ok(Answer::whole(Body::with_trailers(pieces, headers(&Status::ok("")))))
}

fn stream(
    call: &Call<'_>,
    package: &'static dyn Package,
    extensions: Extensions,
    following: Following,
) -> Result<Answer, A2aError> {
    let Following { first, reader, until, .. } = following;
    let mut out = Pieces::default();
    let mut ended = false;
    if let Some((task, view)) = first {
        ended = task.message.is_some() || until.is_reached(task.state);
        for message in package.first(&task, view, ended, extensions)? {
            frame(&message, &mut out);
        }
    }
    call.stream(Frames(package, extensions), until, out.finish(), (!ended).then_some(reader))
}

/// Messages of a package, each with its prefix.
struct Frames(&'static dyn Package, Extensions);

impl Form for Frames {
    fn event(&mut self, generation: u64, event: &Event, last: bool, out: &mut Pieces) {
        match self.0.event(generation, event, last, self.1) {
            Ok(message) => frame(&message, out),
            Err(error) => tracing::error!(%error, "an event can not be written as protobuf"),
        }
    }

    fn copies(&self) -> bool {
        true
    }

    fn error(&mut self, _error: &A2aError, _out: &mut Pieces) {}

    fn pause(&self) -> Bytes {
        Bytes::new()
    }

    fn goodbye(&self) -> Bytes {
        Bytes::new()
    }

    fn trailers(&self, error: Option<&A2aError>) -> Option<Box<HeaderMap>> {
        Some(Box::new(headers(&error.map_or_else(|| Status::ok(""), |error| status(self.0, error)))))
    }
}

fn refused(package: &dyn Package, error: &A2aError) -> Refused {
    (status(package, error), error.kind.reason())
}

/// An error as a status with its details (spec 10.6).
fn status(package: &dyn Package, error: &A2aError) -> Status {
    let code = Code::from_i32(error.kind.grpc_code());
    Status::with_details(code, package.says(error), status_details(error).into())
}

/// Who compresses is told that it is not taken, by the code that gRPC has for it.
fn compressed() -> Refused {
    let mut status = Status::unimplemented("compressed messages are not taken");
    status.metadata_mut().insert("grpc-accept-encoding", MetadataValue::from_static("identity"));
    (status, "COMPRESSION_NOT_SUPPORTED")
}

fn late() -> Refused {
    (Status::deadline_exceeded("the deadline of the call has passed; the task goes on"), "DEADLINE_EXCEEDED")
}

/// A status as it stands in trailers, or in the headers of an answer without messages.
fn headers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if status.add_header(&mut headers).is_err() {
        headers.insert(Status::GRPC_STATUS, HeaderValue::from_static("13"));
    }
    headers
}
