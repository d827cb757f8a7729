//! Tasks as rich and as poor as they come, with the events that make them.

use std::sync::Arc;

use inhouse_proto::json;
use inhouse_proto::snapshot::{Pieces, Snapshot, View, fold, head};
use inhouse_proto::v1;
use inhouse_proto::wire::{EscapedText, Event, TextHead, to_json};
use serde_json::{Value, json};

/// A task, a direct answer, and events of the task.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) task: v1::Task,
    pub(crate) answer: v1::Message,
    pub(crate) events: Vec<Event>,
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    json::decode(value.to_string().as_bytes()).unwrap()
}

/// The rich one is the first.
pub(crate) fn cases() -> Vec<Case> {
    let parts = json!([
        {"text": "a \"quoted\" line\n", "metadata": {"k": 1}, "mediaType": "text/plain"},
        {"raw": "AP8=", "filename": "f", "mediaType": "image/png"},
        {"url": "https://a/b", "filename": "g", "mediaType": "text/html"},
        {"data": {"n": 9_007_199_254_740_993_u64, "one": 1.0}},
        {"data": [1, null]},
        {"data": "text"},
    ]);
    let message = |role: &str| {
        json!({
            "messageId": "m", "role": role, "contextId": "c", "taskId": "t", "parts": parts,
            "referenceTaskIds": ["t0"], "extensions": ["urn:x"], "metadata": {"m": [1, {"n": null}]},
        })
    };
    let rich = json!({
        "id": "t", "contextId": "c", "metadata": {"k": {"l": 1}},
        "status": {
            "state": "TASK_STATE_INPUT_REQUIRED", "message": message("ROLE_AGENT"), "timestamp": "2026-01-31T12:00:00.007Z",
        },
        "history": [message("ROLE_USER"), message("ROLE_AGENT")],
        "artifacts": [
            {
                "artifactId": "a", "name": "n", "description": "d", "parts": parts,
                "extensions": ["urn:x"], "metadata": {"k": 1},
            },
            {"artifactId": "b", "parts": [{"text": ""}]},
        ],
    });
    let mut all = vec![case("rich", &rich, &message("ROLE_AGENT"))];
    let answer = json!({"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "x"}]});
    for state in
        ["SUBMITTED", "WORKING", "COMPLETED", "FAILED", "CANCELED", "INPUT_REQUIRED", "REJECTED", "AUTH_REQUIRED"]
    {
        let poor = json!({"id": "t", "contextId": "c", "status": {"state": format!("TASK_STATE_{state}")}});
        all.push(case("poor", &poor, &answer));
    }
    all
}

fn case(name: &'static str, task: &Value, answer: &Value) -> Case {
    let task: v1::Task = read(task);
    let answer: v1::Message = read(answer);
    let status = task.status.clone().unwrap();
    let mut events = vec![
        Event::status(&task.id, &task.context_id, &status, task.metadata.as_ref()),
        Event::status(&task.id, &task.context_id, &status, None),
        Event::message(&answer),
    ];
    for artifact in &task.artifacts {
        for (append, last_chunk) in [(false, false), (true, true)] {
            events.push(Event::artifact(&v1::TaskArtifactUpdateEvent {
                task_id: task.id.clone(),
                context_id: task.context_id.clone(),
                artifact: Some(artifact.clone()),
                append,
                last_chunk,
                metadata: task.metadata.clone(),
            }));
        }
    }
    let head = Arc::new(TextHead::new(&task.id, &task.context_id, "answer"));
    for (text, append, last_chunk) in [("", false, false), ("\u{0}\"käse\u{2028}\\", true, false), ("", true, true)] {
        events.push(Event::text(&head, EscapedText::new(text), append, last_chunk));
    }
    Case { name, task, answer, events }
}

/// The JSON of a task whose artifacts come from `events`.
pub(crate) fn snapshot(task: &v1::Task, events: &[Event]) -> Value {
    let status = task.status.clone().unwrap();
    let mut artifacts = Vec::new();
    events.iter().for_each(|event| fold(&mut artifacts, event));
    let snapshot = Snapshot {
        id: task.id.as_str().into(),
        context_id: task.context_id.as_str().into(),
        head: head(&task.id, &task.context_id),
        generation: 1,
        state: status.state(),
        status_time_ms: 0,
        status: to_json(&status),
        history: task.history.iter().map(to_json).collect(),
        artifacts,
        metadata: task.metadata.as_ref().map(to_json),
        message: None,
        label: 0,
    };
    let mut pieces = Pieces::default();
    snapshot.write_v1(View::ALL, &mut pieces);
    json::decode(&pieces.finish().concat()).unwrap()
}

/// The JSON of an event.
pub(crate) fn frame(event: &Event) -> Value {
    let mut pieces = Vec::new();
    event.write_v1(&mut pieces);
    json::decode(&pieces.concat()).unwrap()
}

/// Configurations of notifications.
pub(crate) fn push_configs() -> [v1::TaskPushNotificationConfig; 3] {
    [
        json!({
            "taskId": "t", "id": "p", "url": "https://a/b", "token": "x",
            "authentication": {"scheme": "Bearer", "credentials": "c"},
        }),
        json!({"taskId": "t", "id": "p", "url": "https://a/b", "authentication": {"scheme": "Basic"}}),
        json!({"taskId": "t", "id": "p", "url": "https://a/b"}),
    ]
    .map(|config| read(&config))
}
