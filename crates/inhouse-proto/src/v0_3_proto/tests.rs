//! Golden conversions between 0.3 and v1.

use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::names::ConfigName;
use super::*;
use crate::error::A2aError;
use crate::validate::Validate;
use crate::{json, v1};

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    json::decode(value.to_string().as_bytes()).unwrap()
}

fn shown(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// The field that an error names.
fn field<T: std::fmt::Debug>(result: Result<T, A2aError>) -> String {
    result.unwrap_err().violations[0].field.clone()
}

/// What both official clients of 0.3 send, and the same in snake_case.
#[test]
fn a_send_is_read_in_every_spelling() {
    let expected = json!({
        "message": {"messageId": "m", "contextId": "c", "taskId": "t", "role": "ROLE_USER", "extensions": ["x"], "metadata": {"k": 1}, "parts": [
            {"text": "hi"}, {"raw": "AP8=", "mediaType": "image/png"}, {"url": "https://b"}, {"data": {"n": 9_007_199_254_740_993_u64}},
        ]},
        "configuration": {"acceptedOutputModes": ["text"], "historyLength": 2, "taskPushNotificationConfig":
            {"id": "p", "url": "https://a", "token": "x", "authentication": {"scheme": "Bearer", "credentials": "c"}}},
        "metadata": {"r": 1},
    });
    let push = json!({"id": "p", "url": "https://a", "token": "x", "authentication": {"schemes": ["Bearer", "Basic"], "credentials": "c"}});
    let data = json!({"data": {"data": {"n": 9_007_199_254_740_993_u64}}});
    for params in [
        json!({
            "message": {"messageId": "m", "contextId": "c", "taskId": "t", "role": "ROLE_USER", "extensions": ["x"], "metadata": {"k": 1}, "content": [
                {"text": "hi"}, {"file": {"fileWithBytes": "AP8=", "mimeType": "image/png"}}, {"file": {"fileWithUri": "https://b"}}, data,
            ]},
            "configuration": {"acceptedOutputModes": ["text"], "historyLength": 2, "pushNotification": push, "blocking": true},
            "metadata": {"r": 1},
        }),
        json!({
            "request": {"message_id": "m", "context_id": "c", "task_id": "t", "role": 1, "extensions": ["x"], "metadata": {"k": 1}, "content": [
                {"text": "hi"}, {"file": {"file_with_bytes": "AP8", "mime_type": "image/png"}}, {"file": {"file_with_uri": "https://b"}}, data,
            ]},
            "configuration": {"accepted_output_modes": ["text"], "history_length": 2, "push_notification": push, "blocking": true},
            "metadata": {"r": 1}, "unknown": null,
        }),
    ] {
        let request = read::<SendMessageRequest>(params).into_v1().unwrap();
        assert_eq!(shown(&request), expected);
        assert!(request.violations().is_empty());
    }
}

#[test]
fn a_caller_waits_unless_it_says_otherwise() {
    let message = json!({"messageId": "m", "role": "ROLE_USER", "content": [{"text": "hi"}]});
    for (configuration, returns_immediately) in [
        (Value::Null, None),
        (json!({"blocking": true}), Some(false)),
        (json!({"blocking": false}), Some(true)),
        (json!({}), Some(true)),
    ] {
        let params = json!({"message": message, "configuration": configuration});
        let request = read::<SendMessageRequest>(params).into_v1().unwrap();
        let said = request.configuration.map(|configuration| configuration.return_immediately);
        assert_eq!(said, returns_immediately, "{configuration}");
    }
}

#[test]
fn a_message_that_says_nothing_is_refused_in_words_of_0_3() {
    for (content, expected) in [
        (json!([]), "message.content"),
        (json!([{"text": "x"}, {}]), "message.content[1]"),
        (json!([{"file": {"mimeType": "a/b"}}]), "message.content[0].file"),
    ] {
        let params = json!({"message": {"messageId": "m", "role": "ROLE_USER", "content": content}});
        assert_eq!(field(read::<SendMessageRequest>(params).into_v1()), expected);
    }
    for (part, sentence) in [
        (json!({"text": "x", "data": {}}), "text and data together"),
        (json!({"file": {"fileWithUri": "u", "fileWithBytes": "AA=="}}), "fileWithUri and fileWithBytes together"),
        (json!({"file": {"fileWithBytes": "?"}}), "fileWithBytes is not base64"),
        (Value::Null, "invalid type: null"),
    ] {
        let params = json!({"message": {"content": [part]}}).to_string();
        let error = json::decode::<SendMessageRequest>(params.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

#[test]
fn a_task_is_called_by_its_name() {
    let get = read::<GetTaskRequest>(json!({"name": "tasks/t1", "history_length": 3})).into_v1().unwrap();
    assert_eq!(shown(&get), json!({"id": "t1", "historyLength": 3}));
    assert_eq!(read::<GetTaskRequest>(json!({"name": "tasks/t1"})).into_v1().unwrap().history_length, None);
    assert_eq!(CancelTaskRequest { name: "tasks/t1".into() }.into_v1().unwrap().id, "t1");
    assert_eq!(TaskSubscriptionRequest { name: "tasks/t1".into() }.into_v1().unwrap().id, "t1");
    let parent = json!({"parent": "tasks/t1", "pageSize": 2, "pageToken": "p"});
    let list = read::<ListTaskPushNotificationConfigRequest>(parent).into_v1().unwrap();
    assert_eq!(shown(&list), json!({"taskId": "t1", "pageSize": 2, "pageToken": "p"}));
    for name in ["", "t1", "tasks", "tasks/", "tasks/-", "/tasks/t1", "tasks/t1/", "tasks/t1/x", "task/t1"] {
        let name = name.to_owned();
        assert_eq!(field(GetTaskRequest { name: name.clone(), history_length: 0 }.into_v1()), "name");
        assert_eq!(field(CancelTaskRequest { name: name.clone() }.into_v1()), "name");
        assert_eq!(field(TaskSubscriptionRequest { name: name.clone() }.into_v1()), "name");
        let list = ListTaskPushNotificationConfigRequest { parent: name, ..Default::default() };
        assert_eq!(field(list.into_v1()), "parent");
    }
}

#[test]
fn a_webhook_is_called_by_its_name_or_by_that_of_its_task() {
    for (name, id) in [
        ("tasks/t/pushNotificationConfigs/p", "p"),
        ("tasks/t/pushNotificationConfigs/", "t"),
        ("tasks/t/pushNotificationConfigs", "t"),
        ("tasks/t", "t"),
    ] {
        let get = GetTaskPushNotificationConfigRequest { name: name.into() }.into_v1().unwrap();
        let delete = DeleteTaskPushNotificationConfigRequest { name: name.into() }.into_v1().unwrap();
        assert_eq!(shown(&get), json!({"taskId": "t", "id": id}), "{name}");
        assert_eq!(shown(&delete), json!({"taskId": "t", "id": id}), "{name}");
    }
    for name in
        ["", "t", "tasks/", "tasks/-/pushNotificationConfigs/p", "tasks/t/pushNotificationConfigs/-", "tasks/t/x/p"]
    {
        assert_eq!(field(GetTaskPushNotificationConfigRequest { name: name.into() }.into_v1()), "name");
        assert_eq!(field(DeleteTaskPushNotificationConfigRequest { name: name.into() }.into_v1()), "name");
    }
}

/// The three shapes that clients were seen to send, and that of gRPC.
#[test]
fn a_webhook_is_created_in_every_shape() {
    let name = "tasks/t/pushNotificationConfigs/p";
    for body in [
        json!({"name": name, "pushNotificationConfig": {"id": "p", "url": "https://a"}}),
        json!({"parent": "tasks/t", "config": {"name": name, "pushNotificationConfig": {"url": "https://a"}}}),
        json!({"parent": "tasks/t", "config_id": "p", "config": {"push_notification_config": {"url": "https://a"}}}),
        json!({"name": name, "push_notification_config": {"url": "https://a"}}),
        json!({"configId": "p", "config": {"pushNotificationConfig": {"id": "q", "url": "https://a"}}}),
    ] {
        let request = read::<PushConfigBody>(body.clone()).into_request("tasks/t").unwrap();
        let config = request.into_v1().unwrap();
        assert_eq!(shown(&config), json!({"id": "p", "taskId": "t", "url": "https://a"}), "{body}");
    }
    let bare = json!({"name": "tasks/t", "pushNotificationConfig": {"url": "https://a"}});
    let bare = read::<PushConfigBody>(bare).into_request("tasks/t").unwrap();
    assert_eq!(bare.into_v1().unwrap().id, "t", "a task's only webhook has its id");
    let config = json!({"pushNotificationConfig": {"url": "https://a"}});
    for (body, expected) in [
        (json!({"parent": "tasks/u", "config": config}), "parent"),
        (json!({"config": config, "name": name}), "config"),
        (json!({"config": {"name": "tasks/u", "pushNotificationConfig": {"url": "https://a"}}}), "config.name"),
        (json!({"config": {"name": "u", "pushNotificationConfig": {"url": "https://a"}}}), "config.name"),
        (json!({"config": {"name": name}}), "config.pushNotificationConfig"),
        (json!({}), "config.pushNotificationConfig"),
    ] {
        let request = read::<PushConfigBody>(body.clone()).into_request("tasks/t");
        assert_eq!(field(request.and_then(CreateTaskPushNotificationConfigRequest::into_v1)), expected, "{body}");
    }
}

#[test]
fn webhooks_are_shown_under_their_names() {
    let config: v1::TaskPushNotificationConfig = read(
        json!({"id": "p", "taskId": "t", "url": "https://a", "token": "x", "authentication": {"scheme": "Bearer", "credentials": "c"}}),
    );
    let page = v1::ListTaskPushNotificationConfigsResponse { configs: vec![config], next_page_token: "n".into() };
    let expected = json!({"configs": [{"name": "tasks/t/pushNotificationConfigs/p", "pushNotificationConfig":
        {"id": "p", "url": "https://a", "token": "x", "authentication": {"schemes": ["Bearer"], "credentials": "c"}}}], "nextPageToken": "n"});
    assert_eq!(shown(&ListTaskPushNotificationConfigResponse::from_v1(&page)), expected);
}

fn task(state: &str) -> v1::Task {
    read(json!({
        "id": "t", "contextId": "c", "metadata": {"k": 1},
        "status": {"state": state, "timestamp": "2026-01-31T12:00:00Z", "message": {"messageId": "m2", "role": "ROLE_AGENT", "parts": [{"text": "which?"}]}},
        "history": [{"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "q", "metadata": {"lost": 1}}]}],
        "artifacts": [{"artifactId": "a", "name": "n", "description": "d", "extensions": ["x"], "metadata": {"a": 1}, "parts": [
            {"text": "one"}, {"data": [1]}, {"raw": "AP8=", "filename": "f", "mediaType": "image/png"}, {"url": "https://b"},
        ]}],
    }))
}

fn shown_task(state: &str) -> Value {
    json!({
        "id": "t", "contextId": "c", "metadata": {"k": 1},
        "status": {"state": state, "timestamp": "2026-01-31T12:00:00.000Z", "message": {"messageId": "m2", "role": "ROLE_AGENT", "content": [{"text": "which?"}]}},
        "history": [{"messageId": "m1", "role": "ROLE_USER", "content": [{"text": "q"}]}],
        "artifacts": [{"artifactId": "a", "name": "n", "description": "d", "extensions": ["x"], "metadata": {"a": 1}, "parts": [
            {"text": "one"}, {"data": {"data": {"value": [1]}}}, {"file": {"fileWithBytes": "AP8=", "mimeType": "image/png"}}, {"file": {"fileWithUri": "https://b"}},
        ]}],
    })
}

#[test]
fn a_task_is_shown_with_the_names_of_0_3() {
    assert_eq!(shown(&Task::from_v1(&task("TASK_STATE_INPUT_REQUIRED"))), shown_task("TASK_STATE_INPUT_REQUIRED"));
    let task = v1::SendMessageResponse {
        payload: Some(v1::send_message_response::Payload::Task(task("TASK_STATE_CANCELED"))),
    };
    assert_eq!(shown(&SendMessageResponse::from_v1(&task)), json!({"task": shown_task("TASK_STATE_CANCELLED")}));
    let message: v1::SendMessageResponse =
        read(json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "42"}]}}));
    let expected = json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "content": [{"text": "42"}]}});
    assert_eq!(shown(&SendMessageResponse::from_v1(&message)), expected);
}

#[test]
fn a_status_is_final_when_the_stream_ends_with_it() {
    for (state, name, last) in [
        ("TASK_STATE_SUBMITTED", "TASK_STATE_SUBMITTED", false),
        ("TASK_STATE_CANCELED", "TASK_STATE_CANCELLED", true),
        ("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_INPUT_REQUIRED", true),
        // Whoever follows a task stays while it waits for an answer.
        ("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_INPUT_REQUIRED", false),
    ] {
        let update = json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": state}, "metadata": {"k": 1}}});
        let mut expected =
            json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": name}, "metadata": {"k": 1}}});
        if last {
            expected["statusUpdate"]["final"] = true.into();
        }
        assert_eq!(shown(&StreamResponse::from_v1(&read(update), last)), expected);
    }
}

#[test]
fn all_other_events_of_a_stream_keep_what_they_say() {
    let chunk = json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "append": true, "lastChunk": true, "metadata": {"k": 1},
        "artifact": {"artifactId": "a", "parts": [{"text": "x"}]}}});
    let message = |parts: &str| json!({"message": {"messageId": "m", "role": "ROLE_AGENT", parts: [{"text": "42"}]}});
    let whole = json!({"task": task("TASK_STATE_WORKING")});
    for (event, expected) in [
        (chunk.clone(), chunk),
        (message("parts"), message("content")),
        (whole, json!({"task": shown_task("TASK_STATE_WORKING")})),
        (json!({}), json!({})),
    ] {
        assert_eq!(shown(&StreamResponse::from_v1(&read(event), true)), expected);
    }
}

fn card(interfaces: &Value, flow: &Value) -> v1::AgentCard {
    let security = json!([{"schemes": {"b": {"list": ["s"]}}}]);
    read(json!({
        "name": "n", "description": "d", "version": "2", "documentationUrl": "https://doc", "iconUrl": "https://lost",
        "supportedInterfaces": interfaces, "provider": {"url": "https://p", "organization": "o"},
        "capabilities": {"streaming": true, "pushNotifications": true, "extendedAgentCard": true,
            "extensions": [{"uri": "u", "description": "e", "required": true, "params": {"k": 1}}]},
        "securitySchemes": {
            "a": {"apiKeySecurityScheme": {"description": "d", "location": "header", "name": "n"}},
            "b": {"httpAuthSecurityScheme": {"description": "d", "scheme": "Bearer", "bearerFormat": "JWT"}},
            "c": {"oauth2SecurityScheme": {"description": "d", "flows": flow, "oauth2MetadataUrl": "https://m"}},
            "d": {"openIdConnectSecurityScheme": {"description": "d", "openIdConnectUrl": "https://o"}},
            "e": {"mtlsSecurityScheme": {"description": "d"}},
        },
        "securityRequirements": security, "defaultInputModes": ["i"], "defaultOutputModes": ["o"],
        "skills": [{"id": "i", "name": "n", "description": "d", "tags": ["t"], "examples": ["e"], "inputModes": ["i"], "outputModes": ["o"], "securityRequirements": security}],
        "signatures": [{"protected": "p", "signature": "s"}],
    }))
}

#[test]
fn a_card_says_the_same_to_0_3() {
    let flow = json!({"clientCredentials": {"tokenUrl": "https://t", "refreshUrl": "https://r", "scopes": {"s": "d"}}});
    let interfaces = json!([
        {"url": "https://new", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": "https://old", "protocolBinding": "HTTP+JSON", "protocolVersion": "0.3"},
        {"url": "https://older", "protocolBinding": "GRPC", "protocolVersion": "0.3.0"},
    ]);
    let security = json!([{"schemes": {"b": {"list": ["s"]}}}]);
    let v1 = card(&interfaces, &flow);
    let mut expected = shown(&v1);
    let members = expected.as_object_mut().unwrap();
    for gone in ["supportedInterfaces", "securityRequirements", "iconUrl", "signatures"] {
        members.remove(gone);
    }
    members["capabilities"].as_object_mut().unwrap().remove("extendedAgentCard");
    members["skills"][0].as_object_mut().unwrap().remove("securityRequirements");
    members["skills"][0]["security"] = security.clone();
    for (name, value) in [
        ("protocolVersion", json!("0.3.0")),
        ("url", json!("https://old")),
        ("preferredTransport", json!("HTTP+JSON")),
        ("additionalInterfaces", json!([{"url": "https://older", "transport": "GRPC"}])),
        ("security", security),
        ("supportsAuthenticatedExtendedCard", json!(true)),
    ] {
        members.insert(name.to_owned(), value);
    }
    assert_eq!(shown(&AgentCard::from_v1(&v1)), expected);
    let only_new = card(&json!([interfaces[0]]), &flow);
    assert_eq!(AgentCard::from_v1(&only_new).url, "https://new");
}

#[test]
fn every_flow_that_0_3_has_is_shown() {
    let (url, token, refresh, scopes) = ("https://a", "https://t", "https://r", json!({"s": "d"}));
    for (flow, is_known) in [
        (
            json!({"authorizationCode": {"authorizationUrl": url, "tokenUrl": token, "refreshUrl": refresh, "scopes": scopes}}),
            true,
        ),
        (json!({"clientCredentials": {"tokenUrl": token, "refreshUrl": refresh, "scopes": scopes}}), true),
        (json!({"implicit": {"authorizationUrl": url, "refreshUrl": refresh, "scopes": scopes}}), true),
        (json!({"password": {"tokenUrl": token, "refreshUrl": refresh, "scopes": scopes}}), true),
        (json!({"deviceCode": {"deviceAuthorizationUrl": url, "tokenUrl": token, "scopes": scopes}}), false),
    ] {
        let card = shown(&AgentCard::from_v1(&card(&json!([]), &flow)));
        let expected = if is_known { flow } else { json!({}) };
        assert_eq!(card["securitySchemes"]["c"]["oauth2SecurityScheme"]["flows"], expected);
    }
}

/// Messages with what 0.3 has a field for.
fn messages() -> impl Strategy<Value = v1::Message> {
    let text = || ".{0,8}";
    let object = || {
        prop::collection::btree_map(text(), any::<i32>(), 0..3)
            .prop_map(|members| json::Struct(members.into_iter().map(|(key, value)| (key, value.into())).collect()))
    };
    let content = prop_oneof![
        text().prop_map(|text| (v1::part::Content::Text(text), String::new())),
        (any::<Vec<u8>>(), text()).prop_map(|(bytes, media_type)| (v1::part::Content::Raw(bytes), media_type)),
        (text(), text()).prop_map(|(url, media_type)| (v1::part::Content::Url(url), media_type)),
        object().prop_map(|object| (v1::part::Content::Data(json::Value(object.0.into())), String::new())),
    ];
    let part =
        content.prop_map(|(content, media_type)| v1::Part { content: Some(content), media_type, ..Default::default() });
    let parts = prop::collection::vec(part, 1..4);
    let ids = [text(), text(), text()];
    (ids, 0..=2_i32, parts, prop::option::of(object()), prop::collection::vec(text(), 0..3)).prop_map(
        |([message_id, context_id, task_id], role, parts, metadata, extensions)| v1::Message {
            message_id,
            context_id,
            task_id,
            role,
            parts,
            metadata,
            extensions,
            reference_task_ids: Vec::new(),
        },
    )
}

proptest! {
    #[test]
    fn a_message_comes_back_from_0_3_in_either_encoding(message in messages()) {
        let shown = Message::from_v1(&message);
        let protobuf = Message::decode(shown.encode_to_vec().as_slice()).unwrap();
        prop_assert_eq!(protobuf.into_v1("message").unwrap(), message.clone());
        let json: Message = json::decode(&serde_json::to_vec(&shown).unwrap()).unwrap();
        prop_assert_eq!(json.into_v1("message").unwrap(), message);
    }

    #[test]
    fn a_webhook_comes_back_from_0_3(
        [task_id, id] in ["[a-z0-9]{1,8}", "[a-z0-9]{1,8}"],
        [url, token, credentials] in [".{0,8}", ".{0,8}", ".{0,8}"],
        scheme in prop::option::of(".{0,8}"),
    ) {
        let authentication = scheme.map(|scheme| v1::AuthenticationInfo { scheme, credentials });
        let config = v1::TaskPushNotificationConfig { tenant: String::new(), id, task_id, url, token, authentication };
        let shown = TaskPushNotificationConfig::from_v1(&config);
        let name = ConfigName::parse("name", &shown.name).unwrap();
        prop_assert_eq!((&name.task_id, &name.config_id), (&config.task_id, &config.id));
        let parent = format!("tasks/{}", config.task_id);
        let request = CreateTaskPushNotificationConfigRequest { parent, config_id: String::new(), config: Some(shown) };
        prop_assert_eq!(request.into_v1().unwrap(), config);
    }
}
