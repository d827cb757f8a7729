//! What is written down: one short line each, whatever the fields hold.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_trust::{AgentName, Deed, Principal, Record};

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
fn what_happens_to_a_task_is_one_line_too() {
    let (who, agent) = (&Principal::new("ann").unwrap(), &AgentName::new("demo").unwrap());
    let deed = Deed { time_ms: 1, who, agent, task: "t1", outcome: "allow" };
    let expected = r#"{"time_ms":1,"who":"ann","operation":"decide","agent":"demo","task":"t1","tool":"Ba\u000ash","outcome":"allow","by":"rule"}"#;
    assert_eq!(deed.decided("Ba\nsh", "rule", None), expected);
    let line = deed.decided("Bash", "approver", Some(&Principal::new("boss").unwrap()));
    assert!(line.ends_with(r#""by":"approver","approver":"boss"}"#), "{line}");
    let measured = [
        ("took_ms", Some(4_102_444_800_000.0)),
        ("input_tokens", Some(0.0)),
        ("output_tokens", None),
        ("cost_usd", Some(0.000_000_25)),
        ("nothing", Some(f64::NAN)),
        ("endless", Some(f64::INFINITY)),
    ];
    let line = deed.ended(&measured);
    let expected = r#"{"time_ms":1,"who":"ann","operation":"turn","agent":"demo","task":"t1","outcome":"allow","took_ms":4102444800000,"input_tokens":0,"cost_usd":0.00000025}"#;
    assert_eq!(line, expected);
    serde_json::from_str::<serde_json::Value>(&line).unwrap();
    assert_eq!(deed.ended(&[]), expected.split(",\"took_ms").next().unwrap().to_owned() + "}");
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
