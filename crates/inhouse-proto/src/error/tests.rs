//! The table against the one of the specification, and the forms of each binding.

use std::collections::BTreeSet;

use prost::Message;

use super::grpc::{Any, BadRequest, Duration, ErrorInfo, RetryInfo, Status};
use super::*;
use ErrorKind as K;

fn v1(error: &A2aError) -> String {
    serde_json::to_string(&error.object()).unwrap()
}

fn plain(error: &A2aError) -> String {
    serde_json::to_string(&error.plain_object()).unwrap()
}

/// Spec 5.4, row by row.
#[test]
fn a2a_errors_have_the_codes_of_the_specification() {
    for (kind, code, http, reason) in [
        (K::TaskNotFound, -32001, 404, "TASK_NOT_FOUND"),
        (K::TaskNotCancelable, -32002, 400, "TASK_NOT_CANCELABLE"),
        (K::PushNotificationNotSupported, -32003, 400, "PUSH_NOTIFICATION_NOT_SUPPORTED"),
        (K::UnsupportedOperation, -32004, 400, "UNSUPPORTED_OPERATION"),
        (K::ContentTypeNotSupported, -32005, 400, "CONTENT_TYPE_NOT_SUPPORTED"),
        (K::InvalidAgentResponse, -32006, 500, "INVALID_AGENT_RESPONSE"),
        (K::ExtendedAgentCardNotConfigured, -32007, 400, "EXTENDED_AGENT_CARD_NOT_CONFIGURED"),
        (K::ExtensionSupportRequired, -32008, 400, "EXTENSION_SUPPORT_REQUIRED"),
        (K::VersionNotSupported, -32009, 400, "VERSION_NOT_SUPPORTED"),
    ] {
        assert_eq!((kind.code(), kind.http_status(), kind.reason()), (code, http, reason));
    }
}

/// Spec 9.5.
#[test]
fn json_rpc_errors_have_the_codes_and_messages_of_the_specification() {
    for (kind, code, message) in [
        (K::ParseError, -32700, "Invalid JSON payload"),
        (K::InvalidRequest, -32600, "Request payload validation error"),
        (K::MethodNotFound, -32601, "Method not found"),
        (K::InvalidParams, -32602, "Invalid parameters"),
        (K::Internal, -32603, "Internal error"),
    ] {
        assert_eq!((kind.code(), kind.message()), (code, message));
    }
}

#[test]
fn every_kind_has_a_row_of_its_own() {
    assert!(K::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
    let unique = |values: Vec<String>| values.into_iter().collect::<BTreeSet<_>>().len();
    assert_eq!(unique(K::ALL.iter().map(|kind| kind.code().to_string()).collect()), K::ALL.len());
    assert_eq!(unique(K::ALL.iter().map(|kind| kind.reason().to_owned()).collect()), K::ALL.len());
    assert_eq!(unique(K::ALL.iter().map(|kind| kind.message().to_owned()).collect()), K::ALL.len());
    for kind in K::ALL {
        assert_eq!(K::of_reason(kind.reason()), Some(kind));
        assert!((400..600).contains(&kind.http_status()), "{kind:?}");
        assert!(kind.reason().bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{kind:?}");
    }
}

#[test]
fn details_stand_in_data_and_the_message_is_canonical() {
    for (error, json) in [
        (
            A2aError::new(K::TaskNotFound).with("taskId", "t1"),
            r#"{"code":-32001,"message":"Task not found","data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"TASK_NOT_FOUND","domain":"a2a-protocol.org","metadata":{"taskId":"t1"}}]}"#,
        ),
        (
            A2aError::invalid("message.parts", "must have at least one element"),
            r#"{"code":-32602,"message":"Invalid parameters","data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_PARAMS","domain":"a2a-protocol.org"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.parts","description":"must have at least one element"}]}]}"#,
        ),
        (
            A2aError::new(K::ResourceExhausted).detail("30 starts a minute").retry_after(7),
            r#"{"code":-31429,"message":"Too many requests","data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RESOURCE_EXHAUSTED","domain":"a2a-protocol.org","metadata":{"detail":"30 starts a minute"}},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}"#,
        ),
    ] {
        assert_eq!(v1(&error), json);
    }
}

#[test]
fn the_first_generation_gets_an_object_as_data() {
    for (error, json) in [
        (
            A2aError::new(K::TaskNotFound).with("taskId", "t1").with("reason", "forged"),
            r#"{"code":-32001,"message":"Task not found","data":{"reason":"TASK_NOT_FOUND","taskId":"t1"}}"#,
        ),
        (
            A2aError::invalid("message.parts", "empty").detail("no parts").retry_after(2),
            r#"{"code":-32602,"message":"Invalid parameters","data":{"detail":"no parts","fieldViolations":[{"description":"empty","field":"message.parts"}],"reason":"INVALID_PARAMS","retryAfterSeconds":2}}"#,
        ),
    ] {
        assert_eq!(plain(&error), json);
    }
}

#[test]
fn an_error_reads_as_a_sentence() {
    for (error, sentence) in [
        (A2aError::new(K::Internal), "Internal error"),
        (A2aError::new(K::Internal).detail("the log is full"), "Internal error: the log is full"),
        (A2aError::invalid("id", "must be set"), "Invalid parameters: id must be set"),
        (A2aError::invalid("id", "must be set").detail("x"), "Invalid parameters: x; id must be set"),
    ] {
        assert_eq!(error.to_string(), sentence);
    }
}

/// Spec 5.4 as of 1.0.1; `google.rpc.Code` for the rest.
#[test]
fn every_kind_has_the_grpc_status_of_the_specification() {
    for (kind, code, name) in [
        (K::TaskNotFound, 5, "NOT_FOUND"),
        (K::TaskNotCancelable, 9, "FAILED_PRECONDITION"),
        (K::PushNotificationNotSupported, 9, "FAILED_PRECONDITION"),
        (K::UnsupportedOperation, 9, "FAILED_PRECONDITION"),
        (K::ContentTypeNotSupported, 3, "INVALID_ARGUMENT"),
        (K::InvalidAgentResponse, 13, "INTERNAL"),
        (K::ExtendedAgentCardNotConfigured, 9, "FAILED_PRECONDITION"),
        (K::ExtensionSupportRequired, 9, "FAILED_PRECONDITION"),
        (K::VersionNotSupported, 9, "FAILED_PRECONDITION"),
        (K::ParseError, 3, "INVALID_ARGUMENT"),
        (K::InvalidRequest, 3, "INVALID_ARGUMENT"),
        (K::MethodNotFound, 12, "UNIMPLEMENTED"),
        (K::InvalidParams, 3, "INVALID_ARGUMENT"),
        (K::Internal, 13, "INTERNAL"),
        (K::Unauthenticated, 16, "UNAUTHENTICATED"),
        (K::PermissionDenied, 7, "PERMISSION_DENIED"),
        (K::Conflict, 6, "ALREADY_EXISTS"),
        (K::PayloadTooLarge, 8, "RESOURCE_EXHAUSTED"),
        (K::ResourceExhausted, 8, "RESOURCE_EXHAUSTED"),
        (K::HopLimit, 9, "FAILED_PRECONDITION"),
        (K::Unavailable, 14, "UNAVAILABLE"),
        (K::AuditUnavailable, 14, "UNAVAILABLE"),
    ] {
        assert_eq!((kind.grpc_code(), kind.grpc_name()), (code, name), "{kind:?}");
    }
}

/// Spec 11.6.
#[test]
fn http_json_says_an_error_as_a_status() {
    for (error, json) in [
        (
            A2aError::new(K::TaskNotFound).with("taskId", "t1"),
            r#"{"error":{"code":404,"status":"NOT_FOUND","message":"Task not found","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"TASK_NOT_FOUND","domain":"a2a-protocol.org","metadata":{"taskId":"t1"}}]}}"#,
        ),
        (
            A2aError::invalid("id", "must be set").retry_after(7),
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"Invalid parameters","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_PARAMS","domain":"a2a-protocol.org"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"id","description":"must be set"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#,
        ),
    ] {
        assert_eq!(status_response(&error), json);
    }
}

/// The detail called `name`.
fn detail<T: Message + Default>(status: &Status, name: &str) -> Option<T> {
    let url = format!("type.googleapis.com/google.rpc.{name}");
    let found = status.details.iter().find(|Any { type_url, .. }| *type_url == url);
    found.map(|Any { value, .. }| T::decode(value.as_slice()).unwrap())
}

/// Spec 10.6.
#[test]
fn grpc_carries_the_same_details_in_protobuf() {
    let error = A2aError::invalid("id", "must be set").detail("no id").retry_after(7);
    let status = Status::decode(status_details(&error).as_slice()).unwrap();
    assert_eq!((status.code, status.message.as_str()), (3, "Invalid parameters"));
    let info: ErrorInfo = detail(&status, "ErrorInfo").unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_PARAMS", "a2a-protocol.org"));
    assert_eq!(info.metadata, BTreeMap::from([("detail".to_owned(), "no id".to_owned())]));
    let bad: BadRequest = detail(&status, "BadRequest").unwrap();
    assert_eq!(
        (bad.field_violations[0].field.as_str(), bad.field_violations[0].description.as_str()),
        ("id", "must be set")
    );
    assert_eq!(detail::<RetryInfo>(&status, "RetryInfo").unwrap().retry_delay, Some(Duration { seconds: 7 }));
    let short = Status::decode(status_details(&A2aError::new(K::TaskNotFound)).as_slice()).unwrap();
    assert_eq!((short.code, short.details.len()), (5, 1));
}

/// Byte for byte: a reader that is not ours must find every field under its number.
#[test]
fn the_status_has_the_field_numbers_of_google_rpc() {
    let status = status_details(&A2aError::new(K::TaskNotFound));
    let info = b"\x0a\x0eTASK_NOT_FOUND\x12\x10a2a-protocol.org";
    let url = b"\x0a\x28type.googleapis.com/google.rpc.ErrorInfo";
    let expected = [b"\x08\x05\x12\x0eTask not found\x1a\x4e".as_slice(), url, b"\x12\x22", info].concat();
    assert_eq!(status, expected);
}

#[test]
fn a_long_list_of_violations_still_fits_into_trailers() {
    let long = (0..32).map(|_| FieldViolation::new("f".repeat(1_000), "must be set")).collect();
    let bytes = status_details(&A2aError::invalid_fields(long));
    assert!(bytes.len() < DETAILS_BYTES_MAX + 512, "{} bytes", bytes.len());
    let bad: BadRequest = detail(&Status::decode(bytes.as_slice()).unwrap(), "BadRequest").unwrap();
    assert_eq!(bad.field_violations.len(), 4);
}

#[test]
fn clients_of_0_3_find_the_name_of_an_error_where_they_look_for_it() {
    let error = A2aError::new(K::TaskNotFound);
    let json: serde_json::Value = serde_json::from_slice(&status_response_0_3(&error)).unwrap();
    assert_eq!((&json["type"], &json["message"]), (&"TaskNotFoundError".into(), &"Task not found".into()));
    assert_eq!(json["error"]["status"], "NOT_FOUND");
    let plain: serde_json::Value = serde_json::from_slice(&status_response(&error)).unwrap();
    assert!(plain.get("type").is_none() && plain.get("message").is_none());
}
