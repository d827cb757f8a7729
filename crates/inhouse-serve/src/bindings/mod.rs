//! The bindings: from a request's bytes to the engine and back. Each generation of the protocol has its own file.

pub(crate) mod jsonrpc;
mod first;
mod sse;
mod v1;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use inhouse_engine::{Engine, Reader};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_trust::{AgentName, Caller, Operation, Permit, Policy, grants};
use tokio::sync::watch;

use self::sse::{EventStream, Form, Frames, Until};
use crate::body::Body;

/// One agent's endpoint.
#[derive(Clone)]
pub struct Endpoint {
    /// The agent behind it.
    pub agent: AgentName,
    /// The engine that runs it.
    pub engine: Engine,
    /// Who may use it.
    pub policy: Arc<Policy>,
    /// A comment is sent on idle streams this often.
    pub keep_alive: Duration,
    /// Turns `true` when open streams have to end.
    pub closing: watch::Receiver<bool>,
}

/// A request that has passed the front door.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) caller: &'a Caller,
    pub(crate) headers: &'a HeaderMap,
}

/// A response, and what the audit says of it.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Body,
    pub(crate) is_stream: bool,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) audited: Audited,
}

/// What the audit says of a call besides who made it and when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audited {
    /// The method, as far as it is one of ours.
    pub(crate) method: &'static str,
    pub(crate) task: Option<Arc<str>>,
    pub(crate) context: Option<Arc<str>>,
    /// `None`: ok; else the error's reason.
    pub(crate) refusal: Option<&'static str>,
}

impl Call<'_> {
    /// The right to do this, if the caller has it.
    pub(crate) fn permit(&self, operation: Operation) -> Result<Permit, A2aError> {
        let Endpoint { agent, policy, .. } = self.endpoint;
        grants(self.caller, operation, agent, policy).map_err(|_| A2aError::new(ErrorKind::PermissionDenied))
    }

    /// A stream of what `reader` finds, after the first frames.
    fn stream(&self, form: impl Form, until: Until, first: Frames, reader: Option<Reader>) -> Answer {
        let closing = self.endpoint.closing.clone();
        let stream = EventStream::new(form, until, first.finish(), reader, self.endpoint.keep_alive, closing);
        Answer { is_stream: true, body: Body::stream(stream), ..Answer::json(Bytes::new()) }
    }

    /// A header's value, if it is there once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| !value.is_empty())
    }

    /// `Last-Event-ID`: the number of the last event that the caller has seen.
    pub(crate) fn last_event_id(&self) -> Result<Option<u64>, A2aError> {
        let number =
            |text: &str| text.parse().map_err(|_| A2aError::invalid("Last-Event-ID", "must be an event's number"));
        self.header("last-event-id").map(number).transpose()
    }

    /// `Idempotency-Key`: at most 128 printable ASCII characters.
    pub(crate) fn idempotency_key(&self) -> Result<Option<String>, A2aError> {
        let key = self.header("idempotency-key");
        match key {
            Some(key) if !is_id(key) => {
                Err(A2aError::invalid("Idempotency-Key", "must be 1 to 128 printable ASCII characters"))
            }
            key => Ok(key.map(str::to_owned)),
        }
    }
}

impl Answer {
    /// A whole JSON answer.
    pub(crate) fn json(json: impl Into<Bytes>) -> Self {
        let body = Body::full(json.into());
        Self { status: StatusCode::OK, body, is_stream: false, retry_after_s: None, audited: Audited::default() }
    }
}

/// Whether a client's id is one that we keep: 1 to 128 printable ASCII characters.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}
