//! Golden conversions between v0.3 and v1.

use serde_json::{Value, json};

use super::*;
use crate::error::{A2aError, ErrorKind};
use crate::json::DecodeError;
use crate::validate::Validate;
use crate::{json, v1};

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    json::decode(value.to_string().as_bytes()).unwrap()
}

fn written(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn sent(params: &Value) -> v1::SendMessageRequest {
    read::<MessageSendParams>(params).into_v1().unwrap()
}

/// A message and what it is in v1, with every member that both have.
fn messages() -> (Value, Value) {
    let old = json!({
        "kind": "message", "messageId": "m", "role": "user", "contextId": "c", "taskId": "t",
        "referenceTaskIds": ["t0"], "extensions": ["urn:x"], "metadata": {"m": 1},
        "parts": [
            {"kind": "text", "text": "hi", "metadata": {"p": 1}},
            {"kind": "file", "file": {"name": "f", "mimeType": "image/png", "bytes": "AP8="}, "metadata": {"p": 2}},
            {"kind": "file", "file": {"uri": "https://b"}},
            {"kind": "data", "data": {"n": 9_007_199_254_740_993_u64, "one": 1, "also": 1.0}},
        ],
    });
    let new = json!({
        "messageId": "m", "role": "ROLE_USER", "contextId": "c", "taskId": "t",
        "referenceTaskIds": ["t0"], "extensions": ["urn:x"], "metadata": {"m": 1},
        "parts": [
            {"text": "hi", "metadata": {"p": 1}},
            {"raw": "AP8=", "filename": "f", "mediaType": "image/png", "metadata": {"p": 2}},
            {"url": "https://b"},
            {"data": {"n": 9_007_199_254_740_993_u64, "one": 1, "also": 1.0}},
        ],
    });
    (old, new)
}

#[test]
fn a_message_is_the_same_in_both_directions() {
    let (old, new) = messages();
    assert_eq!(written(read::<Message>(&old).into_v1("message").unwrap()), new);
    assert_eq!(written(Message::from_v1(&read(&new))), old);
    let poor = json!({"kind": "message", "messageId": "m", "role": "agent", "parts": []});
    assert_eq!(
        written(read::<Message>(&poor).into_v1("message").unwrap()),
        json!({"messageId": "m", "role": "ROLE_AGENT", "parts": []})
    );
    assert_eq!(written(Message::from_v1(&read(&json!({"messageId": "m"})))), poor);
}

#[test]
fn numbers_stay_as_they_were_written() {
    let data = r#"{"a":1,"b":1.0,"c":9007199254740993,"d":-0.5,"e":18446744073709551615}"#;
    let message = format!(r#"{{"messageId":"m","role":"user","parts":[{{"kind":"data","data":{data}}}]}}"#);
    let new = json::decode::<Message>(message.as_bytes()).unwrap().into_v1("message").unwrap();
    let old = serde_json::to_string(&Message::from_v1(&new)).unwrap();
    for text in [serde_json::to_string(&new).unwrap(), old] {
        assert!(text.contains(data), "{text}");
    }
}

#[test]
fn a_send_becomes_a_v1_request() {
    let (old, new) = messages();
    let request = sent(&json!({
        "message": old, "metadata": {"k": 1},
        "configuration": {
            "acceptedOutputModes": ["text/plain"], "blocking": true, "historyLength": 2,
            "pushNotificationConfig": {
                "id": "p", "url": "https://a", "token": "x",
                "authentication": {"schemes": ["Bearer", "Basic"], "credentials": "c"},
            },
        },
    }));
    assert_eq!(
        written(&request),
        json!({
            "message": new, "metadata": {"k": 1},
            "configuration": {
                "acceptedOutputModes": ["text/plain"], "historyLength": 2,
                "taskPushNotificationConfig": {
                    "id": "p", "url": "https://a", "token": "x",
                    "authentication": {"scheme": "Bearer", "credentials": "c"},
                },
            },
        })
    );
    assert_eq!(request.violations(), []);
}

#[test]
fn a_send_waits_unless_it_says_that_it_does_not() {
    for (configuration, return_immediately) in [
        (json!({}), false),
        (json!({"blocking": null}), false),
        (json!({"blocking": true}), false),
        (json!({"blocking": false}), true),
    ] {
        let params = json!({"message": {"role": "user", "parts": []}, "configuration": configuration});
        assert_eq!(sent(&params).configuration.unwrap().return_immediately, return_immediately, "{configuration}");
    }
}

#[test]
fn what_is_said_otherwise_is_read_the_same() {
    let (old, _) = messages();
    let send =
        |message: Value, configuration: Value| sent(&json!({"message": message, "configuration": configuration}));
    let full = send(
        old,
        json!({"acceptedOutputModes": ["a"], "historyLength": 1, "pushNotificationConfig": {"id": "p", "url": "u"}}),
    );
    let snake = json!({
        "message_id": "m", "role": "user", "context_id": "c", "task_id": "t", "unknown": {"x": [1]},
        "reference_task_ids": ["t0"], "extensions": ["urn:x"], "metadata": {"m": 1},
        "parts": [
            {"type": "text", "text": "hi", "metadata": {"p": 1}, "file": null, "data": null},
            {"file": {"name": "f", "mime_type": "image/png", "bytes": "AP8", "uri": null}, "metadata": {"p": 2}},
            {"kind": "file", "type": "file", "file": {"uri": "https://b", "name": null, "mimeType": null}},
            {"kind": null, "data": {"n": 9_007_199_254_740_993_u64, "one": 1, "also": 1.0}, "metadata": null},
        ],
    });
    let configuration = json!({
        "accepted_output_modes": ["a"], "history_length": 1,
        "push_notification_config": {"id": "p", "url": "u", "token": null, "authentication": {"schemes": []}},
    });
    assert_eq!(send(snake, configuration), full);
    let nulls = json!({
        "messageId": "m", "role": "user", "parts": [], "contextId": null, "taskId": null, "referenceTaskIds": null,
        "extensions": null, "metadata": null, "kind": null,
    });
    let poor = send(json!({"messageId": "m", "role": "user", "parts": []}), json!({}));
    assert_eq!(
        send(nulls, json!({"acceptedOutputModes": null, "historyLength": null, "pushNotificationConfig": null})),
        poor
    );
    assert_eq!(
        sent(&json!({"message": {"role": "user", "parts": null}, "configuration": null, "metadata": null})),
        sent(&json!({"message": {"role": "user", "parts": []}}))
    );
}

#[test]
fn what_is_not_of_the_shape_is_refused_by_its_name() {
    let ok = json!([{"kind": "text", "text": "x"}]);
    for (message, sentence) in [
        (json!({"role": "robot", "parts": ok}), "unknown variant `robot`, expected `user` or `agent`"),
        (json!({"role": "user", "parts": {}}), "expected a sequence"),
        (json!({"role": "user", "parts": [null]}), "expected an object"),
        (json!({"role": "user", "parts": [["text", null, "x"]]}), "expected an object"),
        (json!({"role": "user", "parts": [{"kind": "text", "text": 1}]}), "integer `1`, expected a string"),
        (json!({"role": "user", "parts": [{"kind": "file", "file": []}]}), "expected an object"),
        (json!({"role": "user", "parts": ok, "metadata": []}), "expected an object"),
        (json!(["m", "user"]), "expected an object"),
    ] {
        let params = json!({"message": message, "configuration": null});
        let error = json::decode::<MessageSendParams>(params.to_string().as_bytes()).unwrap_err();
        assert!(matches!(&error, DecodeError::WrongShape(text) if text.contains(sentence)), "{message}: {error}");
    }
    for (params, sentence) in [
        (json!({"id": 7}), "integer `7`, expected a string"),
        (json!({"id": "t", "historyLength": "1"}), "expected i32"),
    ] {
        let error = json::decode::<TaskQueryParams>(params.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains(sentence), "{params}: {error}");
    }
    let set = json!({"taskId": "t", "pushNotificationConfig": {"id": "p", "url": 1}});
    let error = json::decode::<PushConfigSetParams>(set.to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("expected a string"), "{error}");
    let missing = sent(&json!({"message": null})).violations();
    assert_eq!(missing[0].field, "message");
    for message in [json!({}), json!({"messageId": null, "role": null, "parts": null})] {
        let missing = sent(&json!({"message": message})).violations();
        let fields: Vec<&str> = missing.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["message.messageId", "message.role", "message.parts"]);
    }
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    for json in [
        r#"{"message":{"role":"user","role":"user","parts":[]}}"#,
        r#"{"message":{"role":"user","messageId":"m","message_id":"m","parts":[]}}"#,
        r#"{"message":{"role":"user","parts":[{"kind":"text","kind":"text","text":"x"}]}}"#,
        r#"{"message":{"role":"user","parts":[{"kind":"data","data":{"a":{"b":1,"b":1}}}]}}"#,
        r#"{"message":{"role":"user","parts":[]},"configuration":{"blocking":true,"blocking":false}}"#,
    ] {
        let error = json::decode::<MessageSendParams>(json.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("duplicate"), "{json}: {error}");
    }
}

#[test]
fn parts_that_say_too_little_or_too_much_are_refused_by_their_place() {
    for (part, sentence) in [
        (json!({}), "message.parts[1].kind must be text, file or data"),
        (json!({"kind": "video"}), "message.parts[1].kind must be text, file or data"),
        (json!({"kind": "text", "data": {}}), "message.parts[1].text must be present"),
        (json!({"type": "data", "data": null}), "message.parts[1].data must be present"),
        (json!({"kind": "file"}), "message.parts[1].file must be present"),
        (json!({"kind": "file", "file": {}}), "message.parts[1].file must have bytes or uri"),
        (json!({"file": {"bytes": "AA==", "uri": "x"}}), "message.parts[1].file has bytes and uri together"),
        (json!({"file": {"bytes": "?"}}), "message.parts[1].file.bytes is not base64"),
    ] {
        let params = json!({"message": {"role": "user", "parts": [{"kind": "text", "text": "x"}, part]}});
        let error: A2aError = read::<MessageSendParams>(&params).into_v1().unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidParams);
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

#[test]
fn data_that_is_no_object_is_wrapped_with_a_mark_and_taken_out_again() {
    let mark = "data_part_compat";
    for (new, old) in [
        (json!({"data": [1]}), json!({"kind": "data", "data": {"value": [1]}, "metadata": {mark: true}})),
        (json!({"data": null}), json!({"kind": "data", "data": {"value": null}, "metadata": {mark: true}})),
        (
            json!({"data": 9_007_199_254_740_993_u64, "metadata": {"k": 1}}),
            json!({"kind": "data", "data": {"value": 9_007_199_254_740_993_u64}, "metadata": {"k": 1, mark: true}}),
        ),
        (json!({"data": {"value": [1]}}), json!({"kind": "data", "data": {"value": [1]}})),
    ] {
        let part = Part::from_v1(&read(&new)).unwrap();
        assert_eq!(written(&part), old);
        assert_eq!(written(part.into_v1("part").unwrap()), new);
    }
    let others = json!({"kind": "data", "data": {"x": 1}, "metadata": {mark: true}});
    assert_eq!(
        written(read::<Part>(&others).into_v1("part").unwrap()),
        json!({"data": {"x": 1}, "metadata": {mark: true}})
    );
    assert_eq!(Part::from_v1(&v1::Part::default()), None);
}

#[test]
fn queries_become_v1_requests() {
    let request = |value: Value| read::<TaskIdParams>(&value);
    for (new, expected) in [
        (
            written(read::<TaskQueryParams>(&json!({"id": "t", "history_length": 0, "metadata": {}})).into_v1()),
            json!({"id": "t", "historyLength": 0}),
        ),
        (
            written(request(json!({"id": "t", "metadata": {"k": 1}})).into_v1::<v1::CancelTaskRequest>()),
            json!({"id": "t", "metadata": {"k": 1}}),
        ),
        (
            written(request(json!({"id": "t", "metadata": null})).into_v1::<v1::SubscribeToTaskRequest>()),
            json!({"id": "t"}),
        ),
        (
            written(read::<PushConfigGetParams>(&json!({"id": "t", "pushNotificationConfigId": "p"})).into_v1()),
            json!({"taskId": "t", "id": "p"}),
        ),
        (written(read::<PushConfigListParams>(&json!({"id": "t"})).into_v1()), json!({"taskId": "t"})),
        (
            written(read::<PushConfigDeleteParams>(&json!({"id": "t", "push_notification_config_id": "p"})).into_v1()),
            json!({"taskId": "t", "id": "p"}),
        ),
        (
            written(read::<PushConfigDeleteParams>(&json!({"id": "t", "pushNotificationConfigId": ""})).into_v1()),
            json!({"taskId": "t", "id": "t"}),
        ),
    ] {
        assert_eq!(new, expected);
    }
    for unnamed in [json!({"id": "t"}), json!({"id": "t", "pushNotificationConfigId": ""})] {
        let get = read::<PushConfigGetParams>(&unnamed).into_v1();
        assert_eq!((get.task_id.as_str(), get.id.as_str()), ("t", ""), "whoever reads it knows which one is meant");
    }
}

#[test]
fn a_push_configuration_is_the_same_in_both_directions() {
    for (old, new) in [
        (
            json!({"taskId": "t", "pushNotificationConfig": {
                "id": "p", "url": "https://a", "token": "x", "authentication": {"schemes": ["Bearer"], "credentials": "c"},
            }}),
            json!({
                "taskId": "t", "id": "p", "url": "https://a", "token": "x",
                "authentication": {"scheme": "Bearer", "credentials": "c"},
            }),
        ),
        (
            json!({"taskId": "t", "pushNotificationConfig": {"id": "p", "url": "u", "authentication": {"schemes": ["Basic"]}}}),
            json!({"taskId": "t", "id": "p", "url": "u", "authentication": {"scheme": "Basic"}}),
        ),
    ] {
        let config = read::<PushConfigSetParams>(&old).into_v1();
        assert_eq!(written(&config), new);
        assert_eq!(written(TaskPushNotificationConfig::from_v1(&config)), old);
    }
    let nameless = json!({"task_id": "t", "push_notification_config": {"url": "u"}});
    let named = json!({"taskId": "t", "id": "t", "url": "u"});
    assert_eq!(written(read::<PushConfigSetParams>(&nameless).into_v1()), named);
    let secret = json!({"taskId": "t", "pushNotificationConfig": {"url": "u", "authentication": {"credentials": "c"}}});
    let fields = read::<PushConfigSetParams>(&secret).into_v1().violations();
    assert_eq!(fields[0].field, "authentication.scheme");
}

#[test]
fn a_task_is_the_same_in_both_directions() {
    let (old_message, new_message) = messages();
    let time = "2026-01-31T12:00:00.007Z";
    let artifact = |parts: Value| json!({"artifactId": "a", "name": "n", "description": "d", "extensions": ["urn:x"], "metadata": {"k": 1}, "parts": parts});
    let old = json!({
        "kind": "task", "id": "t", "contextId": "c", "metadata": {"k": 1},
        "status": {"state": "input-required", "message": old_message, "timestamp": time},
        "history": [old_message], "artifacts": [artifact(old_message["parts"].clone())],
    });
    let new = json!({
        "id": "t", "contextId": "c", "metadata": {"k": 1},
        "status": {"state": "TASK_STATE_INPUT_REQUIRED", "message": new_message, "timestamp": time},
        "history": [new_message], "artifacts": [artifact(new_message["parts"].clone())],
    });
    assert_eq!(written(Task::from_v1(&read(&new))), old);
    assert_eq!(read::<Task>(&old).into_v1("task").unwrap(), read(&new));
    assert_eq!(
        written(Task::from_v1(&v1::Task::default())),
        json!({"kind": "task", "id": "", "contextId": "", "status": {"state": "unknown"}})
    );
    let mut broken = old;
    broken["artifacts"][0]["parts"][2] = json!({"kind": "file", "file": {}});
    let error = read::<Task>(&broken).into_v1("result").unwrap_err();
    assert!(error.to_string().contains("result.artifacts[0].parts[2].file must have"), "{error}");
}

#[test]
fn every_state_has_its_name() {
    use v1::TaskState as S;
    for (state, name) in [
        (S::Unspecified, "unknown"),
        (S::Submitted, "submitted"),
        (S::Working, "working"),
        (S::Completed, "completed"),
        (S::Failed, "failed"),
        (S::Canceled, "canceled"),
        (S::InputRequired, "input-required"),
        (S::Rejected, "rejected"),
        (S::AuthRequired, "auth-required"),
    ] {
        let status = v1::TaskStatus { state: state.into(), ..v1::TaskStatus::default() };
        assert_eq!(written(TaskStatus::from_v1(Some(&status))), json!({"state": name}));
        let task = json!({"id": "t", "contextId": "c", "status": {"state": name}});
        assert_eq!(read::<Task>(&task).into_v1("task").unwrap().status, Some(status));
    }
}

#[test]
fn events_carry_their_kind_and_whether_they_are_the_last() {
    let event = |response: Value, last| written(Event::from_v1(&read(&response), last));
    let status =
        json!({"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}, "metadata": {"k": 1}});
    for last in [false, true] {
        assert_eq!(
            event(json!({"statusUpdate": status}), last),
            json!({
                "kind": "status-update", "taskId": "t", "contextId": "c", "status": {"state": "completed"},
                "final": last, "metadata": {"k": 1},
            })
        );
    }
    let artifact = json!({"artifactId": "a", "parts": [{"text": "x"}]});
    for (append, last_chunk) in [(false, false), (true, false), (false, true), (true, true)] {
        let update = json!({
            "taskId": "t", "contextId": "c", "artifact": artifact, "append": append, "lastChunk": last_chunk,
        });
        assert_eq!(
            event(json!({"artifactUpdate": update}), false),
            json!({
                "kind": "artifact-update", "taskId": "t", "contextId": "c", "append": append, "lastChunk": last_chunk,
                "artifact": {"artifactId": "a", "parts": [{"kind": "text", "text": "x"}]},
            })
        );
    }
    let (old, new) = messages();
    assert_eq!(event(json!({"message": new}), true), old);
    let task = json!({"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}});
    assert_eq!(
        event(json!({"task": task}), false),
        json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": "working"}})
    );
    for nothing in [json!({}), json!({"artifactUpdate": {"taskId": "t", "contextId": "c"}})] {
        assert_eq!(Event::from_v1(&read(&nothing), true), None);
    }
}
