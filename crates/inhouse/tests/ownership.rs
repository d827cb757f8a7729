//! What is not yours does not exist: by each binding and generation, on each method, whatever state the task is in, the answer about
//! somebody else's task is the one about a task that nobody has, byte for byte.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;

use std::fmt::Write as _;

use grpc::Grpc;
use inhouse_proto::v1;
use inhouse_proto::v1::card_signature::from_base64url;
use prost::Message as _;
use serde_json::{Value, json};
use support::http::{headers, request};
use support::{Launch, Server, TOKEN, message, rpc, scratch, state_of, text_of};

const ANN: &str = "a-token-of-anns-0123456789abcdef0123";
/// Stands for a task in a request.
const ID: &str = "00000000-0000-4000-8000-000000000000";
/// Nobody has it.
const MISSING: &str = "11111111-1111-4111-8111-111111111111";

/// One way to ask about a task, with [`ID`] for it.
struct Way {
    name: String,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

fn way(name: &str, method: &'static str, path: &str, version: Option<&'static str>, body: Value) -> Way {
    let headers = version.map(|version| ("A2A-Version", version)).into_iter().collect();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Way { name: format!("{name} {method} {path} {body}"), method, path: path.to_owned(), headers, body }
}

/// Every method that names a task, by every binding of HTTP.
fn ways() -> Vec<Way> {
    let hook = json!({"url": "http://127.0.0.1:9/hook"});
    let says = |kind: bool| {
        let part = if kind { json!({"kind": "text", "text": "hi"}) } else { json!({"text": "hi"}) };
        let role = if kind { "user" } else { "ROLE_USER" };
        let mut message = json!({"messageId": "m", "role": role, "taskId": ID, "parts": [part]});
        if kind {
            message["kind"] = "message".into();
        }
        json!({"message": message})
    };
    let new = [
        ("SendMessage", says(false)),
        ("SendStreamingMessage", says(false)),
        ("GetTask", json!({"id": ID})),
        ("CancelTask", json!({"id": ID})),
        ("SubscribeToTask", json!({"id": ID})),
        ("CreateTaskPushNotificationConfig", json!({"taskId": ID, "url": hook["url"]})),
        ("GetTaskPushNotificationConfig", json!({"taskId": ID, "id": "c"})),
        ("ListTaskPushNotificationConfigs", json!({"taskId": ID})),
        ("DeleteTaskPushNotificationConfig", json!({"taskId": ID, "id": "c"})),
    ];
    let call = |method: &str, params: &Value| serde_json::from_slice::<Value>(&rpc(method, params.clone())).unwrap();
    let mut ways: Vec<_> =
        new.iter().map(|(method, params)| way("1.0", "POST", "/a2a", Some("1.0"), call(method, params))).collect();
    let old = [
        ("message/send", says(true)),
        ("message/stream", says(true)),
        ("tasks/get", json!({"id": ID})),
        ("tasks/cancel", json!({"id": ID})),
        ("tasks/resubscribe", json!({"id": ID})),
        ("tasks/pushNotificationConfig/set", json!({"taskId": ID, "pushNotificationConfig": hook})),
        ("tasks/pushNotificationConfig/get", json!({"id": ID})),
        ("tasks/pushNotificationConfig/list", json!({"id": ID})),
        ("tasks/pushNotificationConfig/delete", json!({"id": ID, "pushNotificationConfigId": "c"})),
        ("tasks/pushNotification/set", json!({"id": ID, "pushNotificationConfig": hook})),
        ("tasks/pushNotification/get", json!({"id": ID})),
    ];
    ways.extend(old.iter().map(|(method, params)| way("0.3", "POST", "/a2a", None, call(method, params))));
    for (name, version, below) in [("rest 1.0", Some("1.0"), ""), ("rest 0.3", None, "/v1")] {
        let task = format!("{below}/tasks/{ID}");
        let configs = format!("{task}/pushNotificationConfigs");
        let config = match below {
            "" => hook.clone(),
            _ => json!({"config": {"pushNotificationConfig": hook}}),
        };
        ways.extend([
            way(name, "GET", &task, version, Value::Null),
            way(name, "POST", &format!("{task}:cancel"), version, json!({})),
            way(name, "GET", &format!("{task}:subscribe"), version, Value::Null),
            way(name, "GET", &configs, version, Value::Null),
            way(name, "GET", &format!("{configs}/c"), version, Value::Null),
            way(name, "DELETE", &format!("{configs}/c"), version, Value::Null),
            way(name, "POST", &configs, version, config),
        ]);
    }
    ways.push(way("rest 1.0", "POST", "/message:send", Some("1.0"), says(false)));
    ways.push(way("rest 1.0", "POST", "/message:stream", Some("1.0"), says(false)));
    ways
}

/// The calls of gRPC, by name.
fn calls(id: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (id, config) = (id.to_owned(), "c".to_owned());
    let part = v1::Part { content: Some(v1::part::Content::Text("hi".into())), ..Default::default() };
    let message = v1::Message {
        message_id: "m".into(),
        role: v1::Role::User.into(),
        task_id: id.clone(),
        parts: vec![part],
        ..Default::default()
    };
    let send = v1::SendMessageRequest { message: Some(message), ..Default::default() }.encode_to_vec();
    let created = v1::TaskPushNotificationConfig {
        task_id: id.clone(),
        url: "http://127.0.0.1:9/hook".into(),
        ..Default::default()
    };
    vec![
        ("SendMessage", send.clone()),
        ("SendStreamingMessage", send),
        ("GetTask", v1::GetTaskRequest { id: id.clone(), ..Default::default() }.encode_to_vec()),
        ("CancelTask", v1::CancelTaskRequest { id: id.clone(), ..Default::default() }.encode_to_vec()),
        ("SubscribeToTask", v1::SubscribeToTaskRequest { id: id.clone(), ..Default::default() }.encode_to_vec()),
        ("CreateTaskPushNotificationConfig", created.encode_to_vec()),
        (
            "GetTaskPushNotificationConfig",
            v1::GetTaskPushNotificationConfigRequest { task_id: id.clone(), id: config.clone(), ..Default::default() }
                .encode_to_vec(),
        ),
        (
            "ListTaskPushNotificationConfigs",
            v1::ListTaskPushNotificationConfigsRequest { task_id: id.clone(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "DeleteTaskPushNotificationConfig",
            v1::DeleteTaskPushNotificationConfigRequest { task_id: id, id: config, ..Default::default() }
                .encode_to_vec(),
        ),
    ]
}

/// All that a caller sees of an answer, but for the time, with [`ID`] where the task is named.
fn asked(server: &Server, way: &Way, id: &str) -> String {
    let mut sent = headers(&[("Authorization", &format!("Bearer {TOKEN}"))]);
    sent.extend(headers(&way.headers));
    if !way.body.is_empty() {
        sent.extend(headers(&[("Content-Type", "application/json")]));
    }
    let (path, body) = (way.path.replace(ID, id), way.body.replace(ID, id));
    let answer = request(server.address, way.method, &path, &sent, body.as_bytes());
    let mut seen = format!("{}\n", answer.status);
    for (name, value) in answer.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date")) {
        writeln!(seen, "{name}: {value}").unwrap();
    }
    (seen + &String::from_utf8_lossy(&answer.body)).replace(id, ID)
}

fn called(grpc: &Grpc, server: &Server, call: &(&'static str, Vec<u8>), id: &str) -> String {
    let path = format!("/lf.a2a.v1.A2AService/{}", call.0);
    let (messages, trailers) = grpc.exchange(server, &path, &call.1, &[("a2a-version", "1.0")]);
    let told = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let read = |name: &str, value: &[u8]| match name {
        // The details of a status are base64 of what names the task.
        "grpc-status-details-bin" => {
            told(&from_base64url(told(value).replace('+', "-").replace('/', "_").trim_end_matches('=')).unwrap())
        }
        _ => told(value),
    };
    let known = trailers.iter().filter(|(name, _)| *name != "date");
    let mut seen: Vec<_> =
        known.map(|(name, value)| format!("{name}: {}", read(name.as_str(), value.as_bytes()))).collect();
    seen.sort();
    seen.extend(messages.iter().map(|message| told(message)));
    seen.join("\n").replace(id, ID)
}

fn start(server: &Server, token: &str, text: &str) -> String {
    let bearer = format!("Bearer {token}");
    let headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let mut params = message(text);
    params["configuration"] = json!({"returnImmediately": true});
    let answer = request(server.address, "POST", "/a2a", &headers, &rpc("SendMessage", params)).json();
    let id = answer["result"]["task"]["id"].as_str().unwrap().to_owned();
    let enough = |task: &Value| match text {
        "live" => text_of(task).contains("begun"),
        _ => state_of(task) == "COMPLETED",
    };
    support::wait("the task", || {
        let read = request(server.address, "POST", "/a2a", &headers, &rpc("GetTask", json!({"id": id}))).json();
        enough(&read["result"]).then_some(())
    });
    id
}

/// A server with two callers, Ann and the one whose token is the tests'.
fn house() -> Server {
    let folder = scratch("ownership");
    let agent = "case $(cat) in live) echo begun; sleep 300 ;; *) echo done ;; esac";
    let config = format!(
        "[push]\nallow = [\"127.0.0.1:9\"]\n[[callers]]\nname = \"ann\"\ntoken_env = \"ANN_TOKEN\"\n[agents.bot]\ncommand = [\"sh\", \"-c\", \"{agent}\"]\n"
    );
    std::fs::write(folder.join("inhouse.toml"), config).unwrap();
    Launch::new(&["serve"]).directory(&folder).env("ANN_TOKEN", ANN).start()
}

/// What a caller gets by `ListTasks`, in a generation of the protocol that has it.
fn listed(server: &Server, token: &str, params: Value) -> Value {
    let bearer = format!("Bearer {token}");
    let headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json"), ("A2A-Version", "1.0")]);
    request(server.address, "POST", "/a2a", &headers, &rpc("ListTasks", params)).json()
}

#[test]
fn somebody_elses_context_and_page_token_lead_to_nothing_of_his() {
    let server = house();
    let of = |token: &str| ["done", "more", "last"].map(|text| start(&server, token, text));
    let (theirs, own) = (of(ANN), of(TOKEN));
    let page = listed(&server, ANN, json!({"pageSize": 1}));
    let place = &page["result"]["nextPageToken"];
    assert!(place.as_str().is_some_and(|place| !place.is_empty()), "{page}");
    let ids = |page: &Value| -> Vec<String> {
        let tasks = page["result"]["tasks"].as_array().into_iter().flatten();
        tasks.map(|task| task["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&listed(&server, ANN, json!({"pageToken": place}))).len(), 2, "to her it is the place of the rest");
    let found = listed(&server, TOKEN, json!({"pageToken": place}));
    assert!(ids(&found).iter().all(|id| own.contains(id) && !theirs.contains(id)), "{found}");
    let context = &page["result"]["tasks"][0]["contextId"];
    let found = listed(&server, TOKEN, json!({"contextId": context}));
    let missing = listed(&server, TOKEN, json!({"contextId": "a-context-that-nobody-has"}));
    assert_eq!((&found, ids(&found).len()), (&missing, 0));
}

#[test]
fn somebody_elses_task_is_missing_byte_for_byte() {
    let server = house();
    let of = |token: &str| ["live", "done"].map(|text| start(&server, token, text));
    let (theirs, own) = (of(ANN), of(TOKEN));
    let grpc = Grpc::new();
    let (mut seen, mut wrong) = (0, Vec::new());
    let mut compare = |name: &str, missing: &str, foreign: &str, own: &str, state: &str| {
        seen += 1;
        if foreign != missing {
            wrong.push(format!("{name}, {state}:\n{foreign}\nis not\n{missing}"));
        }
        assert_ne!(own, missing, "{name}: one's own task is there");
    };
    // Whoever owns a task may end it: the finished one is asked about first, and the live one last.
    for (state, theirs, own) in [("finished", &theirs[1], &own[1]), ("live", &theirs[0], &own[0])] {
        for way in ways() {
            let is_stream_of_own = state == "live" && (way.name.contains("ubscribe"));
            let [missing, foreign] = [MISSING, theirs].map(|id| asked(&server, &way, id));
            // A stream of one's own live task does not end; that it is another answer is seen with the finished one.
            let own = if is_stream_of_own { String::new() } else { asked(&server, &way, own) };
            compare(&way.name, &missing, &foreign, &own, state);
        }
        for number in 0..calls(ID).len() {
            let answers = [MISSING, theirs].map(|id| called(&grpc, &server, &calls(id)[number], id));
            let name = calls(ID)[number].0;
            let own = match (state, name) {
                ("live", "SubscribeToTask") => String::new(),
                _ => called(&grpc, &server, &calls(own)[number], own),
            };
            compare(&format!("gRPC {name}"), &answers[0], &answers[1], &own, state);
        }
    }
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(seen > 80, "{seen}");
    // And nothing of it has reached the task.
    let bearer = format!("Bearer {ANN}");
    let headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let read = request(server.address, "POST", "/a2a", &headers, &rpc("GetTask", json!({"id": theirs[0]}))).json();
    assert_eq!(state_of(&read["result"]), "WORKING");
}
