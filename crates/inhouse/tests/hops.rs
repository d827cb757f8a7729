//! Agents that call one another: how many times a message is handed on, and what the trace of its first caller becomes.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;

use std::path::Path;

use grpc::Grpc;
use inhouse_proto::v1;
use prost::Message;
use serde_json::{Value, json};
use support::{Launch, Server, TOKEN, http, message, rpc, scratch, script, state_of, text_of};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traced() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

/// A server whose agent writes down how it was called, and calls the server again with the same text, for ever.
fn loops(folder: &Path, hops_max: &str) -> Server {
    let (calls, url) = (folder.join("calls"), folder.join("url"));
    let agent = script(
        "sh",
        &format!(
            "echo \"$INHOUSE_HOPS $TRACEPARENT\" >> {}\nINHOUSE_TOKEN={TOKEN} exec {} send --url \"$(cat {})\" again",
            calls.display(),
            env!("CARGO_BIN_EXE_inhouse"),
            url.display()
        ),
    );
    let config = folder.join("inhouse.toml");
    std::fs::write(&config, format!("[limits]\n{hops_max}\n")).unwrap();
    let launch = Launch::new(&["serve", "--config", config.to_str().unwrap()]);
    let server = launch.env("AGENT_CMD", agent).env("AGENT_INPUT", "stdin").start();
    std::fs::write(url, format!("http://{}", server.address)).unwrap();
    server
}

fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
    let authorization = format!("Bearer {TOKEN}");
    let mut all = vec![("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    all.extend(headers);
    http::request(server.address, "POST", path, &http::headers(&all), body).json()
}

#[test]
fn an_agent_that_calls_its_server_for_ever_is_called_four_times() {
    for (setting, count) in [("", 4), ("hops_max = 2", 2)] {
        let folder = scratch("hops");
        let server = loops(&folder, setting);
        let answer = post(&server, "/a2a", &[("traceparent", &traced())], &rpc("SendMessage", message("go")));
        let task = &answer["result"]["task"];
        assert_eq!(state_of(task), "FAILED", "{answer}");
        let calls = std::fs::read_to_string(folder.join("calls")).unwrap();
        let expected: String = (1..=count).map(|hops| format!("{hops} {}\n", traced())).collect();
        assert_eq!(calls, expected);
        let told =
            format!("Too many agents have called one another (-31508): the message has come through {count} of them");
        support::wait("the refusal in the log", || server.stderr().contains(&told).then_some(()));
        let audited = format!("\"trace\":\"{TRACE}\",\"outcome\":\"HOP_LIMIT\"");
        support::wait("the refusal in the audit", || server.stderr().contains(&audited).then_some(()));
    }
}

#[test]
fn each_binding_says_that_too_many_agents_have_called_one_another() {
    let server = Server::with_agent("cat");
    let hops = [("Inhouse-Hops", "4")];
    let params = message("hi");
    let answer = post(&server, "/a2a", &hops, &rpc("SendMessage", params.clone()));
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["data"][0]["reason"]),
        (&json!(-31508), &json!("HOP_LIMIT"))
    );
    assert_eq!(answer["error"]["data"][0]["metadata"]["hopsMax"], "4", "{answer}");
    let older = json!({"message": {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}});
    let answer = post(&server, "/a2a", &hops, &rpc("message/send", older));
    assert_eq!(answer["error"]["code"], -31508, "{answer}");
    let answer = post(&server, "/message:send", &hops, params.to_string().as_bytes());
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["status"]),
        (&json!(508), &json!("FAILED_PRECONDITION")),
        "{answer}"
    );
    let part = v1::Part { content: Some(v1::part::Content::Text("hi".into())), ..Default::default() };
    let message =
        v1::Message { message_id: "m".into(), role: v1::Role::User.into(), parts: vec![part], ..Default::default() };
    let request = v1::SendMessageRequest { message: Some(message), ..Default::default() }.encode_to_vec();
    let path = "/lf.a2a.v1.A2AService/SendStreamingMessage";
    let (_, trailers) = Grpc::new().exchange(&server, path, &request, &[("inhouse-hops", "4")]);
    let said = trailers["grpc-message"].to_str().unwrap();
    assert!(trailers["grpc-status"] == "9" && said.starts_with("Too"), "{trailers:?}");
    assert_eq!(server.result("ListTasks", json!({}))["tasks"], json!([]), "nothing was started");
}

#[test]
fn a_count_that_is_none_is_refused_and_a_trace_that_is_none_ignored() {
    let agent = script("sh", "echo \"$INHOUSE_HOPS <$TRACEPARENT>\"");
    let server = Server::with_agent(&agent);
    for hops in ["x", "-1", "256", "1.5", "4, 1"] {
        let answer = post(&server, "/a2a", &[("Inhouse-Hops", hops)], &rpc("SendMessage", message("hi")));
        assert_eq!(answer["error"]["code"], -32602, "{hops}: {answer}");
        assert_eq!(answer["error"]["data"][1]["fieldViolations"][0]["field"], "Inhouse-Hops", "{answer}");
    }
    let (right, later) = (traced(), format!("cc-{TRACE}-00f067aa0ba902b7-01-more"));
    let none = [("traceparent", "none")];
    for (headers, said) in [
        (&[("Inhouse-Hops", "3"), ("traceparent", &right)][..], format!("4 <{right}>\n")),
        (&[("traceparent", &later)], format!("1 <{later}>\n")),
        (&none, "1 <>\n".to_owned()),
        (&[("traceparent", &right), ("traceparent", &right)], "1 <>\n".to_owned()),
        (&[], "1 <>\n".to_owned()),
    ] {
        let answer = post(&server, "/a2a", headers, &rpc("SendMessage", message("hi")));
        assert_eq!(text_of(&answer["result"]["task"]), said, "{headers:?}");
    }
}

#[test]
fn the_client_refuses_a_count_that_is_none() {
    let (code, _, stderr) = Launch::new(&["send", "hi"]).env("INHOUSE_HOPS", "many").run();
    assert!(code == 2 && stderr.contains("INHOUSE_HOPS is \"many\", not a number from 0 to 255"), "{code} {stderr}");
}
