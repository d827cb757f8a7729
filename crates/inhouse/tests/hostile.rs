//! Hostile input over real sockets: every piece gets a clear error, and the server goes on unharmed.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod support;

use std::io::{Read, Write};

use serde_json::{Value, json};
use support::http::{connect, headers, raw, request};
use support::{Launch, Server, TOKEN, message, rpc, script, text_of, wait};

fn post(server: &Server, body: &[u8]) -> Value {
    let response = server.post(body);
    assert!(response.header("content-type").unwrap().starts_with("application/json"), "{:?}", response.headers);
    response.json()
}

#[test]
fn hostile_json_gets_a_json_rpc_error_and_nothing_else_happens() {
    let server = Server::with_agent("cat");
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{{"id":"x","deep":{open}{close}}}}}"#)
    };
    let keys = (0..70_000).map(|at| format!(r#""k{at}":1"#)).collect::<Vec<_>>().join(",");
    let send = |message: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{{"message":{message}}}}}"#)
    };
    let part = |part: &str| send(&format!(r#"{{"messageId":"m","role":"ROLE_USER","parts":[{part}]}}"#));
    let table: Vec<(String, &[i64])> = vec![
        ("null".into(), &[-32600]),
        ("[]".into(), &[-32600]),
        ("7".into(), &[-32600]),
        (String::new(), &[-32700]),
        ("\u{feff}{}".into(), &[-32700]),
        ("{".into(), &[-32700]),
        ("{} {}".into(), &[-32700]),
        ("{}".into(), &[-32600]),
        (deep(65), &[-32700, -32600, -32602]),
        (deep(100_000), &[-32700, -32600, -32602]),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{{{keys}}}}}"#), &[-32600, -32602]),
        (part(&format!(r#"{{"data":[{}]}}"#, vec![r#"{"":0}"#; 70_000].join(","))), &[-32600]),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","method":"CancelTask","params":{"id":"x"}}"#.into(), &[-32600]),
        (r#"{"jsonrpc":"2.0","id":{},"method":"GetTask","params":{"id":"x"}}"#.into(), &[-32600]),
        (r#"{"jsonrpc":"2.0","id":true,"method":"GetTask","params":{"id":"x"}}"#.into(), &[-32600]),
        (r#"{"jsonrpc":"1.0","id":1,"method":"GetTask","params":{"id":"x"}}"#.into(), &[-32600]),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":[1]}"#.into(), &[-32600, -32602]),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#.into(), &[-32600]),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask"}"#.into(), &[-32602]),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"\ud800"}}"#.into(), &[-32700, -32602]),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"pageSize":1e999}}"#.into(), &[-32700, -32602]),
        (send("null"), &[-32602]),
        (send("[]"), &[-32602]),
        (send(r#"{"messageId":"m","role":"ROLE_USER","parts":[null]}"#), &[-32602]),
        (send(r#"{"messageId":"m","role":"ROLE_USER","parts":[]}"#), &[-32602]),
        (send(r#"{"role":"ROLE_USER","parts":[{"text":"x"}]}"#), &[-32602]),
        (send(r#"{"messageId":"m","parts":[{"text":"x"}]}"#), &[-32602]),
        (send(r#"{"messageId":"m","role":"ROLE_AGENT","parts":[{"text":"x"}]}"#), &[-32602]),
        (send(r#"{"messageId":"m","role":"ROLE_KING","parts":[{"text":"x"}]}"#), &[-32602]),
        (send(r#"{"messageId":"m","role":"ROLE_USER","parts":[{"text":"a"}],"parts":[{"text":"b"}]}"#), &[-32602]),
        (
            send(&format!(r#"{{"messageId":"{}","role":"ROLE_USER","parts":[{{"text":"x"}}]}}"#, "m".repeat(129))),
            &[-32602],
        ),
        (part(r#"{"text":"a","raw":"YQ=="}"#), &[-32602]),
        (part(r#"{"raw":"not base64!"}"#), &[-32602]),
        (part("{}"), &[-32602]),
        (part(&vec![r#"{"text":"x"}"#; 65].join(",")), &[-32602]),
        (part(r#"{"url":"http://169.254.169.254/"}"#), &[-32005]),
    ];
    for (body, codes) in table {
        let answer = post(&server, body.as_bytes());
        let code = answer["error"]["code"].as_i64().unwrap_or_default();
        assert!(codes.contains(&code), "{} -> {answer}", body.chars().take(200).collect::<String>());
    }
    assert_eq!(server.result("ListTasks", json!({}))["totalSize"], 0, "nothing was started");
    assert_eq!(text_of(&server.send("still here")), "still here");
}

#[test]
fn ids_come_back_as_they_were_sent() {
    let server = Server::with_agent("cat");
    for id in ["1", "9007199254740993", "\"text\"", "null", "-7"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ListTasks","params":{{}}}}"#);
        let answer = String::from_utf8(server.post(body.as_bytes()).body).unwrap();
        assert!(answer.contains(&format!(r#""id":{id},"#)), "{answer}");
    }
}

#[test]
fn leniencies_that_real_clients_need() {
    let server = Server::with_agent("cat");
    let snake = json!({"message": {"message_id": "m1", "role": "ROLE_USER", "parts": [{"text": "x", "media_type": "text/plain"}], "metadata": null},
        "configuration": {"history_length": 0, "accepted_output_modes": null}, "unknown": {"a": [1]}});
    let task = server.result("SendMessage", snake)["task"].clone();
    assert_eq!(text_of(&task), "x");
    assert!(task.get("history").is_none());
    let headers =
        headers(&[("authorization", &format!("bearer {TOKEN}")), ("Content-Type", "application/json; charset=utf-8")]);
    for path in ["/a2a", "/a2a/"] {
        let answer = request(server.address, "POST", path, &headers, &rpc("ListTasks", json!({})));
        assert_eq!(answer.json()["result"]["totalSize"], 1, "{path}");
    }
    let exact = json!({"message": {"messageId": "m2", "role": "ROLE_USER", "parts": [{"data": {"big": 9_007_199_254_740_993_i64, "one": 1, "half": 0.5}}]}});
    let task = server.result("SendMessage", exact)["task"].clone();
    assert_eq!(task["history"][0]["parts"][0]["data"].to_string(), r#"{"big":9007199254740993,"half":0.5,"one":1}"#);
}

#[test]
fn without_the_right_token_nothing_is_read_and_nothing_is_told() {
    let server = Server::with_agent("cat");
    let body = rpc("ListTasks", json!({}));
    for token in [
        "",
        "Bearer",
        "Bearer wrong",
        "Basic dXNlcg==",
        "Bearer \u{e4}",
        &format!("Bearer {TOKEN}x"),
        &format!("Bearer {}", "x".repeat(10_000)),
    ] {
        let mut all = headers(&[("Content-Type", "application/json")]);
        if !token.is_empty() {
            all.push(("Authorization".to_owned(), token.to_owned()));
        }
        let answer = request(server.address, "POST", "/a2a", &all, &body);
        assert_eq!(answer.status, 401, "{token}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        assert!(answer.json()["error"].is_object() || answer.json()["error"].is_string());
    }
    let twice =
        headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Authorization", &format!("Bearer {TOKEN}"))]);
    assert_eq!(request(server.address, "POST", "/a2a", &twice, &body).status, 401);
    assert!(!server.stderr().contains(TOKEN), "the token is in no log");
}

#[test]
fn a_foreign_host_or_origin_is_refused_on_every_path() {
    let server = Server::with_agent("cat");
    for path in ["/a2a", "/.well-known/agent-card.json", "/.well-known/agent.json", "/health"] {
        let method = if path == "/a2a" { "POST" } else { "GET" };
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "a b"] {
            let answer = raw(
                server.address,
                format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
            );
            assert!(answer.starts_with("HTTP/1.1 4"), "{path} {host}: {answer}");
            assert!(!answer.contains("protocolVersion"));
        }
        let origin = raw(server.address, format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(origin.starts_with("HTTP/1.1 403"), "{path}: {origin}");
        assert!(!origin.to_lowercase().contains("access-control"));
    }
    for host in ["localhost:1", "127.0.0.1", "[::1]:8080", "LOCALHOST"] {
        let answer = raw(
            server.address,
            format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
}

#[test]
fn a_stranger_can_not_fill_the_audit() {
    let server = Server::with_agent("cat");
    for _ in 0..60 {
        let head = "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\nConnection: close\r\n\r\n";
        assert!(raw(server.address, head.as_bytes()).starts_with("HTTP/1.1 413"));
    }
    let written =
        wait("the audit", || Some(server.stderr().matches("PAYLOAD_TOO_LARGE").count()).filter(|count| *count >= 20));
    assert_eq!(written, 20);
}

#[test]
fn other_paths_and_methods_are_json_errors() {
    let server = Server::with_agent("cat");
    for (method, path, status) in [
        ("GET", "//", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/health", 405),
        ("GET", "/a2a", 405),
        ("PUT", "/a2a", 405),
    ] {
        let answer =
            request(server.address, method, path, &headers(&[("Authorization", &format!("Bearer {TOKEN}"))]), b"");
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.header("content-type").unwrap().starts_with("application/json"), "{method} {path}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_413_and_one_at_the_limit_is_read() {
    let server = Launch::new(&["serve"])
        .env("AGENT_CMD", "wc -c")
        .env("AGENT_INPUT", "stdin")
        .env("MAX_BODY_BYTES", "10000")
        .start();
    let over = server.post(&vec![b' '; 10_001]);
    assert_eq!(over.status, 413);
    let body = rpc("SendMessage", message(&"x".repeat(9_000)));
    assert!(body.len() <= 10_000);
    assert_eq!(server.post(&body).status, 200);
}

#[test]
fn a_text_body_is_content_type_not_supported_before_it_is_parsed() {
    let server = Server::with_agent("cat");
    let headers = headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Content-Type", "text/plain")]);
    let answer = request(server.address, "POST", "/a2a", &headers, b"not json");
    assert_eq!(answer.json()["error"]["code"], -32005);
}

#[test]
fn escapes_of_the_terminal_never_reach_a_caller() {
    let agent = script(
        "python3",
        "import sys\nsys.stdout.buffer.write(b'a\\x1b[31mred\\x1b]52;c;ZXZpbA==\\x07b\\x1b[0m\\xc3\\xa4\\n')",
    );
    let server = Server::with_agent(&agent);
    assert_eq!(text_of(&server.send("go")), "aredb\u{e4}\n");
}

#[test]
fn a_reader_that_never_reads_costs_nobody_else_anything() {
    let agent = script("sh", "yes 0123456789abcdef0123456789abcdef0123456789abcdef | head -c 20000000");
    let server = Server::with_agent(&agent);
    let body = rpc("SendStreamingMessage", message("go"));
    let head = format!(
        "POST /a2a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stalled = connect(server.address);
    stalled.write_all(head.as_bytes()).unwrap();
    stalled.write_all(&body).unwrap();
    let listed = wait("the end of the task", || {
        let page = server.result("ListTasks", json!({"status": "TASK_STATE_COMPLETED"}));
        (page["totalSize"] == 1).then_some(page)
    });
    let id = listed["tasks"][0]["id"].as_str().unwrap();
    assert_eq!(text_of(&server.task(id)).len(), 20_000_000);
    let mut first = [0; 64];
    stalled.read_exact(&mut first).unwrap();
    assert!(String::from_utf8_lossy(&first).starts_with("HTTP/1.1 200"));
}

#[test]
fn an_agent_that_exits_before_it_reads_and_one_that_never_reads_do_no_harm() {
    let big = "x".repeat(900_000);
    let server = Server::with_agent("true");
    assert_eq!(support::state_of(&server.send(&big)), "COMPLETED");
    let server = Server::with_agent(&script("sh", "echo ready; exec sleep 0.2"));
    assert_eq!(text_of(&server.send(&big)), "ready\n");
}
