//! What a message answers, and what it does not.

use super::*;

fn choice(id: &str, label: &str, effect: Effect) -> Choice {
    Choice { id: id.to_owned(), label: label.to_owned(), effect }
}

fn permission() -> Ask {
    let options = vec![
        choice("allow", "Allow once", Effect::Allow),
        choice("always", "Always allow", Effect::AllowAlways),
        choice("deny", "Do not", Effect::Deny),
    ];
    let question =
        Question { id: "permission".into(), text: "May it run ls?".into(), options, multiple: false, free_text: false };
    Ask {
        id: "r1".into(),
        tool: "Bash".into(),
        subject: "ls".into(),
        input: json!({"command": "ls"}),
        questions: vec![question],
    }
}

fn questions() -> Ask {
    let colours = vec![choice("1", "Red", Effect::Answer), choice("2", "Blue", Effect::Answer)];
    let first =
        Question { id: "colour".into(), text: "Which?".into(), options: colours, multiple: true, free_text: false };
    let second =
        Question { id: "name".into(), text: "Whose?".into(), options: vec![], multiple: false, free_text: true };
    let input = serde_json::Value::Null;
    Ask { id: "q1".into(), tool: String::new(), subject: String::new(), input, questions: vec![first, second] }
}

fn text(text: &str) -> v1::Message {
    let part = v1::Part { content: Some(Content::Text(text.to_owned())), ..v1::Part::default() };
    v1::Message { parts: vec![part], ..v1::Message::default() }
}

fn data(data: serde_json::Value) -> v1::Message {
    let part = v1::Part { content: Some(Content::Data(Value(data))), ..v1::Part::default() };
    v1::Message { parts: vec![part], ..v1::Message::default() }
}

#[test]
fn words_answer_a_permission() {
    let ask = permission();
    for yes in ["yes", " Y\n", "OK", "allow", "Allow once", "approve"] {
        assert_eq!(ask.reply(&text(yes), false).unwrap().choice(), Some("allow"), "{yes}");
    }
    assert_eq!(ask.reply(&text("always allow"), false).unwrap().choice(), Some("always"));
    for no in ["no", "N", "deny", "Do not", "reject"] {
        let reply = ask.reply(&text(no), false).unwrap();
        assert_eq!((reply.choice(), ask.decision(&reply)), (None, "deny"), "{no}");
    }
    for unclear in ["", "maybe", "yes, but not the other one", "2"] {
        let why = ask.reply(&text(unclear), false).unwrap_err();
        assert!(why.contains("allow, always, deny"), "{why}");
    }
}

#[test]
fn words_that_could_be_meant_for_another_request_are_refused() {
    let why = permission().reply(&text("yes"), true).unwrap_err();
    assert!(why.contains(r#"{"answers":{"permission":"allow"},"requestId":"r1"}"#), "{why}");
    let by_id = data(json!({"requestId": "r1", "optionId": "allow"}));
    assert_eq!(permission().reply(&by_id, true).unwrap().choice(), Some("allow"));
}

#[test]
fn data_names_its_request_and_a_wrong_one_is_refused() {
    let ask = permission();
    let denied = ask.reply(&data(json!({"requestId": "r1", "optionId": "deny", "text": "not today"})), false).unwrap();
    assert_eq!(denied, Reply::denied("r1", "not today"));
    for wrong in [
        json!({"requestId": "r0", "optionId": "allow"}),
        json!({"optionId": "allow"}),
        json!({"requestId": 1, "optionId": "allow"}),
        json!({"requestId": "r1", "optionId": "other"}),
        json!({"requestId": "r1", "answers": {}}),
        json!({"requestId": "r1", "answers": {"permission": ["allow", "deny"]}}),
        json!({"requestId": "r1", "answers": {"permission": []}}),
        json!({"requestId": "r1", "optionId": {"a": 1}}),
    ] {
        assert!(ask.reply(&data(wrong.clone()), false).is_err(), "{wrong}");
    }
}

#[test]
fn several_questions_take_an_answer_each() {
    let ask = questions();
    assert!(ask.reply(&text("Red"), false).unwrap_err().contains("2 questions"));
    let both = json!({"requestId": "q1", "answers": {"colour": ["Red", "2"], "name": "mine"}});
    let reply = ask.reply(&data(both), false).unwrap();
    assert_eq!(reply.answers[0], ("colour".to_owned(), vec!["1".to_owned(), "2".to_owned()]));
    assert_eq!((reply.answers[1].1[0].as_str(), ask.decision(&reply)), ("mine", "answer"));
    assert!(ask.reply(&data(json!({"requestId": "q1", "answers": {"colour": "Red"}})), false).is_err());
}

#[test]
fn a_note_says_the_same_to_people_and_to_programs() {
    let Note { text, data } = permission().note(7, false);
    let Some(Value(data)) = data else { panic!("no data") };
    assert_eq!(text.unwrap(), "May it run ls?\n- allow: Allow once\n- always: Always allow\n- deny: Do not");
    assert_eq!(data["request"]["input"], json!({"command": "ls"}));
    assert_eq!(
        data["request"]["questions"][0]["options"][0],
        json!({"id": "allow", "label": "Allow once", "effect": "allow"})
    );
    assert_eq!((&data["request"]["kind"], &data["request"]["expiresAtMs"]), (&json!("permission"), &json!(7)));
}
