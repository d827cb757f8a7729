//! What is made of a request for leave, and what is written back.

use super::*;
use crate::permission::INPUT_BYTES_MAX;

fn params(call: &str, options: &str) -> Params {
    serde_json::from_str(&format!(r#"{{"toolCall":{call},"options":{options}}}"#)).unwrap()
}

const BOTH: &str =
    r#"[{"optionId":"go","name":"Yes","kind":"allow_once"},{"optionId":"no","name":"No","kind":"reject_once"}]"#;

fn asked(call: &str) -> Ask {
    Asked::default().take(&json!(0), params(call, BOTH), "/project").unwrap()
}

fn text(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap()
}

#[test]
fn rules_see_the_kind_of_a_tool_and_all_that_it_acts_on() {
    for (call, tool, subject) in [
        (r#"{"kind":"execute","title":"t","rawInput":{"command":"ls -l","description":"d"}}"#, "execute", "ls -l"),
        (r#"{"kind":"execute","title":"ls -l","locations":[{"path":"/project"}]}"#, "execute", "ls -l"),
        (
            r#"{"kind":"edit","title":"Edit","rawInput":{"filePath":"/p/x"},"locations":[{"path":"/p/y"}]}"#,
            "edit",
            "/p/x",
        ),
        (r#"{"kind":"edit","title":"Edit","locations":[{"path":"/p/x"},{"path":"/q"}]}"#, "edit", "/p/x\n/q"),
        (r#"{"kind":"execute","title":"t","rawInput":{"command":"ls","cwd":"/project/a"}}"#, "execute", "ls"),
        (r#"{"kind":"execute","title":"t","rawInput":{"command":"ls","cwd":"/etc"}}"#, "execute", "cd /etc\nls"),
        (r#"{"kind":"execute","title":"t","rawInput":{"command":"ls","workdir":"/etc"}}"#, "execute", "cd /etc\nls"),
        (r#"{"kind":"execute","title":"t","rawInput":{"command":"ls","directory":".."}}"#, "execute", "cd ..\nls"),
        (r#"{"kind":"execute","title":"t","rawInput":{"command":"ls","dir_path":"/"}}"#, "execute", "cd /\nls"),
        (r#"{"kind":"execute","title":"ls -l","rawInput":{"cwd":"/etc"}}"#, "execute", "cd /etc\nls -l"),
        (r#"{"kind":"other","title":"Set 3 todo(s)","locations":[],"rawInput":{}}"#, "other", "Set 3 todo(s)"),
        (r#"{"title":"Bash command","rawInput":{"command":["sh","-c","x"]}}"#, "Bash", "Bash command"),
        (r#"{"kind":7,"title":[]}"#, "(unnamed)", ""),
        (r#"{"kind":"edit","title":"t","rawInput":{"path":"/a","path":"/b"}}"#, "edit", "t"),
        (r#"{"kind":"edit","title":"t","rawInput":[1]}"#, "edit", "t"),
    ] {
        let ask = asked(call);
        assert_eq!((ask.tool.as_str(), ask.subject.as_str()), (tool, subject), "{call}");
        assert!(ask.is_permission(), "{call}");
    }
}

#[test]
fn people_read_what_it_acts_on_and_programs_get_its_input() {
    let ask = asked(
        r#"{"kind":"edit","title":"Writing \u001b]52;c;x\u0007a","content":[{"type":"diff","path":"/p/a"}],"locations":[{"path":"/p/a"}]}"#,
    );
    assert_eq!(ask.questions[0].text, "May the agent use edit?\n/p/a\n(Writing a)");
    assert_eq!(ask.input, json!([{"type": "diff", "path": "/p/a"}]));
    let big = "x".repeat(INPUT_BYTES_MAX);
    let ask = asked(&format!(r#"{{"kind":"edit","title":"t","rawInput":{{"content":"{big}"}}}}"#));
    assert_eq!(ask.input, json!({"omittedBytes": INPUT_BYTES_MAX + 14}));
}

#[test]
fn an_answer_is_the_option_that_was_chosen_and_a_no_without_one_is_the_agents_own() {
    let all = r#"[{"optionId":"always","kind":"allow_always"},{"optionId":"once","kind":"allow_once"},{"optionId":"odd","kind":"new"},
        {"optionId":"never","kind":"reject_always"},{"kind":"allow_once"},7]"#;
    let mut asked = Asked::default();
    let ask = asked.take(&json!("r"), params("{}", all), "/project").unwrap();
    let offered: Vec<_> = ask.questions[0].options.iter().map(|choice| (choice.id.as_str(), choice.effect)).collect();
    assert_eq!(offered, [("always", Effect::AllowAlways), ("once", Effect::Allow), ("never", Effect::Deny)]);
    let line = asked.reply(&ask.choose(Effect::Allow).unwrap()).unwrap();
    assert_eq!(text(&line)["result"], json!({"outcome": {"outcome": "selected", "optionId": "once"}}));
    assert!(asked.reply(&ask.choose(Effect::Allow).unwrap()).is_none(), "it is answered once");
    let ask = asked.take(&json!("r"), params("{}", BOTH), "/project").unwrap();
    let odd = Reply { ask: ask.id, answers: vec![("permission".to_owned(), vec!["odd".to_owned()])], why: None };
    let line = asked.reply(&odd).unwrap();
    assert_eq!(text(&line)["result"], json!({"outcome": {"outcome": "selected", "optionId": "no"}}));
    for (options, outcome) in
        [(BOTH, json!({"outcome": "selected", "optionId": "no"})), (all, json!({"outcome": "cancelled"}))]
    {
        let ask = asked.take(&json!(5), params("{}", options), "/project").unwrap();
        let line = asked.reply(&Reply::denied(&ask.id, "no")).unwrap();
        assert_eq!(text(&line), json!({"jsonrpc": "2.0", "id": 5, "result": {"outcome": outcome}}));
    }
}

#[test]
fn what_can_not_be_asked_is_answered_at_once() {
    let mut asked = Asked::default();
    let cancelled = json!({"outcome": {"outcome": "cancelled"}});
    for (call, options) in [("{}", "[]"), ("null", BOTH), ("{}", "{}")] {
        let line = asked.take(&json!(1), params(call, options), "/project").unwrap_err();
        assert_eq!(text(&line)["result"], cancelled, "{call} {options}");
    }
    for id in 0..OPEN_MAX {
        asked.take(&json!(id), params("{}", BOTH), "/project").unwrap();
    }
    assert!(asked.take(&json!("one more"), params("{}", BOTH), "/project").is_err());
    let lines = asked.cancel();
    assert_eq!(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), OPEN_MAX);
    let line = asked.take(&json!(1), params("{}", BOTH), "/project").unwrap_err();
    assert_eq!((text(&line)["result"].clone(), asked.cancel()), (cancelled, Vec::new()));
}
