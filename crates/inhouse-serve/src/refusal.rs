//! An answer that says no: a status, a stable code and a sentence, in the form of whoever asked.

use std::borrow::Cow;

use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use tonic::Code;

use crate::Body;
use crate::bindings::grpc::is_grpc;
use crate::bindings::rest::media_type;

/// Where our codes are known.
const DOMAIN: &str = "a2a-protocol.org";

/// In which form a path's callers read errors; gRPC is told by its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorForm {
    /// google.rpc.Status (spec 11.6).
    #[default]
    Status,
    /// The same with the members that clients of 0.3 look for.
    Status03,
    /// A response of JSON-RPC to a request without an id (spec 9.5).
    Rpc,
}

/// Why a request is not answered by the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code for programs and for the audit.
    pub code: &'static str,
    /// The sentence for people.
    pub message: Cow<'static, str>,
    /// Seconds after which it may be tried again.
    pub retry_after_s: Option<u64>,
}

impl Refusal {
    /// A refusal without a retry time.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None }
    }

    /// The answer to a request with these headers, in the form that whoever sent them reads.
    pub fn response_to(&self, request: &HeaderMap, form: ErrorForm) -> Response<Body> {
        let mut response = if is_grpc(request) { self.grpc() } else { self.response(request, form) };
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"inhouse\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn response(&self, request: &HeaderMap, form: ErrorForm) -> Response<Body> {
        let (json, media_type) = match form {
            ErrorForm::Status => (self.json(), media_type(request)),
            ErrorForm::Status03 => (self.json_0_3(), media_type(request)),
            ErrorForm::Rpc => (self.json_rpc(), "application/json"),
        };
        let mut response = Response::new(Body::full(json.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    }

    /// No message, and the status in the head.
    fn grpc(&self) -> Response<Body> {
        tonic::Status::new(self.canonical().0, self.message.clone()).into_http::<()>().map(|()| Body::full(""))
    }

    fn reason(&self) -> Value {
        json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.code, "domain": DOMAIN})
    }

    /// As google.rpc.Status has it (spec 11.6), with our own code as the reason.
    fn json(&self) -> Value {
        let (code, status) = (self.status.as_u16(), self.canonical().1);
        json!({"error": {"code": code, "status": status, "message": self.message, "details": [self.reason()]}})
    }

    fn json_0_3(&self) -> Value {
        let mut json = self.json();
        json["type"] = self.code.into();
        json["message"] = self.message.as_ref().into();
        json
    }

    /// A request that is none has a code of JSON-RPC's; the others end in the status of HTTP, as all of our own.
    fn json_rpc(&self) -> Value {
        let code = match self.status {
            StatusCode::BAD_REQUEST => -32600,
            status => -31000 - i32::from(status.as_u16()),
        };
        let error = json!({"code": code, "message": self.message, "data": [self.reason()]});
        json!({"jsonrpc": "2.0", "id": null, "error": error})
    }

    /// The code of google.rpc that says the same as the status of HTTP, and its name.
    fn canonical(&self) -> (Code, &'static str) {
        match self.status {
            StatusCode::UNAUTHORIZED => (Code::Unauthenticated, "UNAUTHENTICATED"),
            StatusCode::FORBIDDEN => (Code::PermissionDenied, "PERMISSION_DENIED"),
            StatusCode::NOT_FOUND => (Code::NotFound, "NOT_FOUND"),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => (Code::Unimplemented, "UNIMPLEMENTED"),
            StatusCode::REQUEST_TIMEOUT => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => {
                (Code::ResourceExhausted, "RESOURCE_EXHAUSTED")
            }
            StatusCode::SERVICE_UNAVAILABLE => (Code::Unavailable, "UNAVAILABLE"),
            _ => (Code::InvalidArgument, "INVALID_ARGUMENT"),
        }
    }

    /// The whole answer as bytes, for a connection that hyper does not drive.
    pub(crate) fn last_words(&self) -> String {
        let body = self.json().to_string();
        format!(
            "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.status,
            body.len()
        )
    }
}
