//! Golden conversions between the first generation and v1.

use serde_json::{Value, json};

use super::*;
use crate::error::ErrorKind;
use crate::{json, v1};

fn v1_of<T: serde::de::DeserializeOwned>(value: Value) -> T {
    json::decode(value.to_string().as_bytes()).unwrap()
}

fn sent(params: Value) -> Send {
    json::decode::<TaskSendParams>(params.to_string().as_bytes()).unwrap().into_v1().unwrap()
}

#[test]
fn a_send_becomes_a_v1_request_with_the_callers_id_apart() {
    let send = sent(json!({
        "id": "mine", "sessionId": "s", "historyLength": 2, "metadata": {"k": 1}, "acceptedOutputModes": ["text"],
        "pushNotification": {"url": "https://a", "token": "x", "authentication": {"schemes": ["Bearer"], "credentials": "c"}},
        "message": {"role": "user", "metadata": {"m": 1}, "parts": [
            {"type": "text", "text": "hi", "metadata": {"p": 1}},
            {"type": "file", "file": {"name": "f", "mimeType": "image/png", "bytes": "AP8="}},
            {"kind": "file", "file": {"uri": "https://b"}},
            {"type": "data", "kind": "data", "data": {"n": 9_007_199_254_740_993_u64}},
            {"text": "neither"},
        ]},
    }));
    assert_eq!(send.task_id.as_deref(), Some("mine"));
    assert_eq!(
        serde_json::to_value(&send.request).unwrap(),
        json!({
            "message": {"messageId": "", "contextId": "s", "role": "ROLE_USER", "metadata": {"m": 1}, "parts": [
                {"text": "hi", "metadata": {"p": 1}},
                {"raw": "AP8=", "filename": "f", "mediaType": "image/png"},
                {"url": "https://b"},
                {"data": {"n": 9_007_199_254_740_993_u64}},
                {"text": "neither"},
            ]},
            "configuration": {
                "acceptedOutputModes": ["text"], "historyLength": 2,
                "taskPushNotificationConfig": {"url": "https://a", "token": "x", "authentication": {"scheme": "Bearer", "credentials": "c"}},
            },
            "metadata": {"k": 1},
        })
    );
}

#[test]
fn a_send_may_lack_all_but_the_message() {
    let send = sent(json!({"message": {"role": "agent", "parts": [], "messageId": "m"}, "sessionId": null, "x": 1}));
    assert_eq!(send.task_id, None);
    let message = send.request.message.unwrap();
    assert_eq!((message.message_id.as_str(), message.context_id.as_str(), message.role()), ("m", "", v1::Role::Agent));
}

#[test]
fn parts_that_say_too_little_or_too_much_are_refused() {
    for (part, sentence) in [
        (json!({}), "missing field `type`"),
        (json!({"type": "text"}), "missing field `text`"),
        (json!({"type": "video"}), "unknown variant `video`"),
        (json!({"type": "text", "text": 1}), "invalid type"),
        (Value::Null, "invalid type: null"),
    ] {
        let params = json!({"message": {"role": "user", "parts": [part]}});
        let error = json::decode::<TaskSendParams>(params.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
    }
    for (file, sentence) in [
        (json!({}), "message.parts[0].file must have bytes or uri"),
        (json!({"bytes": "AA==", "uri": "x"}), "message.parts[0].file has bytes and uri together"),
        (json!({"bytes": "?"}), "message.parts[0].file.bytes is not base64"),
    ] {
        let params = json!({"message": {"role": "user", "parts": [{"type": "file", "file": file}]}});
        let params: TaskSendParams = json::decode(params.to_string().as_bytes()).unwrap();
        let error = params.into_v1().unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidParams);
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

#[test]
fn a_list_is_no_object() {
    let part = json!(["text", "text", "hi", null, null, null]);
    for params in [
        json!({"pushNotification": ["https://a", null, null]}),
        json!({"pushNotification": {"url": "https://a", "authentication": [["Bearer"], "c"]}}),
        json!({"message": {"role": "user", "parts": [part]}}),
        json!({"message": {"role": "user", "parts": [{"type": "file", "file": ["f", "image/png", "AP8=", null]}]}}),
    ] {
        let taken = json::decode::<TaskSendParams>(params.to_string().as_bytes());
        assert!(taken.is_err(), "{params}: {taken:?}");
    }
}

#[test]
fn queries_keep_the_callers_id() {
    let query: TaskQueryParams = v1_of(json!({"id": "mine", "history_length": 0}));
    assert_eq!(serde_json::to_value(query.into_v1()).unwrap(), json!({"id": "mine", "historyLength": 0}));
    let cancel: TaskIdParams = v1_of(json!({"id": "mine", "metadata": {"k": 1}}));
    assert_eq!(serde_json::to_value(cancel.into_v1()).unwrap(), json!({"id": "mine", "metadata": {"k": 1}}));
}

fn task(status: Value) -> v1::Task {
    v1_of(json!({
        "id": "inner", "contextId": "c", "status": status, "metadata": {"k": 1},
        "history": [{"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "q"}]}],
        "artifacts": [
            {"artifactId": "a", "name": "n", "parts": [{"text": "one"}, {"data": [1]}]},
            {"artifactId": "b", "parts": [{"raw": "AP8=", "filename": "f", "mediaType": "image/png"}, {"text": "two"}]},
        ],
    }))
}

#[test]
fn a_task_shows_what_old_clients_and_newer_ones_read() {
    let shown =
        Task::from_v1(&task(json!({"state": "TASK_STATE_COMPLETED", "timestamp": "2026-01-31T12:00:00Z"})), "mine");
    let message = json!({"kind": "message", "role": "user", "messageId": "m1", "parts": [{"type": "text", "kind": "text", "text": "q"}]});
    assert_eq!(
        serde_json::to_value(&shown).unwrap(),
        json!({
            "kind": "task", "id": "mine", "sessionId": "c", "contextId": "c", "metadata": {"k": 1},
            "status": {
                "state": "completed", "timestamp": "2026-01-31T12:00:00.000Z",
                "message": {"kind": "message", "role": "agent", "parts": [
                    {"type": "text", "kind": "text", "text": "one"}, {"type": "text", "kind": "text", "text": "two"},
                ]},
            },
            "history": [message], "messages": [message],
            "artifacts": [
                {"artifactId": "a", "name": "n", "index": 0, "append": false, "lastChunk": true, "parts": [
                    {"type": "text", "kind": "text", "text": "one"},
                    {"type": "data", "kind": "data", "data": {"value": [1]}},
                ]},
                {"artifactId": "b", "index": 1, "append": false, "lastChunk": true, "parts": [
                    {"type": "file", "kind": "file", "file": {"name": "f", "mimeType": "image/png", "bytes": "AP8="}},
                    {"type": "text", "kind": "text", "text": "two"},
                ]},
            ],
        })
    );
}

#[test]
fn an_artifact_of_a_task_that_goes_on_may_go_on_too() {
    for (state, last) in
        [("TASK_STATE_WORKING", false), ("TASK_STATE_INPUT_REQUIRED", true), ("TASK_STATE_FAILED", true)]
    {
        let shown = Task::from_v1(&task(json!({"state": state})), "mine");
        assert!(shown.artifacts.iter().all(|artifact| artifact.last_chunk == last), "{state}");
    }
}

#[test]
fn a_status_with_a_message_keeps_it() {
    let question = json!({"messageId": "m2", "role": "ROLE_AGENT", "parts": [{"text": "which?"}]});
    let shown = Task::from_v1(&task(json!({"state": "TASK_STATE_AUTH_REQUIRED", "message": question})), "mine");
    let status = serde_json::to_value(&shown.status).unwrap();
    assert_eq!(
        (&status["state"], &status["message"]["parts"][0]["text"]),
        (&json!("input-required"), &json!("which?"))
    );
}

#[test]
fn every_state_has_a_name_of_the_first_generation() {
    use v1::TaskState as S;
    for (state, name, is_final) in [
        (S::Unspecified, "unknown", false),
        (S::Submitted, "submitted", false),
        (S::Working, "working", false),
        (S::Completed, "completed", true),
        (S::Failed, "failed", true),
        (S::Canceled, "canceled", true),
        (S::InputRequired, "input-required", true),
        (S::Rejected, "failed", true),
        (S::AuthRequired, "input-required", true),
    ] {
        let shown = TaskState::from_v1(state);
        assert_eq!((serde_json::to_value(shown).unwrap(), shown.is_final()), (json!(name), is_final));
    }
}

fn streamed(stream: &mut Stream, response: Value, artifacts: &[v1::Artifact]) -> Value {
    serde_json::to_value(stream.events(&v1_of(response), artifacts)).unwrap()
}

fn chunk(artifact_id: &str, text: &str, append: bool, last_chunk: bool) -> Value {
    json!({"artifactUpdate": {
        "taskId": "inner", "contextId": "c", "append": append, "lastChunk": last_chunk,
        "artifact": {"artifactId": artifact_id, "parts": [{"text": text}]},
    }})
}

#[test]
fn stream_events_become_status_and_indexed_artifact_events() {
    let mut stream = Stream::new("mine");
    let mut shown = |response, artifacts: &[v1::Artifact]| streamed(&mut stream, response, artifacts);
    let part = |text: &str| json!([{"type": "text", "kind": "text", "text": text}]);
    let status =
        |state: &str| json!({"statusUpdate": {"taskId": "inner", "contextId": "c", "status": {"state": state}}});
    let artifact = |id: &str, index: u32, text: &str, append: bool, last: bool| json!([{"id": "mine", "artifact": {"artifactId": id, "index": index, "append": append, "lastChunk": last, "parts": part(text)}}]);
    assert_eq!(
        shown(json!({"task": {"id": "inner", "contextId": "c", "status": {"state": "TASK_STATE_SUBMITTED"}}}), &[]),
        json!([{"id": "mine", "status": {"state": "submitted"}, "final": false}])
    );
    assert_eq!(shown(chunk("a", "x", false, false), &[]), artifact("a", 0, "x", false, false));
    assert_eq!(shown(chunk("b", "y", false, true), &[]), artifact("b", 1, "y", false, true));
    assert_eq!(shown(chunk("a", "z", true, true), &[]), artifact("a", 0, "z", true, true));
    let whole: Vec<v1::Artifact> = vec![v1_of(json!({"artifactId": "a", "parts": [{"text": "xz"}]}))];
    assert_eq!(
        shown(status("TASK_STATE_WORKING"), &whole),
        json!([{"id": "mine", "status": {"state": "working"}, "final": false}])
    );
    assert_eq!(
        shown(status("TASK_STATE_COMPLETED"), &whole),
        json!([{"id": "mine", "final": true, "status": {
            "state": "completed", "message": {"kind": "message", "role": "agent", "parts": part("xz")},
        }}])
    );
    assert_eq!(shown(json!({}), &[]), json!([]));
}

#[test]
fn a_direct_answer_is_a_finished_task_to_old_clients() {
    let answer = json!({"messageId": "m9", "contextId": "c", "role": "ROLE_AGENT", "parts": [{"text": "42"}]});
    let shown = serde_json::to_value(Task::from_answer(&v1_of(answer.clone()), "mine")).unwrap();
    assert_eq!(shown["status"]["state"], "completed");
    assert_eq!(shown["status"]["message"]["parts"][0]["text"], "42");
    assert_eq!(shown["artifacts"][0]["parts"][0]["text"], "42");
    let events = streamed(&mut Stream::new("mine"), json!({"message": answer}), &[]);
    assert_eq!((events[0]["artifact"]["index"].as_u64(), events[1]["final"].as_bool()), (Some(0), Some(true)));
}
