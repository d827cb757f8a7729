//! Leave that others than the caller give: three callers of one server, over JSON-RPC and over HTTP+JSON.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::http::{Response, headers, request};
use support::{Launch, Server, message, rpc, scratch, script, state_of, text_of, wait};

const ANN: &str = "ann-token-0123456789abcdef-0123456789";
const BOSS: &str = "boss-token-0123456789abcdef-012345678";
const EVE: &str = "eve-token-0123456789abcdef-0123456789";

/// Says something, asks for leave, and says what it was told.
const AGENT: &str = r#"
    says() { echo '{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"'"$1"'"}}}}'; }
    read -r first; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}'
    read -r open; echo '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}'
    read -r prompt; says 'inner words, '
    options='[{"optionId":"go","name":"Yes","kind":"allow_once"},{"optionId":"stop","name":"No","kind":"reject_once"}]'
    echo '{"jsonrpc":"2.0","id":7,"method":"session/request_permission","params":{"options":'$options',"toolCall":{"kind":"execute","title":"rm -rf build","rawInput":{"command":"rm -rf build"}}}}'
    read -r told
    case $told in *'"optionId":"go"'*) says done ;; *) says 'not done' ;; esac
    echo '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}'"#;

/// A server whose agent is asked for by ann, and decided on by the boss.
fn guarded(limits: &str) -> Server {
    let config = scratch("config").join("inhouse.toml");
    let callers: String = ["ann", "boss", "eve"]
        .map(|name| format!("[[callers]]\nname = \"{name}\"\ntoken_env = \"{}\"\n", name.to_uppercase()))
        .concat();
    let command: Vec<String> = script("/bin/sh", AGENT).split(' ').map(str::to_owned).collect();
    let agent = format!("[agents.guarded]\ncommand = {command:?}\nprotocol = \"acp\"\napprovers = [\"boss\"]\n");
    std::fs::write(&config, format!("{callers}{agent}[limits]\n{limits}\n")).unwrap();
    let launch = Launch::new(&["serve", "--config", config.to_str().unwrap()]).without("API_TOKEN");
    launch.env("ANN", ANN).env("BOSS", BOSS).env("EVE", EVE).start()
}

/// A way to speak with the server.
#[derive(Debug, Clone, Copy)]
enum Door {
    JsonRpc,
    Rest,
}

impl Door {
    fn call(self, server: &Server, token: &str, rpc_method: &str, params: &Value, rest: (&str, &str)) -> Response {
        let bearer = format!("Bearer {token}");
        let head = [("Authorization", &*bearer), ("Content-Type", "application/json"), ("A2A-Version", "1.0")];
        let (method, path, body) = match self {
            Self::JsonRpc => ("POST", "/a2a", rpc(rpc_method, params.clone())),
            Self::Rest if rest.0 == "GET" => ("GET", rest.1, Vec::new()),
            Self::Rest => (rest.0, rest.1, params.to_string().into_bytes()),
        };
        request(server.address, method, path, &headers(&head), &body)
    }

    /// Status and body of `GetTask`.
    fn get(self, server: &Server, token: &str, id: &str) -> (u16, Value) {
        let path = format!("/tasks/{id}");
        let response = self.call(server, token, "GetTask", &json!({"id": id}), ("GET", &path));
        (response.status, self.result(&response))
    }

    fn say(self, server: &Server, token: &str, id: &str, text: &str) -> (u16, Value) {
        let mut params = message(text);
        params["message"]["taskId"] = id.into();
        self.send(server, token, &params)
    }

    fn send(self, server: &Server, token: &str, params: &Value) -> (u16, Value) {
        let response = self.call(server, token, "SendMessage", params, ("POST", "/message:send"));
        (response.status, self.result(&response))
    }

    fn ids(self, server: &Server, token: &str) -> Vec<String> {
        let page = self.result(&self.call(server, token, "ListTasks", &json!({}), ("GET", "/tasks")));
        page["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The result, or the error as it stands.
    fn result(self, response: &Response) -> Value {
        let mut json = response.json();
        if json.get("result").is_some() { json["result"].take() } else { json }
    }

    /// Whether the task is answered as one that never was, byte for byte.
    fn is_missing(self, server: &Server, token: &str, id: &str) -> bool {
        let never = uuid::Uuid::new_v4().to_string();
        let plain = |(status, body): (u16, Value), id: &str| (status, body.to_string().replace(id, "ID"));
        let same = |one, other| plain(one, id) == plain(other, &never);
        let said = self.say(server, token, id, "yes");
        assert!(said.1.to_string().contains("TASK_NOT_FOUND"), "{said:?}");
        let got = self.get(server, token, id);
        got.1.to_string().contains("TASK_NOT_FOUND")
            && same(got, self.get(server, token, &never))
            && same(said, self.say(server, token, &never, "yes"))
            && !self.ids(server, token).iter().any(|listed| listed == id)
    }
}

/// A task of ann's that waits for the boss.
fn asked(server: &Server, door: Door) -> String {
    let (_, sent) = door.send(server, ANN, &message("tidy up, and keep it to yourself"));
    let task = &sent["task"];
    assert_eq!(state_of(task), "INPUT_REQUIRED", "{sent}");
    let id = task["id"].as_str().unwrap().to_owned();
    wait("the request", || door.ids(server, BOSS).contains(&id).then_some(()));
    id
}

fn ended(server: &Server, id: &str) -> Value {
    wait("the end", || {
        let (_, task) = Door::JsonRpc.get(server, ANN, id);
        ["COMPLETED", "FAILED"].contains(&state_of(&task)).then_some(task)
    })
}

/// What the audit says of the decisions on a task, once it says anything.
fn decided(server: &Server, id: &str) -> Vec<Value> {
    wait("the audit", || {
        let lines = server.stderr();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<_> = lines.filter(|line| line["operation"] == "decide" && line["task"] == id).collect();
        (!lines.is_empty()).then_some(lines)
    })
}

#[test]
fn an_approver_gives_leave_and_sees_nothing_but_the_request() {
    let server = guarded("");
    for door in [Door::JsonRpc, Door::Rest] {
        let id = asked(&server, door);
        let (status, seen) = door.get(&server, BOSS, &id);
        assert_eq!((status, state_of(&seen)), (200, "INPUT_REQUIRED"), "{door:?} {seen}");
        let request = &seen["status"]["message"]["parts"][1]["data"]["request"];
        assert_eq!((&request["tool"], &request["decides"]), (&json!("execute"), &json!("approver")), "{seen}");
        let text = seen.to_string();
        assert!(!text.contains("inner words") && !text.contains("keep it to yourself"), "{seen}");
        assert!(seen.get("history").is_none() && seen["artifacts"] == json!([]), "{seen}");

        let (_, refused) = door.say(&server, ANN, &id, "yes");
        let text = refused.to_string();
        assert!(text.contains("UNSUPPORTED_OPERATION") && text.contains("approvers decides"), "{refused}");
        assert!(door.is_missing(&server, EVE, &id), "{door:?}");

        let (status, receipt) = door.say(&server, BOSS, &id, "yes");
        let text = &receipt["message"]["parts"][0]["text"];
        assert_eq!((status, text), (200, &json!("The agent has its answer: go.")), "{door:?} {receipt}");
        assert!(receipt.get("task").is_none(), "{receipt}");
        assert_eq!(text_of(&ended(&server, &id)), "inner words, \n\ndone");
        assert!(door.is_missing(&server, BOSS, &id), "{door:?}");

        let [line] = &decided(&server, &id)[..] else { panic!("one decision") };
        let told = ["who", "outcome", "by", "approver"].map(|name| line[name].as_str().unwrap_or_default());
        assert_eq!(told, ["ann", "allow", "approver", "boss"], "{line}");
    }
}

#[test]
fn what_the_boss_denies_is_not_done() {
    let server = guarded("");
    let id = asked(&server, Door::Rest);
    let request = Door::Rest.get(&server, BOSS, &id).1;
    let request_id = request["status"]["message"]["parts"][1]["data"]["request"]["id"].clone();
    let mut params = message("");
    params["message"]["taskId"] = id.as_str().into();
    params["message"]["parts"] = json!([{"data": {"requestId": request_id, "optionId": "stop"}}]);
    assert_eq!(Door::JsonRpc.send(&server, BOSS, &params).0, 200);
    assert_eq!(text_of(&ended(&server, &id)), "inner words, \n\nnot done");
    assert_eq!(decided(&server, &id)[0]["outcome"], "deny");
}

#[test]
fn an_approvers_stream_is_his_receipt_and_other_operations_find_no_task() {
    let server = guarded("");
    let id = asked(&server, Door::JsonRpc);
    for (method, path) in [("CancelTask", "cancel"), ("SubscribeToTask", "subscribe")] {
        let path = format!("/tasks/{id}:{path}");
        for door in [Door::JsonRpc, Door::Rest] {
            let answer = door.call(&server, BOSS, method, &json!({"id": id}), ("POST", &path));
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(text.contains("TASK_NOT_FOUND"), "{method} {door:?} {text}");
        }
    }
    let mut params = message("yes");
    params["message"]["taskId"] = id.as_str().into();
    let stream = Door::JsonRpc.call(&server, BOSS, "SendStreamingMessage", &params, ("POST", "/message:stream"));
    let text = String::from_utf8_lossy(&stream.body).into_owned();
    assert!(text.matches("data:").count() == 1 && text.contains("The agent has its answer: go."), "{text}");
    assert_eq!(text_of(&ended(&server, &id)), "inner words, \n\ndone");
}

#[test]
fn without_an_approver_in_time_the_answer_is_no() {
    let server = guarded("ask_ms_max = 300");
    let (_, sent) = Door::JsonRpc.send(&server, ANN, &message("tidy up"));
    let id = sent["task"]["id"].as_str().unwrap();
    assert_eq!(text_of(&ended(&server, id)), "inner words, \n\nnot done");
    assert_eq!(decided(&server, id)[0]["by"], "nobody");
    assert!(Door::Rest.is_missing(&server, BOSS, id));
}

#[test]
fn on_the_command_line_the_caller_is_told_to_wait_and_the_approver_how_it_went() {
    let server = guarded("");
    let inhouse = |token: &str, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inhouse"));
        command.args(args).env_clear().env("HOME", scratch("home")).stdin(Stdio::null());
        command.env("INHOUSE_URL", format!("http://{}", server.address)).env("INHOUSE_TOKEN", token);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, said) = inhouse(ANN, &["send", "tidy up"]);
    assert!(code == Some(3) && said.contains("hint: when it is decided, follow the task with"), "{said}");
    let listed = wait("the request", || {
        let (_, listed, _) = inhouse(BOSS, &["task", "list", "--status", "input-required"]);
        listed.contains("input-required").then_some(listed)
    });
    let id = listed.lines().nth(1).and_then(|line| line.split(' ').next()).unwrap();
    let (code, shown, _) = inhouse(BOSS, &["task", "get", id]);
    assert!(code == Some(0) && shown.contains("rm -rf build") && !shown.contains("inner words"), "{shown}");
    let (code, answer, said) = inhouse(BOSS, &["send", "--task", id, "yes"]);
    assert_eq!((code, answer.as_str()), (Some(0), "The agent has its answer: go."), "{said}");
    assert_eq!(inhouse(ANN, &["task", "watch", id, "--from", "0"]).0, Some(0));
}
