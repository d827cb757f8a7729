//! Processes that are kept between turns, through the real binary: a small program named `claude` that speaks its protocol.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::http::{headers, request};
use support::{Launch, Server, TOKEN, message, processes_with, rpc, scratch, state_of, text_of, wait, wait_within};

const BOB: &str = "a-token-of-bob-0123456789abcdef-0123";

/// Answers with a name of this process, which its environment has, and the number of the turn in it; a word of the text does the
/// rest. (Its pid would not do: it is told by the process itself, which may have a namespace of its own.)
const CLAUDE: &str = r#"#!/bin/sh
case $* in *--version*) echo '2.1.330 (Claude Code)'; exit ;; esac
[ "$MARK" ] || MARK=the-mark NAME=$(cat /proc/sys/kernel/random/uuid) exec "$0" "$@"
setsid -f sleep 300 >/dev/null
turns=0
while read -r line; do
  case $line in
  *initialize*) echo '{"type":"control_response","response":{"subtype":"success","request_id":"initialize","response":{}}}' ;;
  *mcp_status*) echo '{"type":"control_response","response":{"subtype":"success","request_id":"mcp_status","response":{"mcpServers":[]}}}' ;;
  *'"type":"user"'*) turns=$((turns + 1)); echo '{"type":"system","subtype":"init"}'
    case $line in
    *daemons*) setsid -f sleep 300 >/dev/null; (setsid sh -c 'sleep 300 & exit' >/dev/null &) ;;
    *hangs*) continue ;;
    esac
    echo '{"type":"result","subtype":"success","is_error":false,"result":"'"$NAME $turns"'"}' ;;
  esac
done
"#;

/// A server, and the mark of its agent's processes.
struct House {
    server: Server,
    mark: String,
}

impl House {
    fn new(more: &str) -> Self {
        let folder = scratch("warm");
        let mark = format!("mark-{}", uuid::Uuid::new_v4().simple());
        let program = folder.join("claude");
        fs::write(&program, CLAUDE.replace("the-mark", &mark)).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let text = format!(
            "[[callers]]\nname = \"bob\"\ntoken_env = \"BOB\"\n[agents.claude]\ncommand = [\"{}\"]\n{more}\n",
            program.display()
        );
        fs::write(folder.join("inhouse.toml"), text).unwrap();
        let server = Launch::new(&["serve"]).directory(&folder).env("BOB", BOB).start();
        Self { server, mark }
    }

    /// A whole turn: the name of its process, and the number of the turn in it.
    fn said(&self, token: &str, context: &str, text: &str) -> (String, u32) {
        let task = self.task(token, context, text);
        assert_eq!(state_of(&task), "COMPLETED", "{task}");
        let text = text_of(&task);
        let (name, turns) = text.split_once(' ').unwrap();
        (name.to_owned(), turns.parse().unwrap())
    }

    fn task(&self, token: &str, context: &str, text: &str) -> Value {
        let bearer = format!("Bearer {token}");
        let head =
            headers(&[("Authorization", &*bearer), ("Content-Type", "application/json"), ("A2A-Version", "1.0")]);
        let mut params = message(text);
        params["message"]["contextId"] = context.into();
        let answer = request(self.server.address, "POST", "/a2a", &head, &rpc("SendMessage", params)).json();
        answer["result"]["task"].clone()
    }

    /// The agent's own process of this name, while it lives.
    fn agent(&self, name: &str) -> Option<u32> {
        let is_agent = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "claude\n");
        processes_with(name).into_iter().find(is_agent)
    }

    fn processes(&self) -> Vec<u32> {
        processes_with(&self.mark)
    }

    /// Waits until so many are seen: one that executes another program at this moment shows no environment for a while.
    fn see(&self, count: usize) -> Vec<u32> {
        assert!(self.processes().len() <= count, "{:?}", self.processes());
        wait("the processes to be seen", || Some(self.processes()).filter(|all| all.len() == count))
    }

    fn all_gone(&self, within: Duration) {
        wait_within(within, "the whole tree to end", || self.processes().is_empty().then_some(()));
    }
}

#[test]
fn a_context_keeps_its_process_and_nothing_that_a_turn_starts() {
    let house = House::new("");
    let (name, _) = house.said(TOKEN, "c1", "daemons");
    let kept = house.see(2);
    assert!(kept.contains(&house.agent(&name).unwrap()), "the agent and its helper: {kept:?}");
    assert_eq!(house.said(TOKEN, "c1", "daemons"), (name.clone(), 2));
    assert_eq!(house.see(2), kept);
    let (bobs, turns) = house.said(BOB, "c1", "hi");
    assert!(bobs != name && turns == 1, "another caller's context is another one");
    assert_eq!(house.said(TOKEN, "c1", "hi"), (name, 3));
    assert_eq!(house.said(BOB, "c1", "hi"), (bobs, 2));
}

#[test]
fn a_kept_process_ends_when_its_time_is_over_or_another_one_takes_its_place() {
    let house = House::new("[limits]\nwarm_idle_ms_max = 300");
    let (name, _) = house.said(TOKEN, "c1", "hi");
    house.all_gone(Duration::from_secs(5));
    let (next, turns) = house.said(TOKEN, "c1", "hi");
    assert!(next != name && turns == 1);
    let house = House::new("[limits]\nwarm_per_agent_max = 1");
    let (first, _) = house.said(TOKEN, "c1", "hi");
    let (second, _) = house.said(TOKEN, "c2", "hi");
    wait("the first one to end", || house.agent(&first).is_none().then_some(()));
    assert_eq!(house.said(TOKEN, "c2", "hi"), (second, 2));
    for more in ["[limits]\nwarm_per_agent_max = 0", "[server]\ncontainment = \"group\"\n"] {
        let house = House::new(more);
        let (name, _) = house.said(TOKEN, "c1", "hi");
        assert_eq!(house.agent(&name), None, "{more}");
        // What the group tier can not promise: the helper in its own session.
        for pid in house.processes() {
            Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        }
    }
}

#[test]
fn the_end_of_the_server_is_the_end_of_all_that_it_kept() {
    for signal in ["KILL", "TERM"] {
        let mut house = House::new("");
        for context in ["c1", "c2", "c3"] {
            house.said(TOKEN, context, "hi");
        }
        house.see(6);
        let begun = Instant::now();
        house.server.signal(signal);
        let code = house.server.wait();
        assert_eq!(code, (signal == "TERM").then_some(0));
        house.all_gone(Duration::from_secs(2));
        assert!(begun.elapsed() < Duration::from_secs(5), "{signal}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_turn_that_does_not_end_well_keeps_nothing_and_a_process_that_dies_is_replaced() {
    let house = House::new("");
    let (name, _) = house.said(TOKEN, "c1", "hi");
    let mut params = message("hangs");
    params["message"]["contextId"] = "c1".into();
    params["configuration"] = json!({"returnImmediately": true});
    let id = house.server.result("SendMessage", params)["task"]["id"].as_str().unwrap().to_owned();
    house.server.wait_for(&id, |task| state_of(task) == "WORKING");
    assert_eq!(state_of(&house.server.result("CancelTask", json!({"id": id}))), "CANCELED");
    house.all_gone(Duration::from_secs(5));
    let (next, turns) = house.said(TOKEN, "c1", "hi");
    assert!(next != name && turns == 1);
    let agent = house.agent(&next).unwrap();
    assert!(Command::new("kill").args(["-9", &agent.to_string()]).status().unwrap().success());
    house.all_gone(Duration::from_secs(2));
    let (last, turns) = house.said(TOKEN, "c1", "hi");
    assert!(last != next && turns == 1);
}
