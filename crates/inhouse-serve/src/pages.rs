//! Pages: health, cards, the key that signs them, and for a caller the list of agents. A card can be kept, and asked for again at the price of
//! its tag (spec 8.6).

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, VARY,
};
use hyper::{HeaderMap, Response, StatusCode};
use inhouse_proto::wire::to_json;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Body;

/// That the server answers.
pub(crate) fn health() -> Response<Body> {
    json_page(&json!({"status": "ok"}))
}

/// Whether the server wants more work.
pub(crate) fn readiness(is_ready: bool) -> Response<Body> {
    if is_ready {
        return health();
    }
    let mut response = json_page(&json!({"status": "draining"}));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// The agents that one caller may use.
pub(crate) fn listing(entries: Vec<Value>) -> Response<Body> {
    json_page(&json!({"agents": entries}))
}

/// JSON that is not kept.
pub(crate) fn json_page(json: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::full(to_json(json)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// How long a page can be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    /// Without asking again, in seconds.
    pub(crate) max_age_s: u64,
    /// Since when it says what it says.
    pub(crate) since: SystemTime,
}

/// A card, or that it is still the one which the asker has.
pub(crate) fn card(card: &impl Serialize, kept: Kept, request: &HeaderMap) -> Response<Body> {
    document(to_json(card), kept, request)
}

/// The same for any JSON.
pub(crate) fn document(json: Bytes, kept: Kept, request: &HeaderMap) -> Response<Body> {
    let tag = tag(&json);
    let mut response = if is_known(&tag, kept.since, request) {
        let mut response = Response::new(Body::full(""));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::full(json));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    };
    let headers = response.headers_mut();
    let texts = [
        (CACHE_CONTROL, format!("public, max-age={}", kept.max_age_s)),
        (LAST_MODIFIED, httpdate::fmt_http_date(kept.since)),
        (ETAG, tag),
    ];
    headers.extend(texts.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?))));
    // The addresses on it follow the host, its form the version.
    headers.insert(VARY, HeaderValue::from_static("Host, A2A-Version"));
    response
}

/// What bytes are known by.
pub(crate) fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("\"{digest}\"")
}

/// Whether a value of `If-None-Match` names this tag, or any.
pub(crate) fn names(value: &HeaderValue, tag: &str) -> bool {
    let mut tags = value.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag)
}

/// Whether the asker names this tag, or any; or, naming none, a time from which on nothing has changed (RFC 9110 section 13.2.2).
fn is_known(tag: &str, since: SystemTime, request: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        return request.get_all(IF_NONE_MATCH).iter().any(|value| names(value, tag));
    }
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let asked = request.get(IF_MODIFIED_SINCE).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    asked.is_some_and(|asked| seconds(asked) >= seconds(since))
}
