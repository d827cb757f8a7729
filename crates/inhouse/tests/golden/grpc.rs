//! gRPC by hand: messages as the model encodes them, five bytes in front, trailers behind. What a real client makes of it is for
//! the lanes with the SDKs to see.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use inhouse_proto::{json, v1};
use prost::Message;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::doors::{self, Door, Heard};
use crate::support::{Server, TOKEN};

/// gRPC, A2A 1.0.
pub(crate) struct Grpc(Runtime);

impl Grpc {
    pub(crate) fn new() -> Self {
        Self(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
    }

    /// The messages of an answer, and its trailers.
    pub(crate) fn exchange(
        &self,
        server: &Server,
        path: &str,
        message: &[u8],
        more: &[(&str, &str)],
    ) -> (Vec<Bytes>, HeaderMap) {
        let mut frame = vec![0];
        frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(message);
        self.exchange_frame(server, path, frame, more)
    }

    /// The same for a message with its prefix, whatever that is.
    pub(crate) fn exchange_frame(
        &self,
        server: &Server,
        path: &str,
        frame: Vec<u8>,
        more: &[(&str, &str)],
    ) -> (Vec<Bytes>, HeaderMap) {
        let mut request = Request::post(format!("http://{}{path}", server.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {TOKEN}"));
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<Bytes>::from(frame)).unwrap();
        self.0.block_on(async {
            let socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
            let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
            tokio::spawn(connection);
            let response = client.send_request(request).await.unwrap();
            assert_eq!(response.status(), 200);
            let head = response.headers().clone();
            let collected = response.into_body().collect().await.unwrap();
            let trailers = collected.trailers().cloned().unwrap_or(head);
            (messages(collected.to_bytes()), trailers)
        })
    }
}

fn messages(mut bytes: Bytes) -> Vec<Bytes> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let prefix = bytes.split_to(5);
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap());
        messages.push(bytes.split_to(length as usize));
    }
    messages
}

impl Door for Grpc {
    fn name(&self) -> &'static str {
        "GRPC 1.0"
    }

    fn call(&self, server: &Server, operation: &str, params: &Value) -> Heard {
        let message = encoded(operation, params);
        let path = format!("/lf.a2a.v1.A2AService/{operation}");
        let (messages, trailers) = self.exchange(server, &path, &message, &[("a2a-version", "1.0")]);
        if trailers["grpc-status"] != "0" {
            return Heard::Error(error(&trailers));
        }
        doors::heard(operation, messages.iter().map(|message| decoded(operation, message)).collect())
    }
}

pub(crate) fn encoded(operation: &str, params: &Value) -> Vec<u8> {
    fn message<T: Message + serde::de::DeserializeOwned>(params: &Value) -> Vec<u8> {
        json::decode::<T>(params.to_string().as_bytes()).unwrap().encode_to_vec()
    }
    match operation {
        "SendMessage" | "SendStreamingMessage" => message::<v1::SendMessageRequest>(params),
        "GetTask" => message::<v1::GetTaskRequest>(params),
        "ListTasks" => message::<v1::ListTasksRequest>(params),
        "CancelTask" => message::<v1::CancelTaskRequest>(params),
        "SubscribeToTask" => message::<v1::SubscribeToTaskRequest>(params),
        "CreateTaskPushNotificationConfig" => message::<v1::TaskPushNotificationConfig>(params),
        "GetTaskPushNotificationConfig" => message::<v1::GetTaskPushNotificationConfigRequest>(params),
        "ListTaskPushNotificationConfigs" => message::<v1::ListTaskPushNotificationConfigsRequest>(params),
        "DeleteTaskPushNotificationConfig" => message::<v1::DeleteTaskPushNotificationConfigRequest>(params),
        other => panic!("no message for {other}"),
    }
}

pub(crate) fn decoded(operation: &str, message: &[u8]) -> Value {
    fn value<T: Message + Default + serde::Serialize>(message: &[u8]) -> Value {
        serde_json::to_value(T::decode(message).unwrap()).unwrap()
    }
    match operation {
        "SendMessage" => value::<v1::SendMessageResponse>(message),
        "GetTask" | "CancelTask" => value::<v1::Task>(message),
        "ListTasks" => value::<v1::ListTasksResponse>(message),
        "CreateTaskPushNotificationConfig" | "GetTaskPushNotificationConfig" => {
            value::<v1::TaskPushNotificationConfig>(message)
        }
        "ListTaskPushNotificationConfigs" => value::<v1::ListTaskPushNotificationConfigsResponse>(message),
        "DeleteTaskPushNotificationConfig" => {
            assert!(message.is_empty());
            json!({})
        }
        _ => value::<v1::StreamResponse>(message),
    }
}

/// google.rpc.Status with the details that we use.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: std::collections::HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<FieldViolation>,
}

#[derive(Clone, PartialEq, Message)]
struct FieldViolation {
    #[prost(string, tag = "1")]
    field: String,
}

pub(crate) fn error(trailers: &HeaderMap) -> Value {
    use base64::Engine as _;
    let details = trailers["grpc-status-details-bin"].as_bytes();
    let engine = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    let status = Status::decode(engine.decode(details).unwrap().as_slice()).unwrap();
    assert_eq!(trailers["grpc-status"], status.code.to_string());
    let details = status.details.iter().map(|any| match any.type_url.rsplit('.').next().unwrap() {
        "ErrorInfo" => {
            let ErrorInfo { reason, domain, metadata } = Message::decode(any.value.as_slice()).unwrap();
            json!({"@type": any.type_url, "reason": reason, "domain": domain, "metadata": metadata})
        }
        "BadRequest" => {
            let BadRequest { field_violations } = Message::decode(any.value.as_slice()).unwrap();
            let fields: Vec<Value> = field_violations.iter().map(|one| json!({"field": one.field})).collect();
            json!({"@type": any.type_url, "fieldViolations": fields})
        }
        _ => json!({"@type": any.type_url}),
    });
    doors::error(&details.collect())
}
