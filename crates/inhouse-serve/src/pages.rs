//! Pages that need no token: health and cards. A card can be kept, and asked for again at the price of its tag (spec 8.6).

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use hyper::{HeaderMap, Response, StatusCode};
use inhouse_proto::wire::to_json;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Body;

/// What a page says, as JSON that is not kept.
pub(crate) fn health() -> Response<Body> {
    let mut response = Response::new(Body::full(&b"{\"status\":\"ok\"}"[..]));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A card, or that it is still the one which the asker has.
pub(crate) fn card(card: &impl Serialize, request: &HeaderMap) -> Response<Body> {
    let json = to_json(card);
    let tag = Sha256::digest(&json).iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    let tag = format!("\"{tag}\"");
    let mut response = if is_known(&tag, request) {
        let mut response = Response::new(Body::full(""));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::full(json));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    // The addresses on it follow the host, its form the version.
    headers.insert(VARY, HeaderValue::from_static("Host, A2A-Version"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}

/// Whether the asker names this tag, or any (RFC 9110 section 13.1.2).
fn is_known(tag: &str, request: &HeaderMap) -> bool {
    let named = |value: &HeaderValue| {
        let mut tags = value.to_str().unwrap_or_default().split(',').map(str::trim);
        tags.any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag)
    };
    request.get_all(IF_NONE_MATCH).iter().any(named)
}
