//! Bytes that are no good request, or too much of one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use serde_json::json;

use crate::support::http::{connect, raw};
use crate::support::{Launch, Server, TOKEN, message, rpc, scratch, state_of};
use crate::{grpc, unharmed};

/// The longest body that is taken.
const BODY_MAX: usize = 1 << 20;

fn post(head: &str, body: &str) -> String {
    format!(
        "POST /a2a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n{head}\r\n{body}"
    )
}

fn get(path: &str, head: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{head}Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n")
}

/// What comes in, and the status of the one answer to it.
fn table() -> Vec<(&'static str, String, u16)> {
    let host = "Host: localhost\r\n";
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let body = rpc("SendMessage", message("smuggled"));
    let smuggled = post(&format!("Content-Length: {}\r\n", body.len()), &String::from_utf8(body).unwrap());
    let lines = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let card = "/.well-known/agent-card.json";
    let wrong = "POST /a2a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\nExpect: 100-continue\r\nContent-Length: 3145728\r\n\r\n";
    vec![
        ("two slashes", get("//", host), 404),
        ("no host", get("/a2a", ""), 400),
        ("two hosts", get("/a2a", "Host: localhost\r\nHost: localhost\r\n"), 400),
        ("a foreign host, for the card", get(card, "Host: evil.example\r\n"), 421),
        ("a foreign host, for health", get("/health", "Host: evil.example\r\n"), 421),
        ("an absolute target elsewhere", get("http://evil.example/a2a", host), 421),
        (
            "two lengths",
            post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{smuggled}")),
            400,
        ),
        ("two content lengths", post("Content-Length: 4\r\nContent-Length: 5\r\n", &smuggled), 400),
        ("a chunk that overflows", chunked(&format!("FFFFFFFFFFFFFFFFFF\r\n{smuggled}")), 400),
        ("an extension of 20 KB", chunked(&format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(20 << 10))), 400),
        ("3,000 trailers", chunked(&format!("2\r\n{{}}\r\n0\r\n{}\r\n", lines(3_000))), 400),
        ("65 headers", get("/health", &format!("{host}{}", lines(62))), 431),
        ("a header of 64 KB", get("/health", &format!("{host}x: {}\r\n", "y".repeat(64 << 10))), 431),
        ("a target of 70 KB", get(&format!("/{}", "u".repeat(70 << 10)), host), 431),
        ("TLS", "\x16\x03\x01\0\u{7f}\x01\0\0\u{7f}\x03\x03".into(), 400),
        ("an expectation and a bad token", wrong.into(), 401),
        ("one byte too many", post(&format!("Content-Length: {}\r\n", BODY_MAX + 1), ""), 413),
        ("one byte too many, in chunks", chunked(&format!("{:x}\r\n{}", BODY_MAX + 1, " ".repeat(BODY_MAX + 1))), 413),
    ]
}

#[test]
fn each_of_these_requests_gets_one_clear_answer() {
    let server = Server::with_agent("cat");
    for (name, bytes, status) in table() {
        let answer = raw(server.address, bytes.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {}", &answer[..answer.len().min(300)]);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: nothing behind it is read: {answer}");
        assert!(answer.contains("content-type: application/json"), "{name}: {answer}");
        unharmed(&server, name);
    }
    // And the same once more, since what a first one leaves behind would show now.
    for (name, bytes, _) in table() {
        let _ = raw(server.address, bytes.as_bytes());
        unharmed(&server, name);
    }
}

#[test]
fn a_frame_that_claims_four_gibibytes_is_refused() {
    let server = Server::with_agent("cat");
    let client = grpc::Grpc::new();
    for head in [b"\0\xff\xff\xff\xff".as_slice(), b"\x01\xff\xff\xff\xff", b"\0\0\x10\0\x01"] {
        let frame = [head, b"\x0a\x01x"].concat();
        let (messages, trailers) = client.exchange_frame(&server, "/lf.a2a.v1.A2AService/SendMessage", frame, &[]);
        assert!(messages.is_empty());
        let status: u8 = trailers["grpc-status"].to_str().unwrap().parse().unwrap();
        assert!([3, 8, 12, 13].contains(&status), "{status} {trailers:?}");
        unharmed(&server, "a frame");
    }
}

/// A probe's question by gRPC, over HTTP/1.1.
fn check(bytes: usize, body: &str) -> String {
    let head = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc\r\n";
    format!("{head}Content-Length: {bytes}\r\n\r\n{body}")
}

#[test]
fn a_strangers_question_about_health_is_a_short_one() {
    let server = Server::with_agent("cat");
    for (bytes, said) in [(5, "\u{8}\u{1}"), (6_000, "\r\ngrpc-status: 8\r\n")] {
        let mut socket = connect(server.address);
        // A message without a byte, and what is behind it.
        socket.write_all(check(bytes, &"\0".repeat(bytes)).as_bytes()).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        assert!(answer.contains(said), "{bytes}: {answer}");
    }
}

#[test]
fn slow_headers_and_slow_bodies_are_cut_off_and_hold_nobody_up() {
    let folder = scratch("slow");
    let limits = "[limits]\nheader_read_ms_max = 300\nbody_lag_ms_max = 300\n";
    fs::write(folder.join("inhouse.toml"), limits).unwrap();
    let server = Launch::new(&["serve", "--", "cat"]).env("AGENT_INPUT", "stdin").directory(&folder).start();
    let slow = [
        "GET /health HTTP/1.1\r\nHost: lo".to_owned(),
        String::new(),
        post("Content-Length: 1000\r\n", "{"),
        post("Transfer-Encoding: chunked\r\n", "5\r\n{"),
        // What a stranger may ask is no way to hold a connection either.
        check(5, ""),
        check(1 << 20, ""),
    ];
    let mut open: Vec<_> = (0..200).map(|at| (&slow[at % slow.len()], connect(server.address))).collect();
    for (begun, socket) in &mut open {
        socket.write_all(begun.as_bytes()).unwrap();
        if socket.local_addr().unwrap().port() % 16 == 0 {
            unharmed(&server, "among slow ones");
        }
    }
    for (begun, socket) in &mut open {
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        let refused = if begun.contains("/grpc.") { "\r\ngrpc-status: 4\r\n" } else { "HTTP/1.1 408 " };
        assert!(answer.contains(refused), "{begun:?}: {answer}");
    }
    unharmed(&server, "after slow ones");
}

#[test]
fn whoever_closes_his_side_of_a_stream_still_reads_it() {
    let server = Server::with_agent("cat");
    let body = rpc("SendStreamingMessage", message("to the end"));
    let mut socket = connect(server.address);
    let request =
        post(&format!("Connection: close\r\nContent-Length: {}\r\n", body.len()), std::str::from_utf8(&body).unwrap());
    socket.write_all(request.as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("TASK_STATE_COMPLETED") && answer.contains("to the end"), "{answer}");
}

#[test]
fn a_thousand_requests_in_one_go_get_a_thousand_answers() {
    let server = Server::with_agent("cat");
    let body = String::from_utf8(rpc("ListTasks", json!({}))).unwrap();
    let one = post(&format!("Content-Length: {}\r\n", body.len()), &body);
    let answer =
        raw(server.address, (one.repeat(999) + &one.replacen("\r\n", "\r\nConnection: close\r\n", 1)).as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 1_000);
    assert_eq!(answer.matches("\"totalSize\":0").count(), 1_000);
}

#[test]
fn a_message_that_comes_twice_at_once_is_one_task_by_each_binding() {
    let server = Server::with_agent("cat");
    for path in ["/message:send", "/v1/message:send"] {
        let mut params = message("once");
        if path.starts_with("/v1") {
            let parts = params["message"].as_object_mut().unwrap().remove("parts").unwrap();
            params["message"]["content"] = parts;
        }
        let version = if path.starts_with("/v1") { "0.3" } else { "1.0" };
        let body = params.to_string();
        let send = || {
            let headers = crate::doors::headers(&[("A2A-Version", version)]);
            crate::support::http::request(server.address, "POST", path, &headers, body.as_bytes()).json()
        };
        let answers = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(answers.iter().all(|answer| answer["task"]["id"] == answers[0]["task"]["id"]), "{path} {answers:?}");
        assert!(state_of(&answers[0]["task"]).ends_with("COMPLETED"), "{path} {answers:?}");
    }
    assert_eq!(server.result("ListTasks", json!({}))["totalSize"], 2);
}
