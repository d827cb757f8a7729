//! What is wrong with a request is told by its fields, all at once, in the words in which the request was written.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;

use serde_json::{Value, json};
use support::{Server, http};

/// The fields of an error, in the order in which they are told.
fn fields(error: &Value) -> Vec<String> {
    let details = error["data"].as_array().or(error["details"].as_array());
    // The first generation has one object.
    let violations = match details {
        Some(details) => {
            let bad = details.iter().find(|detail| detail["@type"] == "type.googleapis.com/google.rpc.BadRequest");
            bad.unwrap_or_else(|| panic!("{error}"))["fieldViolations"].clone()
        }
        None => error["data"]["fieldViolations"].clone(),
    };
    let violations = violations.as_array().cloned().unwrap_or_else(|| panic!("{error}"));
    violations.iter().map(|violation| violation["field"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn json_rpc_names_the_fields_of_each_generation() {
    let server = Server::with_agent("cat");
    let message = |role: &str| json!({"messageId": 5, "role": role, "parts": [{"text": "x"}]});
    let push = json!({"url": 7, "authentication": {"schemes": 1}});
    #[rustfmt::skip]
    let rows = [
        ("SendMessage", json!({"message": message("KING"), "configuration": {"taskPushNotificationConfig": {"url": []}, "historyLength": "x"}}),
            vec!["configuration.historyLength", "configuration.taskPushNotificationConfig.url", "message.messageId", "message.role"]),
        ("SendMessage", json!({"message": {"messageId": true, "role": "ROLE_AGENT"}, "configuration": {"historyLength": "-1"}}),
            vec!["message.messageId", "message.parts", "configuration.historyLength", "message.role"]),
        ("ListTasks", json!({"status": "TASK_STATE_RUNNING", "pageSize": "0", "statusTimestampAfter": "yesterday"}),
            vec!["status", "statusTimestampAfter", "pageSize"]),
        ("CreateTaskPushNotificationConfig", json!({"url": {}}), vec!["url", "taskId"]),
        ("message/send", json!({"message": {}}), vec!["message.messageId", "message.role", "message.parts"]),
        ("message/send", json!({"message": message("king"), "configuration": {"pushNotificationConfig": push}}),
            vec!["configuration.pushNotificationConfig.authentication.schemes", "configuration.pushNotificationConfig.url",
                "message.messageId", "message.role"]),
        ("message/send", json!({"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "x"}]},
            "configuration": {"pushNotificationConfig": {"url": "http://10.0.0.1/"}}}), vec!["configuration.pushNotificationConfig.url"]),
        ("tasks/pushNotificationConfig/set", json!({"pushNotificationConfig": {}}), vec!["pushNotificationConfig.url", "taskId"]),
        ("tasks/pushNotificationConfig/get", json!({"id": 3}), vec!["id"]),
        ("tasks/get", json!({"historyLength": -1}), vec!["id", "historyLength"]),
        ("tasks/send", json!({"id": "ü", "historyLength": -1, "sessionId": "ü", "message": {"role": "user", "parts": [{"type": "text", "text": "x"}]}}),
            vec!["historyLength", "sessionId", "id"]),
        ("tasks/send", json!({"message": {"role": 1}}), vec!["message.role", "message.parts"]),
        ("tasks/pushNotification/set", json!({"pushNotificationConfig": {}}), vec!["pushNotificationConfig.url", "id"]),
    ];
    for (method, params, expected) in rows {
        let error = server.call(method, params.clone())["error"].clone();
        assert_eq!(
            (error["code"].as_i64(), fields(&error)),
            (Some(-32602), expected.iter().map(ToString::to_string).collect()),
            "{method} {params}"
        );
    }
}

#[test]
fn http_json_names_the_fields_of_each_generation() {
    let server = Server::with_agent("cat");
    #[rustfmt::skip]
    let rows = [
        ("POST", "/message:send", json!({"message": {"messageId": 5, "role": "ROLE_USER", "parts": [{"text": "x", "mediaType": 1}]}}),
            vec!["message.messageId", "message.parts[0].mediaType"]),
        ("GET", "/tasks?status=RUNNING&pageSize=x&includeArtifacts=1&historyLength=-1", Value::Null,
            vec!["includeArtifacts", "pageSize", "status", "historyLength"]),
        ("POST", "/tasks/t/pushNotificationConfigs", json!({"url": 1, "token": 2}), vec!["token", "url"]),
        ("GET", "/tasks/t/pushNotificationConfigs?pageSize=1000", Value::Null, vec!["pageSize"]),
        ("POST", "/v1/message:send", json!({"message": {"messageId": 5, "role": "ROLE_USER", "content": [{"text": 1}]}}),
            vec!["message.content[0].text", "message.messageId"]),
        ("POST", "/v1/message:send", json!({"message": {"role": "ROLE_AGENT", "content": [{"text": "x"}]}, "configuration": {"pushNotification": {}}}),
            vec!["message.messageId", "configuration.pushNotification.url", "message.role"]),
        ("POST", "/v1/tasks/t/pushNotificationConfigs", json!({"pushNotificationConfig": {"url": ""}}), vec!["config.pushNotificationConfig.url"]),
    ];
    for (method, path, body, expected) in rows {
        let version = if path.starts_with("/v1") { "0.3" } else { "1.0" };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer =
            http::request(server.address, method, path, &doors::headers(&[("A2A-Version", version)]), body.as_bytes());
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, fields(&error)),
            (400, expected.iter().map(ToString::to_string).collect()),
            "{path} {body}"
        );
    }
}
