//! What the door itself refuses has the form that callers of the path read: JSON-RPC, HTTP+JSON of either generation, gRPC.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;

use serde_json::{Value, json};
use support::{Server, TOKEN, http};

const INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

fn is_info(details: &Value, reason: &str) -> bool {
    details[0] == json!({"@type": INFO, "reason": reason, "domain": "a2a-protocol.org"})
}

/// The answer to a request that has a right token, or none.
fn refused(server: &Server, method: &str, path: &str, token: bool, more: (&str, &str)) -> http::Response {
    let authorization = format!("Bearer {TOKEN}");
    let mut headers = vec![("Content-Type", "application/json"), more];
    if token {
        headers.push(("Authorization", &authorization));
    }
    http::request(server.address, method, path, &http::headers(&headers), b"{}")
}

#[test]
fn json_rpc_gets_an_envelope_whatever_is_refused() {
    let server = Server::with_agent("cat");
    let accept = ("Accept", "application/a2a+json");
    for (method, path, token, more, status, code, reason) in [
        ("POST", "/a2a", false, accept, 401, -31401, "UNAUTHENTICATED"),
        ("POST", "/", false, accept, 401, -31401, "UNAUTHENTICATED"),
        ("POST", "/agents/nobody/a2a", false, accept, 401, -31401, "UNAUTHENTICATED"),
        ("POST", "/agents/nobody/a2a", true, accept, 404, -31404, "NOT_FOUND"),
        ("GET", "/a2a", true, accept, 405, -31405, "METHOD_NOT_ALLOWED"),
        ("POST", "/a2a/", true, ("Content-Encoding", "gzip"), 415, -31415, "CONTENT_ENCODING_NOT_SUPPORTED"),
        ("POST", "/a2a", true, ("Host", "evil.example"), 400, -32600, "INVALID_ARGUMENT"),
        ("POST", "/a2a", true, ("Origin", "https://evil.example"), 403, -31403, "ORIGIN_NOT_ALLOWED"),
    ] {
        let answer = refused(&server, method, path, token, more);
        let json = answer.json();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/json")),
            "{method} {path}"
        );
        assert_eq!(
            (&json["jsonrpc"], &json["id"], &json["error"]["code"]),
            (&json!("2.0"), &Value::Null, &json!(code)),
            "{json}"
        );
        assert!(json["error"]["message"].is_string() && is_info(&json["error"]["data"], reason), "{json}");
    }
}

#[test]
fn http_json_gets_a_status_in_the_media_type_that_is_asked_for() {
    let server = Server::with_agent("cat");
    let plain = ("Accept", "application/json");
    for (method, path, token, status, reason) in [
        ("POST", "/message:send", false, 401, "UNAUTHENTICATED"),
        ("GET", "/v1/tasks/t", false, 401, "UNAUTHENTICATED"),
        ("GET", "/nothing/here", true, 404, "NOT_FOUND"),
        ("GET", "/v1/nothing", true, 404, "NOT_FOUND"),
        ("GET", "/message:send", true, 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/agents/nobody/v1/tasks/t", true, 404, "NOT_FOUND"),
        ("PUT", "/v1/tasks/t", true, 405, "METHOD_NOT_ALLOWED"),
    ] {
        for (accept, expected) in
            [(plain, "application/json"), (("Accept", "text/html, application/A2A+json"), "application/a2a+json")]
        {
            let answer = refused(&server, method, path, token, accept);
            let json = answer.json();
            assert_eq!((answer.status, answer.header("content-type")), (status, Some(expected)), "{method} {path}");
            assert_eq!(json["error"]["code"], status, "{json}");
            assert!(json["error"]["status"].is_string() && is_info(&json["error"]["details"], reason), "{json}");
            let top = [&json["type"], &json["message"]];
            if path.contains("/v1/") {
                assert_eq!(top, [&json!(reason), &json["error"]["message"]], "{method} {path}");
            } else {
                assert_eq!(top, [&Value::Null; 2], "{method} {path}");
            }
        }
    }
}

#[test]
fn a_coded_body_is_refused_and_a_plain_one_may_say_that_it_is_none() {
    let server = Server::with_agent("cat");
    let answer = refused(&server, "POST", "/message:send", true, ("Content-Encoding", "gzip"));
    assert_eq!((answer.status, answer.json()["error"]["status"].clone()), (415, json!("INVALID_ARGUMENT")));
    let answer = refused(&server, "POST", "/message:send", true, ("Content-Encoding", "identity"));
    assert_eq!(answer.status, 400, "it has no message");
    let answer = refused(&server, "POST", "/message:send", false, ("Content-Encoding", "gzip"));
    assert_eq!(answer.status, 401, "first who asks");
}
