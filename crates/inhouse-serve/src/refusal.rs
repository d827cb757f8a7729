//! An answer that says no: a status, a stable code and a sentence, always as a JSON object with `error`.

use std::borrow::Cow;

use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::Body;

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

    /// The answer: `{"error": {"code": 413, "status": "PAYLOAD_TOO_LARGE", "message": "…"}}`.
    pub fn response(&self) -> Response<Body> {
        let error = json!({"code": self.status.as_u16(), "status": self.code, "message": self.message});
        let mut response = Response::new(Body::full(json!({ "error": error }).to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"inhouse\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The whole answer as bytes, for a connection that hyper does not drive.
    pub(crate) fn last_words(&self) -> String {
        let error = json!({"code": self.status.as_u16(), "status": self.code, "message": self.message});
        let body = json!({ "error": error }).to_string();
        format!(
            "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.status,
            body.len()
        )
    }
}
