//! The ways in: each takes a request in the words of 1.0, says it in those of its own binding and generation, and gives back what
//! it heard in the words of 1.0.

#[path = "../../../inhouse-proto/tests/schema/schemas.rs"]
#[allow(dead_code, reason = "the tests of the wire use more of it")]
mod schemas;

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::http::{self, Response};
use crate::support::{Server, TOKEN, rpc};
use schemas::{Schemas, V0_3, V1};

/// Fails where an answer is not what the schema of its generation says.
fn of_schema(generation: &'static str, definition: &str, value: &Value) {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    SCHEMAS.get_or_init(Schemas::new).accept(generation, definition, value, "an answer");
}

/// The same for an answer of 0.3.
pub(crate) fn of_v0_3(definition: &str, value: &Value) {
    of_schema(V0_3, definition, value);
}

/// The same for a result of 1.0; those that the schema has no definition of are empty.
fn of_v1(operation: &str, result: &Value) {
    let definition = match operation {
        "SendMessage" => "SendMessageResponse",
        "SendStreamingMessage" | "SubscribeToTask" => "StreamResponse",
        "GetTask" | "CancelTask" => "Task",
        "ListTasks" => "ListTasksResponse",
        "CreateTaskPushNotificationConfig" | "GetTaskPushNotificationConfig" => "TaskPushNotificationConfig",
        "ListTaskPushNotificationConfigs" => "ListTaskPushNotificationConfigsResponse",
        _ => return assert_eq!(*result, json!({}), "{operation}"),
    };
    of_schema(V1, definition, result);
}

/// What came back: one result, the events of a stream, or an error.
#[derive(Debug)]
pub(crate) enum Heard {
    Result(Value),
    Stream(Vec<Value>),
    /// `{"reason": …, "fields": […], "metadata": {…}}`
    Error(Value),
}

/// A binding in one generation.
pub(crate) trait Door {
    /// Binding and version, as a card names them.
    fn name(&self) -> &'static str;
    /// Makes a call.
    fn call(&self, server: &Server, operation: &str, params: &Value) -> Heard;
}

pub(crate) fn headers(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut headers =
        http::headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Content-Type", "application/json")]);
    headers.extend(http::headers(more));
    headers
}

/// What google.rpc details say of an error.
pub(crate) fn error(details: &Value) -> Value {
    let of = |kind: &str| {
        let detail = |detail: &&Value| detail["@type"] == format!("type.googleapis.com/google.rpc.{kind}");
        details.as_array().and_then(|details| details.iter().find(detail)).cloned().unwrap_or_default()
    };
    let info = of("ErrorInfo");
    let bad = of("BadRequest");
    let fields: Vec<&Value> =
        bad["fieldViolations"].as_array().into_iter().flatten().map(|one| &one["field"]).collect();
    assert_eq!(info["domain"], "a2a-protocol.org", "{details}");
    json!({"reason": info["reason"], "fields": fields, "metadata": info["metadata"]})
}

/// JSON-RPC, A2A 1.0.
pub(crate) struct JsonRpc;

impl Door for JsonRpc {
    fn name(&self) -> &'static str {
        "JSONRPC 1.0"
    }

    fn call(&self, server: &Server, operation: &str, params: &Value) -> Heard {
        let body = rpc(operation, params.clone());
        let answers: Vec<Value> = if is_streaming(operation) {
            http::stream(server.address, "/a2a", &headers(&[("A2A-Version", "1.0")]), &body)
                .map(|event| event.json)
                .collect()
        } else {
            vec![http::request(server.address, "POST", "/a2a", &headers(&[("A2A-Version", "1.0")]), &body).json()]
        };
        if let Some(refused) = answers.iter().find(|answer| !answer["error"].is_null()) {
            return Heard::Error(error(&refused["error"]["data"]));
        }
        answers.iter().for_each(|answer| of_v1(operation, &answer["result"]));
        heard(operation, answers.into_iter().map(|answer| answer["result"].clone()).collect())
    }
}

/// HTTP+JSON, A2A 1.0.
pub(crate) struct Rest;

impl Door for Rest {
    fn name(&self) -> &'static str {
        "HTTP+JSON 1.0"
    }

    fn call(&self, server: &Server, operation: &str, params: &Value) -> Heard {
        let (method, path, body) = rest(operation, params);
        let headers = headers(&[("A2A-Version", "1.0"), ("Accept", "application/a2a+json")]);
        if is_streaming(operation) {
            let stream = http::exchange(server.address, method, &path, &headers, body.as_bytes());
            if stream.status == 200 {
                let events: Vec<Value> = stream.map(|event| event.json).collect();
                events.iter().for_each(|event| of_v1(operation, event));
                return heard(operation, events);
            }
            let refused: Vec<Value> = stream.map(|event| event.json).collect();
            return Heard::Error(error(&refused[0]["error"]["details"]));
        }
        let response = http::request(server.address, method, &path, &headers, body.as_bytes());
        assert_eq!(response.header("content-type"), Some("application/a2a+json"), "{operation}");
        rest_answer(operation, &response)
    }
}

fn rest_answer(operation: &str, response: &Response) -> Heard {
    let json = response.json();
    if response.status == 200 {
        of_v1(operation, &json);
        return heard(operation, vec![json]);
    }
    assert_eq!(json["error"]["code"], response.status, "{json}");
    Heard::Error(error(&json["error"]["details"]))
}

/// Method, path and body of a call by HTTP+JSON.
fn rest(operation: &str, params: &Value) -> (&'static str, String, String) {
    let id = params["id"].as_str().unwrap_or_default();
    if operation.contains("PushNotification") {
        let (method, path) = push_path(operation, "", params);
        return (method, path, if method == "POST" { params.to_string() } else { String::new() });
    }
    let mut query = String::new();
    for (name, value) in params.as_object().unwrap().iter().filter(|(name, _)| *name != "id") {
        let value = value.as_str().map_or_else(|| value.to_string(), |text| text.replace('?', "%3F"));
        query += &format!("{}{name}={value}", if query.is_empty() { "?" } else { "&" });
    }
    match operation {
        "SendMessage" => ("POST", "/message:send".into(), params.to_string()),
        "SendStreamingMessage" => ("POST", "/message:stream".into(), params.to_string()),
        "GetTask" => ("GET", format!("/tasks/{id}{query}"), String::new()),
        "ListTasks" => ("GET", format!("/tasks{query}"), String::new()),
        "CancelTask" => ("POST", format!("/tasks/{id}:cancel"), String::new()),
        "SubscribeToTask" => ("GET", format!("/tasks/{id}:subscribe"), String::new()),
        other => panic!("no path for {other}"),
    }
}

/// Method and path of a call about push notification configs, behind a prefix.
pub(crate) fn push_path(operation: &str, prefix: &str, params: &Value) -> (&'static str, String) {
    let text = |name: &str| params[name].as_str().unwrap_or_default();
    let all = format!("{prefix}/tasks/{}/pushNotificationConfigs", text("taskId"));
    match operation {
        "CreateTaskPushNotificationConfig" => ("POST", all),
        "ListTaskPushNotificationConfigs" => {
            let page = ["pageSize", "pageToken"].iter().filter_map(|name| Some((name, params.get(*name)?)));
            let text =
                |value: &Value| value.as_str().map_or_else(|| value.to_string(), |text| text.replace('ü', "%C3%BC"));
            let query: Vec<String> = page.map(|(name, value)| format!("{name}={}", text(value))).collect();
            ("GET", format!("{all}?{}", query.join("&")))
        }
        "GetTaskPushNotificationConfig" => ("GET", format!("{all}/{}", text("id"))),
        "DeleteTaskPushNotificationConfig" => ("DELETE", format!("{all}/{}", text("id"))),
        other => panic!("no path for {other}"),
    }
}

pub(crate) fn is_streaming(operation: &str) -> bool {
    matches!(operation, "SendStreamingMessage" | "SubscribeToTask")
}

pub(crate) fn heard(operation: &str, mut results: Vec<Value>) -> Heard {
    if is_streaming(operation) { Heard::Stream(results) } else { Heard::Result(results.remove(0)) }
}
