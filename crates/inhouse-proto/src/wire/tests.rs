//! The bytes of events against the generated model.

use proptest::prelude::*;

use super::*;

fn frame(event: &Event) -> String {
    let mut pieces = Vec::new();
    event.write_v1(&mut pieces);
    String::from_utf8(pieces.concat()).unwrap()
}

#[test]
fn escaped_text_comes_back_as_it_was() {
    for text in ["", "plain", "quote \" slash \\ tab \t nul \0 line\nfeed", "\u{1f980} käse \u{2028}"] {
        assert_eq!(EscapedText::new(text).unescape(), text);
    }
}

#[test]
fn a_text_event_is_the_same_json_as_the_generated_model_writes() {
    let head = Arc::new(TextHead::new("t\"1", "c1", "answer-1"));
    for (append, last) in [(false, false), (true, false), (false, true), (true, true)] {
        let event = Event::text(&head, EscapedText::new("hi \"there\"\n"), append, last);
        let model: v1::StreamResponse = json::decode(frame(&event).as_bytes()).unwrap();
        let Some(v1::stream_response::Payload::ArtifactUpdate(update)) = model.payload else {
            panic!("not an artifact update")
        };
        assert_eq!((update.append, update.last_chunk, update.task_id.as_str()), (append, last, "t\"1"));
        assert_eq!(update.artifact.unwrap().parts[0].content, Some(v1::part::Content::Text("hi \"there\"\n".into())));
    }
}

/// The message that the protobuf of `event` says, if its length is what was promised.
fn said_in_protobuf(event: &Event) -> v1::StreamResponse {
    let mut pieces = Vec::new();
    let len = event.write_protobuf(&mut pieces).unwrap();
    let bytes = pieces.concat();
    assert_eq!(bytes.len(), len);
    v1::StreamResponse::decode(bytes.as_slice()).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(json: &str) -> T {
    json::decode(json.as_bytes()).unwrap()
}

#[test]
fn protobuf_and_json_say_the_same() {
    let status: v1::TaskStatus = read(
        r#"{"state":"TASK_STATE_INPUT_REQUIRED","timestamp":"2026-01-31T12:00:00.123Z","message":{"messageId":"m","role":"ROLE_AGENT","parts":[{"text":"which \"one\"?"}]}}"#,
    );
    let metadata: json::Struct = read(r#"{"a":[1,null,true,{"b":"c"}],"n":9007199254740991}"#);
    let artifact = read(
        r#"{"taskId":"t","contextId":"c","lastChunk":true,"artifact":{"artifactId":"a","name":"n","parts":[{"raw":"AP8=","filename":"f"},{"url":"u"},{"data":{"k":1.5},"metadata":{"m":1}}]}}"#,
    );
    let message = read(r#"{"messageId":"m","contextId":"c","role":"ROLE_AGENT","parts":[{"text":"42\n"}]}"#);
    for event in [
        Event::status("t", "c", &status, Some(&metadata)),
        Event::status("t", "", &v1::TaskStatus::default(), None),
        Event::artifact(&artifact),
        Event::message(&message),
    ] {
        assert_eq!(said_in_protobuf(&event), event.to_v1().unwrap());
    }
}

#[test]
fn text_in_protobuf_shares_the_bytes_of_the_log_unless_it_was_escaped() {
    let head = Arc::new(TextHead::new("t", "c", "a"));
    for (text, is_shared) in [("plain \u{1f980}", true), ("", true), ("two\nlines", false)] {
        let escaped = EscapedText::new(text);
        let mut pieces = Vec::new();
        Event::text(&head, escaped.clone(), true, false).write_protobuf(&mut pieces).unwrap();
        assert_eq!(pieces[1], text);
        assert_eq!(pieces[1].as_ptr() == escaped.as_bytes().as_ptr(), is_shared, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_the_same_in_protobuf_and_in_json(
        text in prop_oneof![any::<String>(), "[\\x00-\\x7f]{0,200}", ".{0,2}".prop_map(|piece| piece.repeat(10_000))],
        ids in ["[ -~]{0,3}", ".{0,3}", "[a-z]{0,200}"],
        append: bool,
        last_chunk: bool,
    ) {
        let [task_id, context_id, artifact_id] = ids;
        let head = Arc::new(TextHead::new(&task_id, &context_id, &artifact_id));
        let event = Event::text(&head, EscapedText::new(&text), append, last_chunk);
        let said = said_in_protobuf(&event);
        prop_assert_eq!(&said, &event.to_v1().unwrap());
        let Some(v1::stream_response::Payload::ArtifactUpdate(update)) = said.payload else {
            return Err(TestCaseError::fail("not an artifact update"));
        };
        prop_assert_eq!(&update.artifact.unwrap().parts[0].content, &Some(v1::part::Content::Text(text)));
    }
}

#[test]
fn the_members_of_an_artifact_stand_without_its_parts() {
    for (artifact, members) in [
        (r#"{"artifactId":"a","parts":[]}"#, r#""artifactId":"a","#),
        (
            r#"{"artifactId":"a","name":"\"parts\":[]","parts":[],"metadata":{"x":1}}"#,
            r#""artifactId":"a","name":"\"parts\":[]","metadata":{"x":1},"#,
        ),
    ] {
        assert_eq!(members_without_parts(artifact.as_bytes()), members);
    }
}

#[test]
fn texts_of_one_artifact_are_joined_and_nothing_else_is() {
    let (one, two) = (Arc::new(TextHead::new("t", "c", "a1")), Arc::new(TextHead::new("t", "c", "a2")));
    let say = |head, text, append, last| Event::text(head, EscapedText::new(text), append, last);
    let status = || Event::status("t", "c", &v1::TaskStatus::default(), None);
    let events = [
        status(),
        say(&one, "a", false, false),
        say(&one, "\n", true, false),
        say(&one, "c", true, true),
        say(&one, "again", false, false),
        say(&two, "x", true, false),
        status(),
        say(&two, "y", true, true),
    ];
    let numbered: Vec<_> = (7..).zip(events).collect();
    let joined: Vec<_> = joined(&numbered).iter().map(|(number, event)| (*number, frame(event))).collect();
    assert_eq!(joined.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [7, 10, 11, 12, 13, 14]);
    assert_eq!(joined[1].1, frame(&say(&one, "a\nc", false, true)));
    assert_eq!(joined[2].1, frame(&say(&one, "again", false, false)));
    assert_eq!(joined[5].1, frame(&say(&two, "y", true, true)));
}
