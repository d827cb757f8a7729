//! What is written down: one short line each, whatever the fields hold.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_trust::{AgentName, Decision, Principal, Record};

fn record<'a>(operation: &'a str, task: Option<&'a str>) -> Record<'a> {
    let (source, outcome) = ("127.0.0.1".parse().unwrap(), "ok");
    let (who, agent, context, trace, state) = (None, None, None, None, Some("failed"));
    let (status, duration_us) = (200, 5);
    Record { time_ms: 1, who, source, operation, agent, task, context, trace, outcome, state, status, duration_us }
}

#[test]
fn a_record_is_one_line_with_the_fields_that_are_known() {
    let (ann, demo) = (Principal::new("ann").unwrap(), AgentName::new("demo").unwrap());
    let known = Record { who: Some(&ann), agent: Some(&demo), ..record("SendMessage", Some("t1")) };
    let expected = r#"{"time_ms":1,"who":"ann","source":"127.0.0.1","operation":"SendMessage","agent":"demo","task":"t1","outcome":"ok","state":"failed","status":200,"duration_us":5}"#;
    assert_eq!(known.line(), expected);
}

#[test]
fn a_decision_is_one_line_too() {
    let (who, agent) = (&Principal::new("ann").unwrap(), &AgentName::new("demo").unwrap());
    let (task, tool, outcome) = ("t1", "Ba\nsh", "allow");
    let by_rule = Decision { time_ms: 1, who, agent, task, tool, outcome, by: "rule", approver: None };
    let expected = r#"{"time_ms":1,"who":"ann","operation":"decide","agent":"demo","task":"t1","tool":"Ba\u000ash","outcome":"allow","by":"rule"}"#;
    assert_eq!(by_rule.line(), expected);
    let boss = Principal::new("boss").unwrap();
    let line = Decision { by: "approver", approver: Some(&boss), ..by_rule }.line();
    assert!(line.ends_with(r#""by":"approver","approver":"boss"}"#), "{line}");
}

#[test]
fn hostile_fields_stay_one_short_line_without_raw_controls() {
    let marks = "\u{202e}x\u{2066}\u{200f}\u{2028}\u{2029}\u{feff}\u{e0041}";
    for text in ["a\nb\r{\"forged\":1}\\", "\u{1b}[2J\u{9b}1m\u{85}\u{7f}\0", marks] {
        let line = record(text, Some(text)).line();
        assert!(!line.chars().any(|c| c.is_control() || marks.contains(c) && c != 'x'), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((read["operation"].as_str(), read["task"].as_str()), (Some(text), Some(text)));
    }
    let long = "日".repeat(100_000);
    assert_eq!(record(&long, None).line(), record(&long[..3 * 256], None).line());
}
