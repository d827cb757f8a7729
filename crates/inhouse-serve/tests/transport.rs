//! Hostile bytes over real sockets: each gets a clear answer, reaches no service, and leaves the server serving.
#![allow(clippy::unwrap_used, reason = "a test fails so")]

mod common;

use std::time::Duration;

use common::{AUTH, TestServer, post, read_to_end, read_until, refused};
use inhouse_serve::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n")
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}")).parse().unwrap()
}

#[tokio::test]
async fn odd_targets_are_answered_and_do_no_harm() {
    let server = TestServer::start(Limits::default());
    for path in ["//", "//evil.example/", "/..", "/%00", "/a2a/../health", "*", "/?%", "/a;b"] {
        let answer = server.exchange(get(path, &format!("Host: localhost\r\n{AUTH}"))).await;
        assert_eq!(refused(&answer), 404, "{path}");
        assert_eq!(refused(&server.exchange(get(path, "Host: localhost\r\n")).await), 401, "{path}");
    }
    let connect = format!("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n{AUTH}\r\n");
    let mut stream = server.connect().await;
    stream.write_all(connect.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(refused(&read_to_end(&mut stream).await), 405);
    server.assert_healthy().await;
}

#[tokio::test]
async fn every_path_needs_exactly_one_host_of_ours() {
    let server = TestServer::start(Limits::default());
    for path in ["/health", "/.well-known/agent-card.json", "/a2a", "/nothing"] {
        for (headers, expected) in [
            ("", 400),
            ("Host:\r\n", 400),
            ("Host: localhost\r\nHost: localhost\r\n", 400),
            ("Host: localhost\r\nHost: evil.example\r\n", 400),
            ("Host: a b\r\n", 400),
            ("Host: evil.example\r\n", 421),
            ("Host: localhost.evil.example:80\r\n", 421),
        ] {
            let answer = server.exchange(get(path, &format!("{headers}{AUTH}"))).await;
            assert_eq!(refused(&answer), expected, "{path} {headers}");
        }
    }
    assert_eq!(server.handled(), 0);
    for host in ["127.0.0.1", "[::1]:8080", "10.1.2.3", "AGENTS.example.com.:9"] {
        let answer = server.exchange(get("/health", &format!("Host: {host}\r\n"))).await;
        assert!(answer.ends_with("public"), "{host} {answer}");
    }
}

#[tokio::test]
async fn an_absolute_target_must_be_ours_too() {
    let server = TestServer::start(Limits::default());
    let ask = |target: &str, host: &str| server.exchange(get(target, &format!("Host: {host}\r\n")));
    assert_eq!(refused(&ask("http://evil.example/health", "localhost").await), 421);
    assert_eq!(refused(&ask("http://localhost/health", "evil.example").await), 421);
    assert_eq!(refused(&ask("http://user@localhost/health", "localhost").await), 400);
    assert!(ask("http://localhost:1/health", "localhost").await.ends_with("public"));
}

#[tokio::test]
async fn a_web_page_that_is_not_listed_is_refused_everywhere() {
    let server = TestServer::start(Limits::default());
    for path in ["/health", "/a2a"] {
        for origin in ["null", "https://evil.example", "http://localhost", "https://console.example.com.evil", ""] {
            let answer = server.exchange(get(path, &format!("Host: localhost\r\nOrigin: {origin}\r\n{AUTH}"))).await;
            assert_eq!(refused(&answer), 403, "{path} {origin}");
        }
    }
    let listed = get("/health", "Host: localhost\r\nOrigin: https://console.example.com\r\n");
    let answer = server.exchange(listed).await;
    assert!(answer.ends_with("public") && !answer.to_lowercase().contains("access-control"), "{answer}");
}

#[tokio::test]
async fn two_lengths_are_refused_and_nothing_behind_them_is_parsed() {
    let server = TestServer::start(Limits::default());
    let lengths =
        ["Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\ncontent-length: 4\r\n"];
    for lengths in lengths {
        let smuggled = "0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let answer =
            server.exchange(format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}{lengths}\r\n{smuggled}")).await;
        assert_eq!(refused(&answer), 400, "{lengths}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    for bad in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let answer =
            server.exchange(format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}{bad}\r\n0\r\n\r\n")).await;
        assert_eq!(status(&answer), 400, "{bad}");
    }
    assert_eq!(server.handled(), 0);
    server.assert_healthy().await;
}

#[tokio::test]
async fn two_lengths_are_refused_however_the_headers_are_cut() {
    let server = TestServer::start(Limits::default());
    let head = format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Transfer-Encoding: chunked\r\n");
    for (first, rest) in
        [("Content-Le", "ngth: 4\r\n\r\n"), ("C", "ontent-Length: 4\r\n\r\n"), ("Content-Length", ": 4\r\n\r\n")]
    {
        let mut stream = server.connect().await;
        stream.set_nodelay(true).unwrap();
        stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
        // The server has nothing to say yet; after this it has read what there was.
        assert!(timeout(Duration::from_millis(50), stream.readable()).await.is_err());
        stream.write_all(rest.as_bytes()).await.unwrap();
        assert_eq!(refused(&read_to_end(&mut stream).await), 400, "{first}");
    }
    assert_eq!(server.handled(), 0);
}

#[tokio::test]
async fn nothing_behind_a_chunked_request_is_read_as_another() {
    let server = TestServer::start(Limits::default());
    let first = format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 2\r\n\r\n{{}}");
    let head = format!(
        "POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let smuggled = format!("2\r\n{{}}\r\n0\r\n\r\n{first}");
    // The second comes together with the first, so that its lengths are not seen.
    let answer = server.exchange(format!("{first}{head}{smuggled}")).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    assert_eq!(server.handled(), 2);
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    server.assert_healthy().await;
}

#[tokio::test]
async fn bad_chunks_end_the_request() {
    let server = TestServer::start(Limits::default());
    let extension = format!("4;{}\r\nabcd\r\n0\r\n\r\n", "x".repeat(20 << 10));
    let trailers: String = (0..3_000).map(|n| format!("x{n}: y\r\n")).collect();
    let bodies = [
        "FFFFFFFFFFFFFFFFFF\r\n",
        "zz\r\n",
        "4\r\nabcdXX0\r\n\r\n",
        "-1\r\n",
        &extension,
        &format!("0\r\n{trailers}\r\n"),
    ];
    for body in bodies {
        let head = format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n");
        let answer = server.exchange(format!("{head}{body}")).await;
        assert_eq!(refused(&answer), 400, "{}", &body[..10.min(body.len())]);
    }
    let fine = "2;a=b\r\nab\r\n1\r\nc\r\n0\r\nx: y\r\n\r\n";
    let head = format!(
        "POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    assert!(server.exchange(format!("{head}{fine}")).await.ends_with("ann 3"));
}

#[tokio::test]
async fn headers_and_targets_have_bounds() {
    let server = TestServer::start(Limits::default());
    let lines = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let with = |headers: String| server.exchange(get("/health", &format!("Host: localhost\r\n{headers}")));
    assert!(with(lines(62)).await.ends_with("public"));
    assert_eq!(refused(&with(lines(63)).await), 431);
    assert_eq!(refused(&with(lines(1_000)).await), 431);
    assert_eq!(refused(&with(format!("x: {}\r\n", "y".repeat(64 << 10))).await), 431);
    assert_eq!(refused(&with("x y: z\r\n".into()).await), 400);
    assert_eq!(refused(&with("x: a\0b\r\n".into()).await), 400);
    let target = |bytes: usize| server.exchange(get(&format!("/{}", "u".repeat(bytes)), "Host: localhost\r\n"));
    assert_eq!(refused(&target(8 << 10).await), 414);
    assert_eq!(refused(&target(70 << 10).await), 431);
    server.assert_healthy().await;
}

#[tokio::test]
async fn what_is_not_http_is_told_so() {
    let server = TestServer::start(Limits::default());
    let tls_hello: &[u8] = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\x00\x01\x02\x03";
    let others: [&[u8]; 4] = [tls_hello, b"\0\0\0\0", b"GET\r\n\r\n", b"SSH-2.0-x\r\n"];
    for bytes in others {
        assert_eq!(refused(&server.exchange(bytes).await), 400, "{bytes:?}");
    }
    let mut silent = server.connect().await;
    silent.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut silent).await, "");
    server.assert_healthy().await;
}

#[tokio::test]
async fn a_bad_token_is_refused_before_the_body_is_asked_for() {
    let server = TestServer::start(Limits::default());
    let mut stream = server.connect().await;
    let head = "POST /a2a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\nExpect: 100-continue\r\nContent-Length: 3145728\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "}}").await;
    assert_eq!(refused(&answer), 401);
    let lower = answer.to_lowercase();
    assert!(
        lower.contains("www-authenticate: bearer realm=\"inhouse\"") && lower.contains("connection: close"),
        "{answer}"
    );
    let sending = server.exchange(format!("{head}{}", "x".repeat(3 << 20))).await;
    assert_eq!(refused(&sending), 401);
    assert_eq!(server.handled(), 0);
    let ask = "Host: localhost\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n";
    stream = server.connect().await;
    stream.write_all(format!("POST /a2a HTTP/1.1\r\n{AUTH}{ask}").as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{}").await.unwrap();
    assert!(read_to_end(&mut stream).await.ends_with("ann 2"));
}

#[tokio::test]
async fn hostile_authorization_headers_are_all_401() {
    let server = TestServer::start(Limits { failures_per_minute_max: 100, ..Limits::default() });
    let long = format!("Bearer {}", "x".repeat(10 << 10));
    for value in ["", "Bearer", "Bearer ", "right", "Basic cmlnaHQ=", "Bearer schlüssel", "Bearer right right", &long]
    {
        let answer = server.exchange(get("/a2a", &format!("Host: localhost\r\nAuthorization: {value}\r\n"))).await;
        assert_eq!(refused(&answer), 401, "{value}");
    }
    assert_eq!(refused(&server.exchange(get("/a2a", &format!("Host: localhost\r\n{AUTH}{AUTH}"))).await), 401);
    assert_eq!(refused(&server.exchange(get("/a2a", "Host: localhost\r\n")).await), 401);
    let lower = get("/unread", "Host: localhost\r\nauthorization: bearer   right\r\n");
    assert!(server.exchange(lower).await.ends_with("unread"));
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_bound_and_not_a_byte_further() {
    let server = TestServer::start(Limits::default());
    let mib = "x".repeat(1 << 20);
    assert!(server.exchange(post("/a2a", &mib)).await.ends_with("ann 1048576"));
    assert_eq!(refused(&server.exchange(post("/a2a", &format!("{mib}x"))).await), 413);
    assert_eq!(server.handled(), 1);
    let claim = format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 1048577\r\n\r\n");
    let mut stream = server.connect().await;
    stream.write_all(claim.as_bytes()).await.unwrap();
    assert_eq!(refused(&read_until(&mut stream, "}}").await), 413);
    let chunk = format!("80000\r\n{}\r\n", &mib[..0x80000]);
    let head = format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n");
    let answer = server.exchange(format!("{head}{chunk}{chunk}1\r\nx\r\n0\r\n\r\n")).await;
    assert_eq!(refused(&answer), 413);
}

#[tokio::test]
async fn a_body_that_nobody_read_ends_the_connection() {
    let server = TestServer::start(Limits::default());
    let request = format!("POST /unread HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 200000\r\n\r\n");
    let smuggled = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(4_000);
    let answer = server.exchange(format!("{request}{smuggled}")).await;
    assert!(answer.contains("connection: close") && answer.ends_with("unread"), "{answer}");
    assert_eq!(server.handled(), 1);
}

#[tokio::test]
async fn a_client_that_shut_down_its_side_still_gets_its_answer() {
    let server = TestServer::start(Limits::default());
    for (path, answer) in [("/a2a", "ann 0"), ("/stream", "tick\n\r\n")] {
        let mut stream = server.connect().await;
        let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        read_until(&mut stream, answer).await;
    }
}

#[tokio::test]
async fn a_thousand_pipelined_requests_get_a_thousand_answers_in_order() {
    let server = TestServer::start(Limits::default());
    let requests: String = (0..1_000)
        .map(|n| {
            let body = "x".repeat(n);
            format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: {n}\r\n\r\n{body}")
        })
        .collect();
    let mut stream = server.connect().await;
    let (mut reading, mut writing) = stream.split();
    let mut answers = String::new();
    let read = async {
        while !answers.ends_with("ann 999") {
            let mut bytes = [0; 16 << 10];
            let count = reading.read(&mut bytes).await.unwrap();
            assert!(count > 0, "closed after {} bytes", answers.len());
            answers.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
    };
    let (written, ()) = tokio::join!(writing.write_all(requests.as_bytes()), read);
    written.unwrap();
    let lengths: Vec<usize> =
        answers.split("ann ").skip(1).map(|rest| rest.split("HTTP").next().unwrap().parse().unwrap()).collect();
    assert_eq!(lengths, (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn ten_thousand_wrong_tokens_lock_nobody_out_and_do_not_fill_the_log() {
    let server = TestServer::start(Limits::default());
    let mut stream = server.connect().await;
    let (mut reading, mut writing) = stream.split();
    let guesses: String = (0..10_000)
        .map(|n| format!("GET /a2a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {n}\r\n\r\n"))
        .collect();
    let mut answers = Vec::new();
    let read = async {
        let mut bytes = [0; 64 << 10];
        while !answers.ends_with(b"ann 2") {
            let count = reading.read(&mut bytes).await.unwrap();
            assert!(count > 0, "closed");
            answers.extend_from_slice(&bytes[..count]);
        }
    };
    let last = format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 2\r\n\r\n{{}}");
    let write = async { writing.write_all(format!("{guesses}{last}").as_bytes()).await.unwrap() };
    tokio::join!(write, read);
    let answers = String::from_utf8(answers).unwrap();
    let count = |status: &str| answers.matches(&format!("HTTP/1.1 {status}")).count();
    assert_eq!((count("401"), count("429"), count("200")), (20, 9_980, 1));
    assert_eq!(answers.matches("retry-after: ").count(), 9_980);
    common::until("the log is written", || server.audit.lines().len() == 20).await;
    assert!(server.audit.lines().iter().all(|line| line["outcome"] == "UNAUTHENTICATED" && line["status"] == 401));
}
