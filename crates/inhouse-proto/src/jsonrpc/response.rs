//! The bytes around a result, and whole responses that say what went wrong.

use bytes::Bytes;
use serde::Serialize;

use super::Id;
use crate::error::A2aError;

/// Comes after the result of a response.
pub const RESPONSE_TAIL: Bytes = Bytes::from_static(b"}");

const HEAD: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":";
const RESULT: &[u8] = b",\"result\":";
const ERROR: &[u8] = b",\"error\":";

/// Comes before the result of a response: `{"jsonrpc":"2.0","id":…,"result":`
pub fn response_head(id: &Id) -> Bytes {
    let mut out = Vec::with_capacity(HEAD.len() + id.as_bytes().len() + RESULT.len());
    for piece in [HEAD, id.as_bytes(), RESULT] {
        out.extend_from_slice(piece);
    }
    out.into()
}

/// A whole response that says what went wrong; in a stream it stands after `data: `, since it has no line breaks.
pub fn error_response(id: &Id, error: &A2aError) -> Bytes {
    error_bytes(id, &error.object())
}

/// As [`error_response`], in the shape of the first generation.
pub fn plain_error_response(id: &Id, error: &A2aError) -> Bytes {
    error_bytes(id, &error.plain_object())
}

fn error_bytes(id: &Id, object: &impl Serialize) -> Bytes {
    let mut out = [HEAD, id.as_bytes(), ERROR].concat();
    serde_json::to_writer(&mut out, object).expect("strings, numbers and lists of them are always JSON");
    out.push(b'}');
    out.into()
}
