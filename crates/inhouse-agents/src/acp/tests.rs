//! Contract tests: recorded runs of Gemini CLI 0.61.0, opencode 1.18.33, Qwen Code 0.24.4 and Claude Code's adapter, replayed through
//! the reader. `in` is what a client wrote; ours must write the same, but for the words of its prompt.

use std::path::Path;

use inhouse_engine::Reply;
use inhouse_engine::agent::Usage;
use serde_json::{Value, json};

use crate::acp::input::Prompt;
use crate::acp::opening::Opening;
use crate::acp::parse::Parser;
use crate::by_line::{ByLine, LineProtocol as _};
use crate::dialogue::{Dialogue, Opened, Said};
use crate::lines::LINE_BYTES_MAX;
use crate::replayed::{Replay, Seen};

/// The mode in which a recorded client left its agent.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Set,
    Kept,
}

fn prompt() -> Prompt {
    Prompt::default()
}

/// A turn before the agent's first line.
fn started(earlier: Option<&str>, mode: Mode, line_bytes_max: usize) -> Replay<Parser> {
    let kept = mode == Mode::Kept;
    let (opening, input) = Opening::new(prompt(), "/project".into(), earlier.map(str::to_owned), None, kept);
    Replay::new(line_bytes_max, Parser::new(opening), &input)
}

/// The whole turn. Nothing is ever withdrawn.
fn whole(replay: Replay<Parser>) -> Seen {
    let seen = replay.end(0);
    assert!(!seen.withdrawn);
    seen
}

/// A line of a client without what may differ.
fn compared(mut line: Value) -> Value {
    if let Some(params) = line.get_mut("params").and_then(Value::as_object_mut) {
        params.remove("clientInfo");
        params.remove("prompt");
    }
    if let Some(error) = line.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("message");
    }
    line
}

/// The first turn of a recorded run: what is seen of it, and what its client wrote.
fn replay_in(name: &str, mode: Mode, piece_bytes: usize) -> (Seen, Vec<Value>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/acp-{name}.wire.jsonl"));
    let lines: Vec<Value> =
        std::fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let loaded = lines.iter().find(|line| line["msg"]["method"] == "session/load");
    let earlier = loaded.and_then(|line| line["msg"]["params"]["sessionId"].as_str());
    let (mut replay, mut expected) = (started(earlier, mode, LINE_BYTES_MAX), Vec::new());
    for line in lines.iter().take_while(|line| line["dir"] != "end") {
        let message = &line["msg"];
        if replay.seen.end.is_some() {
            break;
        }
        if line["dir"] == "out" {
            replay.read(&format!("{message}\n"), piece_bytes);
            continue;
        }
        expected.push(compared(message.clone()));
        if message["method"] == "session/cancel" {
            replay.interrupt();
        }
        if let (Some(option), Some(ask)) = (message["result"]["outcome"]["optionId"].as_str(), replay.seen.asked.last())
        {
            let answers = vec![("permission".to_owned(), vec![option.to_owned()])];
            let reply = Reply { ask: ask.id.clone(), answers, why: None };
            let line = replay.parser.reply(&reply).unwrap();
            replay.wrote(&line);
        }
    }
    (whole(replay), expected)
}

/// The same, however its bytes are cut, and with a client that writes what ours does.
fn replay(name: &str, mode: Mode) -> Seen {
    let (seen, expected) = replay_in(name, mode, usize::MAX);
    let written: Vec<_> = seen.written.iter().cloned().map(compared).collect();
    assert_eq!(written, expected, "{name}");
    for piece_bytes in [7, 1000] {
        assert_eq!(replay_in(name, mode, piece_bytes).0, seen, "{name} in pieces of {piece_bytes}");
    }
    seen
}

fn tokens(input: u64, output: u64) -> Option<Usage> {
    Some(Usage { input_tokens: Some(input), output_tokens: Some(output), cost_usd: None })
}

#[test]
fn a_recorded_tool_is_asked_for_and_used() {
    for (name, tool, subject, said) in [
        ("gemini/perm_allow", "edit", "/project/gemini_perm_allow.txt", "Tool finished."),
        ("gemini/perm_reject", "edit", "/project/gemini_perm_reject.txt", "Tool finished."),
        ("opencode/perm_reject", "edit", "/project/opencode_perm_reject.txt", ""),
        ("qwen/mode_default_allow_once", "edit", "/project/qwen_m_allow_once.txt", "Tool finished."),
        ("claude-acp/mode_default_reject_once", "edit", "/project/claude-acp_m_reject_once.txt", "Tool finished."),
    ] {
        let seen = replay(name, Mode::Set);
        let [ask] = seen.asked.as_slice() else { panic!("{name}: {:?}", seen.asked) };
        assert_eq!(
            (ask.tool.as_str(), ask.subject.as_str(), seen.end().as_str()),
            (tool, subject, "completed"),
            "{name}"
        );
        assert!(ask.input.to_string().contains("written by the fake model"), "{name}: {}", ask.input);
        let parted =
            if said.is_empty() { "I will use a tool.".into() } else { format!("I will use a tool.\n\n{said}") };
        assert!(seen.text.starts_with(&parted), "{name}: {}", seen.text);
        assert!(seen.usage.is_some_and(|usage| usage.output_tokens > Some(0)), "{name}: {:?}", seen.usage);
    }
}

#[test]
fn a_recorded_tool_is_told_without_its_input() {
    let seen = replay("gemini/shell", Mode::Set);
    assert_eq!(seen.working, ["the agent uses the tool execute"]);
    assert!(seen.text.starts_with("I will use a tool.\n\nTool finished. It said: "), "{}", seen.text);
    assert_eq!((seen.usage, seen.end().as_str()), (tokens(22, 14), "completed"));
}

#[test]
fn a_recorded_session_is_resumed_and_what_it_tells_again_is_no_answer() {
    let text = "Hello from the fake model. turn=3 chars=16 images=0 you-said=\"third after load\"";
    for (name, mode, usage) in [("opencode/load", Mode::Set, tokens(11, 7)), ("qwen/load", Mode::Kept, tokens(11, 7))] {
        let seen = replay(name, mode);
        assert_eq!((seen.text.as_str(), seen.end().as_str(), seen.usage), (text, "completed", usage), "{name}");
    }
}

#[test]
fn a_recorded_cancel_is_an_interrupted_turn_and_answers_what_was_asked() {
    for name in ["gemini/cancel", "opencode/cancel", "claude-acp/mode_default_cancel_while_asking"] {
        assert_eq!(replay(name, Mode::Set).end(), "canceled", "{name}");
    }
}

#[test]
fn the_next_prompt_of_a_recorded_session_is_a_turn_of_its_own() {
    for name in ["gemini/cancel", "opencode/cancel"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/acp-{name}.wire.jsonl"));
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let second = lines.iter().rposition(|line| line["msg"]["method"] == "session/prompt").unwrap();
        let request = &lines[second]["msg"];
        let (id, number) = (request["params"]["sessionId"].as_str().unwrap(), request["id"].as_u64().unwrap());
        let opened = Opened { id: id.to_owned(), request: number - 1, ..Opened::default() };
        let (opening, input) = Opening::going_on(prompt(), "/project".into(), opened.clone());
        let mut replay = Replay::new(LINE_BYTES_MAX, Parser::new(opening), &input);
        for line in lines[second..].iter().filter(|line| line["dir"] == "out") {
            replay.read(&format!("{}\n", line["msg"]), usize::MAX);
        }
        let rest = replay.parser.rest().unwrap();
        assert_eq!(rest.opened, Opened { request: number, ..opened.clone() }, "{name}");
        let seen = whole(replay);
        assert_eq!(seen.written.iter().cloned().map(compared).collect::<Vec<_>>(), [compared(request.clone())]);
        assert_eq!(seen.end(), "completed", "{name}");
        assert!(seen.text.contains("Hello") && seen.text.contains("after cancel"), "{name}: {}", seen.text);
    }
}

/// A turn of which the agent's lines are given, up to the prompt unless they begin before it.
fn after_prompt(lines: &str) -> Seen {
    let opened = r#"{"id":1,"result":{"protocolVersion":1}}
{"id":2,"result":{"sessionId":"s"}}"#;
    told(None, &format!("{opened}\n{lines}\n"))
}

fn told(earlier: Option<&str>, lines: &str) -> Seen {
    let mut replay = started(earlier, Mode::Set, 10_000);
    replay.read(lines, usize::MAX);
    whole(replay)
}

#[test]
fn a_session_that_is_gone_or_can_not_be_resumed_begins_anew_and_says_so() {
    let gone = ["the earlier conversation can not be resumed: a new one begins"];
    let can = r#"{"id":1,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}"#;
    let seen = told(
        Some("old"),
        &format!("{can}\n{}\n{}\n", r#"{"id":2,"error":{"code":-32603}}"#, r#"{"id":3,"result":{"sessionId":"s"}}"#),
    );
    assert_eq!(seen.methods(), ["initialize", "session/load", "session/new", "session/prompt"]);
    assert_eq!(seen.working, gone);
    let seen = told(Some("old"), "{\"id\":1,\"result\":{}}\n{\"id\":2,\"result\":{\"sessionId\":\"s\"}}\n");
    assert_eq!((seen.methods(), seen.working.len()), (vec!["initialize", "session/new", "session/prompt"], 1));
    let modes = r#"{"id":2,"result":{"modes":{"currentModeId":"auto","availableModes":[{"id":"default"}]}}}"#;
    let seen = told(Some("old"), &format!("{can}\n{modes}\n"));
    assert_eq!(seen.written.last().unwrap()["params"], json!({"sessionId": "old", "modeId": "default"}));
    assert_eq!(seen.working, Vec::<String>::new());
}

#[test]
fn an_agent_that_does_not_take_the_asking_mode_gets_no_prompt() {
    let lines = r#"{"id":1,"result":{}}
{"id":2,"result":{"sessionId":"s","modes":{"currentModeId":"auto","availableModes":[{"id":"default"}]}}}
{"id":3,"error":{"code":-32603,"message":"Internal error","data":{"details":"no such mode"}}}
"#;
    let seen = told(None, lines);
    assert_eq!(seen.methods(), ["initialize", "session/new", "session/set_mode"]);
    assert_eq!(seen.end(), "agent_failed: no such mode");
}

#[test]
fn a_plan_is_told_each_time_that_it_changes() {
    let seen = after_prompt(
        r#"{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"plan","entries":[{"content":"read","priority":"high","status":"completed"},{"content":"write","status":"in_progress"},null]}}}
{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"plan","entries":[]}}}"#,
    );
    assert_eq!(seen.working, ["the agent's plan:\n- [x] read\n- [>] write"]);
}

#[test]
fn what_an_agent_takes_is_what_it_says_and_is_known_in_the_next_turn() {
    for (said, images, resources) in
        [(r#""image":true"#, true, false), (r#""embeddedContext":true"#, false, true), ("", false, false)]
    {
        let (opening, _) = Opening::new(prompt(), "/".into(), None, None, false);
        let mut parser = ByLine::new(1000, Parser::new(opening));
        let line = format!(r#"{{"id":1,"result":{{"agentCapabilities":{{"promptCapabilities":{{{said}}}}}}}}}"#);
        parser.read(format!("{line}\n").as_bytes(), &mut Said::default());
        let opened = parser.protocol.opened();
        assert_eq!((opened.takes_images, opened.takes_resources), (images, resources), "{said}");
        let (next, _) = Opening::going_on(prompt(), "/project".into(), opened.clone());
        assert_eq!(Opened { request: opened.request, ..next.opened() }, opened);
    }
}

#[test]
fn each_reason_to_stop_is_an_end() {
    let text = r#"{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"x"}}}}"#;
    for (lines, answer, end) in [
        ("", r#""result":{"stopReason":"end_turn"}"#, "completed"),
        ("", r#""result":{"stopReason":"refusal"}"#, "agent_failed: the model refused"),
        ("", r#""result":{"stopReason":"max_tokens"}"#, "agent_failed: the model reached its limit of tokens"),
        (
            "",
            r#""result":{"stopReason":"max_turn_requests"}"#,
            "agent_failed: the agent reached its limit of requests in a turn",
        ),
        ("", r#""result":{"stopReason":"cancelled"}"#, "agent_failed: the agent broke its turn off"),
        (text, r#""result":{"stopReason":"of_a_later_release"}"#, "completed"),
        (text, r#""result":null"#, "completed"),
        ("", r#""result":7"#, "agent_protocol: the agent ended its turn without a text and without a known reason"),
        (
            text,
            r#""error":{"code":400,"message":"{\"error\":{\"code\":400,\"message\":\"fake error 400\"}}"}"#,
            "provider_failed: fake error 400",
        ),
        (
            "",
            r#""error":{"code":-32603,"message":"Internal error: fake error 400","data":{"errorName":"APIError"}}"#,
            "provider_failed: fake error 400",
        ),
        (
            "",
            r#""error":{"code":-32603,"message":"Internal error","data":{"details":"400 fake error 400"}}"#,
            "provider_failed: 400 fake error 400",
        ),
        (
            "",
            r#""error":{"code":-32603,"message":"Internal error: API Error: 400 fake error 400"}"#,
            "provider_failed: 400 fake error 400",
        ),
        ("", r#""error":{"code":-32000,"message":"Authentication required"}"#, "agent_failed: Authentication required"),
        ("", r#""error":{}"#, "agent_failed: the agent gave no reason"),
    ] {
        let seen = after_prompt(&format!("{lines}\n{{\"id\":3,{answer}}}"));
        assert_eq!(seen.end(), end, "{answer}");
    }
}

#[test]
fn lines_that_make_no_sense_are_passed_over_and_unknown_requests_refused() {
    let lines = [
        "no JSON",
        "[]",
        "7",
        "{}",
        r#"{"id":3}x"#,
        r#"{"id":{"a":1},"method":"session/request_permission"}"#,
        r#"{"id":99,"result":{"stopReason":"end_turn"}}"#,
        r#"{"id":"3","result":{"stopReason":"end_turn"}}"#,
        r#"{"method":"session/update"}"#,
        r#"{"method":"session/update","params":{"update":[]}}"#,
        r#"{"method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":[{"text":"x"}]}}}"#,
        r#"{"method":"session/update","params":{"sessionId":"other","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"x"}}}}"#,
        r#"{"method":"session/update","params":{"update":{"sessionUpdate":"agent_thought_chunk","content":{"type":"text","text":"x"}}}}"#,
        r#"{"method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"\u001b[31mred"}}}}"#,
        r#"{"method":"_vendor/note","params":5}"#,
        r#"{"id":0,"method":"fs/write_text_file","params":{"path":"/etc/x"}}"#,
        r#"{"id":"a","method":"craft/drainMidTurnQueue"}"#,
    ];
    let seen = after_prompt(&lines.join("\n"));
    assert_eq!(seen.end(), "agent_protocol: the agent ended without a result: exit code 0");
    assert_eq!((seen.text.as_str(), seen.asked.len()), ("red", 0));
    let answers: Vec<_> = seen.written[3..].iter().map(|line| (&line["id"], &line["error"]["code"])).collect();
    assert_eq!(answers, [(&json!(0), &json!(-32601)), (&json!("a"), &json!(-32601))]);
    let endless = format!("{}\n", "x".repeat(10_001));
    assert_eq!(told(None, &endless).end(), "agent_protocol: the agent wrote a line that is too long");
}

#[test]
fn a_thought_is_told_whole_before_what_comes_after_it() {
    let update = |kind: &str, text: &str| {
        let content = json!({"type": "text", "text": text});
        json!({"method": "session/update", "params": {"update": {"sessionUpdate": kind, "content": content}}})
            .to_string()
    };
    let (thought, said) = (|text| update("agent_thought_chunk", text), |text| update("agent_message_chunk", text));
    let end = r#"{"id":3,"result":{"stopReason":"end_turn"}}"#.to_owned();
    let lines = [thought("why "), thought("not\u{1b}[31m?"), said("a"), said("b"), thought(" "), thought("last"), end];
    let seen = after_prompt(&lines.join("\n"));
    assert_eq!((seen.text.as_str(), seen.end()), ("ab", "completed".into()));
    assert_eq!(seen.thoughts, ["why not?", "last"]);
}

#[test]
fn an_opening_that_goes_wrong_is_a_failure_that_says_why() {
    let version = "agent_protocol: the agent speaks version 2 of the Agent Client Protocol, not 1";
    for (lines, end) in [
        (r#"{"id":1,"result":{"protocolVersion":2}}"#.to_owned(), version),
        (r#"{"id":1,"error":{"code":-32603,"message":"no key"}}"#.to_owned(), "agent_failed: no key"),
        (
            "{\"id\":1,\"result\":{}}\n{\"id\":2,\"result\":{}}".to_owned(),
            "agent_protocol: the agent opened a session without a usable id",
        ),
        (
            format!("{{\"id\":1,\"result\":{{}}}}\n{{\"id\":2,\"result\":{{\"sessionId\":\"{}\"}}}}", "x".repeat(2000)),
            "agent_protocol: the agent opened a session without a usable id",
        ),
    ] {
        assert_eq!(told(None, &format!("{lines}\n")).end(), end);
    }
}

#[test]
fn what_is_interrupted_before_its_prompt_never_gets_it() {
    let mut replay = started(None, Mode::Set, 1000);
    assert!(replay.parser.interrupt().is_none());
    replay.read("{\"id\":1,\"result\":{}}\n", usize::MAX);
    assert_eq!(replay.seen.methods(), ["initialize"]);
}

#[test]
fn no_damage_to_a_recorded_line_brings_the_reader_down() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/acp-qwen/mode_default_allow_once.wire.jsonl");
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let stream: String = lines.filter(|line| line["dir"] == "out").map(|line| format!("{}\n", line["msg"])).collect();
    for (at, with) in
        (0..stream.len()).step_by(23).flat_map(|at| ["\"", "{", "]", "-1", "\n", "null"].map(|with| (at, with)))
    {
        let (Some(head), Some(tail)) = (stream.get(..at), stream.get(at + 1..)) else { continue };
        let mut replay = started(None, Mode::Set, LINE_BYTES_MAX);
        replay.read(&format!("{head}{with}{tail}"), usize::MAX);
        whole(replay);
    }
}
