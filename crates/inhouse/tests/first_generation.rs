//! The first generation of A2A (`tasks/send` …), as its clients and the `curl` lines of old speak it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod support;

use serde_json::{Value, json};
use support::http::{headers, request};
use support::{Launch, Server, TOKEN, scratch, script};

fn send(server: &Server, id: &str, text: &str) -> Value {
    server.call("tasks/send", json!({"id": id, "message": {"role": "user", "parts": [{"type": "text", "text": text}]}}))
}

#[test]
fn the_old_curl_line_gets_the_right_answer_where_old_clients_read_it() {
    let server = Server::with_agent("cat");
    let answer = send(&server, "t1", "hello käse");
    let task = &answer["result"];
    assert_eq!((&task["id"], &task["status"]["state"]), (&json!("t1"), &json!("completed")));
    let said = &task["status"]["message"]["parts"][0];
    assert_eq!((&said["type"], &said["text"]), (&json!("text"), &json!("hello käse")));
    assert_eq!(task["artifacts"][0]["parts"][0]["type"], "text");
    assert_eq!(task["artifacts"][0]["parts"][0]["text"], "hello käse");
    assert_eq!(task["artifacts"][0]["index"], 0);
    assert_eq!(task["messages"][0]["parts"][0]["text"], "hello käse");
    assert!(task["sessionId"].is_string());
}

#[test]
fn a_stream_ends_with_a_final_status_and_its_artifacts_are_counted() {
    let server = Server::with_agent(&script("sh", "echo one; sleep 0.05; echo two"));
    let params = json!({"id": "t1", "message": {"role": "user", "parts": [{"type": "text", "text": "go"}]}});
    let events: Vec<_> =
        server.stream("tasks/sendSubscribe", params, &[]).map(|event| event.result().clone()).collect();
    let last = events.last().unwrap();
    assert_eq!((&last["final"], &last["status"]["state"]), (&json!(true), &json!("completed")));
    assert_eq!(last["status"]["message"]["parts"][0]["text"], "one\ntwo\n");
    let mut text = String::new();
    for artifact in events.iter().map(|event| &event["artifact"]).filter(|artifact| artifact.is_object()) {
        assert_eq!(artifact["index"], 0);
        text += artifact["parts"][0]["text"].as_str().unwrap();
    }
    assert_eq!(text, "one\ntwo\n");
    assert!(events.iter().all(|event| event["id"] == "t1"));
}

#[test]
fn tasks_can_be_fetched_and_canceled_by_their_own_id() {
    let server = Server::with_agent(&script("sh", "read text; [ \"$text\" = slow ] && sleep 600; echo \"$text\""));
    send(&server, "quick", "hi");
    let task = server.call("tasks/get", json!({"id": "quick", "historyLength": 0}))["result"].clone();
    assert_eq!((&task["status"]["state"], &task["messages"]), (&json!("completed"), &json!([])));
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| send(&server, "slow", "slow\n"));
        support::wait("the task", || {
            Some(server.call("tasks/get", json!({"id": "slow"})))
                .filter(|task| task["result"]["status"]["state"] == "working")
        });
        let canceled = server.call("tasks/cancel", json!({"id": "slow"}));
        assert_eq!(canceled["result"]["status"]["state"], "canceled");
        assert_eq!(sent.join().unwrap()["result"]["status"]["state"], "canceled");
    });
    assert_eq!(server.call("tasks/cancel", json!({"id": "slow"}))["error"]["code"], -32002);
    assert_eq!(server.call("tasks/get", json!({"id": "nowhere"}))["error"]["code"], -32001);
}

#[test]
fn an_id_that_is_used_again_is_a_retry_or_an_error_and_never_a_second_run() {
    let folder = scratch("runs");
    let agent = script("sh", &format!("cat; echo run >> {}/runs", folder.display()));
    let server = Server::with_agent(&agent);
    assert_eq!(send(&server, "t1", "same")["result"]["status"]["state"], "completed");
    assert_eq!(send(&server, "t1", "same")["result"]["status"]["state"], "completed");
    assert_eq!(send(&server, "t1", "other")["error"]["code"], -32602);
    assert_eq!(std::fs::read_to_string(folder.join("runs")).unwrap(), "run\n");
}

#[test]
fn an_id_of_ones_own_never_touches_the_task_of_another_caller() {
    let config = scratch("config").join("inhouse.toml");
    let file = "[[callers]]\nname = \"ann\"\ntoken_env = \"ANN\"\n[[callers]]\nname = \"eve\"\ntoken_env = \"EVE\"\n";
    std::fs::write(&config, file).unwrap();
    let launch = Launch::new(&["serve", "--config", config.to_str().unwrap()]).without("API_TOKEN");
    let server = launch
        .env("ANN", TOKEN)
        .env("EVE", "eve-token-0123456789abcdef-0123")
        .env("AGENT_CMD", "cat")
        .env("AGENT_INPUT", "stdin")
        .start();
    let as_eve = |method: &str, params: Value| {
        let headers = headers(&[
            ("Authorization", "Bearer eve-token-0123456789abcdef-0123"),
            ("Content-Type", "application/json"),
        ]);
        request(server.address, "POST", "/a2a", &headers, &support::rpc(method, params))
    };
    send(&server, "shared-id", "ann's secret");
    let foreign = as_eve("tasks/get", json!({"id": "shared-id"}));
    let missing = as_eve("tasks/get", json!({"id": "missing-i"}));
    let swap = |body: &[u8]| String::from_utf8_lossy(body).replace("shared-id", "missing-i");
    assert_eq!((foreign.status, swap(&foreign.body)), (missing.status, swap(&missing.body)), "byte for byte");
    let params = json!({"id": "shared-id", "message": {"role": "user", "parts": [{"type": "text", "text": "eve's"}]}});
    assert_eq!(as_eve("tasks/send", params).json()["result"]["artifacts"][0]["parts"][0]["text"], "eve's");
    assert_eq!(
        server.call("tasks/get", json!({"id": "shared-id"}))["result"]["artifacts"][0]["parts"][0]["text"],
        "ann's secret"
    );
    assert_eq!(as_eve("ListTasks", json!({})).json()["result"]["totalSize"], 1);
}

#[test]
fn errors_have_the_old_shape() {
    let server = Server::with_agent("cat");
    for (method, params) in [
        ("tasks/send", json!({"id": "t"})),
        ("tasks/send", json!({"id": "t", "message": {"role": "user", "parts": []}})),
        ("tasks/send", json!({"id": "t", "message": {"role": "user", "parts": [null]}})),
        ("tasks/get", json!({"id": 7})),
        ("tasks/get", json!({"id": ""})),
        (
            "tasks/send",
            json!({"id": "x".repeat(200), "message": {"role": "user", "parts": [{"type": "text", "text": "hi"}]}}),
        ),
    ] {
        let answer = server.call(method, params.clone());
        assert_eq!(answer["error"]["code"], -32602, "{method} {params}: {answer}");
    }
}
