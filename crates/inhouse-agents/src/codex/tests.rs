//! Contract tests: recorded runs of Codex 0.169.0's app-server, replayed through the reader. `in` is what a client wrote; ours must
//! write the same methods, and answer as it did.

use std::path::Path;

use inhouse_engine::agent::Usage;
use inhouse_engine::{Effect, Reply};
use serde_json::{Value, json};

use crate::codex::opening::{Opening, Start};
use crate::codex::parse::Parser;
use crate::dialogue::{Dialogue as _, Opened};
use crate::lines::LINE_BYTES_MAX;
use crate::replayed::{Replay, Seen};

/// A turn before the agent's first line.
fn started(earlier: Option<&str>, keeps_mode: bool) -> Replay<Parser> {
    start(Start { earlier: earlier.map(str::to_owned), keeps_mode, ..Start::default() })
}

fn start(start: Start) -> Replay<Parser> {
    let items = vec![json!({"type": "text", "text": "hi"})];
    let (opening, input) = Opening::new(Start { items, directory: "/project".to_owned(), ..start });
    Replay::new(LINE_BYTES_MAX, Parser::new(opening), &input)
}

fn answer(replay: &mut Replay<Parser>, effect: Effect) {
    let ask = replay.seen.asked.last().unwrap();
    let reply = ask.choose(effect).unwrap();
    let line = replay.parser.reply(&reply).unwrap();
    replay.wrote(&line);
}

fn recorded(name: &str) -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/codex/{name}.wire.jsonl"));
    std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first turn of a recorded run, in which its client's answers and interrupts are ours. What our side wrote is compared with what
/// the client did, but for the words of its prompt and the mode of its thread.
fn replay(name: &str, piece_bytes: usize) -> Seen {
    let lines = recorded(name);
    let resumed = lines.iter().find(|line| line["msg"]["method"] == "thread/resume");
    let mut replay = started(resumed.and_then(|line| line["msg"]["params"]["threadId"].as_str()), false);
    let mut expected = Vec::new();
    for line in lines.iter().take_while(|line| line["dir"] != "end") {
        let message = &line["msg"];
        if replay.seen.end.is_some() {
            break;
        }
        if line["dir"] == "out" {
            replay.read(&format!("{message}\n"), piece_bytes);
            continue;
        }
        expected.push(compared(message));
        match (message["method"].as_str(), message["result"]["decision"].as_str()) {
            (Some("turn/interrupt"), _) => replay.interrupt(),
            (None, Some("accept")) => answer(&mut replay, Effect::Allow),
            (None, Some("decline")) => answer(&mut replay, Effect::Deny),
            (None, Some("cancel")) => {
                replay.interrupt();
                // That the client did not write: its answer alone ended the turn.
                let at = replay.seen.written.iter().position(|line| line["method"] == "turn/interrupt").unwrap();
                replay.seen.written.remove(at);
            }
            _ => {}
        }
    }
    let seen = replay.end(0);
    assert_eq!(seen.written.iter().map(compared).collect::<Vec<_>>(), expected, "{name}");
    seen
}

/// A line that a client wrote, as far as two clients must agree.
fn compared(line: &Value) -> Value {
    let mut line = line.clone();
    line.as_object_mut().unwrap().remove("jsonrpc");
    match line["method"].as_str() {
        Some("initialize" | "initialized") => drop(line.as_object_mut().unwrap().remove("params")),
        Some("thread/start" | "thread/resume") => {
            let params = line["params"].as_object_mut().unwrap();
            params.retain(|name, _| name == "threadId");
        }
        Some("turn/start") => drop(line["params"].as_object_mut().unwrap().remove("input")),
        _ => {}
    }
    line
}

/// A turn of which the agent's lines are given, from the first one after the turn has begun.
fn in_turn(lines: &str) -> Seen {
    let mut replay = begun();
    replay.read(&format!("{lines}\n"), usize::MAX);
    replay.end(0)
}

fn begun() -> Replay<Parser> {
    let mut replay = started(None, false);
    replay.read("{\"id\":1,\"result\":{}}\n{\"id\":2,\"result\":{\"thread\":{\"id\":\"t\"}}}\n", usize::MAX);
    replay.read("{\"id\":3,\"result\":{\"turn\":{\"id\":\"u\",\"status\":\"inProgress\"}}}\n", usize::MAX);
    replay
}

fn tokens(input: u64, output: u64) -> Option<Usage> {
    Some(Usage { input_tokens: Some(input), output_tokens: Some(output), cost_usd: None })
}

#[test]
fn recorded_turns_are_their_text_their_usage_and_their_end() {
    let hello = |turn, chars, said| {
        format!("Hello from the fake model. turn={turn} chars={chars} images=0 you-said=\"{said}\"")
    };
    let failed = "provider_failed: We’re currently experiencing high demand, which may cause temporary errors.";
    let refused = "provider_failed: unexpected status 401 Unauthorized: invalid x-api-key (fake)";
    let lost = "agent_protocol: the agent ended without a result: exit code 0";
    for (name, text, usage, end) in [
        ("plain", hello(1, 16, "hello app server"), tokens(11, 7), "completed"),
        ("resume1", hello(1, 5, "first"), tokens(11, 7), "completed"),
        ("resume2", hello(2, 6, "second"), tokens(11, 7), "completed"),
        ("interrupt", "word0 word1 word2 word3 ".to_owned(), None, "canceled"),
        ("err500", String::new(), None, failed),
        ("err_badkey", String::new(), None, refused),
        ("eof_tool", "I will use a tool.".to_owned(), None, lost),
        ("interrupt_tool", "I will use a tool.".to_owned(), tokens(11, 7), "canceled"),
    ] {
        let seen = replay(name, usize::MAX);
        assert_eq!((seen.text.as_str(), seen.usage, seen.end().as_str()), (text.as_str(), usage, end), "{name}");
        assert!(!seen.withdrawn, "{name}");
        for piece_bytes in [1, 7, 4096] {
            let again = replay(name, piece_bytes);
            assert_eq!((again.text, again.written, again.end), (text.clone(), seen.written.clone(), seen.end.clone()));
        }
    }
}

#[test]
fn leave_is_asked_and_the_answer_is_its_own_word() {
    for (name, tool, subject, input, says) in [
        ("exec_accept", "execute", "touch /project/as_exec_accept", "command", "Tool finished."),
        ("exec_decline", "execute", "touch /project/as_exec_decline", "command", "Tool finished."),
        ("exec_cancel", "execute", "touch /project/as_exec_cancel", "command", "I will use a tool."),
        ("patch_accept", "edit", "/project/as_new.txt", "changes", "Tool finished."),
    ] {
        let seen = replay(name, usize::MAX);
        let [ask] = seen.asked.as_slice() else { panic!("{name}: {:?}", seen.asked) };
        assert_eq!((ask.tool.as_str(), ask.subject.as_str()), (tool, subject), "{name}");
        assert!(!ask.input[input].is_null() && ask.questions[0].text.contains(subject), "{name}: {ask:?}");
        assert_eq!(seen.working, [format!("the agent uses the tool {tool}")], "{name}");
        assert!(seen.text.contains(says), "{name}: {}", seen.text);
        let end = if name == "exec_cancel" { "canceled" } else { "completed" };
        assert_eq!(seen.end(), end, "{name}");
    }
    let text = replay("patch_accept", usize::MAX).text;
    assert!(text.starts_with("I will use a tool.\n\nTool finished."), "{text}");
}

#[test]
fn a_thread_asks_before_it_acts_unless_the_operator_chose() {
    let opened = |earlier: Option<&str>, keeps_mode| {
        let mut replay = started(earlier, keeps_mode);
        replay.read("{\"id\":1,\"result\":{}}\n", usize::MAX);
        replay.end(0).written.pop().unwrap()
    };
    let asking = json!({"cwd": "/project", "approvalPolicy": "untrusted", "sandbox": "read-only"});
    assert_eq!(opened(None, false)["params"], asking);
    assert_eq!(opened(None, true)["params"], json!({"cwd": "/project"}));
    let mut resumed = asking.clone();
    resumed["threadId"] = json!("old");
    resumed["excludeTurns"] = json!(true);
    assert_eq!(opened(Some("old"), false)["params"], resumed);
}

#[test]
fn a_key_is_told_before_a_thread_is_opened() {
    let mut replay = start(Start { key: Some("k".to_owned()), ..Start::default() });
    replay.read("{\"id\":1,\"result\":{}}\n{\"id\":2,\"result\":{\"type\":\"apiKey\"}}\n", usize::MAX);
    let seen = replay.end(0);
    assert_eq!(seen.methods(), ["initialize", "initialized", "account/login/start", "thread/start"]);
    assert_eq!(seen.written[2]["params"], json!({"type": "apiKey", "apiKey": "k"}));
}

#[test]
fn a_thread_that_is_gone_is_followed_by_a_new_one_and_says_so() {
    let mut replay = started(Some("old"), false);
    let lines = r#"{"id":1,"result":{}}
{"id":2,"error":{"code":-32600,"message":"no rollout found for thread id old"}}
{"id":3,"result":{"thread":{"id":"new"}}}
"#;
    replay.read(lines, usize::MAX);
    assert_eq!(replay.parser.protocol.thread(), Some("new"));
    let seen = replay.end(0);
    assert_eq!(seen.methods(), ["initialize", "initialized", "thread/resume", "thread/start", "turn/start"]);
    assert_eq!(seen.working, ["the earlier conversation can not be resumed: a new one begins"]);
}

#[test]
fn what_broke_off_is_withdrawn_when_the_model_is_asked_again() {
    let seen = in_turn(
        r#"{"method":"item/agentMessage/delta","params":{"threadId":"t","itemId":"a","delta":"whole"}}
{"method":"item/completed","params":{"threadId":"t","item":{"type":"agentMessage","id":"a","text":"whole"}}}
{"method":"item/agentMessage/delta","params":{"threadId":"t","itemId":"b","delta":"half of"}}
{"method":"error","params":{"threadId":"t","willRetry":true,"error":{"message":"m","codexErrorInfo":{"responseStreamDisconnected":{"httpStatusCode":503}}}}}
{"method":"item/agentMessage/delta","params":{"threadId":"t","itemId":"c","delta":"half of it"}}
{"method":"item/agentMessage/delta","params":{"threadId":"other","itemId":"c","delta":"a helper's"}}
{"method":"item/completed","params":{"threadId":"t","item":{"type":"agentMessage","id":"d","text":"never streamed"}}}
{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"another","status":"failed"}}}
{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"completed"}}}"#,
    );
    assert_eq!(
        (seen.text.as_str(), seen.withdrawn, seen.end().as_str()),
        ("whole\n\nhalf of it\n\nnever streamed", true, "completed")
    );
    assert_eq!(seen.working, ["the model provider failed (503): it is asked again"]);
}

#[test]
fn thoughts_are_told() {
    let mut thought = recorded("plain").into_iter().map(|line| line["msg"].clone());
    let mut thought = thought.rfind(|message| message["params"]["item"]["type"] == "reasoning").unwrap();
    thought["params"]["threadId"] = "t".into();
    assert_eq!(in_turn(&thought.to_string()).thoughts, ["**Thinking**\n\nLet me think."]);
}

#[test]
fn a_plan_is_told_each_time_that_it_changes() {
    let seen = in_turn(
        r#"{"method":"turn/plan/updated","params":{"threadId":"t","plan":[{"step":"read","status":"inProgress"},{"step":"write","status":"pending"}]}}
{"method":"turn/plan/updated","params":{"threadId":"t","plan":[{"step":"read","status":"completed"},7,{"status":"pending"}]}}
{"method":"turn/plan/updated","params":{"threadId":"t","plan":[]}}"#,
    );
    assert_eq!(seen.working, ["the agent's plan:\n- [>] read\n- [ ] write", "the agent's plan:\n- [x] read"]);
}

#[test]
fn a_command_is_shown_without_its_shell_only_where_both_say_the_same() {
    let subject = |command: &str, actions: &str| {
        let params = json!({"itemId": "i", "command": command});
        let mut line = json!({"method": "item/commandExecution/requestApproval", "id": 7, "params": params});
        line["params"]["commandActions"] = serde_json::from_str(actions).unwrap();
        in_turn(&line.to_string()).asked[0].subject.clone()
    };
    for (command, actions, expected) in [
        ("/bin/bash -lc 'touch x'", r#"[{"type":"unknown","command":"touch x"}]"#, "touch x"),
        (r#"/bin/bash -lc "echo 'a'""#, r#"[{"type":"unknown","command":"echo 'a'"}]"#, "echo 'a'"),
        // A part of what would run, or something else, is not what is asked for.
        ("/bin/bash -lc 'rm -r / ; ls'", r#"[{"type":"unknown","command":"ls"}]"#, "/bin/bash -lc 'rm -r / ; ls'"),
        ("/bin/bash -lc 'rm -c ls'", r#"[{"type":"unknown","command":"ls"}]"#, "/bin/bash -lc 'rm -c ls'"),
        ("./bash -lc 'touch x'", r#"[{"type":"unknown","command":"touch x"}]"#, "./bash -lc 'touch x'"),
        ("/bin/bash -lc 'cat x'", r#"[{"type":"read","command":"cat x"}]"#, "/bin/bash -lc 'cat x'"),
        ("touch x", r#"[{"type":"unknown","command":"x"}]"#, "touch x"),
        ("touch x", "null", "touch x"),
    ] {
        assert_eq!(subject(command, actions), expected);
    }
}

#[test]
fn a_command_in_another_folder_is_no_deed_in_this_one() {
    for (cwd, expected) in [
        ("/project", "touch x"),
        ("/project/deep", "touch x"),
        ("", "touch x"),
        ("/projects", "cd /projects\ntouch x"),
        ("/project/../etc", "cd /project/../etc\ntouch x"),
        ("/", "cd /\ntouch x"),
    ] {
        let params = json!({"itemId": "i", "command": "touch x", "cwd": cwd});
        let line = json!({"method": "item/commandExecution/requestApproval", "id": 7, "params": params});
        assert_eq!(in_turn(&line.to_string()).asked[0].subject, expected);
    }
}

#[test]
fn questions_are_asked_and_answered_by_their_ids() {
    let asked = r#"{"method":"item/tool/requestUserInput","id":"q","params":{"threadId":"t","turnId":"u","itemId":"i","questions":[
        {"id":"where","header":"h","question":"Where to?","options":[{"label":"prod","description":"the real one"},{"label":"stage","description":""}]},
        {"id":"why","header":"h","question":"Why?","options":null}]}}"#
        .replace('\n', "");
    let mut replay = begun();
    replay.read(&format!("{asked}\n"), usize::MAX);
    let ask = replay.seen.asked[0].clone();
    assert!(!ask.is_permission() && ask.questions[1].free_text && !ask.questions[0].free_text);
    assert_eq!(ask.questions[0].options[0].label, "the real one");
    let answers = vec![("where".to_owned(), vec!["stage".to_owned()]), ("why".to_owned(), vec!["because".to_owned()])];
    let line = replay.parser.reply(&Reply { ask: ask.id.clone(), answers, why: None }).unwrap();
    let said: Value = serde_json::from_slice(&line).unwrap();
    let expected = json!({"where": {"answers": ["stage"]}, "why": {"answers": ["because"]}});
    assert_eq!((&said["id"], &said["result"]), (&json!("q"), &json!({"answers": expected})));
    assert_eq!(replay.parser.reply(&Reply::denied("q", "late")), None);
    replay.read(&format!("{asked}\n"), usize::MAX);
    let line = replay.parser.reply(&Reply::denied("q", "nobody answered")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&line).unwrap()["result"], json!({"answers": {}}));
}

#[test]
fn what_can_not_be_asked_is_answered_at_once() {
    for (line, result) in [
        (
            r#"{"method":"item/fileChange/requestApproval","id":5,"params":{"itemId":"never seen"}}"#,
            json!({"decision": "decline"}),
        ),
        (r#"{"method":"item/commandExecution/requestApproval","id":5,"params":{}}"#, json!({"decision": "decline"})),
        (r#"{"method":"item/tool/requestUserInput","id":5,"params":{"questions":[]}}"#, json!({"answers": {}})),
        (
            r#"{"method":"item/tool/requestUserInput","id":5,"params":{"questions":[{"id":"mcp_tool_call_approval_1","question":"?","options":[{"label":"Allow"}]}]}}"#,
            json!({"answers": {}}),
        ),
        (r#"{"method":"item/permissions/requestApproval","id":5,"params":{}}"#, json!({"permissions": {}})),
        (r#"{"method":"mcpServer/elicitation/request","id":5,"params":{}}"#, json!({"action": "decline"})),
        (r#"{"method":"attestation/generate","id":5,"params":{}}"#, Value::Null),
    ] {
        let seen = in_turn(line);
        let written = seen.written.last().unwrap();
        assert_eq!((&written["id"], &written["result"], seen.asked.len()), (&json!(5), &result, 0), "{line}");
        assert_eq!(written["error"]["code"], if result.is_null() { json!(-32601) } else { Value::Null }, "{line}");
    }
}

#[test]
fn leave_for_an_edit_is_asked_with_all_of_its_paths_or_not_at_all() {
    let edit = |changes: Value| {
        let item = json!({"type": "fileChange", "id": "e", "changes": changes, "status": "inProgress"});
        let begun = json!({"method": "item/started", "params": {"threadId": "t", "turnId": "u", "item": item}});
        let asks = json!({"method": "item/fileChange/requestApproval", "id": 5, "params": {"itemId": "e"}});
        in_turn(&format!("{begun}\n{asks}")).asked.first().map(|ask| ask.subject.clone())
    };
    let change = |path: &str| json!({"path": path, "kind": {"type": "add"}, "diff": ""});
    let moved = json!({"path": "a", "kind": {"type": "update", "move_path": "/etc/cron.d/b"}, "diff": ""});
    assert_eq!(edit(json!([change("x"), moved])).as_deref(), Some("x\na\n/etc/cron.d/b"));
    assert!(edit(Value::Array(vec![change("x"); 999])).is_some());
    for unknown in [
        Value::Array(vec![change("x"); 1_001]),
        json!([change("x"), {}]),
        json!([change("x"), 7]),
        json!([change("a\nb")]),
        json!([]),
    ] {
        assert_eq!(edit(unknown), None);
    }
}

#[test]
fn a_request_that_is_resolved_elsewhere_is_asked_no_more() {
    let seen = in_turn(
        r#"{"method":"item/commandExecution/requestApproval","id":9,"params":{"threadId":"t","command":"ls"}}
{"method":"serverRequest/resolved","params":{"threadId":"t","requestId":9}}
{"method":"serverRequest/resolved","params":{"threadId":"t","requestId":9}}"#,
    );
    assert_eq!((seen.asked.len(), seen.unasked), (1, vec!["9".to_owned()]));
}

#[test]
fn an_opening_that_fails_ends_the_turn() {
    for (lines, end) in [
        (r#"{"id":1,"error":{"code":-32600,"message":"no"}}"#, "agent_failed: no"),
        (
            "{\"id\":1,\"result\":{}}\n{\"id\":2,\"result\":{}}",
            "agent_protocol: the agent opened a thread without a usable id",
        ),
        (
            "{\"id\":1,\"result\":{}}\n{\"id\":2,\"result\":{\"thread\":{\"id\":\"t\"}}}\n{\"id\":3,\"error\":{\"code\":-32602,\"message\":\"too large\"}}",
            "input_refused: too large",
        ),
        ("", "agent_protocol: the agent ended without a result: exit code 0"),
    ] {
        let mut replay = started(None, false);
        replay.read(&format!("{lines}\n"), usize::MAX);
        assert_eq!(replay.end(0).end(), end);
    }
}

#[test]
fn no_damage_to_a_line_is_a_panic() {
    let lines = recorded("patch_accept");
    let stream: String =
        lines.iter().filter(|line| line["dir"] == "out").map(|line| format!("{}\n", line["msg"])).collect();
    for (at, with) in
        (0..stream.len()).step_by(31).flat_map(|at| ["\"", "{", "]", "-1", "\n", "null"].map(|with| (at, with)))
    {
        let (Some(head), Some(tail)) = (stream.get(..at), stream.get(at + 1..)) else { continue };
        let mut replay = started(None, false);
        replay.read(&format!("{head}{with}{tail}"), usize::MAX);
        replay.end(0);
    }
}

#[test]
fn the_next_turn_of_a_recorded_thread_has_its_own_answer_and_cost() {
    let lines = recorded("plain");
    let second = lines.iter().rposition(|line| line["msg"]["method"] == "turn/start").unwrap();
    let request = &lines[second]["msg"];
    let (id, number) = (request["params"]["threadId"].as_str().unwrap(), request["id"].as_u64().unwrap());
    let opened = Opened { id: id.to_owned(), request: number - 1, knows_helpers: true, ..Opened::default() };
    let items = vec![json!({"type": "text", "text": "hi"})];
    let (opening, input) = Opening::going_on(items, "/project".to_owned(), opened.clone());
    let mut replay = Replay::new(LINE_BYTES_MAX, Parser::going_on(opening, true), &input);
    for line in lines[second..].iter().filter(|line| line["dir"] == "out") {
        replay.read(&format!("{}\n", line["msg"]), usize::MAX);
    }
    assert_eq!(replay.parser.rest().unwrap().opened, Opened { request: number, ..opened });
    let seen = replay.end(0);
    assert_eq!(seen.written.iter().map(compared).collect::<Vec<_>>(), [compared(request)]);
    assert_eq!(seen.end(), "completed");
    assert!(seen.text.starts_with("Hello from the fake model. turn=2"), "{}", seen.text);
    assert_eq!(seen.usage.and_then(|usage| usage.output_tokens), Some(7), "of this turn alone");
}

#[test]
fn in_a_later_turn_a_command_in_another_folder_is_another_deed_as_well() {
    let opened = Opened { id: "t".to_owned(), request: 4, knows_helpers: true, ..Opened::default() };
    for (cwd, subject) in [("/project/a", "ls"), ("/etc", "cd /etc\nls")] {
        let (opening, input) = Opening::going_on(Vec::new(), "/project".to_owned(), opened.clone());
        let mut replay = Replay::new(LINE_BYTES_MAX, Parser::going_on(opening, true), &input);
        let params = json!({"threadId": "t", "command": "ls", "cwd": cwd});
        let asks = json!({"method": "item/commandExecution/requestApproval", "id": 9, "params": params});
        replay.read(&format!("{}\n{asks}\n", json!({"id": 5, "result": {"turn": {"id": "u"}}})), usize::MAX);
        assert_eq!(replay.seen.asked[0].subject, subject, "{cwd}");
    }
}
