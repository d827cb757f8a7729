//! The driver of the Agent Client Protocol over real processes: scripts that speak the protocol.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use inhouse_agents::{AgentSpec, Protocol};
use inhouse_engine::agent::{End, Failure, Note, Reason};
use inhouse_engine::cancel::CancelSource;
use inhouse_engine::{Ask, Reply};
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use inhouse_trust::{Input, Verdict};
use support::{Collected, agent, answered, command, once, spec, take, turn};

/// Words for the scripts: the opening, a piece of the answer, and the end of the turn.
const WORDS: &str = r#"
    opens() { read -r first
        echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}'
        read -r open; echo '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"session-'$$'"}}'; read -r prompt; }
    says() { echo '{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"'"$1"'"}}}}'; }
    ends() { echo '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"'$1'","usage":{"inputTokens":5}}}'; }
"#;

fn speaks(script: &str) -> AgentSpec {
    spec(command("/bin/sh", &["-c", &format!("{WORDS}\n{script}")], Input::Protocol), Protocol::Acp)
}

#[tokio::test]
async fn the_text_is_in_neither_the_first_nor_the_last_block_and_the_input_stays_open_until_the_end() {
    let script = r#"opens
        case $open in *'"cwd":"/"'*'"method":"session/new"'* | *'"method":"session/new"'*'"cwd":"/"'*) ;; *) exit 1 ;; esac
        case $prompt in *'"Message:"'*'"/config a=b"'*'"(end of message)"'*) says yes ;; *) says no ;; esac
        ends end_turn; read -r more || exit 0; sleep 300"#;
    let (_source, cancel) = CancelSource::new();
    let (output, end) = once(speaks(script), &turn("/config a=b", cancel)).await;
    assert_eq!((output.text.as_str(), end), ("yes", End::Completed(Note::default())));
    assert_eq!(output.usage.and_then(|usage| usage.input_tokens), Some(5));
}

/// Asks for two tools at once, and says what it was told.
const ASKS: &str = r#"opens
    options='[{"optionId":"go","name":"Yes","kind":"allow_once"},{"optionId":"stop","name":"No","kind":"reject_once"}]'
    for id in 7 8; do
        echo '{"jsonrpc":"2.0","id":'$id',"method":"session/request_permission","params":{"options":'$options',"toolCall":{"kind":"execute","title":"t","rawInput":{"command":"ls '$id'"}}}}'
    done
    read -r one; read -r two
    for told in "$one" "$two"; do
        case $told in *'"id":7'*) id=7 ;; *) id=8 ;; esac
        case $told in *'"optionId":"go"'*) says "$id:may " ;; *'"optionId":"stop"'*) says "$id:not " ;; esac
    done
    ends end_turn"#;

#[tokio::test]
async fn a_rule_does_not_give_leave_for_always() {
    let only = ASKS.replace("\"kind\":\"allow_once\"", "\"kind\":\"allow_always\"");
    let AgentSpec::Program(mut spec) = speaks(&only) else { panic!("a program") };
    spec.approvals.add(Verdict::Allow, "execute").unwrap();
    let (_source, cancel) = CancelSource::new();
    let deny = |ask: &Ask| Reply::denied(&ask.id, "no");
    let mut output = Collected { replies: [deny as fn(&Ask) -> Reply, deny].into(), ..Collected::default() };
    take(AgentSpec::Program(spec), &turn("", cancel), &mut output).await;
    assert_eq!((output.text.as_str(), output.asked.len()), ("7:not 8:not ", 2));
}

#[tokio::test]
async fn leave_for_always_is_offered_only_where_no_rule_restricts() {
    let both = ASKS.replace("options='[", "options='[{\"optionId\":\"always\",\"kind\":\"allow_always\"},");
    for (restricted, offered) in [(false, vec!["always", "go", "stop"]), (true, vec!["go", "stop"])] {
        let AgentSpec::Program(mut spec) = speaks(&both) else { panic!("a program") };
        if restricted {
            spec.approvals.add(Verdict::Deny, "edit").unwrap();
        }
        let (_source, cancel) = CancelSource::new();
        let deny = |ask: &Ask| Reply::denied(&ask.id, "no");
        let mut output = Collected { replies: [deny as fn(&Ask) -> Reply, deny].into(), ..Collected::default() };
        take(AgentSpec::Program(spec), &turn("", cancel), &mut output).await;
        let options: Vec<_> = output.asked[0].questions[0].options.iter().map(|choice| choice.id.as_str()).collect();
        assert_eq!((options, output.text.as_str()), (offered, "7:not 8:not "));
    }
}

#[tokio::test]
async fn a_context_is_one_session_that_is_resumed() {
    let script = r#"opens
        case $open in *session/load*session-[0-9]* | *session-[0-9]*session/load*) says again ;; *) says new ;; esac
        ends end_turn"#;
    let agent = agent(speaks(script));
    assert_eq!(answered(&agent, "c1", true).await, ("new".to_owned(), vec![]));
    assert_eq!(answered(&agent, "c1", false).await, ("again".to_owned(), vec![]));
    let begins = "there is no earlier conversation in this context: one begins".to_owned();
    assert_eq!(answered(&agent, "c2", false).await, ("new".to_owned(), vec![begins]));
}

#[tokio::test]
async fn a_session_that_is_gone_begins_anew_and_says_so() {
    let script = r#"read -r first
        echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}'
        read -r open
        case $open in *session/load*)
            echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"no such session"}}'; read -r open; id=3 ;; *) id=2 ;; esac
        echo '{"jsonrpc":"2.0","id":'$id',"result":{"sessionId":"s"}}'; read -r prompt; says hi
        echo '{"jsonrpc":"2.0","id":'$((id + 1))',"result":{"stopReason":"end_turn"}}'"#;
    let agent = agent(speaks(script));
    assert_eq!(answered(&agent, "c1", true).await, ("hi".to_owned(), vec![]));
    let gone = "the earlier conversation can not be resumed: a new one begins".to_owned();
    assert_eq!(answered(&agent, "c1", false).await, ("hi".to_owned(), vec![gone]));
}

#[tokio::test]
async fn a_cancel_is_told_first_and_then_ends_the_program() {
    let polite =
        "opens; says begun; read -r cancel; case $cancel in *session/cancel*) ends cancelled ;; esac; sleep 300";
    let deaf = "opens; trap '' TERM; says begun; while :; do sleep 1; done";
    for (script, input_tokens) in [(polite, Some(5)), (deaf, None)] {
        let (source, cancel) = CancelSource::new();
        let mut output = Collected { cancel_at: Some(("begun", source)), ..Collected::default() };
        let end = take(speaks(script), &turn("", cancel), &mut output).await;
        assert_eq!(end, End::Canceled(Note::default()));
        assert_eq!(output.usage.and_then(|usage| usage.input_tokens), input_tokens);
    }
}

#[tokio::test]
async fn an_end_without_a_result_is_a_failure_that_says_why() {
    let (_source, cancel) = CancelSource::new();
    let (output, end) = once(speaks("opens; says begun; echo 'error: no model' >&2"), &turn("", cancel)).await;
    let detail = Some("the agent ended without a result: error: no model".to_owned());
    let failure = Failure { reason: Reason::AgentProtocol, detail, data: None, quoted: false };
    assert_eq!((output.text.as_str(), end), ("begun", End::Failed(failure)));
}

#[tokio::test]
async fn what_the_agent_does_not_take_is_a_file_of_which_it_is_told() {
    let image =
        v1::Part { content: Some(Content::Raw(vec![b'i'])), media_type: "image/png".into(), ..v1::Part::default() };
    let text = v1::Part { content: Some(Content::Raw(vec![b't'])), media_type: "text/x".into(), ..v1::Part::default() };
    let (_source, cancel) = CancelSource::new();
    let mut turn = turn("look", cancel);
    turn.message.parts.extend([image, text]);
    let script = r#"opens; for path in $(printf %s "$prompt" | grep -o 'file: [^ ]*' | cut -c7-); do says "$(cat "$path")"; done; ends end_turn"#;
    let (output, end) = once(speaks(script), &turn).await;
    assert_eq!((output.text.as_str(), end), ("it", End::Completed(Note::default())));
}
