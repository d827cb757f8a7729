//! The hostile corpus over the real binary, as tables: each input with the answer that it gets, after which the server is as it was.
//! JSON is in hostile.rs and hostile_doors.rs, foreign tasks in ownership.rs, trees that try to survive in processes.rs, faults of the
//! machine in faults.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod behaviour;
#[path = "../golden/doors.rs"]
mod doors;
#[path = "../golden/grpc.rs"]
mod grpc;
mod guesses;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod transport;

use serde_json::{Value, json};
use support::http::{headers, request};
use support::{Server, TOKEN, message, rpc};

/// Nothing was started, and the server answers as before.
fn unharmed(server: &Server, what: &str) {
    assert_eq!(server.result("ListTasks", json!({}))["totalSize"], 0, "{what}");
}

/// Sends a text to one of several agents and waits: the task.
fn sent(server: &Server, agent: &str, text: &str) -> Value {
    let authorization = format!("Bearer {TOKEN}");
    let head = headers(&[("Authorization", &authorization), ("Content-Type", "application/json")]);
    let path = format!("/agents/{agent}/a2a");
    let answer = request(server.address, "POST", &path, &head, &rpc("SendMessage", message(text))).json();
    assert!(answer.get("error").is_none(), "{agent} {answer}");
    answer["result"]["task"].clone()
}
