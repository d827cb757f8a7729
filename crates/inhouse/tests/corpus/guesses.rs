//! Somebody guesses tokens: he learns nothing, fills no log, and locks nobody out.

use std::io::{Read as _, Write as _};
use std::thread;

use serde_json::json;

use crate::support::http::connect;
use crate::support::{Server, TOKEN, wait};
use crate::unharmed;

/// So many in the tests; the long run has INHOUSE_CORPUS_GUESSES=100000.
const GUESSES: usize = 10_000;

#[test]
fn after_very_many_guesses_the_right_token_is_as_good_as_before() {
    let guesses = std::env::var("INHOUSE_CORPUS_GUESSES").map_or(GUESSES, |guesses| guesses.parse().unwrap());
    let server = Server::with_agent("cat");
    let mut socket = connect(server.address);
    let mut writing = socket.try_clone().unwrap();
    let ask = |token: &str, more: &str| {
        format!("GET /agents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{more}\r\n")
    };
    let last = ask(TOKEN, "Connection: close\r\n");
    let writer = thread::spawn(move || {
        for guess in 0..guesses {
            // Each begins as the right one does, by one character more than the one before.
            let guess = format!("{}{guess}", &TOKEN[..guess % TOKEN.len()]);
            writing.write_all(ask(&guess, "").as_bytes()).unwrap();
        }
        writing.write_all(last.as_bytes()).unwrap();
    });
    let mut answers = String::new();
    socket.read_to_string(&mut answers).unwrap();
    writer.join().unwrap();
    let count = |status: u16| answers.matches(&format!("HTTP/1.1 {status} ")).count();
    assert_eq!((count(401) + count(429), count(200)), (guesses, 1), "{} bytes", answers.len());
    assert!(count(401) <= 20 * 10, "twenty a minute are told what is wrong: {}", count(401));
    // All refusals of one kind are alike: none tells how near a guess was.
    let bodies = |status: u16| {
        let answers = answers.split("HTTP/1.1 ").filter(|answer| answer.starts_with(&status.to_string()));
        let mut bodies: Vec<_> =
            answers.filter_map(|answer| answer.split_once("\r\n\r\n")).map(|(_, body)| body).collect();
        bodies.sort_unstable();
        bodies.dedup();
        bodies.len()
    };
    assert_eq!(bodies(401), 1);
    wait("the log", || server.stderr().contains("UNAUTHENTICATED").then_some(()));
    let written = server.stderr().matches("UNAUTHENTICATED").count();
    assert!(written <= count(401), "{written}");
    unharmed(&server, "guesses");
    assert!(server.result("ListTasks", json!({}))["tasks"].is_array());
}
