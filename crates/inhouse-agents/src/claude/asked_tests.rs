//! Contract tests: what Claude Code 2.1.330 asked in recorded runs, and what it was told and understood.

use std::path::Path;

use inhouse_engine::{Ask, Effect, Reply};
use serde_json::{Value, json};

use crate::by_line::ByLine;
use crate::claude::parse::Parser;
use crate::dialogue::{Dialogue, Said};
use crate::lines::LINE_BYTES_MAX;

/// What came out of a recorded run, and what was answered.
fn recorded(name: &str) -> (String, Vec<Value>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/claude/{name}.wire.jsonl"));
    let (mut out, mut answers) = (String::new(), Vec::new());
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let message = line["msg"].take();
        if line["dir"] == "out" {
            out.push_str(&format!("{message}\n"));
        } else if message["type"] == "control_response" {
            answers.push(message);
        }
    }
    (out, answers)
}

fn read(stream: &str) -> (ByLine<Parser>, Said) {
    let (mut parser, mut said) = (ByLine::new(LINE_BYTES_MAX, Parser::new(None)), Said::default());
    parser.read(stream.as_bytes(), &mut said);
    (parser, said)
}

fn told(parser: &mut ByLine<Parser>, reply: &Reply) -> Value {
    let line = parser.reply(reply).unwrap();
    assert!(line.ends_with(b"}\n") && !line[..line.len() - 1].contains(&b'\n'));
    serde_json::from_slice(&line).unwrap()
}

fn request(input: &str) -> String {
    format!(
        r#"{{"type":"control_request","request_id":"r1","request":{{"subtype":"can_use_tool","tool_name":"Bash","input":{input}}}}}"#
    ) + "\n"
}

#[test]
fn leave_is_given_as_the_program_understands_it() {
    let (stream, answers) = recorded("si_perm_allow");
    let (mut parser, said) = read(&stream);
    let [ask] = said.asks.as_slice() else { panic!("{:?}", said.asks) };
    assert_eq!((ask.tool.as_str(), ask.subject.starts_with("/project/")), ("Write", true));
    assert_eq!(ask.input["content"], "written by the fake model\n", "exactly what it would do");
    assert!(ask.questions[0].text.starts_with("May the agent use Write?\n/project/"), "{}", ask.questions[0].text);
    assert_eq!(told(&mut parser, &ask.choose(Effect::Allow).unwrap()), answers[0]);
    assert_eq!(parser.reply(&ask.choose(Effect::Allow).unwrap()), None, "it is asked once");
}

#[test]
fn a_no_carries_its_reason() {
    let (mut parser, said) = read(&recorded("si_bash_perm").0);
    let ask = &said.asks[0];
    assert_eq!((ask.tool.as_str(), ask.subject.as_str()), ("Bash", "rm -rf /project/zzz"));
    assert_eq!(ask.questions[0].text, "May the agent use Bash?\nrm -rf /project/zzz\n(run it)");
    let told = told(&mut parser, &Reply::denied(&ask.id, "not \"today\""));
    assert_eq!(told["response"]["response"], json!({"behavior": "deny", "message": "not \"today\""}));
}

#[test]
fn a_question_is_answered_in_its_input() {
    let (stream, answers) = recorded("si_ask_user");
    let (mut parser, said) = read(&stream);
    let ask = &said.asks[0];
    assert!(!ask.is_permission());
    let question = &ask.questions[0];
    assert_eq!((question.text.as_str(), question.multiple, question.free_text), ("Which colour?", false, true));
    let offered: Vec<_> = question.options.iter().map(|option| (option.id.as_str(), option.label.as_str())).collect();
    assert_eq!(offered, [("Red", "warm"), ("Blue", "cold")]);
    let reply = Reply { ask: ask.id.clone(), answers: vec![("1".into(), vec!["Blue".into()])], why: None };
    assert_eq!(told(&mut parser, &reply), answers[0]);
}

#[test]
fn what_it_does_not_want_to_know_any_more_is_not_answered() {
    let (mut parser, said) = read(&recorded("si_perm_interrupt").0);
    let [ask] = said.asks.as_slice() else { panic!("{:?}", said.asks) };
    assert_eq!(said.unasked, std::slice::from_ref(&ask.id));
    assert_eq!(parser.reply(&Reply::denied(&ask.id, "late")), None);
}

#[test]
fn what_can_not_be_asked_is_refused_at_once_and_never_waited_for() {
    let hook = r#"{"type":"control_request","request_id":"r1","request":{"subtype":"hook_callback"}}"#;
    let refused: Value = serde_json::from_slice(&read(&format!("{hook}\n")).1.replies[0]).unwrap();
    assert_eq!((&refused["response"]["subtype"], &refused["response"]["request_id"]), (&json!("error"), &json!("r1")));
    for input in ["5", "[]", "null", "\"rm\""] {
        let said = read(&request(input)).1;
        assert!(said.asks.is_empty(), "{input}");
        assert!(String::from_utf8_lossy(&said.replies[0]).contains("\"deny\""), "{input}");
    }
    let many: String = (0..100).map(|id| request("{}").replace("\"r1\"", &format!("\"r{id}\""))).collect();
    let said = read(&many).1;
    assert_eq!((said.asks.len(), said.replies.len()), (64, 36));
}

#[test]
fn inputs_of_any_kind_are_asked_and_go_back_as_they_came() {
    let large = format!(r#"{{"command":"echo {}"}}"#, "x".repeat(300_000));
    for (input, subject, shown) in [
        (r#"{"command":"ls"}"#, "ls", json!({"command": "ls"})),
        (r#"{"command":7,"other":[1,{"a":1.50}]}"#, "", json!({"command": 7, "other": [1, {"a": 1.5}]})),
        (r#"{"url":"https://x","\u0070ath":"/p"}"#, "/p", json!({"url": "https://x", "path": "/p"})),
        (large.as_str(), &large[12..large.len() - 2], json!({"omittedBytes": large.len()})),
    ] {
        let (mut parser, said) = read(&request(input));
        let ask = &said.asks[0];
        assert_eq!((ask.subject.as_str(), &ask.input), (subject, &shown));
        let line = parser.reply(&ask.choose(Effect::Allow).unwrap()).unwrap();
        assert!(String::from_utf8(line).unwrap().contains(&format!("\"updatedInput\":{input}}}")), "byte for byte");
    }
    let ask: Ask = read(&request(r#"{"command":"\u001b[2Jls"}"#)).1.asks.remove(0);
    assert!(!ask.questions[0].text.contains('\u{1b}') && ask.subject.contains('\u{1b}'));
}
