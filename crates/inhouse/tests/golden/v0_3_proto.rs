//! A2A 0.3 over HTTP+JSON and gRPC, whose messages are those of its protobuf service.

use inhouse_proto::{json, v0_3_proto as v0_3};
use prost::Message;
use serde_json::{Value, json};

use crate::doors::{self, Door, Heard};
use crate::grpc::{self, Grpc};
use crate::support::Server;
use crate::support::http;

/// HTTP+JSON, A2A 0.3.
pub(crate) struct Rest03;

impl Door for Rest03 {
    fn name(&self) -> &'static str {
        "HTTP+JSON 0.3"
    }

    fn call(&self, server: &Server, operation: &str, params: &Value) -> Heard {
        let id = params["id"].as_str().unwrap_or_default();
        let (method, path, body) = match operation {
            "SendMessage" => ("POST", "/v1/message:send".to_owned(), said(params).to_string()),
            "SendStreamingMessage" => ("POST", "/v1/message:stream".to_owned(), said(params).to_string()),
            "GetTask" => {
                let length = params.get("historyLength").map(|length| format!("?historyLength={length}"));
                ("GET", format!("/v1/tasks/{id}{}", length.unwrap_or_default()), String::new())
            }
            "CancelTask" => ("POST", format!("/v1/tasks/{id}:cancel"), "{}".to_owned()),
            "SubscribeToTask" => ("GET", format!("/v1/tasks/{id}:subscribe"), String::new()),
            push => {
                let (method, path) = doors::push_path(push, "/v1", params);
                let body = if method == "POST" { said_of_push(push, params).to_string() } else { String::new() };
                (method, path, body)
            }
        };
        // Clients of this generation name no version.
        let stream = http::exchange(server.address, method, &path, &doors::headers(&[]), body.as_bytes());
        let status = stream.status;
        let answers: Vec<Value> = stream.map(|event| event.json).collect();
        if status != 200 {
            assert_eq!(answers[0]["message"], answers[0]["error"]["message"], "{answers:?}");
            return Heard::Error(doors::error(&answers[0]["error"]["details"]));
        }
        check_end(operation, &answers);
        doors::heard(operation, answers.iter().map(|answer| understood_of(operation, answer)).collect())
    }
}

/// gRPC, A2A 0.3.
pub(crate) struct Grpc03(pub(crate) Grpc);

impl Door for Grpc03 {
    fn name(&self) -> &'static str {
        "GRPC 0.3"
    }

    fn call(&self, server: &Server, operation: &str, params: &Value) -> Heard {
        let named = || {
            let mut named = json!({"name": format!("tasks/{}", params["id"].as_str().unwrap())});
            if let Some(length) = params.get("historyLength") {
                named["historyLength"] = length.clone();
            }
            named
        };
        let (method, message) = match operation {
            "SendMessage" | "SendStreamingMessage" => (operation, encoded::<v0_3::SendMessageRequest>(&said(params))),
            "GetTask" => (operation, encoded::<v0_3::GetTaskRequest>(&named())),
            "CancelTask" => (operation, encoded::<v0_3::CancelTaskRequest>(&named())),
            "SubscribeToTask" => ("TaskSubscription", encoded::<v0_3::TaskSubscriptionRequest>(&named())),
            "CreateTaskPushNotificationConfig" => {
                (operation, encoded::<v0_3::CreateTaskPushNotificationConfigRequest>(&said_of_push(operation, params)))
            }
            "GetTaskPushNotificationConfig" => {
                (operation, encoded::<v0_3::GetTaskPushNotificationConfigRequest>(&said_of_push(operation, params)))
            }
            "ListTaskPushNotificationConfigs" => (
                "ListTaskPushNotificationConfig",
                encoded::<v0_3::ListTaskPushNotificationConfigRequest>(&said_of_push(operation, params)),
            ),
            "DeleteTaskPushNotificationConfig" => {
                (operation, encoded::<v0_3::DeleteTaskPushNotificationConfigRequest>(&said_of_push(operation, params)))
            }
            other => panic!("0.3 has no {other}"),
        };
        let (messages, trailers) = self.0.exchange(server, &format!("/a2a.v1.A2AService/{method}"), &message, &[]);
        if trailers["grpc-status"] != "0" {
            return Heard::Error(grpc::error(&trailers));
        }
        let read = |message: &bytes::Bytes| match operation {
            "SendMessage" => decoded::<v0_3::SendMessageResponse>(message),
            "GetTask" | "CancelTask" => decoded::<v0_3::Task>(message),
            "CreateTaskPushNotificationConfig" | "GetTaskPushNotificationConfig" => {
                decoded::<v0_3::TaskPushNotificationConfig>(message)
            }
            "ListTaskPushNotificationConfigs" => decoded::<v0_3::ListTaskPushNotificationConfigResponse>(message),
            "DeleteTaskPushNotificationConfig" => json!({}),
            _ => decoded::<v0_3::StreamResponse>(message),
        };
        let answers: Vec<Value> = messages.iter().map(read).collect();
        check_end(operation, &answers);
        doors::heard(operation, answers.iter().map(|answer| understood_of(operation, answer)).collect())
    }
}

/// The last event of a stream, and no other, says that it is the last; a message says it by itself.
fn check_end(operation: &str, answers: &[Value]) {
    if !doors::is_streaming(operation) || answers[0].get("message").is_some() {
        return;
    }
    let finals: Vec<bool> = answers.iter().map(|answer| answer["statusUpdate"]["final"] == true).collect();
    assert!(finals.ends_with(&[true]) && finals.iter().filter(|last| **last).count() == 1, "{answers:?}");
}

fn encoded<T: Message + serde::de::DeserializeOwned>(value: &Value) -> Vec<u8> {
    json::decode::<T>(value.to_string().as_bytes()).unwrap().encode_to_vec()
}

fn decoded<T: Message + Default + serde::Serialize>(message: &[u8]) -> Value {
    serde_json::to_value(T::decode(message).unwrap()).unwrap()
}

/// The parameters of a send that ask the same.
fn said(params: &Value) -> Value {
    let mut message = params["message"].clone();
    let members = message.as_object_mut().unwrap();
    let parts = members.remove("parts").unwrap();
    let content = parts.as_array().unwrap().iter().map(|part| {
        let file = |kind: &str, content: &Value| json!({"file": {kind: content, "mimeType": part["mediaType"]}});
        match (part.get("raw"), part.get("url"), part.get("data")) {
            (Some(raw), ..) => file("fileWithBytes", raw),
            (_, Some(url), _) => file("fileWithUri", url),
            (.., Some(data)) => json!({"data": {"data": data}}),
            _ => json!({"text": part["text"]}),
        }
    });
    members.insert("content".into(), content.collect());
    let mut said = json!({"message": message});
    if let Some(configuration) = params.get("configuration") {
        let mut configuration = configuration.clone();
        let members = configuration.as_object_mut().unwrap();
        let returns = members.remove("returnImmediately").is_some_and(|returns| returns == true);
        members.insert("blocking".into(), (!returns).into());
        said["configuration"] = configuration;
    }
    said
}

/// What is said of push notification configs: they have names here.
fn said_of_push(operation: &str, params: &Value) -> Value {
    let task = format!("tasks/{}", params["taskId"].as_str().unwrap());
    let name = || format!("{task}/pushNotificationConfigs/{}", params["id"].as_str().unwrap());
    if operation == "ListTaskPushNotificationConfigs" {
        return json!({"parent": task});
    }
    if operation != "CreateTaskPushNotificationConfig" {
        return json!({"name": name()});
    }
    let mut config = json!({"id": params["id"], "url": params["url"], "token": params["token"]});
    if let Some(info) = params.get("authentication") {
        config["authentication"] = json!({"schemes": [info["scheme"]], "credentials": info["credentials"]});
    }
    json!({"parent": task, "configId": params["id"], "config": {"pushNotificationConfig": config}})
}

fn understood_of(operation: &str, answer: &Value) -> Value {
    let config = |named: &Value| {
        let mut config = named["pushNotificationConfig"].clone();
        config["taskId"] = named["name"].as_str().unwrap().split('/').nth(1).unwrap().into();
        if let Some(info) = config.get_mut("authentication") {
            *info = json!({"scheme": info["schemes"][0]});
        }
        config
    };
    match operation {
        "CreateTaskPushNotificationConfig" | "GetTaskPushNotificationConfig" => config(answer),
        "ListTaskPushNotificationConfigs" => {
            json!({"configs": answer["configs"].as_array().unwrap().iter().map(config).collect::<Vec<_>>()})
        }
        _ => understood(answer),
    }
}

/// An answer in the words of 1.0.
fn understood(answer: &Value) -> Value {
    match answer {
        Value::Array(items) => items.iter().map(understood).collect(),
        Value::Object(members) => {
            let renamed = members.iter().map(|(name, value)| match name.as_str() {
                "content" | "parts" => ("parts".to_owned(), value.as_array().unwrap().iter().map(part).collect()),
                "state" if value == "TASK_STATE_CANCELLED" => (name.clone(), "TASK_STATE_CANCELED".into()),
                _ => (name.clone(), understood(value)),
            });
            Value::Object(renamed.collect())
        }
        other => other.clone(),
    }
}

fn part(part: &Value) -> Value {
    let Some(file) = part.get("file") else {
        return part.get("data").map_or_else(|| part.clone(), |data| json!({"data": data["data"]}));
    };
    let mut whole = json!({"mediaType": file["mimeType"]});
    for (old, new) in [("fileWithBytes", "raw"), ("fileWithUri", "url")] {
        if let Some(content) = file.get(old) {
            whole[new] = content.clone();
        }
    }
    whole
}
