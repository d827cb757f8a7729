//! The JSON-RPC 2.0 envelope: parameters out, results or errors in (spec 9).

use std::collections::BTreeMap;

use hyper::header::{HeaderMap, RETRY_AFTER};
use inhouse_proto::validate::FieldViolation;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{ClientError, RpcError};

#[derive(Serialize)]
struct Call<'a, P> {
    jsonrpc: &'static str,
    // Each call has a connection of its own, so one id serves all.
    id: u32,
    method: &'a str,
    params: &'a P,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<ErrorObject>,
}

/// An error of either binding, before its details are taken apart.
#[derive(Deserialize)]
pub(crate) struct ErrorObject {
    pub(crate) code: i64,
    #[serde(default)]
    message: String,
    /// HTTP+JSON has another name for them.
    #[serde(default, alias = "details")]
    data: Value,
}

/// The error that a body has for its `error`, in either binding.
#[derive(Deserialize)]
pub(crate) struct Failure {
    pub(crate) error: ErrorObject,
}

/// A call as bytes.
pub(crate) fn call(method: &str, params: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(&Call { jsonrpc: "2.0", id: 1, method, params })
        .map_err(|error| ClientError::Protocol(format!("the request can not be written: {error}")))
}

/// The result of an answer as its server wrote it.
pub(crate) fn result(body: &[u8]) -> Result<Box<RawValue>, ClientError> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| no_json_rpc(&error.to_string(), body))?;
    match (answer.result, answer.error) {
        (_, Some(error)) => Err(ClientError::Rpc(Box::new(error.into()))),
        (Some(result), None) => Ok(result.to_owned()),
        (None, None) => Err(no_json_rpc("neither result nor error", body)),
    }
}

/// An outcome, with what only the head of an HTTP answer tells.
pub(crate) fn with_head(
    headers: &HeaderMap,
    outcome: Result<Box<RawValue>, ClientError>,
) -> Result<Box<RawValue>, ClientError> {
    outcome.map_err(|error| match error {
        ClientError::Rpc(mut rpc) => {
            let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            rpc.retry_after_s = header.or(rpc.retry_after_s);
            ClientError::Rpc(rpc)
        }
        other => other,
    })
}

/// A result as a message of the model.
pub(crate) fn decode<T: DeserializeOwned>(result: &RawValue) -> Result<T, ClientError> {
    serde_json::from_str(result.get())
        .map_err(|error| ClientError::Protocol(format!("the answer is not A2A v1.0: {error}")))
}

fn no_json_rpc(why: &str, body: &[u8]) -> ClientError {
    const SHOWN_BYTES_MAX: usize = 120;
    let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES_MAX)]);
    ClientError::Protocol(format!("the answer is not JSON-RPC ({why}): {:?}", shown.trim()))
}

impl From<ErrorObject> for RpcError {
    fn from(object: ErrorObject) -> Self {
        let mut error = Self { code: object.code, message: object.message, ..Self::default() };
        for detail in object.data.as_array().into_iter().flatten() {
            let kind = detail["@type"].as_str().unwrap_or_default();
            match kind.rsplit('/').next().unwrap_or_default() {
                "google.rpc.ErrorInfo" => {
                    error.reason = text(&detail["reason"]);
                    error.metadata = texts(&detail["metadata"]);
                }
                "google.rpc.BadRequest" => error.violations.extend(violations(&detail["fieldViolations"])),
                "google.rpc.RetryInfo" => error.retry_after_s = detail["retryDelay"].as_str().and_then(whole_seconds),
                _ => {}
            }
        }
        error
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}

fn violations(value: &Value) -> impl Iterator<Item = FieldViolation> {
    value.as_array().into_iter().flatten().map(|violation| FieldViolation {
        field: text(&violation["field"]).unwrap_or_default(),
        description: text(&violation["description"]).unwrap_or_default(),
    })
}

/// A duration of protobuf's JSON form ("3s", "0.5s"), rounded up.
fn whole_seconds(duration: &str) -> Option<u64> {
    let (whole, fraction) = match duration.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (duration.strip_suffix('s')?, ""),
    };
    let whole: u64 = whole.parse().ok()?;
    Some(whole + u64::from(fraction.bytes().any(|digit| digit != b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_envelope_of_json_rpc() {
        let bytes = call("GetTask", &serde_json::json!({"id": "t"})).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"t"}}"#
        );
    }

    #[test]
    fn a_result_comes_back_byte_for_byte() {
        for result_json in [r#"{"n":9007199254740993, "f":1.0}"#, "1", "[]", "\"x\""] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result_json}}}"#);
            assert_eq!(result(body.as_bytes()).unwrap().get(), result_json);
        }
    }

    #[test]
    fn an_error_object_is_taken_apart() {
        let body = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid parameters","data":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_PARAMS","metadata":{"taskId":"t","n":1}},
            {"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.parts","description":"is empty"}]},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2.5s"},
            {"@type":"of.the.Future"}]}}"#;
        let Err(ClientError::Rpc(error)) = result(body) else { panic!("not an error object") };
        let expected = RpcError {
            code: -32602,
            message: "Invalid parameters".into(),
            reason: Some("INVALID_PARAMS".into()),
            metadata: BTreeMap::from([("taskId".to_owned(), "t".to_owned())]),
            violations: vec![FieldViolation { field: "message.parts".into(), description: "is empty".into() }],
            retry_after_s: Some(3),
        };
        assert_eq!(*error, expected);
    }

    #[test]
    fn an_error_without_the_usual_details_is_still_an_error() {
        for data in ["", r#","data":null"#, r#","data":"text""#, r#","data":[1,null]"#] {
            let body = format!(r#"{{"error":{{"code":-32000,"message":"no"{data}}}}}"#);
            assert!(matches!(result(body.as_bytes()), Err(ClientError::Rpc(error)) if error.code == -32000), "{body}");
        }
    }

    #[test]
    fn anything_else_is_a_protocol_error_that_shows_its_beginning() {
        for body in ["", "null", "[]", "{}", "<html>busy</html>", r#"{"result":"#, r#"{"result":null}"#, "\u{1b}[31m"] {
            let Err(ClientError::Protocol(text)) = result(body.as_bytes()) else { panic!("{body}") };
            assert!(text.contains("not JSON-RPC") && !text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn durations_round_up_to_whole_seconds() {
        for (duration, seconds) in
            [("3s", Some(3)), ("0.001s", Some(1)), ("2.000s", Some(2)), ("3", None), ("s", None), ("-1s", None)]
        {
            assert_eq!(whole_seconds(duration), seconds, "{duration}");
        }
    }
}
