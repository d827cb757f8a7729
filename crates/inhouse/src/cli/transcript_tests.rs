//! Tables of events and of what they bring.

use serde_json::json;

use super::*;

/// Applies events (v1 `StreamResponse` as JSON) and returns what each brought.
fn steps(events: &[serde_json::Value]) -> (Vec<Vec<Step>>, Transcript) {
    let mut transcript = Transcript::default();
    let steps = events.iter().map(|event| {
        let response: inhouse_proto::v1::StreamResponse = serde_json::from_value(event.clone()).unwrap();
        transcript.apply(&response.payload.unwrap()).unwrap()
    });
    (steps.collect(), transcript)
}

fn update(id: &str, append: bool, parts: serde_json::Value) -> serde_json::Value {
    json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "append": append, "artifact": {"artifactId": id, "parts": parts}}})
}

fn says(id: &str, append: bool, text: &str) -> serde_json::Value {
    update(id, append, json!([{"text": text}]))
}

fn task(state: &str, artifacts: serde_json::Value) -> serde_json::Value {
    json!({"task": {"id": "t", "contextId": "c", "status": {"state": state}, "artifacts": artifacts}})
}

fn text(text: &str) -> Step {
    Step::Text(text.to_owned())
}

#[test]
fn a_streamed_answer_is_the_whole_answer() {
    let cases = [
        (vec![says("a", false, "one "), says("a", true, "two"), says("a", true, "")], "one two"),
        (vec![says("a", false, "one"), says("b", false, "two\n"), says("c", false, "three")], "one\ntwo\nthree"),
        (vec![says("a", false, ""), says("b", false, "two")], "two"),
        (vec![update("a", false, json!([{"text": "x"}, {"data": {"n": 1}}, {"text": "y"}]))], "x\n{\"n\":1}\ny"),
        (vec![says("a", false, "x"), update("a", true, json!([{"data": [1]}]))], "x\n[1]\n"),
        (vec![json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}})], "hi"),
    ];
    for (events, whole) in cases {
        let (steps, transcript) = steps(&events);
        let streamed: String = steps
            .into_iter()
            .flatten()
            .map(|step| if let Step::Text(text) = step { text } else { panic!("{step:?}") })
            .collect();
        assert_eq!((streamed.as_str(), transcript.text().as_str()), (whole, whole), "{events:?}");
    }
}

#[test]
fn a_snapshot_brings_only_what_was_not_told() {
    let whole = |text: &str| task("TASK_STATE_WORKING", json!([{"artifactId": "a", "parts": [{"text": text}]}]));
    let working = Step::Status(TaskState::Working, None);
    let (brought, transcript) =
        steps(&[says("a", false, "one "), whole("one two"), whole("one two"), says("a", true, " three")]);
    assert_eq!(brought, [vec![text("one ")], vec![working, text("two")], vec![], vec![text(" three")]]);
    assert_eq!(transcript.text(), "one two three");
}

#[test]
fn a_replaced_artifact_is_withdrawn_and_told_again() {
    let (brought, transcript) = steps(&[says("a", false, "wrong"), says("a", false, "right"), says("a", true, "!")]);
    assert_eq!(brought, [vec![text("wrong")], vec![Step::Withdrawn, text("right")], vec![text("!")]]);
    assert_eq!(transcript.text(), "right!");
}

#[test]
fn a_status_is_told_when_it_says_something_new() {
    let status = |state: &str, note: Option<&str>| {
        let message = note.map(|note| json!({"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": note}]}));
        json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": state, "message": message}}})
    };
    let working = |note: Option<&str>| Step::Status(TaskState::Working, note.map(str::to_owned));
    let (brought, transcript) = steps(&[
        status("TASK_STATE_WORKING", None),
        status("TASK_STATE_WORKING", None),
        status("TASK_STATE_WORKING", Some("reading")),
        status("TASK_STATE_WORKING", Some("reading")),
        status("TASK_STATE_INPUT_REQUIRED", Some("which one?")),
    ]);
    let said = |parts| note_of(&serde_json::from_value::<Vec<Part>>(parts).unwrap());
    assert_eq!(said(json!([{"text": "May I?"}, {"data": {"request": 1}}])), "May I?", "data is for programs");
    assert_eq!(said(json!([{"data": {"request": 1}}])), "{\"request\":1}\n", "unless there is nothing else");
    let asks = Step::Status(TaskState::InputRequired, Some("which one?".to_owned()));
    assert_eq!(brought, [vec![working(None)], vec![], vec![working(Some("reading"))], vec![], vec![asks]]);
    assert_eq!((transcript.task_id.as_deref(), transcript.context_id.as_deref()), (Some("t"), Some("c")));
}

#[test]
fn a_task_without_artifacts_has_answered_in_its_status() {
    for (state, answer) in [("TASK_STATE_COMPLETED", "all well"), ("TASK_STATE_FAILED", "")] {
        let message = json!({"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "all well"}]});
        let (_, transcript) = steps(&[json!({"task": {"id": "t", "status": {"state": state, "message": message}}})]);
        assert_eq!(transcript.text(), answer);
    }
}

#[test]
fn files_are_described_once() {
    let raw = json!({"raw": "AAEC", "filename": "a.bin", "mediaType": "application/octet-stream"});
    let parts = json!([raw, {"url": "https://h/x"}]);
    let (brought, transcript) = steps(&[update("a", false, parts.clone()), update("a", false, parts)]);
    let described = ["a.bin (application/octet-stream, 3 bytes)", "without a name (https://h/x)"];
    assert_eq!(brought, [described.map(|file| Step::File(file.to_owned())).to_vec(), vec![]]);
    assert_eq!(transcript.files().collect::<Vec<_>>(), described);
}

#[test]
fn a_request_that_others_decide_on_is_known_until_the_next_status() {
    let status = |parts: serde_json::Value| {
        let message = json!({"messageId": "m", "role": "ROLE_AGENT", "parts": parts});
        json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_INPUT_REQUIRED", "message": message}}})
    };
    let theirs = status(json!([{"text": "May I?"}, {"data": {"request": {"decides": "approver"}}}]));
    let own = status(json!([{"text": "May I?"}, {"data": {"request": {"id": "1"}}}, {"data": 1}]));
    for (events, waits) in [(vec![theirs.clone()], true), (vec![own.clone()], false), (vec![theirs, own], false)] {
        assert_eq!(steps(&events).1.waits_for_approver(), waits);
    }
}

#[test]
fn a_snapshot_tells_what_is_done_before_what_is_written_and_a_question_behind_it() {
    let snapshot = |state: &str| {
        let message = json!({"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "reading"}]});
        let mut snapshot = task(state, json!([{"artifactId": "a", "parts": [{"text": "hello"}]}]));
        snapshot["task"]["status"]["message"] = message;
        steps(&[snapshot]).0.remove(0)
    };
    let note = || Some("reading".to_owned());
    assert_eq!(snapshot("TASK_STATE_WORKING"), [Step::Status(TaskState::Working, note()), text("hello")]);
    assert_eq!(snapshot("TASK_STATE_INPUT_REQUIRED"), [text("hello"), Step::Status(TaskState::InputRequired, note())]);
}
