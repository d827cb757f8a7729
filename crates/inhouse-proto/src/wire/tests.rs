//! The bytes of events against the generated model.

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
