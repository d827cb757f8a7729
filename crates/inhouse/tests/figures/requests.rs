//! Requests that are refused, connections that are slow, and guesses: what each costs.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::json;

use crate::support::http::{connect, headers, request};
use crate::support::{message, wait};
use crate::{figure, many_descriptors, mib, p99_us, peak_bytes, ratio, server, size};

/// A refused request may take so many times its bytes, and so much beside that.
const TIMES_MAX: usize = 10;
const BESIDE_MAX: usize = 64 << 10;
/// What an allocator adds that was never used: pages of several threads.
const SLACK: usize = 2 << 20;
/// What a connection may take that says nothing of use.
const CONNECTION_MAX: usize = 32 << 10;
/// Nearly the longest body.
const BODY: usize = 1_000_000;

/// Bodies that are refused, all of about the same length.
fn bodies() -> Vec<(&'static str, String)> {
    let send = |inner: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{{"message":{{"messageId":"m","role":"ROLE_USER",{inner}}}}}}}"#
        )
    };
    let fill = |piece: &str| piece.repeat(BODY / piece.len());
    let listed = |piece: &str| fill(piece).trim_end_matches(',').to_owned();
    let keys = (0..BODY / 12).map(|n| format!(r#""k{n:06}":1,"#)).collect::<String>();
    vec![
        ("no JSON", fill("x")),
        ("depth", send(&format!(r#""parts":[{{"data":{}}}]"#, fill("[")))),
        ("keys", send(&format!(r#""parts":[{{"data":{{{}"z":1}}}}],"role":"x""#, keys))),
        ("one key again and again", send(&format!(r#""metadata":{{{}"z":1}}"#, fill(r#""a":1,"#)))),
        ("parts", send(&format!(r#""parts":[{}]"#, listed("{},")))),
        ("numbers", send(&format!(r#""parts":[{{"data":[{}]}}],"role":7"#, listed("1,")))),
        ("a long string", send(&format!(r#""parts":[{{"text":"{}"}}],"taskId":7"#, fill("y")))),
        ("escapes", send(&format!(r#""parts":[{{"text":"{}"}}],"role":"x""#, fill("\\u0041")))),
        ("base64", send(&format!(r#""parts":[{{"raw":"{}"}}],"role":"x""#, fill("QUJD")))),
    ]
}

#[test]
fn a_refused_request_costs_a_few_times_its_bytes() {
    for (name, body) in bodies() {
        let server = server("cat", "body_bytes_max = 2_000_000");
        let before = server.resident_bytes();
        let answer = server.post(body.as_bytes());
        assert!(answer.json()["error"].is_object(), "{name}");
        let grown = peak_bytes(&server).saturating_sub(before);
        let times = format!("{:.2}x ({})", grown as f64 / body.len() as f64, mib(grown));
        figure(&format!("a refused request of {}: {name}", mib(body.len())), &times, "10x and 64 KiB");
        assert!(grown <= TIMES_MAX * body.len() + BESIDE_MAX + SLACK, "{name}: {}", mib(grown));
        assert!(answer.body.len() < 16 << 10, "{name}: an answer of {} bytes", answer.body.len());
    }
}

#[test]
fn slow_connections_cost_little_and_hold_nobody_up() {
    many_descriptors();
    let size = size();
    let server = server("cat", "connections_max = 20_000\nheader_read_ms_max = 600_000\nbody_lag_ms_max = 600_000");
    let before = server.resident_bytes();
    let calm = p99_us(&server, size.samples);
    let slow = |number: usize| -> TcpStream {
        let mut socket = connect(server.address);
        let begun = ["GET / HTTP/1.1\r\nx", "POST /a2a HTTP/1.1\r\nHost: localhost\r\nContent-Le", "G"];
        socket.write_all(begun[number % begun.len()].as_bytes()).unwrap();
        socket
    };
    let mut open: Vec<_> = (0..size.connections).map(slow).collect();
    for socket in &mut open {
        socket.write_all(b"y").unwrap();
    }
    let among = p99_us(&server, size.samples);
    let each = server.resident_bytes().saturating_sub(before) / open.len();
    figure(&format!("{} slow connections: each", open.len()), &format!("{:.1} KiB", each as f64 / 1024.0), "32 KiB");
    figure("  a healthy caller's p99 meanwhile", &ratio(among, calm), "2x");
    assert!(each <= CONNECTION_MAX, "{each}");
}

#[test]
fn guesses_are_counted_and_not_written_down() {
    let size = size();
    let server = server("cat", "failures_per_minute_max = 20");
    let before = server.resident_bytes();
    let refused: Vec<u16> = (0..size.guesses)
        .map(|guess| {
            let head = headers(&[("Authorization", &format!("Bearer {guess}"))]);
            request(server.address, "GET", "/agents", &head, b"").status
        })
        .collect();
    assert!(refused.iter().all(|status| [401, 429].contains(status)));
    wait("the audit", || server.stderr().contains("UNAUTHENTICATED").then_some(()));
    let told = refused.iter().filter(|status| **status == 401).count();
    let written = server.stderr().matches("UNAUTHENTICATED").count();
    figure(&format!("{} guesses: told and written down", refused.len()), &format!("{told}, {written}"), "20 a minute");
    figure("  memory", &mib(peak_bytes(&server).saturating_sub(before)), "");
    assert!(written <= told);
    assert!(server.result("SendMessage", message("hi"))["task"].is_object(), "{}", json!(refused.len()));
}
