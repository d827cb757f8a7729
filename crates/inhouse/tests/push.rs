//! Push notifications from the real binary to a receiver on loopback (spec 4.3; threat 10).

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::receiver::{Receiver, Told};
use support::{Launch, Server, TOKEN, http, message, rpc, scratch, wait};

/// A server for the agent that does what it is told, which may call this receiver.
fn server(receiver: &Receiver, more: &str) -> Server {
    with_config(&format!("[push]\nallow = [\"{}\"]\n[limits]\npush_backoff_ms = 10\n{more}", receiver.address))
}

fn with_config(config: &str) -> Server {
    launch(config).start()
}

fn launch(config: &str) -> Launch {
    let folder = scratch("push");
    std::fs::write(folder.join("inhouse.toml"), config).unwrap();
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/agents/conformance.py");
    let agent = format!("python3 {}", agent.canonicalize().unwrap().display());
    Launch::new(&["serve"]).env("AGENT_CMD", agent).env("AGENT_INPUT", "json").directory(&folder)
}

fn told_message(text: &str, config: Value) -> Value {
    let mut params = message(text);
    params["configuration"] = json!({"taskPushNotificationConfig": config, "returnImmediately": true});
    params
}

fn is_over(body: &Value) -> bool {
    let state = body.pointer("/statusUpdate/status/state").or(body.pointer("/task/status/state"));
    state
        .and_then(Value::as_str)
        .is_some_and(|state| ["COMPLETED", "CANCELED", "FAILED"].iter().any(|end| state.ends_with(end)))
}

/// The text that notifications come to, however it was cut.
fn text_of(told: &[Told]) -> String {
    let parts = |told: &Told| {
        let task = told.body.pointer("/task/artifacts/0/parts/0/text");
        task.or(told.body.pointer("/artifactUpdate/artifact/parts/0/text")).and_then(Value::as_str).map(str::to_owned)
    };
    told.iter().filter_map(parts).collect()
}

#[test]
fn a_receiver_is_told_of_all_that_happens_in_its_order() {
    let receiver = Receiver::new();
    let server = server(&receiver, "");
    let config = json!({
        "url": receiver.url(),
        "token": "known to both",
        "authentication": {"scheme": "Bearer", "credentials": "for the receiver"},
    });
    let sent = server.result("SendMessage", told_message("slow 5 0.05", config));
    let id = sent["task"]["id"].as_str().unwrap();
    let told = receiver.wait_for("the end", is_over);
    for told in &told {
        assert_eq!(told.target, "POST /hook?a=b HTTP/1.1");
        assert_eq!(told.header("host"), Some(receiver.address.to_string().as_str()));
        assert_eq!(told.header("content-type"), Some("application/a2a+json"));
        assert_eq!(told.header("authorization"), Some("Bearer for the receiver"));
        assert_eq!(told.header("x-a2a-notification-token"), Some("known to both"));
        assert_eq!(told.header("a2a-notification-token"), Some("known to both"));
        let kinds: Vec<_> = told.body.as_object().unwrap().keys().collect();
        assert_eq!(kinds.len(), 1, "{}", told.body);
        let task = told.body.pointer("/task/id").or(told.body.pointer(&format!("/{}/taskId", kinds[0])));
        assert_eq!(task.unwrap(), id);
    }
    assert!(told[0].body["task"].is_object(), "it begins with the task: {}", told[0].body);
    assert_eq!(text_of(&told), support::text_of(&server.task(id)));
    assert!(!server.stderr().contains("for the receiver"), "{}", server.stderr());
}

#[test]
fn a_config_of_an_older_call_is_told_the_whole_task_at_each_status() {
    let receiver = Receiver::new();
    let server = server(&receiver, "");
    let params = json!({
        "message": {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "slow 3 0.05"}]},
        "configuration": {"blocking": false, "pushNotificationConfig": {"url": receiver.url(), "token": "t"}},
    });
    let task = server.result("message/send", params);
    let told = receiver.wait_for("the end", |body| body["status"]["state"] == "completed");
    for told in &told {
        assert_eq!(
            (told.body["kind"].as_str(), &told.body["id"], told.header("content-type")),
            (Some("task"), &task["id"], Some("application/json"))
        );
        assert_eq!(told.header("x-a2a-notification-token"), Some("t"));
    }
    let last = &told.last().unwrap().body;
    let parts = last["artifacts"][0]["parts"].as_array().unwrap();
    let text: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    assert_eq!(text, support::text_of(&server.task(task["id"].as_str().unwrap())));
    let found = server.result("tasks/pushNotificationConfig/get", json!({"id": task["id"]}));
    assert_eq!(found["pushNotificationConfig"]["id"], task["id"], "the only config has the task's id");
    let id = server.start_task("slow 100 0.05");
    let config = json!({"taskId": id, "pushNotificationConfig": {"url": receiver.url(), "id": "named"}});
    server.result("tasks/pushNotificationConfig/set", config);
    let found = server.result("tasks/pushNotificationConfig/get", json!({"id": id}));
    assert_eq!(found["pushNotificationConfig"]["id"], "named", "who names none means the only one");
}

#[test]
fn a_task_that_is_large_is_told_to_older_clients_without_what_it_says() {
    let receiver = Receiver::new();
    let server = server(&receiver, "body_bytes_max = 8_000_000\n");
    for (text, told_whole) in [("x".repeat(400_000), true), ("x".repeat(2_000_000), false)] {
        let before = receiver.told().len();
        let params = json!({
            "message": {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": text}]},
            "configuration": {"blocking": true, "pushNotificationConfig": {"url": receiver.url()}},
        });
        let task = server.result("message/send", params);
        assert_eq!(task["artifacts"][0]["parts"][0]["text"].as_str().map(str::len), Some(text.len()));
        let over = |told: &Told| told.body["status"]["state"] == "completed";
        let told = wait("the end", || receiver.told()[before..].iter().find(|told| over(told)).cloned());
        assert_eq!(!told.body["artifacts"][0].is_null(), told_whole);
    }
}

#[test]
fn of_a_task_that_is_large_a_config_made_later_is_told_the_events() {
    let receiver = Receiver::new();
    let server = server(&receiver, "body_bytes_max = 8_000_000\n");
    let sent = server.result("SendMessage", message(&"x".repeat(2_000_000)));
    let id = sent["task"]["id"].as_str().unwrap();
    server.result("CreateTaskPushNotificationConfig", json!({"taskId": id, "url": receiver.url()}));
    let told = receiver.wait_for("the end", |body| body["statusUpdate"].is_object() && is_over(body));
    let task = &told[0].body["task"];
    assert_eq!((&task["id"], &task["status"]["state"]), (&json!(id), &json!("TASK_STATE_COMPLETED")));
    assert!(task.get("artifacts").is_none() && task.get("history").is_none(), "it would be too large");
    assert_eq!(text_of(&told).len(), 2_000_000);
}

#[test]
fn a_config_that_takes_the_place_of_another_is_told_from_the_beginning() {
    let (deaf, receiver) = (Receiver::answering(|_| String::new()), Receiver::new());
    let allow = format!("allow = [\"{}\", \"{}\"]", deaf.address, receiver.address);
    let server = with_config(&format!("[push]\n{allow}\n[limits]\npush_backoff_ms = 10\npush_timeout_ms = 50\n"));
    let id = server.start_task("slow 20 0.05");
    let create = |url: String| {
        server.result("CreateTaskPushNotificationConfig", json!({"taskId": id, "id": "c", "url": url}));
    };
    create(deaf.url());
    deaf.wait_for("the first word", |_| true);
    create(receiver.url());
    let before = deaf.connections();
    let told = receiver.wait_for("the end", is_over);
    assert!(told[0].body["task"].is_object());
    assert_eq!(text_of(&told), support::text_of(&server.task(&id)));
    assert!(deaf.connections() <= before + 1, "one may have been on its way");
    let listed = server.result("ListTaskPushNotificationConfigs", json!({"taskId": id}));
    assert_eq!(listed["configs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_first_generation_is_told_its_own_task() {
    let receiver = Receiver::new();
    let server = server(&receiver, "");
    let address =
        json!({"url": receiver.url(), "token": "t", "authentication": {"schemes": ["Bearer"], "credentials": "c"}});
    let message = json!({"role": "user", "parts": [{"type": "text", "text": "slow 3 0.02"}]});
    server.result("tasks/send", json!({"id": "mine", "message": message, "pushNotification": address}));
    let told = receiver.wait_for("the end", |body| body["status"]["state"] == "completed");
    let last = told.last().unwrap();
    assert_eq!((&last.body["id"], last.header("authorization")), (&json!("mine"), Some("Bearer c")));
    assert_eq!(last.body["artifacts"][0]["parts"][0]["type"], "text");
    let shown = json!({"url": receiver.url(), "token": "t", "authentication": {"schemes": ["Bearer"]}});
    let found = server.result("tasks/pushNotification/get", json!({"id": "mine"}));
    assert_eq!(found, json!({"id": "mine", "pushNotificationConfig": shown}));
    let before = receiver.told().len();
    let set = server.result("tasks/pushNotification/set", json!({"id": "mine", "pushNotificationConfig": address}));
    assert_eq!(set["pushNotificationConfig"], shown);
    wait("the finished task", || (receiver.told().len() > before).then_some(()));
    assert_eq!(server.get("/.well-known/agent.json").json()["capabilities"]["pushNotifications"], true);
}

#[test]
fn a_config_made_later_begins_with_the_task_as_it_stands_even_when_it_is_over() {
    let receiver = Receiver::new();
    let server = server(&receiver, "");
    let id = server.start_task("slow 4 0.1");
    server.wait_for(&id, |task| support::text_of(task).contains('\n') || support::state_of(task) == "COMPLETED");
    let config = |task: &str, id: &str| json!({"taskId": task, "id": id, "url": receiver.url()});
    server.result("CreateTaskPushNotificationConfig", config(&id, "late"));
    let told = receiver.wait_for("the end", is_over);
    assert!(told[0].body["task"].is_object());
    assert_eq!(text_of(&told), support::text_of(&server.task(&id)));
    let before = told.len();
    server.result("CreateTaskPushNotificationConfig", config(&id, "too late"));
    let told = wait("the finished task", || Some(receiver.told()).filter(|told| told.len() > before));
    assert_eq!(told[before].body["task"]["status"]["state"], "TASK_STATE_COMPLETED");
}

#[test]
fn what_is_not_heard_is_told_again_and_nothing_overtakes_it() {
    let receiver = Receiver::answering(|number| match number {
        0 | 1 => "500 Internal Server Error".to_owned(),
        2 => "302 Found\r\nLocation: http://127.0.0.1:1/".to_owned(),
        _ => "204 No Content".to_owned(),
    });
    let server = server(&receiver, "");
    let sent = server.result("SendMessage", told_message("slow 3 0.02", json!({"url": receiver.url()})));
    let told = receiver.wait_for("the end", is_over);
    for again in &told[..=3] {
        assert_eq!(again.body["task"]["id"], sent["task"]["id"], "as it stands, until it is heard");
    }
    assert_eq!(text_of(&told[3..]), support::text_of(&server.task(sent["task"]["id"].as_str().unwrap())));
}

#[test]
fn a_receiver_that_never_listens_is_given_up_and_costs_the_task_nothing() {
    let receiver = Receiver::answering(|_| "503 Service Unavailable".to_owned());
    let server = server(&receiver, "push_attempts_max = 3\npush_breaker_ms = 20\n");
    let sent = server.result("SendMessage", told_message("slow 2 0.02", json!({"url": receiver.url()})));
    let id = sent["task"]["id"].as_str().unwrap();
    server.wait_for(id, |task| support::state_of(task) == "COMPLETED");
    wait("the line in the log", || server.stderr().contains("is given up").then_some(()));
    assert_eq!(receiver.told().len(), 3);
    assert!(server.stderr().contains(id) && !server.stderr().contains("/hook"), "{}", server.stderr());
}

#[test]
fn a_deleted_config_is_told_nothing_more() {
    let receiver = Receiver::answering(|_| String::new());
    let server = server(&receiver, "push_timeout_ms = 100\n");
    let id = server.start_task("slow 100 0.05");
    server.result("CreateTaskPushNotificationConfig", json!({"taskId": id, "id": "c", "url": receiver.url()}));
    receiver.wait_for("the first word", |_| true);
    server.result("DeleteTaskPushNotificationConfig", json!({"taskId": id, "id": "c"}));
    let before = receiver.connections();
    server.result("CancelTask", json!({"id": id}));
    // As long as an attempt takes, and the pause before the next one.
    std::thread::sleep(Duration::from_millis(300));
    assert!(receiver.connections() <= before + 1, "one may have been on its way");
    assert!(!receiver.told().iter().any(|told| is_over(&told.body)));
}

#[test]
fn a_server_that_stops_tells_how_its_tasks_ended() {
    let receiver = Receiver::new();
    let mut server = server(&receiver, "shutdown_grace_ms = 100\n");
    server.result("SendMessage", told_message("slow 1000 0.05", json!({"url": receiver.url()})));
    receiver.wait_for("the work", |body| body["artifactUpdate"].is_object());
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(receiver.told().iter().any(|told| is_over(&told.body)), "{:?}", receiver.told().last());
}

#[test]
fn no_address_inside_is_called_by_any_door() {
    let receiver = Receiver::new();
    let server = with_config("");
    let id = server.start_task("slow 100 0.05");
    let port = receiver.address.port();
    let hosts = "127.0.0.1 localhost 127.1 2130706433 0x7f000001 0177.0.0.1 0.0.0.0 [::1] [::] [::ffff:127.0.0.1] \
        [::ffff:7f00:1] [64:ff9b::7f00:1] [2002:7f00:1::] 127.0.0.1. LOCALHOST";
    let authorization = format!("Bearer {TOKEN}");
    let headers = http::headers(&[("Authorization", &authorization), ("Content-Type", "application/json")]);
    for host in hosts.split_whitespace() {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let params = json!({"taskId": id, "url": url});
            let refused = server.call("CreateTaskPushNotificationConfig", params.clone());
            assert_eq!(refused["error"]["code"], -32602, "{url}: {refused}");
            let path = format!("/tasks/{id}/pushNotificationConfigs");
            let answer = http::request(server.address, "POST", &path, &headers, params.to_string().as_bytes());
            assert_eq!(answer.status, 400, "{url}");
            let old = json!({"taskId": id, "pushNotificationConfig": {"url": url}});
            assert_eq!(server.call("tasks/pushNotificationConfig/set", old)["error"]["code"], -32602, "{url}");
            let sent = server.call("SendMessage", told_message("hi", json!({"url": url})));
            assert_eq!(sent["error"]["code"], -32602, "{url}");
        }
    }
    let own = server
        .call("CreateTaskPushNotificationConfig", json!({"taskId": id, "url": format!("http://{}/", server.address)}));
    assert_eq!(own["error"]["code"], -32602);
    for (config, field) in [
        (json!({"taskId": id}), "url"),
        (json!({"url": "https://hooks.example"}), "taskId"),
        (json!({"taskId": id, "url": "ftp://hooks.example"}), "url"),
        (json!({"taskId": id, "url": "https://a:b@hooks.example"}), "url"),
        (json!({"taskId": id, "url": "https://no-such-host.invalid/"}), "url"),
        (json!({"taskId": id, "url": "http://93.184.216.34/"}), "url"),
        (json!({"taskId": id, "url": "https://hooks.example", "token": "a\r\nb: c"}), "token"),
        (json!({"taskId": id, "id": "a\nb", "url": "https://hooks.example"}), "id"),
        (
            json!({"taskId": id, "url": "https://hooks.example", "authentication": {"scheme": "a b"}}),
            "authentication.scheme",
        ),
    ] {
        let refused = server.call("CreateTaskPushNotificationConfig", config.clone());
        let fields = refused["error"]["data"].to_string();
        assert!(fields.contains(&format!("\"field\":\"{field}\"")), "{config}: {refused}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn a_receiver_by_https_is_told_if_its_certificate_is_trusted() {
    let receiver = Receiver::with_tls();
    let url = format!("https://localhost:{}/hook", receiver.address.port());
    let config = format!(
        "[push]\nallow = [\"localhost:{}\"]\n[limits]\npush_backoff_ms = 1\npush_attempts_max = 2\n",
        receiver.address.port()
    );
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/authority.pem");
    let trusting = launch(&config).env("SSL_CERT_FILE", &authority).start();
    trusting.result("SendMessage", told_message("hi", json!({"url": url})));
    let told = receiver.wait_for("the end", is_over);
    assert_eq!(told[0].header("host"), Some(format!("localhost:{}", receiver.address.port()).as_str()));
    let before = receiver.told().len();
    let other = launch(&config).env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nowhere").start();
    other.result("SendMessage", told_message("hi", json!({"url": url})));
    wait("the line in the log", || other.stderr().contains("is given up").then_some(()));
    assert!(other.stderr().contains("certificate"), "{}", other.stderr());
    assert_eq!(receiver.told().len(), before);
}

#[test]
fn configs_are_bounded() {
    let receiver = Receiver::answering(|_| String::new());
    let limits = "push_configs_per_task_max = 2\npush_followed_per_caller_max = 3\n";
    let server = server(&receiver, limits);
    let (first, second) = (server.start_task("slow 100 0.05"), server.start_task("slow 100 0.05"));
    let create = |task: &str, id: &str| {
        server.call("CreateTaskPushNotificationConfig", json!({"taskId": task, "id": id, "url": receiver.url()}))
    };
    for (task, id, refused) in
        [(&first, "a", false), (&first, "b", false), (&first, "c", true), (&second, "a", false), (&second, "b", true)]
    {
        let answer = create(task, id);
        assert_eq!(!answer["error"].is_null(), refused, "{id}: {answer}");
    }
    server.result("DeleteTaskPushNotificationConfig", json!({"taskId": first, "id": "a"}));
    assert!(create(&second, "b")["error"].is_null(), "there is room again");
}

#[test]
fn a_task_that_is_over_makes_room_for_the_next() {
    let receiver = Receiver::new();
    let server = server(&receiver, "push_followed_per_caller_max = 1\n");
    for number in 0..4 {
        let before = receiver.told().len();
        // The end has been heard; that it was is written down a moment later.
        let sent = wait("room", || {
            let answer = server.call("SendMessage", told_message(&number.to_string(), json!({"url": receiver.url()})));
            answer["error"].is_null().then_some(answer)
        });
        assert!(sent["result"]["task"].is_object());
        wait("the end", || receiver.told()[before..].iter().any(|told| is_over(&told.body)).then_some(()));
    }
}

#[test]
fn without_push_notifications_the_card_says_so_and_every_door_refuses() {
    let server = with_config("[push]\nenabled = false\n");
    assert_eq!(server.get("/.well-known/agent-card.json").json()["capabilities"]["pushNotifications"], false);
    let params = json!({"taskId": "t", "id": "c", "url": "https://hooks.example/"});
    for method in [
        "CreateTaskPushNotificationConfig",
        "GetTaskPushNotificationConfig",
        "ListTaskPushNotificationConfigs",
        "DeleteTaskPushNotificationConfig",
    ] {
        assert_eq!(server.call(method, params.clone())["error"]["code"], -32003, "{method}");
    }
    let sent = server.post(&rpc("SendMessage", told_message("hi", json!({"url": "https://hooks.example/"})))).json();
    assert_eq!(sent["error"]["code"], -32003);
    assert_eq!(server.result("ListTasks", json!({}))["totalSize"], 0, "nothing was begun");
}
