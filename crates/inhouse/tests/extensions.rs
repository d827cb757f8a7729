//! The extension that numbers events, over each binding of 1.0.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;

use serde_json::Value;
use support::http;
use support::{Server, message, rpc};

const URI: &str = "urn:inhouse:a2a:generation:v1";

/// The numbers that the events carry.
fn numbers(events: &[Value]) -> Vec<u64> {
    let number = |event: &Value| {
        let (kind, inside) = event.as_object().unwrap().iter().next().unwrap();
        let number = inside["metadata"][URI]["generation"].as_u64();
        number.unwrap_or_else(|| panic!("{kind} has no number: {event}"))
    };
    events.iter().map(number).collect()
}

fn assert_dense(numbers: &[u64]) {
    assert!(numbers.len() > 1 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn whoever_asks_for_it_finds_the_number_of_each_event_in_its_metadata() {
    let server = Server::with_agent("seq 3");
    let asked = [("A2A-Extensions", "https://example.com/other/v1, urn:inhouse:a2a:generation:v1")];
    let stream = server.stream("SendStreamingMessage", message("hi"), &asked);
    let (ids, events): (Vec<_>, Vec<_>) = stream.map(|event| (event.id.unwrap(), event.result().clone())).unzip();
    assert_eq!(numbers(&events), ids, "the same as the ids");
    assert_dense(&ids);
    let body = message("hi").to_string();
    let rest = http::stream(server.address, "/message:stream", &doors::headers(&asked), body.as_bytes());
    assert_dense(&numbers(&rest.map(|event| event.json).collect::<Vec<_>>()));
    let request = grpc::encoded("SendStreamingMessage", &message("hi"));
    let path = "/lf.a2a.v1.A2AService/SendStreamingMessage";
    let (messages, _) = grpc::Grpc::new().exchange(&server, path, &request, &asked);
    let events: Vec<Value> = messages.iter().map(|one| grpc::decoded("SendStreamingMessage", one)).collect();
    assert_dense(&numbers(&events));
}

#[test]
fn what_is_active_is_echoed_and_nothing_else() {
    let server = Server::with_agent("cat");
    let echoed = |asked: &[(&str, &str)], path: &str, body: &[u8]| {
        let answer = http::request(server.address, "POST", path, &doors::headers(asked), body);
        assert_eq!(answer.status, 200);
        answer.header("a2a-extensions").map(str::to_owned)
    };
    let call = rpc("SendMessage", message("hi"));
    let plain = message("hi").to_string();
    for (path, body) in [("/a2a", call.as_slice()), ("/message:send", plain.as_bytes())] {
        assert_eq!(echoed(&[("A2A-Extensions", URI)], path, body).as_deref(), Some(URI));
        assert_eq!(echoed(&[("A2A-Extensions", "https://example.com/x")], path, body), None);
        assert_eq!(echoed(&[], path, body), None);
    }
    let card = server.get("/.well-known/agent-card.json").json();
    assert_eq!(card["capabilities"]["extensions"][0]["uri"], URI);
    let without = server.stream("SendStreamingMessage", message("hi"), &[]);
    assert!(without.into_iter().all(|event| !event.json.to_string().contains("generation")));
}
