//! The driver of `examples/custom_agent.rs`, as it stands there, over a real socket.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

#[allow(dead_code, missing_docs, unreachable_pub, reason = "its main is not run here")]
#[path = "../../../examples/custom_agent.rs"]
mod custom_agent;

use std::net::SocketAddr;
use std::path::PathBuf;

use inhouse_run::{Options, Runner, Tier};
use inhouse_trust::{AgentCommand, Input};
use serde_json::{Value, json};
use support::{http, message, processes_with, reason_of, rpc, state_of, text_of, wait};

/// It answers by what stands in its first line, and stays where it is told to.
const PROGRAM: &str = r#"
    read -r text
    echo "do search"; echo "say You said: $text"; echo "unknown words"
    case "$text" in
        silent) ;;
        bad) echo "no such a thing" ;;
        which) echo "ask which one?" ;;
        stay) sleep 300 ;;
        *) echo "say end"; echo ok; echo "say late" ;;
    esac
"#;

fn serve(mark: &str) -> SocketAddr {
    let (told, address) = std::sync::mpsc::channel();
    let args = vec!["-c".to_owned(), PROGRAM.to_owned(), mark.to_owned()];
    std::thread::spawn(move || {
        let directory = PathBuf::from("/");
        let program = PathBuf::from("/bin/sh");
        let (env_pass, env_set) = (Vec::new(), Vec::new());
        let command = AgentCommand { program, args, input: Input::Protocol, env_pass, env_set, directory };
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            // A supervisor is the server's own program again, which a test is not.
            let runner = Runner::new(Options { tier: Some(Tier::Group), ..Options::default() }).unwrap();
            let agent = custom_agent::Teller { command, runner };
            let (server, _engine) = custom_agent::server(([127, 0, 0, 1], 0).into(), agent).unwrap();
            told.send(server.local_addr()).unwrap();
            server.run(std::future::pending()).await;
        });
    });
    address.recv().unwrap()
}

fn call(address: SocketAddr, method: &str, params: Value) -> Value {
    let headers = [
        ("Authorization", "Bearer a-token-for-trying-it-out"),
        ("Content-Type", "application/json"),
        ("A2A-Version", "1.0"),
    ];
    let answer = http::request(address, "POST", "/a2a", &http::headers(&headers), &rpc(method, params)).json();
    answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
}

#[test]
fn a_driver_of_ones_own_has_all_that_the_server_promises() {
    let mark = format!("mark-{}", std::process::id());
    let address = serve(&mark);
    let send = |text: &str| call(address, "SendMessage", message(text))["task"].clone();
    let task = send("hi");
    assert_eq!((state_of(&task), text_of(&task).as_str()), ("COMPLETED", "You said: hi\nend\n"), "{task}");
    assert_eq!(state_of(&send("which")), "INPUT_REQUIRED");
    for (text, reason) in [("bad", "agent_failed"), ("silent", "agent_protocol")] {
        let task = send(text);
        assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", reason), "{task}");
    }

    let mut params = message("stay");
    params["configuration"] = json!({"returnImmediately": true});
    let id = call(address, "SendMessage", params)["task"]["id"].clone();
    wait("the agent", || Some(()).filter(|()| !processes_with(&mark).is_empty()));
    assert_eq!(state_of(&call(address, "CancelTask", json!({"id": id}))), "CANCELED");
    wait("the end of what it started", || Some(()).filter(|()| processes_with(&mark).is_empty()));
}
