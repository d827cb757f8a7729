//! A2A 0.3 over JSON-RPC: requests and answers by way of the pure conversions.

use inhouse_proto::v0_3::{Message, Task, TaskPushNotificationConfig};
use inhouse_proto::{json, v1};
use serde::Serialize;
use serde_json::{Value, json};

use crate::doors::{self, Door, Heard};
use crate::support::http;
use crate::support::{Server, rpc};

/// JSON-RPC, A2A 0.3.
pub(crate) struct JsonRpc03;

impl Door for JsonRpc03 {
    fn name(&self) -> &'static str {
        "JSONRPC 0.3"
    }

    fn call(&self, server: &Server, operation: &str, params: &Value) -> Heard {
        let (method, params) = said(operation, params);
        let body = rpc(method, params);
        // Clients of this generation name no version.
        let headers = doors::headers(&[]);
        let answers: Vec<Value> = if doors::is_streaming(operation) {
            http::stream(server.address, "/a2a", &headers, &body).map(|event| event.json).collect()
        } else {
            vec![http::request(server.address, "POST", "/a2a", &headers, &body).json()]
        };
        answers.iter().for_each(|answer| doors::of_v0_3(definition(method, answer), answer));
        if let Some(refused) = answers.iter().find(|answer| !answer["error"].is_null()) {
            return Heard::Error(doors::error(&refused["error"]["data"]));
        }
        if doors::is_streaming(operation) {
            let finals: Vec<bool> = answers.iter().map(|answer| answer["result"]["final"] == true).collect();
            let is_message = answers[0]["result"]["kind"] == "message";
            assert_eq!(
                finals.iter().filter(|last| **last).count(),
                usize::from(!is_message),
                "one event is the last: {answers:?}"
            );
            assert!(is_message || finals.ends_with(&[true]));
        }
        doors::heard(operation, answers.iter().map(|answer| understood(operation, &answer["result"])).collect())
    }
}

/// What the schema calls the answer to a method.
fn definition(method: &str, answer: &Value) -> &'static str {
    if answer.get("error").is_some() {
        return "JSONRPCErrorResponse";
    }
    match method {
        "message/send" => "SendMessageSuccessResponse",
        "message/stream" | "tasks/resubscribe" => "SendStreamingMessageSuccessResponse",
        "tasks/get" => "GetTaskSuccessResponse",
        "tasks/cancel" => "CancelTaskSuccessResponse",
        "tasks/pushNotificationConfig/set" => "SetTaskPushNotificationConfigSuccessResponse",
        "tasks/pushNotificationConfig/get" => "GetTaskPushNotificationConfigSuccessResponse",
        "tasks/pushNotificationConfig/list" => "ListTaskPushNotificationConfigSuccessResponse",
        "tasks/pushNotificationConfig/delete" => "DeleteTaskPushNotificationConfigSuccessResponse",
        other => panic!("0.3 has no {other}"),
    }
}

/// The method and parameters that ask the same.
fn said(operation: &str, params: &Value) -> (&'static str, Value) {
    let method = match operation {
        "SendMessage" => "message/send",
        "SendStreamingMessage" => "message/stream",
        "GetTask" => return ("tasks/get", params.clone()),
        "CancelTask" => return ("tasks/cancel", params.clone()),
        "SubscribeToTask" => return ("tasks/resubscribe", params.clone()),
        push => return said_of_push(push, params),
    };
    let message: v1::Message = json::decode(params["message"].to_string().as_bytes()).unwrap();
    let mut said = json!({"message": value(&Message::from_v1(&message))});
    if let Some(configuration) = params.get("configuration") {
        let mut configuration = configuration.clone();
        let members = configuration.as_object_mut().unwrap();
        if let Some(returns) = members.remove("returnImmediately") {
            members.insert("blocking".into(), (returns != true).into());
        }
        said["configuration"] = configuration;
    }
    (method, said)
}

/// The same for push notification configs.
fn said_of_push(operation: &str, params: &Value) -> (&'static str, Value) {
    let of_one = || json!({"id": params["taskId"], "pushNotificationConfigId": params["id"]});
    match operation {
        "CreateTaskPushNotificationConfig" => {
            let config: v1::TaskPushNotificationConfig = json::decode(params.to_string().as_bytes()).unwrap();
            ("tasks/pushNotificationConfig/set", value(&TaskPushNotificationConfig::from_v1(&config)))
        }
        "GetTaskPushNotificationConfig" => ("tasks/pushNotificationConfig/get", of_one()),
        "DeleteTaskPushNotificationConfig" => ("tasks/pushNotificationConfig/delete", of_one()),
        "ListTaskPushNotificationConfigs" => ("tasks/pushNotificationConfig/list", json!({"id": params["taskId"]})),
        other => panic!("0.3 has no {other}"),
    }
}

/// An answer in the words of 1.0.
fn understood(operation: &str, result: &Value) -> Value {
    let config = |config: &Value| {
        let config: TaskPushNotificationConfig = serde_json::from_value(config.clone()).unwrap();
        value(&config.into_v1())
    };
    match operation {
        "CreateTaskPushNotificationConfig" | "GetTaskPushNotificationConfig" => return config(result),
        "ListTaskPushNotificationConfigs" => {
            return json!({"configs": result.as_array().unwrap().iter().map(config).collect::<Vec<_>>()});
        }
        "DeleteTaskPushNotificationConfig" => {
            assert!(result.is_null());
            return json!({});
        }
        _ => {}
    }
    let task = |task: Value| {
        let task: Task = serde_json::from_value(task).unwrap();
        value(&task.into_v1("task").unwrap())
    };
    let part_of = |member: &str, what: Value| {
        let mut whole = json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": "working"}});
        whole[member] = what;
        task(whole)[member].clone()
    };
    match (result["kind"].as_str().unwrap(), operation) {
        ("task", "GetTask" | "CancelTask") => task(result.clone()),
        ("task", _) => json!({"task": task(result.clone())}),
        ("message", _) => {
            let message: Message = serde_json::from_value(result.clone()).unwrap();
            json!({"message": value(&message.into_v1("message").unwrap())})
        }
        ("status-update", _) => json!({"statusUpdate": {"status": part_of("status", result["status"].clone())}}),
        ("artifact-update", _) => {
            let artifact = part_of("artifacts", json!([result["artifact"]]))[0].clone();
            json!({"artifactUpdate": {"artifact": artifact, "append": result["append"]}})
        }
        other => panic!("{other:?}: {result}"),
    }
}

fn value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}
