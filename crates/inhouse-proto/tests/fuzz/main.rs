//! Fuzz targets for what callers send: nothing panics, and what is understood means the same after a round trip.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, reason = "shared between test files")]

mod mutation;

use inhouse_proto::jsonrpc::Request;
use inhouse_proto::read::read;
use inhouse_proto::v0_3_proto::{PushConfigBody, SendMessageRequest};
use inhouse_proto::validate::Validate;
use inhouse_proto::{json, v0_1, v0_3, v1};
use mutation::{cases, changed};
use proptest::prelude::*;
use prost::Message;
use serde::de::DeserializeOwned;

const JSON_RPC: [&[u8]; 6] = [
    br#"{"jsonrpc":"2.0","id":"a","method":"SendMessage","params":{"message":{"messageId":"m","role":"ROLE_USER","taskId":"t","parts":[{"text":"hi"},{"data":{"a":[1,2.5,null]}},{"raw":"AAEC","mediaType":"image/png","filename":"x"},{"url":"https://h/x"}],"extensions":["urn:x"]},"configuration":{"historyLength":2,"acceptedOutputModes":["text/plain"],"returnImmediately":true,"taskPushNotificationConfig":{"url":"https://h","authentication":{"scheme":"Bearer","credentials":"c"}}},"metadata":{"k":9007199254740993}}}"#,
    br#"{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"contextId":"c","status":"TASK_STATE_WORKING","pageSize":3,"pageToken":"1a.t","statusTimestampAfter":"2026-01-02T03:04:05.678Z","includeArtifacts":true}}"#,
    br#"{"jsonrpc":"2.0","id":null,"method":"message/send","params":{"message":{"kind":"message","messageId":"m","role":"user","contextId":"c","parts":[{"kind":"text","text":"hi","metadata":{"a":1}},{"kind":"file","file":{"bytes":"AAEC","mimeType":"image/png","name":"x"}},{"kind":"file","file":{"uri":"https://h/x"}},{"kind":"data","data":{"a":[1]}}]},"configuration":{"blocking":false,"historyLength":0,"acceptedOutputModes":["text"],"pushNotificationConfig":{"url":"https://h","token":"t","authentication":{"schemes":["Bearer"]}}}}}"#,
    br#"{"jsonrpc":"2.0","id":2,"method":"tasks/send","params":{"id":"mine","sessionId":"s","message":{"role":"user","parts":[{"type":"text","text":"hi"},{"type":"file","file":{"bytes":"AAEC","name":"x"}},{"type":"data","data":{"a":1}}]},"pushNotification":{"url":"https://h","authentication":{"schemes":["Bearer"]}},"historyLength":1}}"#,
    br#"{"jsonrpc":"2.0","id":3,"method":"CreateTaskPushNotificationConfig","params":{"taskId":"t","config":{"id":"c","url":"https://h"}}}"#,
    br#"{"jsonrpc":"2.0","id":4,"method":"tasks/get","params":{"id":"t","historyLength":3}}"#,
];

const HTTP_JSON: [&[u8]; 4] = [
    br#"{"message":{"messageId":"m","role":"ROLE_USER","content":[{"text":"hi"},{"file":{"fileWithBytes":"AAEC","mimeType":"image/png"}},{"file":{"file_with_uri":"https://h/x"}},{"data":{"data":{"a":1}}}]},"configuration":{"blocking":true,"acceptedOutputModes":["text/plain"],"pushNotification":{"url":"https://h"}}}"#,
    br#"{"request":{"message_id":"m","role":"ROLE_USER","content":[{"text":"hi"}]},"metadata":{"a":null}}"#,
    br#"{"parent":"tasks/t","configId":"c","config":{"name":"tasks/t/pushNotificationConfigs/c","pushNotificationConfig":{"url":"https://h","authentication":{"schemes":["Bearer"]}}}}"#,
    br#"{"name":"tasks/t/pushNotificationConfigs/c","pushNotificationConfig":{"id":"c","url":"https://h","token":"t"}}"#,
];

/// Decodes, and what can be decoded says the same when it is written and decoded again.
fn same_again<T: DeserializeOwned + serde::Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = json::decode::<T>(bytes) {
        let written = serde_json::to_vec(&value).unwrap();
        assert_eq!(json::decode::<T>(&written).unwrap(), value);
    }
}

/// What 0.3 says in v1 comes back from it as it was.
fn round_trip_0_3(message: Option<v0_3::Message>) {
    let Some(Ok(message)) = message.map(|message| message.into_v1("message")) else { return };
    let back = v0_3::Message::from_v1(&message).into_v1("message").unwrap();
    assert_eq!(v0_3::Message::from_v1(&back), v0_3::Message::from_v1(&message));
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn fuzz_json_rpc(body in changed(&JSON_RPC)) {
        let Ok(request) = Request::parse(&body) else { return Ok(()) };
        same_again::<v1::SendMessageRequest>(request.params());
        same_again::<v1::ListTasksRequest>(request.params());
        same_again::<v1::TaskPushNotificationConfig>(request.params());
        let _ = v1::TaskPushNotificationConfig::from_body(request.params(), None, Validate::violations);
        let _ = read(request.params(), Ok, v1::SendMessageRequest::violations);
        if let Ok(params) = json::decode::<v0_3::MessageSendParams>(request.params()) {
            round_trip_0_3(params.message);
        }
        let _ = read(request.params(), v0_3::MessageSendParams::into_v1, Validate::violations);
        let _ = read(request.params(), v0_1::TaskSendParams::into_v1, |send| send.request.violations());
    }

    #[test]
    fn fuzz_http_json(body in changed(&HTTP_JSON)) {
        let _ = json::check_request(&body);
        let _ = read(&body, SendMessageRequest::into_v1, Validate::violations);
        let config = |body: PushConfigBody| body.into_request("tasks/t")?.into_v1();
        let _ = read(&body, config, Validate::violations);
    }

    #[test]
    fn fuzz_protobuf(seed in 0..JSON_RPC.len(), body in changed(&[b"\x0a\x01x", &[0; 64], b"\x12\x0b\x0a\x01m\x20\x01\x2a\x04\x0a\x02hi"]), cut in any::<prop::sample::Index>()) {
        let call = Request::parse(JSON_RPC[seed]).unwrap();
        let whole = json::decode::<v1::SendMessageRequest>(call.params()).map(|request| request.encode_to_vec()).unwrap_or_default();
        let mut damaged = whole.clone();
        damaged.truncate(if whole.is_empty() { 0 } else { cut.index(whole.len()) });
        damaged.extend_from_slice(&body);
        for bytes in [&whole, &damaged, &body] {
            if let Ok(request) = v1::SendMessageRequest::decode(bytes.as_slice()) {
                let again = v1::SendMessageRequest::decode(request.encode_to_vec().as_slice()).unwrap();
                prop_assert_eq!(again.encode_to_vec(), request.encode_to_vec());
                let _ = (request.violations(), serde_json::to_vec(&request));
            }
            if let Ok(request) = SendMessageRequest::decode(bytes.as_slice()) {
                let _ = request.into_v1().map(|request| request.violations());
            }
        }
    }

    #[test]
    fn fuzz_card_signature(header in changed(&[b"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKT1NFIn0", b"e30", b""])) {
        let _ = v1::card_signature::Protected::decode(&String::from_utf8_lossy(&header));
    }
}
