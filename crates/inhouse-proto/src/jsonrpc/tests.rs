//! Envelopes that are taken, envelopes that are refused, and the bytes of answers.

use bytes::Bytes;

use super::*;
use crate::error::{A2aError, ErrorKind as K};

fn id(json: &str) -> Id {
    let body = format!(r#"{{"jsonrpc":"2.0","id":{json},"method":"m"}}"#);
    Request::parse(body.as_bytes()).unwrap().id
}

#[test]
fn an_id_comes_back_exactly_as_it_was_sent() {
    for json in ["1", "0", "-1", "1.0", "9007199254740993", "1e3", r#""a""#, r#""\u00e4""#, "null"] {
        let head = response_head(&id(json));
        assert_eq!(head, format!(r#"{{"jsonrpc":"2.0","id":{json},"result":"#));
    }
}

#[test]
fn requests_are_read() {
    for (body, id, params) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[1]}}"#, "1", Some(r#"{"a":[1]}"#)),
        (r#" { "jsonrpc" : "2.0" , "method" : "m" } "#, "null", None),
        (r#"{"jsonrpc":"2.0","id":null,"method":"\u006d","params":null}"#, "null", None),
        (r#"{"method":"m","id":"x","jsonrpc":"2.0","trace":[{}],"params": {} }"#, "\"x\"", Some("{}")),
    ] {
        let request = Request::parse(body.as_bytes()).unwrap();
        assert_eq!((request.id.as_bytes(), request.method.as_str()), (id.as_bytes(), "m"), "{body}");
        assert_eq!(request.params.map(serde_json::value::RawValue::get), params, "{body}");
    }
}

#[test]
fn what_is_no_request_is_refused_with_the_right_code_and_the_id_that_it_has() {
    let long_id = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"m"}}"#, "x".repeat(200));
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{}}}"#, "[".repeat(100_000));
    #[rustfmt::skip]
    let rows: &[(&str, K, &str, &str)] = &[
        ("", K::ParseError, "null", "EOF"),
        ("{", K::ParseError, "null", "EOF"),
        ("nope", K::ParseError, "null", "expected ident"),
        ("\u{feff}{}", K::ParseError, "null", "byte order mark"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m"} x"#, K::ParseError, "null", "trailing"),
        ("null", K::InvalidRequest, "null", "a request is an object"),
        ("17", K::InvalidRequest, "null", "a request is an object"),
        ("[]", K::InvalidRequest, "null", "batch"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, K::InvalidRequest, "null", "batch"),
        ("{}", K::InvalidRequest, "null", "jsonrpc must be \"2.0\""),
        (r#"{"id":5,"method":"m"}"#, K::InvalidRequest, "5", "jsonrpc"),
        (r#"{"jsonrpc":2.0,"id":5,"method":"m"}"#, K::InvalidRequest, "5", "jsonrpc"),
        (r#"{"jsonrpc":"1.0","id":5,"method":"m"}"#, K::InvalidRequest, "5", "jsonrpc"),
        (r#"{"jsonrpc":"2.0","id":5}"#, K::InvalidRequest, "5", "method must be a string"),
        (r#"{"jsonrpc":"2.0","id":5,"method":7}"#, K::InvalidRequest, "5", "method must be a string"),
        (r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, K::InvalidRequest, "null", "id must be"),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"m"}"#, K::InvalidRequest, "null", "id must be"),
        (r#"{"jsonrpc":"2.0","id":true,"method":"m"}"#, K::InvalidRequest, "null", "id must be"),
        (&long_id, K::InvalidRequest, "null", "id has 202 bytes, more than 128"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#, K::InvalidRequest, "null", "duplicate field `method`"),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"b"}"#, K::InvalidRequest, "null", "duplicate field `id`"),
        (&deep, K::InvalidRequest, "null", "nested deeper"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#, K::InvalidParams, "1", "params must be an object"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":"x"}"#, K::InvalidParams, "1", "params must be an object"),
    ];
    for (body, kind, id, detail) in rows {
        let refused = Request::parse(body.as_bytes()).unwrap_err();
        assert_eq!((refused.error.kind, refused.id.as_bytes()), (*kind, id.as_bytes()), "{body}: {}", refused.error);
        assert!(refused.error.to_string().contains(detail), "{body}: {}", refused.error);
    }
}

#[test]
fn absent_params_are_an_empty_object() {
    let bare = Request::parse(br#"{"jsonrpc":"2.0","method":"ListTasks"}"#).unwrap();
    assert_eq!(bare.params(), b"{}");
}

#[test]
fn results_stand_between_head_and_tail() {
    let result = Bytes::from_static(b"{\"id\":\"t\"}");
    let response = [response_head(&id("7")), result, RESPONSE_TAIL].concat();
    assert_eq!(response, br#"{"jsonrpc":"2.0","id":7,"result":{"id":"t"}}"#);
}

#[test]
fn errors_are_whole_responses() {
    let error = A2aError::new(K::MethodNotFound);
    assert_eq!(
        error_response(&Id::NULL, &error),
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"Method not found","data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"METHOD_NOT_FOUND","domain":"a2a-protocol.org"}]}}"#
    );
    assert_eq!(
        plain_error_response(&id("1"), &error),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found","data":{"reason":"METHOD_NOT_FOUND"}}}"#
    );
}
