//! Bodies to requests. What is no request is refused with the id that it has, if any, so that its sender can tell.

use std::fmt;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::error::{A2aError, ErrorKind};
use crate::json::{self, DecodeError};

/// A request's id has at most this many bytes of JSON.
const ID_BYTES_MAX: usize = 128;

/// A request's id exactly as it was sent: a string, a number or null, as JSON. Clones share the bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id(Bytes);

impl Id {
    /// The id of a request that has none, and of one that cannot be read.
    pub const NULL: Self = Self(Bytes::from_static(b"null"));

    /// The JSON.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn read(raw: Option<&RawValue>) -> Result<Self, A2aError> {
        let Some(raw) = raw.map(RawValue::get) else { return Ok(Self::NULL) };
        if !raw.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit()) {
            return Err(refusal("id must be a string, a number or null"));
        }
        if raw.len() > ID_BYTES_MAX {
            return Err(refusal(format!("id has {} bytes, more than {ID_BYTES_MAX}", raw.len())));
        }
        Ok(Self(Bytes::copy_from_slice(raw.as_bytes())))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Id({})", String::from_utf8_lossy(&self.0))
    }
}

/// A call of a method.
#[derive(Debug)]
pub struct Request<'a> {
    /// To be repeated in the response.
    pub id: Id,
    /// The name of the method, not yet looked up.
    pub method: String,
    /// An object, not yet decoded.
    pub params: Option<&'a RawValue>,
}

/// A body that is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The id to answer with.
    pub id: Id,
    /// What is wrong.
    pub error: A2aError,
}

/// The members of an envelope, each as it stands, so that one that is wrong does not hide the id.
#[derive(serde::Deserialize)]
#[serde(rename = "request")]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

impl<'a> Request<'a> {
    /// Reads the one request that `body` is.
    ///
    /// A missing or null id is answered with null: A2A has no notifications.
    ///
    /// # Errors
    /// `ParseError` (-32700) for what is no JSON, `InvalidRequest` (-32600) for JSON that is no request: batches, nesting
    /// deeper than [`json::DEPTH_MAX`], a member that stands twice, a wrong version, id or method, params that are no object.
    pub fn parse(body: &'a [u8]) -> Result<Self, Box<Refused>> {
        let refused = |id, error| Box::new(Refused { id, error });
        let envelope = Envelope::parse(body).map_err(|error| refused(Id::NULL, error))?;
        let id = Id::read(envelope.id).map_err(|error| refused(Id::NULL, error))?;
        match envelope.method_and_params() {
            Ok((method, params)) => Ok(Self { id, method, params }),
            Err(error) => Err(refused(id, error)),
        }
    }

    /// The params as they stand; absent ones are an empty object.
    pub fn params(&self) -> &[u8] {
        self.params.map_or("{}", RawValue::get).as_bytes()
    }
}

impl<'a> Envelope<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, A2aError> {
        json::refuse_depth(body).and_then(|()| json::refuse_values(body)).map_err(shape_refusal)?;
        if !json::is_object(body) {
            json::decode::<IgnoredAny>(body)?;
            let is_batch = body.trim_ascii_start().starts_with(b"[");
            return Err(refusal(if is_batch {
                "a batch is not supported, send one request at a time"
            } else {
                "a request is an object"
            }));
        }
        serde_json::from_slice(body).map_err(|error| shape_refusal(error.into()))
    }

    fn method_and_params(&self) -> Result<(String, Option<&'a RawValue>), A2aError> {
        if self.jsonrpc.and_then(text).as_deref() != Some("2.0") {
            return Err(refusal("jsonrpc must be \"2.0\""));
        }
        let method = self.method.and_then(text).ok_or_else(|| refusal("method must be a string"))?;
        if self.params.is_some_and(|params| !json::is_object(params.get().as_bytes())) {
            return Err(A2aError::new(ErrorKind::InvalidParams).detail("params must be an object"));
        }
        Ok((method, self.params))
    }
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn refusal(detail: impl Into<String>) -> A2aError {
    A2aError::new(ErrorKind::InvalidRequest).detail(detail)
}

/// What is wrong with the envelope itself is no matter of the params.
fn shape_refusal(error: DecodeError) -> A2aError {
    match error {
        DecodeError::WrongShape(sentence) => refusal(sentence),
        other => other.into(),
    }
}
