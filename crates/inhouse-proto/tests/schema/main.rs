//! What is written is what the schemas of the protocol's generations say, for rich and for poor things, and what is not is found.
//!
//! The schemas in `tests/schemas` are the published ones without their prose. That of v1 has no required members, so that v1's
//! own validation is asked as well; it forbids unknown members, which the older ones allow: those of v0.2 and v0.3 are closed
//! here, as nothing else is to be written, and that of v0.1 stays open for the members that later generations read.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod schemas;

use cases::{Case, cases};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::{Id, Request, error_response, plain_error_response};
use inhouse_proto::validate::Validate;
use inhouse_proto::{json, v0_1, v0_3, v1};
use schemas::{Schemas, V0_1, V0_2, V0_3, V1};
use serde_json::{Value, json};

/// A new value for the place, or none.
type Breakage = (&'static str, Option<Value>);

fn written(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn v1_tasks_and_events_are_of_the_schema() {
    let schemas = Schemas::new();
    for Case { name, task, events, .. } in cases() {
        let snapshot = cases::snapshot(&task, &events);
        schemas.accept(V1, "Task", &snapshot, name);
        let read: v1::Task = json::decode(snapshot.to_string().as_bytes()).unwrap();
        assert_eq!(read.violations(), [], "{name}");
        schemas.accept(V1, "Task", &written(&task), name);
        schemas.accept(V1, "SendMessageResponse", &json!({"task": snapshot}), name);
        for event in &events {
            let frame = cases::frame(event);
            schemas.accept(V1, "StreamResponse", &frame, name);
            let read: v1::StreamResponse = json::decode(frame.to_string().as_bytes()).unwrap();
            assert_eq!(read.violations(), [], "{name}");
        }
    }
    for config in cases::push_configs() {
        schemas.accept(V1, "TaskPushNotificationConfig", &written(config), "push");
    }
}

#[test]
fn v0_3_tasks_and_events_are_of_the_schemas_of_v0_3_and_v0_2() {
    let schemas = Schemas::new();
    for generation in [V0_3, V0_2] {
        for Case { name, task, answer, events } in cases() {
            let old = written(v0_3::Task::from_v1(&task));
            schemas.accept(generation, "Task", &old, name);
            schemas.accept(generation, "Message", &written(v0_3::Message::from_v1(&answer)), name);
            for event in &events {
                let event = event.to_v1().unwrap();
                for last in [false, true] {
                    let event = written(v0_3::Event::from_v1(&event, last).unwrap());
                    let kind = match event["kind"].as_str() {
                        Some("status-update") => "TaskStatusUpdateEvent",
                        Some("artifact-update") => "TaskArtifactUpdateEvent",
                        _ => "Message",
                    };
                    schemas.accept(generation, kind, &event, name);
                    let response = json!({"jsonrpc": "2.0", "id": 1, "result": event});
                    schemas.accept(generation, "SendStreamingMessageSuccessResponse", &response, name);
                }
            }
        }
        for config in cases::push_configs() {
            let config = written(v0_3::TaskPushNotificationConfig::from_v1(&config));
            schemas.accept(generation, "TaskPushNotificationConfig", &config, "push");
        }
    }
}

#[test]
fn v0_1_tasks_and_events_are_of_the_schema() {
    let schemas = Schemas::new();
    for Case { name, task, answer, events } in cases() {
        schemas.accept(V0_1, "Task", &written(v0_1::Task::from_v1(&task, "mine")), name);
        schemas.accept(V0_1, "Task", &written(v0_1::Task::from_answer(&answer, "mine")), name);
        let mut stream = v0_1::Stream::new("mine");
        let snapshot = v1::stream_response::Payload::Task(task.clone());
        let snapshot = v1::StreamResponse { payload: Some(snapshot) };
        let events = events.iter().map(|event| event.to_v1().unwrap());
        for event in events.chain([snapshot]).flat_map(|event| stream.events(&event, &task.artifacts)) {
            let kind = match event {
                v0_1::Event::Status(_) => "TaskStatusUpdateEvent",
                v0_1::Event::Artifact(_) => "TaskArtifactUpdateEvent",
            };
            let event = written(event);
            schemas.accept(V0_1, kind, &event, name);
            let response = json!({"jsonrpc": "2.0", "id": "1", "result": event});
            schemas.accept(V0_1, "SendTaskStreamingResponse", &response, name);
        }
    }
}

#[test]
fn errors_are_of_the_schemas_that_know_them() {
    use ErrorKind as K;
    let schemas = Schemas::new();
    let id = Request::parse(br#"{"jsonrpc":"2.0","id":"1","method":"x"}"#).unwrap().id;
    for (kind, name, in_v0_1) in [
        (K::ParseError, "JSONParseError", true),
        (K::InvalidRequest, "InvalidRequestError", true),
        (K::MethodNotFound, "MethodNotFoundError", true),
        (K::InvalidParams, "InvalidParamsError", true),
        (K::Internal, "InternalError", true),
        (K::TaskNotFound, "TaskNotFoundError", true),
        (K::TaskNotCancelable, "TaskNotCancelableError", true),
        (K::PushNotificationNotSupported, "PushNotificationNotSupportedError", true),
        (K::UnsupportedOperation, "UnsupportedOperationError", true),
        (K::ContentTypeNotSupported, "ContentTypeNotSupportedError", false),
        (K::InvalidAgentResponse, "InvalidAgentResponseError", false),
        (K::ExtendedAgentCardNotConfigured, "AuthenticatedExtendedCardNotConfiguredError", false),
        (K::ResourceExhausted, "JSONRPCError", true),
    ] {
        let poor = A2aError::new(kind);
        let rich = A2aError { kind, ..A2aError::invalid("message.parts", "must be set") };
        let rich = rich.detail("why").with("taskId", "t").retry_after(3);
        for error in [poor, rich] {
            for id in [&id, &Id::NULL] {
                let response: Value = json::decode(&error_response(id, &error)).unwrap();
                schemas.accept(V0_3, "JSONRPCErrorResponse", &response, name);
                schemas.accept(V0_3, name, &response["error"], name);
            }
            let response: Value = json::decode(&plain_error_response(&id, &error)).unwrap();
            schemas.accept(V0_1, "JSONRPCResponse", &response, name);
            if in_v0_1 {
                schemas.accept(V0_1, name, &response["error"], name);
            }
        }
    }
}

#[test]
fn what_is_broken_is_found() {
    let schemas = Schemas::new();
    let rich = cases().remove(0).task;
    let common: [Breakage; 4] = [
        ("/status/state", Some(json!("done"))),
        ("/status/timestamp", Some(json!(1))),
        ("/history/0/role", Some(json!("robot"))),
        ("/metadata", Some(json!([]))),
    ];
    let old: [Breakage; 7] = [
        ("/kind", None),
        ("/contextId", None),
        ("/status", None),
        ("/extra", Some(json!(1))),
        ("/history/0/messageId", None),
        ("/artifacts/0/parts/0/kind", Some(json!("video"))),
        ("/artifacts/0/artifactId", None),
    ];
    let oldest: [Breakage; 4] = [
        ("/status/state", Some(json!("rejected"))),
        ("/history/0/parts/0/type", None),
        ("/artifacts/0/index", Some(json!("0"))),
        ("/id", None),
    ];
    let new: [Breakage; 4] = [
        ("/status/timestamp", Some(json!("yesterday"))),
        ("/extra", Some(json!(1))),
        ("/history/0/parts/0/kind", Some(json!("text"))),
        ("/artifacts/0/parts/1/raw", Some(json!("?"))),
    ];
    let shown = written(v0_3::Task::from_v1(&rich));
    for (generation, task, own) in [
        (V1, written(&rich), new.as_slice()),
        (V0_3, shown.clone(), &old),
        (V0_2, shown, &old),
        (V0_1, written(v0_1::Task::from_v1(&rich, "mine")), &oldest),
    ] {
        schemas.accept(generation, "Task", &task, "whole");
        for (place, value) in common.iter().chain(own) {
            schemas.refuse(generation, "Task", &broken(&task, place, value.as_ref()), place);
        }
    }
    let event = json!({"kind": "status-update", "taskId": "t", "contextId": "c", "status": {"state": "working"}});
    schemas.refuse(V0_3, "TaskStatusUpdateEvent", &event, "/final");
    schemas.refuse(V0_3, "TaskNotFoundError", &json!({"code": -32002, "message": "x"}), "/code");
    schemas.refuse(V0_3, "JSONRPCErrorResponse", &json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}), "/error");
}

/// The value with the member at `place` replaced, added, or taken out.
fn broken(value: &Value, place: &str, new: Option<&Value>) -> Value {
    let mut value = value.clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    let members = value.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    match new {
        Some(new) => drop(members.insert(name.to_owned(), new.clone())),
        None => drop(members.remove(name).unwrap()),
    }
    value
}
