//! One case file for every binding and generation: the same requests, the same answers.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;
#[path = "golden/pattern.rs"]
mod pattern;
#[path = "golden/v0_3.rs"]
mod v0_3;
#[path = "golden/v0_3_proto.rs"]
mod v0_3_proto;

use std::path::Path;

use doors::{Door, Heard, JsonRpc, Rest};
use pattern::{Kept, difference, filled};
use serde_json::{Map, Value, json};
use support::{Launch, Server};

const CASES: &str = include_str!("golden/cases.json");

fn server() -> Server {
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/agents/conformance.py");
    let folder = support::scratch("golden");
    // Nobody listens there, and nobody has to: what is told is another test's matter.
    std::fs::write(folder.join("inhouse.toml"), "[push]\nallow = [\"127.0.0.1:9\"]\n").unwrap();
    let agent = format!("python3 {}", agent.canonicalize().unwrap().display());
    Launch::new(&["serve"]).env("AGENT_CMD", agent).env("AGENT_INPUT", "json").directory(&folder).start()
}

#[test]
fn every_door_gives_the_same_answers() {
    let server = server();
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let doors: [&dyn Door; 6] = [
        &JsonRpc,
        &Rest,
        &grpc::Grpc::new(),
        &v0_3::JsonRpc03,
        &v0_3_proto::Rest03,
        &v0_3_proto::Grpc03(grpc::Grpc::new()),
    ];
    let mut wrong = Vec::new();
    for door in doors {
        for case in &cases {
            if let Some(difference) = run(door, &server, case) {
                wrong.push(format!("{}, {}: {difference}", door.name(), case["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Plays a case; what is wrong with its first answer that is wrong.
fn run(door: &dyn Door, server: &Server, case: &Value) -> Option<String> {
    let mut kept = Kept::new();
    for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let only = step["only"].as_array();
        if only.is_some_and(|only| !only.iter().any(|name| name == door.name())) {
            continue;
        }
        let operation = step["op"].as_str().unwrap();
        let heard = door.call(server, operation, &filled(&step["ask"], &kept));
        let (got, wanted) = match (heard, step.get("error")) {
            (Heard::Error(error), Some(wanted)) => (narrowed(&error, wanted), wanted),
            (Heard::Error(error), None) => return Some(format!("step {number} is refused: {error}")),
            (Heard::Result(result), None) => (result, &step["answer"]),
            (Heard::Stream(events), None) => (folded(&events), &step["answer"]),
            (heard, Some(wanted)) => return Some(format!("step {number} is not refused by {wanted}: {heard:?}")),
        };
        if let Some(difference) = difference(&got, &filled(wanted, &kept), "") {
            return Some(format!("step {number}: {difference}\n  {got}"));
        }
        for (name, pointer) in step["keep"].as_object().into_iter().flatten() {
            kept.insert(name.clone(), got.pointer(pointer.as_str().unwrap()).unwrap().clone());
        }
    }
    None
}

/// The members of an error that the case speaks of.
fn narrowed(error: &Value, wanted: &Value) -> Value {
    wanted.as_object().unwrap().keys().map(|name| (name.clone(), error[name].clone())).collect::<Map<_, _>>().into()
}

/// What a stream comes to, however its chunks were cut: a message, or the artifacts, the last state and what it says.
fn folded(events: &[Value]) -> Value {
    if let [event] = events
        && let Some(parts) = event.pointer("/message/parts")
    {
        return json!({"message": parts});
    }
    let task = &events[0]["task"];
    assert!(task.is_object(), "a stream begins with its task: {events:?}");
    let mut artifacts = Map::new();
    task["artifacts"].as_array().into_iter().flatten().for_each(|artifact| add(&mut artifacts, artifact, false));
    let mut status = &task["status"];
    for event in &events[1..] {
        match (event.get("artifactUpdate"), event.get("statusUpdate")) {
            (Some(update), _) => add(&mut artifacts, &update["artifact"], update["append"] == true),
            (_, Some(update)) => status = &update["status"],
            _ => panic!("neither an artifact nor a status: {event}"),
        }
    }
    let says = status.pointer("/message/parts/0/text");
    json!({"artifacts": artifacts, "state": status["state"], "says": says})
}

/// Adds an artifact's parts. Text of the default artifact comes in pieces that nobody chose.
fn add(artifacts: &mut Map<String, Value>, artifact: &Value, append: bool) {
    let id = artifact["artifactId"].as_str().unwrap();
    let parts = artifacts.entry(id).or_insert_with(|| json!([])).as_array_mut().unwrap();
    if !append {
        parts.clear();
    }
    for part in artifact["parts"].as_array().unwrap() {
        match (parts.last_mut().and_then(|last| last.get_mut("text")), part["text"].as_str()) {
            (Some(Value::String(said)), Some(more)) if id.starts_with("answer-") => said.push_str(more),
            _ => parts.push(part.clone()),
        }
    }
}
