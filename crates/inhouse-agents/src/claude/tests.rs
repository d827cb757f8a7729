//! Contract tests: recorded runs of Claude Code 2.1.330, replayed through the reader. `*.jsonl` is its standard output; `*.wire.jsonl`
//! has both directions, of which the reader sees what came out.

use std::path::Path;

use serde_json::{Value, json};

use crate::by_line::ByLine;
use crate::claude::opening::Opening;
use crate::claude::parse::Parser;
use crate::dialogue::{Dialogue as _, Opened, Said};
use crate::lines::LINE_BYTES_MAX;
use crate::replayed::{Replay, Seen};

/// The lines that came out of a recorded run, in segments of one turn each.
fn recorded(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/claude");
    let wire = folder.join(format!("{name}.wire.jsonl"));
    let file = if wire.exists() { wire } else { folder.join(format!("{name}.jsonl")) };
    let mut turns = vec![String::new()];
    for line in std::fs::read_to_string(&file).unwrap().lines() {
        let mut value: Value = serde_json::from_str(line).unwrap();
        if value["dir"].is_string() {
            if value["dir"] != "out" {
                continue;
            }
            value = value["msg"].take();
        }
        let last = turns.last_mut().unwrap();
        last.push_str(&format!("{value}\n"));
        if value["type"] == "result" {
            turns.push(String::new());
        }
    }
    if turns.len() > 1 {
        turns.pop();
    }
    turns
}

fn read(stream: &str, interrupted: bool, piece_bytes: usize) -> Seen {
    let mut replay = Replay::new(LINE_BYTES_MAX, Parser::new(None), b"");
    if interrupted {
        // What is written for it is looked at elsewhere.
        replay.parser.interrupt();
    }
    replay.read(stream, piece_bytes);
    replay.end(143)
}

/// The first turn of a recorded run, the same however its bytes are cut.
fn replay(name: &str, interrupted: bool) -> Seen {
    let stream = recorded(name).remove(0);
    let seen = read(&stream, interrupted, stream.len());
    for piece_bytes in [7, 1000] {
        assert_eq!(read(&stream, interrupted, piece_bytes), seen, "{name} in pieces of {piece_bytes}");
    }
    seen
}

const HELLO: &str = "Hello from the fake model. turn=1";
const TOOL: &str = "I will use a tool.";

#[test]
fn a_recorded_success_is_completed_with_its_text() {
    let two = |first: &str, second: &str| format!("{first}\n\n{second}");
    for (name, text) in [
        ("partial", format!("{HELLO} chars=13 images=0 you-said=\"hello partial\"")),
        ("stream", format!("{HELLO} chars=12 images=0 you-said=\"hello stream\"")),
        ("think", format!("{HELLO} chars=17 images=0 you-said=\"FAKE_THINK please\"")),
        ("cut", format!("{HELLO} chars=8 images=0 you-said=\"FAKE_CUT\"")),
        ("cut_partial", format!("{HELLO} chars=8 images=0 you-said=\"FAKE_CUT\"")),
        ("todo", format!("{HELLO} chars=9 images=0 no-such-tool; tools= you-said=\"FAKE_PLAN\"")),
        ("tool_bash", two(TOOL, "Tool finished. It said: \"hi there\"")),
        ("perm_plan", two(TOOL, "Tool finished. It said: \"Cannot write to /project/plan.txt while in plan mode.\"")),
        ("si_image", format!("{HELLO} chars=154 images=1 you-said=\"what is this\"")),
        ("si_doc", format!("{HELLO} chars=12 images=1 you-said=\"what is this\"")),
        ("si_at", format!("{HELLO} chars=19 images=0 you-said=\"look @/etc/hostname\"")),
        ("config_slash", "Set Verbose output to true".to_owned()),
        (
            "maxtok",
            two(
                &format!("{HELLO} chars=11 images=0 you-said=\"FAKE_MAXTOK\""),
                "Hello from the fake model. turn=2 chars=183 images=0 you-said=\"Output token limit hit. Resume directly \
                 \\u2014 no apology, no recap of what you were \"",
            ),
        ),
        (
            "refuse",
            two(
                &format!("{HELLO} chars=11 images=0 you-said=\"FAKE_REFUSE\""),
                "Hello from the fake model. turn=2 chars=224 images=0 you-said=\"Your response above was stopped by a safety \
                 classifier \\u2014 this is not a tool or A\"",
            ),
        ),
    ] {
        let seen = replay(name, false);
        assert_eq!((seen.text.as_str(), seen.end().as_str()), (text.as_str(), "completed"), "{name}");
        assert!(seen.written.is_empty(), "{name}");
    }
    for (name, begins) in [
        ("big", "0123456789abcde\n0123"),
        ("prompts_none", TOOL),
        ("tool_denied", TOOL),
        ("tool_write", TOOL),
        ("json_schema", HELLO),
    ] {
        let seen = replay(name, false);
        assert!(seen.text.starts_with(begins), "{name}: {}", seen.text);
        assert_eq!(seen.end(), "completed", "{name}");
    }
}

#[test]
fn a_recorded_failure_is_failed_and_its_notice_is_no_answer() {
    let lost = "agent_protocol: the agent ended without a result: exit code 143";
    let busy = "provider_failed: API Error: 500 fake error 500. This is a server-side issue, usually temporary \u{2014} try again in a \
                moment. If it persists, check your inference gateway (127.0.0.1:18471).";
    for (name, text, end) in [
        ("err_400", "", "provider_failed: API Error: 400 fake error 400"),
        ("err_500_retries1", "", busy),
        ("err_nokey", "", "provider_failed: Not logged in · Please run /login"),
        ("err_badkey", "", lost),
        ("sigterm_slow", "word0 word1 word2 word3 ", lost),
        ("max_turns", TOOL, "agent_failed: Reached maximum number of turns (1)"),
        ("max_budget", TOOL, "agent_failed: Reached maximum budget ($0.0001)"),
        ("sigint_slow", "word0 word1 word2 word3 ", "agent_failed: the agent was interrupted"),
        ("sigint_tool", TOOL, "agent_failed: the agent was interrupted"),
        (
            "resume5_unknown",
            "",
            "agent_failed: No conversation found with session ID: d0c6e3a3-08ef-4936-bd78-55e8627452e5",
        ),
    ] {
        let seen = replay(name, false);
        assert_eq!((seen.text.as_str(), seen.end().as_str()), (text, end), "{name}");
    }
    assert!(replay("err_down", false).end().starts_with("provider_failed: API Error: Connection refused"));
}

#[test]
fn an_interrupted_turn_is_canceled_and_the_next_one_is_whole() {
    for name in ["si_interrupt", "si_second_while_busy"] {
        let seen = replay(name, true);
        assert!(seen.text.starts_with("word0 word1 word2 word3 "), "{name}");
        assert_eq!((seen.end().as_str(), seen.withdrawn), ("canceled", false), "{name}");
        let next = read(&recorded(name)[1], false, 100);
        assert_eq!(next.end(), "completed", "{name}");
        assert!(next.text.starts_with("Hello from the fake model. turn=2"), "{name}");
    }
}

#[test]
fn each_turn_of_a_process_has_its_own_answer_and_cost() {
    let turns = recorded("si_multi");
    let seen: Vec<_> = turns.iter().map(|turn| read(turn, false, 64)).collect();
    assert_eq!(seen[0].text, format!("{HELLO} chars=5 images=0 you-said=\"first\""));
    assert_eq!(seen[1].text, "Hello from the fake model. turn=2 chars=6 images=0 you-said=\"second\"");
    assert_eq!(seen[0].usage, seen[1].usage);
    let usage = seen[1].usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(16), Some(7)));
    assert!((usage.cost_usd.unwrap() - 0.000_185).abs() < 1e-9);
    assert_eq!(read(&turns.concat(), false, 64), seen[0], "what comes after the result does not count");
}

#[test]
fn withdrawn_text_is_withdrawn_and_what_stood_before_stays() {
    assert!(replay("cut_partial", false).withdrawn);
    let stream = |lines: &[Value]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let event = |event: Value| json!({"type": "stream_event", "event": event, "parent_tool_use_id": null});
    let start = |id: &str| event(json!({"type": "message_start", "message": {"id": id}}));
    let block = |index: u64| {
        event(json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}))
    };
    let delta = |index: u64, text: &str| {
        event(json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}))
    };
    let abandon = |id: &str, from: u64| {
        let mut stop = event(json!({"type": "message_stop"}));
        stop["abandoned_blocks"] = json!({"api_message_id": id, "from_block_index": from});
        stop
    };
    let lines = [
        start("m1"),
        block(0),
        delta(0, "one"),
        event(json!({"type": "message_stop"})),
        start("m2"),
        block(0),
        delta(0, "two"),
        block(1),
        delta(1, " thr"),
        abandon("m2", 1),
        start("m3"),
        block(0),
        delta(0, "three"),
    ];
    let seen = read(&stream(&lines), false, 50);
    assert_eq!((seen.text.as_str(), seen.withdrawn), ("one\n\ntwo\n\nthree", true));
    let lines = [
        start("m1"),
        block(0),
        delta(0, "it goes "),
        event(json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}})),
        start("m2"),
        block(0),
        delta(0, "on\n"),
        start("m3"),
        block(0),
        delta(0, "after \u{1b}]52;c;"),
        delta(0, "eA==\u{7}it"),
        json!({"type": "assistant", "parent_tool_use_id": "toolu_1", "message": {"id": "s1", "content": [{"type": "text", "text": "subagent"}]}}),
        json!({"type": "news", "from": ["the", "future"]}),
    ];
    let noisy = format!("no JSON\n\n[1]\n{}", stream(&lines));
    assert_eq!(read(&noisy, false, 50).text, "it goes on\n\nafter it");
}

#[test]
fn retries_and_tools_are_told_without_their_inputs() {
    assert_eq!(replay("think", false).thoughts, ["Let me think about it."]);
    let seen = replay("err_badkey", false);
    assert_eq!(seen.working.len(), 7);
    assert_eq!(seen.working[1], "the model provider failed (401 authentication_failed): retry 2 of 10");
    assert_eq!(replay("tool_bash", false).working, ["the agent uses the tool Bash"]);
}

#[test]
fn a_plan_is_told_whole_each_time_that_it_changes_and_goes_on_in_the_next_turn() {
    let turns = recorded("plan");
    let mut opened = Opened::default();
    let mut told = Vec::new();
    for turn in &turns {
        let mut replay = Replay::new(LINE_BYTES_MAX, Parser::going_on(opened), b"");
        replay.read(turn, 1000);
        opened = replay.parser.rest().unwrap().opened;
        told.push(replay.seen.working.split_off(1));
        assert!(replay.seen.working[0].starts_with("the agent uses the tool Task"), "{:?}", replay.seen.working);
    }
    let plan = |steps: &[&str]| vec![format!("the agent's plan:\n- {}", steps.join("\n- "))];
    let expected = [
        plan(&["[ ] Read the code"]),
        plan(&["[ ] Read the code", "[ ] Write it"]),
        plan(&["[>] Read the code", "[ ] Write it"]),
        // No such task.
        Vec::new(),
        plan(&["[>] Read the code"]),
        // The list says the same.
        Vec::new(),
    ];
    assert_eq!(told, expected);
    // After a restart the list is all that tells.
    let list = read(&turns[5], false, 1000).working;
    assert_eq!(list, ["the agent uses the tool TaskList", &plan(&["[>] Read the code"])[0]]);
    // Another tool can not write a plan.
    assert_eq!(read(&turns[0].replace("TaskCreate", "mcp__x__TaskCreate"), false, 1000).working.len(), 1);
}

#[test]
fn a_line_without_end_fails_the_turn() {
    let mut parser = ByLine::new(100, Parser::new(None));
    let mut said = Said::default();
    parser.read(&[b'x'; 101], &mut said);
    assert!(said.end.is_some());
}

#[test]
fn the_result_of_a_turn_that_claude_began_by_itself_is_not_the_callers() {
    let lines = [
        json!({"type": "system", "subtype": "task_notification", "status": "stopped"}),
        json!({"type": "system", "subtype": "init"}),
        json!({"type": "result", "subtype": "success", "is_error": false, "origin": {"kind": "task-notification"}, "num_turns": 0}),
        json!({"type": "system", "subtype": "init"}),
        json!({"type": "result", "subtype": "success", "is_error": false, "result": "ours"}),
    ];
    let stream: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let seen = read(&stream, false, 50);
    assert_eq!((seen.text.as_str(), seen.end().as_str()), ("ours", "completed"));
}

#[test]
fn the_text_is_given_when_the_helpers_have_begun_or_cannot_be_asked_for() {
    let ok = |id: &str, status: &str| {
        let servers = json!({"mcpServers": [{"name": "x", "status": "connected"}, {"name": "y", "status": status}]});
        json!({"type": "control_response", "response": {"subtype": "success", "request_id": id, "response": servers}})
    };
    let unknown = |id: &str| json!({"type": "control_response", "response": {"subtype": "error", "request_id": id, "error": "unknown"}});
    let said = |answers: &[Value]| {
        let (opening, _) = Opening::new(b"text".to_vec());
        let mut parser = ByLine::new(LINE_BYTES_MAX, Parser::opening(opening, None));
        let mut said = Vec::new();
        for answer in answers {
            let mut now = Said::default();
            parser.read(format!("{answer}\n").as_bytes(), &mut now);
            said.push(match now {
                Said { text_at: Some(0), replies, .. } => String::from_utf8(replies[0].clone()).unwrap(),
                Said { again: Some(_), .. } => "again".to_owned(),
                Said { replies, .. } => format!("{} asked", replies.len()),
            });
        }
        said
    };
    let (begun, asked) = (ok("initialize", ""), |status| ok("mcp_status", status));
    assert_eq!(said(&[begun.clone(), asked("failed"), asked("pending")]), ["1 asked", "text", "0 asked"]);
    assert_eq!(said(&[begun.clone(), asked("pending"), asked("needs-auth")]), ["1 asked", "again", "text"]);
    assert_eq!(said(&[begun.clone(), begun, unknown("mcp_status")]), ["1 asked", "1 asked", "text"]);
    assert_eq!(said(&[unknown("other"), unknown("initialize")]), ["0 asked", "text"]);
}
