//! The Claude driver over real processes: a script that speaks the protocol. The published Claude Code has a lane of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use inhouse_agents::{AgentSpec, Protocol};
use inhouse_engine::agent::{Agent, DecidedBy, End, Failure, Note, Reason};
use inhouse_engine::cancel::CancelSource;
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use inhouse_trust::Input;
use support::{Collected, agent, answered, command, once, spec, take, turn};

const DELTA: &str = r#"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"begun"}}}"#;

fn speaks(script: &str) -> AgentSpec {
    spec(command("/bin/sh", &["-c", script], Input::Protocol), Protocol::Claude)
}

#[tokio::test]
async fn the_text_is_never_in_the_last_block_and_the_input_stays_open_until_the_result() {
    let script = r#"read -r line; echo "$line" >&2
        echo '{"type":"control_request","request_id":"7","request":{"subtype":"can_use_tool"}}'; read -r answer
        case $answer in *'"request_id":"7"'*'"behavior":"deny"'*) ;; *) exit 1 ;; esac
        case $line in *'/config a=b"'*'(end of message)'*) result=yes ;; *) result=no ;; esac
        echo '{"type":"result","subtype":"success","is_error":false,"result":"'$result'"}'
        read -r more || exit 0
        sleep 300"#;
    let (_source, cancel) = CancelSource::new();
    let (output, end) = once(speaks(script), &turn("/config a=b", cancel)).await;
    assert_eq!((output.text.as_str(), end), ("yes", End::Completed(Note::default())));
}

/// An agent that keeps conversations: `script` sees the option as `$0` and the id as `$1`, and `open` begins its answer.
fn remembers(script: &str) -> Arc<dyn Agent> {
    let open = r#"id=$1; open() { read -r line; echo '{"type":"system","subtype":"init"}'
        echo '{"type":"result","subtype":"success","is_error":false,"result":"'"$0 $id"'"}'; }"#;
    let AgentSpec::Program(mut spec) = speaks(&format!("{open}; {script}")) else { panic!("a program") };
    spec.keeps_conversations = true;
    agent(AgentSpec::Program(spec))
}

#[tokio::test]
async fn a_context_is_one_conversation_of_its_own() {
    let agent = remembers("open");
    let (first, notes) = answered(&agent, "c1", true).await;
    let id = first.strip_prefix("--session-id ").unwrap().to_owned();
    assert_eq!((id.len(), notes), (36, vec![]), "a UUID");
    assert_eq!(answered(&agent, "c1", false).await, (format!("--resume {id}"), vec![]));
    let (other, notes) = answered(&agent, "c2", false).await;
    assert!(other.starts_with("--session-id ") && !other.contains(&id), "{other}");
    assert_eq!(notes, ["there is no earlier conversation in this context: one begins"]);
    assert_eq!(answered(&remembers("open"), "c1", true).await.0, first, "the same one after a restart");
}

#[tokio::test]
async fn a_conversation_of_before_a_restart_is_resumed() {
    let taken = r#"[ "$0" = --resume ] || { echo "Error: Session ID $1 is already in use." >&2; exit 1; }; open"#;
    let (said, notes) = answered(&remembers(taken), "c1", false).await;
    assert!(said.starts_with("--resume "), "{said}");
    assert_eq!(notes, Vec::<String>::new());
}

#[tokio::test]
async fn a_conversation_that_is_gone_begins_anew_and_says_so() {
    let gone = r#"[ "$0" = --resume ] || { open; exit; }
        echo '{"type":"result","subtype":"error_during_execution","is_error":true,"errors":["No conversation found with session ID: '"$1"'"]}'
        exit 1"#;
    let agent = remembers(gone);
    answered(&agent, "c1", true).await;
    let (said, notes) = answered(&agent, "c1", false).await;
    assert!(said.starts_with("--session-id "), "{said}");
    assert_eq!(notes, ["the earlier conversation can not be resumed: a new one begins"]);
}

#[tokio::test]
async fn a_cancel_interrupts_first_and_then_ends_the_program() {
    let result = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming","usage":{"input_tokens":5}}"#;
    let polite = format!(
        "read -r line; echo '{DELTA}'; read -r interrupt; case $interrupt in *interrupt*) echo '{result}' ;; esac; sleep 300"
    );
    let deaf = format!("trap '' TERM; echo '{DELTA}'; while :; do sleep 1; done");
    for (script, input_tokens) in [(polite, Some(5)), (deaf, None)] {
        let (source, cancel) = CancelSource::new();
        let mut output = Collected { cancel_at: Some(("begun", source)), ..Collected::default() };
        let end = take(speaks(&script), &turn("", cancel), &mut output).await;
        assert_eq!(end, End::Canceled(Note::default()));
        assert_eq!(output.usage.and_then(|usage| usage.input_tokens), input_tokens);
    }
}

#[tokio::test]
async fn an_end_without_a_result_is_a_failure_that_says_why() {
    let (_source, cancel) = CancelSource::new();
    let script = format!("echo '{DELTA}'; echo \"error: unknown option '--new'\" >&2");
    let (output, end) = once(speaks(&script), &turn("", cancel)).await;
    let detail = Some("the agent ended without a result: error: unknown option '--new'".to_owned());
    assert_eq!(
        (output.text.as_str(), end),
        ("begun", End::Failed(Failure { reason: Reason::AgentProtocol, detail, data: None, quoted: false }))
    );
}

#[tokio::test]
async fn what_has_no_block_of_its_own_is_a_file_that_is_read_without_leave() {
    let script = r#"
        read -r line
        path=$(printf %s "$line" | grep -o 'file: [^ ]*' | cut -c7-)
        echo '{"type":"system","subtype":"init"}'
        echo '{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Read","input":{"file_path":"'$path'"}}}'
        read -r reply
        case $reply in *'"behavior":"allow"'*) said=$(cat "$path") ;; *) said=no ;; esac
        echo '{"type":"result","subtype":"success","is_error":false,"result":"'$said'"}'"#;
    let (_source, cancel) = CancelSource::new();
    let mut turn = turn("look", cancel);
    let content = Some(Content::Raw(b"a,b;c".to_vec()));
    turn.message.parts.push(v1::Part { content, media_type: "text/csv".to_owned(), ..v1::Part::default() });
    let (output, end) = once(speaks(script), &turn).await;
    assert_eq!((output.text.as_str(), end), ("a,b;c", End::Completed(Note::default())));
    assert_eq!(output.decided, [("Read".to_owned(), "allow", DecidedBy::Rule)]);
}
