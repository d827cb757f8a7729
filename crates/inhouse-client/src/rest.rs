//! The binding of HTTP+JSON: where each method stands, parameters out, results or errors in (spec 11).

use hyper::{Method, StatusCode};
use inhouse_proto::error::ErrorKind;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::ClientError;
use crate::rpc::{ErrorObject, Failure};

/// What a call becomes.
#[derive(Debug, PartialEq)]
pub(crate) struct RestCall {
    pub(crate) method: Method,
    /// Below the agent's address, with the query.
    pub(crate) path: String,
    /// Empty where the method has none.
    pub(crate) body: Vec<u8>,
}

/// A method of the protocol with its parameters, in the words of HTTP (spec 11.3, 11.5).
pub(crate) fn call(method: &str, params: &impl Serialize) -> Result<RestCall, ClientError> {
    let unwritable = |why: String| ClientError::Protocol(format!("the request can not be written: {why}"));
    let Value::Object(mut params) = serde_json::to_value(params).map_err(|error| unwritable(error.to_string()))? else {
        return Err(unwritable(format!("{method} has no parameters")));
    };
    let tenant = segment(&mut params, "tenant").map(|tenant| format!("/{tenant}")).unwrap_or_default();
    let (verb, path) = place(method, &mut params).ok_or_else(|| unwritable(format!("HTTP+JSON has no {method}")))?;
    let (query, body) = match verb {
        Method::POST => (String::new(), serde_json::to_vec(&params).map_err(|error| unwritable(error.to_string()))?),
        _ => (query(&params), Vec::new()),
    };
    Ok(RestCall { method: verb, path: format!("{tenant}{path}{query}"), body })
}

fn place(method: &str, params: &mut Map<String, Value>) -> Option<(Method, String)> {
    let task = |params: &mut Map<String, Value>, name| segment(params, name).map(|id| format!("/tasks/{id}"));
    Some(match method {
        "SendMessage" => (Method::POST, "/message:send".to_owned()),
        "SendStreamingMessage" => (Method::POST, "/message:stream".to_owned()),
        "GetTask" => (Method::GET, task(params, "id")?),
        "ListTasks" => (Method::GET, "/tasks".to_owned()),
        "CancelTask" => (Method::POST, format!("{}:cancel", task(params, "id")?)),
        "SubscribeToTask" => (Method::POST, format!("{}:subscribe", task(params, "id")?)),
        "GetExtendedAgentCard" => (Method::GET, "/extendedAgentCard".to_owned()),
        "CreateTaskPushNotificationConfig" => {
            (Method::POST, format!("{}/pushNotificationConfigs", task(params, "taskId")?))
        }
        "ListTaskPushNotificationConfigs" => {
            (Method::GET, format!("{}/pushNotificationConfigs", task(params, "taskId")?))
        }
        "GetTaskPushNotificationConfig" | "DeleteTaskPushNotificationConfig" => {
            let verb = if method.starts_with("Get") { Method::GET } else { Method::DELETE };
            let path = format!("{}/pushNotificationConfigs", task(params, "taskId")?);
            (verb, format!("{path}/{}", segment(params, "id")?))
        }
        _ => return None,
    })
}

/// A parameter that stands in the path.
fn segment(params: &mut Map<String, Value>, name: &str) -> Option<String> {
    let value = params.remove(name)?;
    Some(encoded(value.as_str().filter(|value| !value.is_empty())?))
}

fn query(params: &Map<String, Value>) -> String {
    let pairs = params.iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some(format!("{name}={}", encoded(text))),
        Value::Bool(_) | Value::Number(_) => Some(format!("{name}={value}")),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    });
    let query = pairs.collect::<Vec<_>>().join("&");
    if query.is_empty() { query } else { format!("?{query}") }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The result of an answer as its server wrote it.
pub(crate) fn result(status: StatusCode, body: &[u8]) -> Result<Box<RawValue>, ClientError> {
    if let Ok(Failure { error }) = serde_json::from_slice(body) {
        return Err(failed(error, status));
    }
    if !status.is_success() {
        return Err(ClientError::Protocol(format!("HTTP {} without an error object", status.as_u16())));
    }
    // Deleting may answer nothing at all.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| ClientError::Protocol(format!("the answer is not JSON: {error}")))
}

/// What is no error of the protocol or of this server has the status of HTTP for its code.
fn failed(error: ErrorObject, status: StatusCode) -> ClientError {
    let mut error = crate::RpcError::from(error);
    let kind = error.reason.as_deref().and_then(ErrorKind::of_reason);
    error.code = i64::from(kind.map_or(i32::from(status.as_u16()), ErrorKind::code));
    ClientError::Rpc(Box::new(error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_method_has_its_place_and_its_parameters_stand_where_they_belong() {
        let post = |path: &str, body: Value| (Method::POST, path.to_owned(), body.to_string());
        let bare = |verb, path: &str| (verb, path.to_owned(), String::new());
        for (method, params, expected) in [
            ("SendMessage", json!({"message": {"a": 1}}), post("/message:send", json!({"message": {"a": 1}}))),
            ("SendStreamingMessage", json!({"tenant": "a b"}), post("/a%20b/message:stream", json!({}))),
            ("GetTask", json!({"id": "t/1", "historyLength": 0}), bare(Method::GET, "/tasks/t%2F1?historyLength=0")),
            (
                "ListTasks",
                json!({"contextId": "c&d", "includeArtifacts": true, "tenant": ""}),
                bare(Method::GET, "/tasks?contextId=c%26d&includeArtifacts=true"),
            ),
            ("CancelTask", json!({"id": "t", "metadata": {}}), post("/tasks/t:cancel", json!({"metadata": {}}))),
            ("SubscribeToTask", json!({"id": "t"}), post("/tasks/t:subscribe", json!({}))),
            ("GetExtendedAgentCard", json!({}), bare(Method::GET, "/extendedAgentCard")),
            (
                "CreateTaskPushNotificationConfig",
                json!({"taskId": "t", "id": "c", "url": "http://h"}),
                post("/tasks/t/pushNotificationConfigs", json!({"id": "c", "url": "http://h"})),
            ),
            (
                "DeleteTaskPushNotificationConfig",
                json!({"taskId": "t", "id": "c"}),
                bare(Method::DELETE, "/tasks/t/pushNotificationConfigs/c"),
            ),
        ] {
            let call = call(method, &params).unwrap();
            assert_eq!((call.method, call.path, String::from_utf8(call.body).unwrap()), expected, "{method}");
        }
        for (method, params) in [("GetTask", json!({})), ("GetTask", json!({"id": ""})), ("NoSuchMethod", json!({}))] {
            assert!(call(method, &params).is_err(), "{method} {params}");
        }
    }

    #[test]
    fn an_error_has_the_code_that_json_rpc_has_for_it() {
        for (status, reason, code) in [
            (404, "TASK_NOT_FOUND", -32001),
            (400, "UNSUPPORTED_OPERATION", -32004),
            (503, "AUDIT_UNAVAILABLE", -30503),
            (418, "X", 418),
        ] {
            let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason});
            let body =
                json!({"error": {"code": status, "status": "S", "message": "no", "details": [info]}}).to_string();
            let outcome = result(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            let Err(ClientError::Rpc(error)) = outcome else { panic!("{outcome:?}") };
            assert_eq!((error.code, error.reason.as_deref(), error.message.as_str()), (code, Some(reason), "no"));
        }
        assert!(matches!(result(StatusCode::BAD_GATEWAY, b"<html>"), Err(ClientError::Protocol(_))));
        assert_eq!(result(StatusCode::OK, b"{\"n\": 9007199254740993}").unwrap().get(), "{\"n\": 9007199254740993}");
        assert_eq!(result(StatusCode::NO_CONTENT, b"").unwrap().get(), "{}");
    }
}
