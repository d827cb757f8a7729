//! Errors as JSON: the v1 error object with google.rpc details (spec 9.5), the body of an HTTP+JSON response (spec 11.6),
//! and the plain object of the first generation.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::A2aError;
use crate::validate::FieldViolation;

/// Who defines the reasons of `ErrorInfo` (spec 11.6).
pub(super) const DOMAIN: &str = "a2a-protocol.org";
/// The member of the metadata that carries an error's `detail`.
const DETAIL: &str = "detail";

/// The JSON-RPC error object of v1: `{"code":…,"message":…,"data":[…]}`.
#[derive(serde::Serialize)]
pub(crate) struct ErrorObject<'a> {
    code: i32,
    message: &'static str,
    data: Details<'a>,
}

/// The `google.rpc.Status` of HTTP+JSON, whose `code` is the HTTP status.
#[derive(serde::Serialize)]
struct Status<'a> {
    code: u16,
    status: &'static str,
    message: &'static str,
    details: Details<'a>,
}

#[derive(serde::Serialize)]
struct StatusBody<'a> {
    error: Status<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// The body of an HTTP+JSON response that says what went wrong; its HTTP status is that of the kind (spec 11.6).
pub fn status_response(error: &A2aError) -> Bytes {
    body(error, None)
}

/// The same for clients of 0.3, which look for `type` and `message` at the top.
pub fn status_response_0_3(error: &A2aError) -> Bytes {
    body(error, Some(error.kind.type_name_0_3()))
}

fn body(error: &A2aError, r#type: Option<String>) -> Bytes {
    let kind = error.kind;
    let (code, status, message) = (kind.http_status(), kind.grpc_name(), kind.message());
    let top = r#type.is_some().then_some(message);
    let error = Status { code, status, message, details: Details(error) };
    let body = StatusBody { error, r#type, message: top };
    serde_json::to_vec(&body).expect("strings, numbers and lists of them are always JSON").into()
}

/// The details of an error as a list of google.rpc objects, each with its `@type`; for `data` in JSON-RPC (spec 9.5) and
/// `details` in HTTP+JSON (spec 11.6).
pub(crate) struct Details<'a>(&'a A2aError);

#[derive(serde::Serialize)]
#[serde(tag = "@type")]
enum Detail<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo {
        reason: &'static str,
        domain: &'static str,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<&'a str, &'a str>,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest", rename_all = "camelCase")]
    BadRequest { field_violations: &'a [FieldViolation] },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo", rename_all = "camelCase")]
    RetryInfo { retry_delay: String },
}

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.0;
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(&Detail::ErrorInfo {
            reason: error.kind.reason(),
            domain: DOMAIN,
            metadata: error.facts(),
        })?;
        if !error.violations.is_empty() {
            list.serialize_element(&Detail::BadRequest { field_violations: &error.violations })?;
        }
        if let Some(seconds) = error.retry_after_s {
            list.serialize_element(&Detail::RetryInfo { retry_delay: format!("{seconds}s") })?;
        }
        list.end()
    }
}

/// The error object of the first generation, whose `data` is one object (v0.1 schema, `JSONRPCError`).
#[derive(serde::Serialize)]
pub(crate) struct PlainErrorObject {
    code: i32,
    message: &'static str,
    data: serde_json::Map<String, serde_json::Value>,
}

impl A2aError {
    pub(crate) fn object(&self) -> ErrorObject<'_> {
        ErrorObject { code: self.kind.code(), message: self.kind.message(), data: Details(self) }
    }

    pub(crate) fn plain_object(&self) -> PlainErrorObject {
        let mut data: serde_json::Map<_, _> =
            self.facts().into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        data.insert("reason".to_owned(), self.kind.reason().into());
        if !self.violations.is_empty() {
            data.insert("fieldViolations".to_owned(), serde_json::json!(self.violations));
        }
        if let Some(seconds) = self.retry_after_s {
            data.insert("retryAfterSeconds".to_owned(), seconds.into());
        }
        PlainErrorObject { code: self.kind.code(), message: self.kind.message(), data }
    }

    pub(super) fn facts(&self) -> BTreeMap<&str, &str> {
        let detail = self.detail.as_deref().map(|detail| (DETAIL, detail));
        self.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).chain(detail).collect()
    }
}
