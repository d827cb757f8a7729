//! Errors as protobuf: the `google.rpc.Status` that gRPC carries in the trailer `grpc-status-details-bin` (spec 10.6).

use std::collections::BTreeMap;

use prost::Message;

use super::A2aError;
use super::json::DOMAIN;
use crate::validate::FieldViolation;

/// Violations beyond this many bytes are left out: many clients refuse more than 8 KiB of trailers, and the trailer is base64.
pub const DETAILS_BYTES_MAX: usize = 4 << 10;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub(super) reason: String,
    #[prost(string, tag = "2")]
    pub(super) domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) field_violations: Vec<Violation>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Violation {
    #[prost(string, tag = "1")]
    pub(super) field: String,
    #[prost(string, tag = "2")]
    pub(super) description: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Duration {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
}

/// The encoded `google.rpc.Status` of `error`, with the same details as in the other bindings.
pub fn status_details(error: &A2aError) -> Vec<u8> {
    let metadata = error.facts().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let info = ErrorInfo { reason: error.kind.reason().to_owned(), domain: DOMAIN.to_owned(), metadata };
    let mut details = vec![any("ErrorInfo", &info)];
    if !error.violations.is_empty() {
        details.push(any("BadRequest", &BadRequest { field_violations: violations(&error.violations) }));
    }
    if let Some(seconds) = error.retry_after_s {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        details.push(any("RetryInfo", &RetryInfo { retry_delay: Some(Duration { seconds }) }));
    }
    let (code, message) = (error.kind.grpc_code(), error.kind.message().to_owned());
    Status { code, message, details }.encode_to_vec()
}

fn any(name: &str, detail: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/google.rpc.{name}"), value: detail.encode_to_vec() }
}

/// The first violations, as many as there is room for.
fn violations(all: &[FieldViolation]) -> Vec<Violation> {
    let mut room = DETAILS_BYTES_MAX;
    let fits = |FieldViolation { field, description }: &&FieldViolation| {
        let rest = room.checked_sub(field.len() + description.len());
        room = rest.unwrap_or(0);
        rest.is_some()
    };
    let first = all.iter().take_while(fits);
    first
        .map(|FieldViolation { field, description }| Violation {
            field: field.clone(),
            description: description.clone(),
        })
        .collect()
}
