//! Hostile input over HTTP+JSON and gRPC, in both of their generations: each piece gets that binding's own clear error. What JSON-RPC
//! answers is in hostile.rs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;

use serde_json::{Value, json};
use support::{Server, http, message, text_of};

/// Sends a body to a path of HTTP+JSON, and checks the form of the error that comes back: its reason.
fn refused(server: &Server, method: &str, path: &str, version: &str, body: &[u8]) -> String {
    let headers = doors::headers(&[("A2A-Version", version)]);
    let answer = http::request(server.address, method, path, &headers, body);
    let shown = format!("{method} {path} {}", String::from_utf8_lossy(&body[..body.len().min(120)]));
    assert!((400..500).contains(&answer.status), "{shown}: {}", answer.status);
    assert!(answer.header("content-type").unwrap().starts_with("application/json"), "{shown}: {:?}", answer.headers);
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], answer.status, "{shown}: {error}");
    assert!(error["status"].is_string() && error["message"].is_string(), "{shown}: {error}");
    let details = error["details"].as_array().unwrap();
    let info = details.iter().find(|detail| detail["@type"] == "type.googleapis.com/google.rpc.ErrorInfo");
    info.unwrap_or_else(|| panic!("{shown}: {error}"))["reason"].as_str().unwrap().to_owned()
}

/// What is wrong with a message, whatever generation writes it: `content` stands for its parts.
fn bodies(content: &str) -> Vec<(String, &'static str)> {
    let deep = |depth: usize| format!("{{\"deep\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let send = |message: &str| format!("{{\"message\":{message}}}");
    let part = |part: &str| send(&format!("{{\"messageId\":\"m\",\"role\":\"ROLE_USER\",\"{content}\":[{part}]}}"));
    let (parse, params) = ("PARSE_ERROR", "INVALID_PARAMS");
    vec![
        (String::new(), parse),
        ("\u{feff}{}".into(), parse),
        ("{".into(), parse),
        ("{} {}".into(), parse),
        ("null".into(), params),
        ("[]".into(), params),
        ("7".into(), params),
        ("{}".into(), params),
        (deep(65), params),
        (deep(100_000), params),
        (part(&format!("{{\"data\":{{\"data\":{{{}}}}}}}", "\"\":0,".repeat(70_000))), params),
        (send("null"), params),
        (send("[]"), params),
        (part("null"), params),
        (part(""), params),
        (part("{\"text\":1}"), params),
        (part(&["{\"text\":\"x\"}"; 65].join(",")), params),
        (part("{\"text\":\"\\ud800\"}"), parse),
        (send(&format!("{{\"messageId\":\"m\",\"role\":\"ROLE_KING\",\"{content}\":[{{\"text\":\"x\"}}]}}")), params),
        (send(&format!("{{\"messageId\":\"m\",\"role\":\"ROLE_AGENT\",\"{content}\":[{{\"text\":\"x\"}}]}}")), params),
        (
            send(&format!(
                "{{\"messageId\":\"{}\",\"role\":\"ROLE_USER\",\"{content}\":[{{\"text\":\"x\"}}]}}",
                "m".repeat(129)
            )),
            params,
        ),
    ]
}

#[test]
fn hostile_json_gets_the_status_of_http_json_and_nothing_else_happens() {
    let server = Server::with_agent("cat");
    for (version, path, content) in [("1.0", "/message:send", "parts"), ("0.3", "/v1/message:send", "content")] {
        for (body, reason) in bodies(content) {
            let got = refused(&server, "POST", path, version, body.as_bytes());
            let shown = body.chars().take(120).collect::<String>();
            // What is no JSON and what is no message are told apart where both can be said.
            assert!(got == reason || (reason == "PARSE_ERROR" && got == "INVALID_PARAMS"), "{path} {shown}: {got}");
        }
        let stream = path.replace(":send", ":stream");
        assert_eq!(refused(&server, "POST", &stream, version, b"{}"), "INVALID_PARAMS", "before a stream begins");
    }
    for (method, path) in [
        ("GET", "/tasks/nowhere"),
        ("GET", "/v1/tasks/nowhere"),
        ("POST", "/tasks/nowhere:cancel"),
        ("POST", "/v1/tasks/nowhere:cancel"),
        ("GET", "/tasks/nowhere:subscribe"),
        ("GET", "/v1/tasks/nowhere:subscribe"),
        ("GET", "/tasks/nowhere/pushNotificationConfigs"),
        ("DELETE", "/tasks/nowhere/pushNotificationConfigs/c"),
    ] {
        let version = if path.starts_with("/v1") { "0.3" } else { "1.0" };
        assert_eq!(refused(&server, method, path, version, b""), "TASK_NOT_FOUND", "{method} {path}");
    }
    for query in
        ["historyLength=-1", "historyLength=x", "historyLength=1&historyLength=2", "pageSize=0", "pageToken=%00"]
    {
        let path = if query.starts_with("page") { format!("/tasks?{query}") } else { format!("/tasks/t?{query}") };
        assert_eq!(refused(&server, "GET", &path, "1.0", b""), "INVALID_PARAMS", "{query}");
    }
    assert_eq!(refused(&server, "GET", "/tasks", "9.9", b""), "VERSION_NOT_SUPPORTED");
    assert_eq!(server.result("ListTasks", json!({}))["totalSize"], 0, "nothing was started");
    assert_eq!(text_of(&server.send("still here")), "still here");
}

#[test]
fn hostile_frames_get_the_status_of_grpc_and_nothing_else_happens() {
    let server = Server::with_agent("cat");
    let client = grpc::Grpc::new();
    let whole = grpc::encoded("SendMessage", &message("hi"));
    let cut = &whole[..whole.len() - 1];
    let mut nested = vec![];
    for _ in 0..200 {
        // A struct in a struct, and so on: what a decoder's stack has to stand.
        let mut outer = vec![0x0a];
        let mut length = nested.len();
        while length >= 0x80 {
            outer.push(length as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.append(&mut nested);
        nested = outer;
    }
    let noise: Vec<u8> = (0..4_096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let empty: &[u8] = b"";
    for package in ["lf.a2a.v1", "a2a.v1"] {
        for method in
            ["SendMessage", "SendStreamingMessage", "GetTask", "CancelTask", "CreateTaskPushNotificationConfig"]
        {
            for bytes in [empty, cut, &nested, &noise, &[0xff; 64], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
                let path = format!("/{package}.A2AService/{method}");
                let (messages, trailers) = client.exchange(&server, &path, bytes, &[]);
                assert!(messages.is_empty(), "{path}");
                let status: u8 = trailers["grpc-status"].to_str().unwrap().parse().unwrap();
                assert!([3, 5].contains(&status), "{path} {status}: an invalid argument, or not found");
                assert!(
                    trailers.contains_key("grpc-message") && trailers.contains_key("grpc-status-details-bin"),
                    "{path}"
                );
            }
        }
        let (_, trailers) = client.exchange(&server, &format!("/{package}.A2AService/NoSuchMethod"), b"", &[]);
        assert_eq!(trailers["grpc-status"], "12", "unimplemented");
    }
    let path = "/lf.a2a.v1.A2AService/GetTask";
    let (_, trailers) = client.exchange(&server, path, &whole, &[("a2a-version", "9.9")]);
    assert_eq!(trailers["grpc-status"], "9", "a version that is not spoken: failed precondition");
    let listed: Value = server.result("ListTasks", json!({}));
    assert_eq!(listed["totalSize"], 0, "nothing was started");
    assert_eq!(text_of(&server.send("still here")), "still here");
}
