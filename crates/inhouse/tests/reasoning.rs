//! What a model thinks reaches a caller where the agent's operator lets it, and nowhere else.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use support::{Launch, message, scratch};

/// Thinks, and answers.
const CLAUDE: &str = r#"#!/bin/sh
case $* in *--version*) echo '2.1.330 (Claude Code)'; exit ;; esac
while read -r line; do
  case $line in
  *initialize*) echo '{"type":"control_response","response":{"subtype":"success","request_id":"initialize","response":{}}}' ;;
  *mcp_status*) echo '{"type":"control_response","response":{"subtype":"success","request_id":"mcp_status","response":{"mcpServers":[]}}}' ;;
  *'"type":"user"'*) echo '{"type":"system","subtype":"init"}'
    echo '{"type":"assistant","message":{"id":"m","content":[{"type":"thinking","thinking":"canary-77"}]}}'
    echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}' ;;
  esac
done
"#;

fn events(reasoning: &str) -> Vec<Value> {
    let folder = scratch("reasoning");
    let program = folder.join("claude");
    fs::write(&program, CLAUDE).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!("[agents.claude]\ncommand = [\"{}\"]\n{reasoning}\n", program.display());
    fs::write(folder.join("inhouse.toml"), config).unwrap();
    let server = Launch::new(&["serve"]).directory(&folder).start();
    server.stream("SendStreamingMessage", message("hi"), &[]).map(|event| event.json["result"].clone()).collect()
}

#[test]
fn thoughts_are_told_where_the_operator_lets_them() {
    let told = events("reasoning = true");
    let thought = told.iter().find(|event| event.to_string().contains("canary-77")).unwrap();
    let status = &thought["statusUpdate"]["status"];
    assert_eq!(status["state"], "TASK_STATE_WORKING");
    assert_eq!(
        status["message"]["metadata"]["urn:inhouse:a2a:activity:v1"],
        json!({"reasoning": {"text": "canary-77"}})
    );
    for silent in ["", "reasoning = false"] {
        let told = events(silent);
        assert!(told.len() > 1 && !told.iter().any(|event| event.to_string().contains("canary-77")), "{told:?}");
    }
}
