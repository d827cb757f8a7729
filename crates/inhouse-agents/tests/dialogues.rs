//! What is the same for all agents that hold a dialogue, in each of their protocols, over real processes: scripts that speak it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use inhouse_agents::{AgentSpec, ProgramSpec, Protocol};
use inhouse_engine::agent::{DecidedBy, End, Failure, Note, Reason};
use inhouse_engine::cancel::{CancelSource, StopCause};
use inhouse_engine::{Ask, Effect, Reply};
use inhouse_trust::{Input, Verdict};
use support::{Collected, agent, answered, command, once, spec, take, turn};

/// A protocol, and words of it for scripts: the opening, an answer to be said, a request to run `ls` with its id, whether a line
/// gives leave to the request `$id`, and the end of the turn.
struct Spoken {
    protocol: Protocol,
    tool: &'static str,
    words: &'static str,
}

const SPOKEN: [Spoken; 3] = [
    Spoken {
        protocol: Protocol::Claude,
        tool: "Bash",
        words: r#"
            opens() { read -r line; }
            says() { result="$result$1"; }
            asks() { echo '{"type":"control_request","request_id":"'$1'","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls '$1'"}}}'; }
            about() { case $1 in *'"request_id":"'$2'"'*) ;; *) return 1 ;; esac; }
            leave() { case $1 in *'"behavior":"allow","updatedInput":{"command":"ls '$id'"}'*) ;; *) return 1 ;; esac; }
            ends() { echo '{"type":"result","subtype":"success","is_error":false,"result":"'$result'"}'; }
        "#,
    },
    Spoken {
        protocol: Protocol::Acp,
        tool: "execute",
        words: r#"
            opens() { read -r first
                echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}'
                read -r open; echo '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}'; read -r prompt; }
            says() { echo '{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"'"$1"'"}}}}'; }
            options='[{"optionId":"go","name":"Yes","kind":"allow_once"},{"optionId":"stop","name":"No","kind":"reject_once"}]'
            asks() { echo '{"jsonrpc":"2.0","id":'$1',"method":"session/request_permission","params":{"options":'$options',"toolCall":{"kind":"execute","title":"t","rawInput":{"command":"ls '$1'"}}}}'; }
            about() { case $1 in *'"id":'$2*) ;; *) return 1 ;; esac; }
            leave() { case $1 in *'"optionId":"go"'*) ;; *) return 1 ;; esac; }
            ends() { echo '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}'; }
        "#,
    },
    Spoken {
        protocol: Protocol::Codex,
        tool: "execute",
        words: r#"
            opens() { read -r first; echo '{"id":1,"result":{}}'; read -r initialized
                read -r open; echo '{"id":2,"result":{"thread":{"id":"t"}}}'
                read -r start; echo '{"id":3,"result":{"turn":{"id":"u","status":"inProgress"}}}'; }
            says() { echo '{"method":"item/agentMessage/delta","params":{"threadId":"t","itemId":"m","delta":"'"$1"'"}}'; }
            asks() { echo '{"id":'$1',"method":"item/commandExecution/requestApproval","params":{"threadId":"t","command":"ls '$1'"}}'; }
            about() { case $1 in *'"id":'$2*) ;; *) return 1 ;; esac; }
            leave() { case $1 in *'"decision":"accept"'*) ;; *) return 1 ;; esac; }
            ends() { echo '{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"completed"}}}'; }
        "#,
    },
];

/// Asks for a tool twice at once, and says what it was told.
const ASKS: &str = r#"opens; asks 7; asks 8; read -r one; read -r two
    for told in "$one" "$two"; do
        if about "$told" 7; then id=7; else id=8; fi
        if leave "$told"; then says "$id:may "; else says "$id:not "; fi
    done
    ends"#;

impl Spoken {
    fn program(&self, script: &str) -> Box<ProgramSpec> {
        let script = format!("{}\n{script}", self.words);
        let AgentSpec::Program(spec) = spec(command("/bin/sh", &["-c", &script], Input::Protocol), self.protocol)
        else {
            panic!("a program")
        };
        spec
    }

    fn speaks(&self, script: &str) -> AgentSpec {
        AgentSpec::Program(self.program(script))
    }
}

#[tokio::test]
async fn what_it_asks_is_answered_one_after_the_other() {
    for spoken in SPOKEN {
        let (_source, cancel) = CancelSource::new();
        let allow = |ask: &Ask| ask.choose(Effect::Allow).unwrap();
        let deny = |ask: &Ask| Reply::denied(&ask.id, "no");
        let mut output = Collected { replies: [allow as fn(&Ask) -> Reply, deny].into(), ..Collected::default() };
        let end = take(spoken.speaks(ASKS), &turn("", cancel), &mut output).await;
        assert_eq!((output.text.as_str(), end), ("7:may 8:not ", End::Completed(Note::default())), "{}", spoken.tool);
        let asked: Vec<_> = output.asked.iter().map(|ask| (ask.tool.as_str(), ask.subject.as_str())).collect();
        assert_eq!((asked, output.unasked), (vec![(spoken.tool, "ls 7"), (spoken.tool, "ls 8")], 0));
    }
}

#[tokio::test]
async fn rules_decide_before_anybody_is_asked() {
    for spoken in SPOKEN {
        let (_source, cancel) = CancelSource::new();
        let mut spec = spoken.program(ASKS);
        spec.approvals.add(Verdict::Allow, &format!("{}(ls*)", spoken.tool)).unwrap();
        spec.approvals.add(Verdict::Deny, &format!("{}(*8)", spoken.tool)).unwrap();
        let (output, _) = once(AgentSpec::Program(spec), &turn("", cancel)).await;
        assert_eq!((output.text.as_str(), output.asked.len()), ("7:may 8:not ", 0), "{}", spoken.tool);
        let decided: Vec<_> = output.decided.iter().map(|(_, decision, by)| (*decision, by.clone())).collect();
        assert_eq!(decided, [("allow", DecidedBy::Rule), ("deny", DecidedBy::Rule)]);
    }
}

#[tokio::test]
async fn a_turn_that_asks_can_be_canceled_and_one_that_dies_asks_nothing_more() {
    for spoken in SPOKEN {
        let (source, cancel) = CancelSource::new();
        let mut output = Collected::default();
        let turn_of = turn("", cancel);
        let canceled = take(spoken.speaks(ASKS), &turn_of, &mut output);
        let (end, ()) = tokio::join!(canceled, async { source.fire(StopCause::Canceled) });
        assert_eq!(end, End::Canceled(Note::default()), "{}", spoken.tool);
        let (_source, cancel) = CancelSource::new();
        let (output, end) = once(spoken.speaks("opens; asks 7"), &turn("", cancel)).await;
        assert!(matches!(end, End::Failed(Failure { reason: Reason::AgentProtocol, .. })), "{end:?}");
        assert_eq!((output.asked.len(), output.unasked), (1, 1), "{}", spoken.tool);
    }
}

#[tokio::test]
async fn the_time_in_which_it_waits_for_its_caller_is_no_silence() {
    for spoken in SPOKEN {
        let (_source, cancel) = CancelSource::new();
        let mut spec = spoken.program(ASKS);
        spec.limits.idle_ms = Some(200);
        let allow = |ask: &Ask| ask.choose(Effect::Allow).unwrap();
        let deny = |ask: &Ask| Reply::denied(&ask.id, "no");
        let replies = [allow as fn(&Ask) -> Reply, deny].into();
        let mut output = Collected { reply_after_ms: 400, replies, ..Collected::default() };
        let end = take(AgentSpec::Program(spec), &turn("", cancel), &mut output).await;
        assert_eq!((output.text.as_str(), end), ("7:may 8:not ", End::Completed(Note::default())), "{}", spoken.tool);
    }
}

#[tokio::test]
async fn codex_resumes_its_thread_in_the_same_context_alone() {
    let codex = &SPOKEN[2];
    let script = r#"opens; case $open in *thread/resume*'"threadId":"t"'* | *'"threadId":"t"'*thread/resume*) says again ;; *) says new ;; esac; ends"#;
    let agent = agent(codex.speaks(script));
    assert_eq!(answered(&agent, "c1", true).await, ("new".to_owned(), vec![]));
    assert_eq!(answered(&agent, "c1", false).await, ("again".to_owned(), vec![]));
    let begins = "there is no earlier conversation in this context: one begins".to_owned();
    assert_eq!(answered(&agent, "c2", false).await, ("new".to_owned(), vec![begins]));
}
