//! Tables: lines of the native contract and the events they become.

use inhouse_engine::agent::{AgentEvent, ArtifactUpdate, End, Failure, Note, Reason, Usage};
use inhouse_proto::json::Value;
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use inhouse_run::Exit;
use serde_json::json;

use super::Parser;
use crate::by_line::ByLine;
use crate::dialogue::{Dialogue, Ending, Said};

fn read_cut(stream: &[u8], at: usize, code: i32) -> (Vec<AgentEvent>, End) {
    let mut parser = ByLine::new(1 << 20, Parser::default());
    let mut said = Said::default();
    parser.read(&stream[..at], &mut said);
    parser.read(&stream[at..], &mut said);
    parser.finish(&mut said);
    let exit = Exit { code: Some(code), signal: None, ..Exit::default() };
    let ending = Ending { exit, last_error: Some("last words".to_owned()) };
    (said.events, said.end.unwrap_or_else(|| parser.ended(&ending)))
}

fn read(stream: &str, code: i32) -> (Vec<AgentEvent>, End) {
    let whole = read_cut(stream.as_bytes(), stream.len(), code);
    for at in 0..stream.len() {
        assert_eq!(read_cut(stream.as_bytes(), at, code), whole, "{stream:?} cut at {at}");
    }
    whole
}

fn text(text: &str) -> AgentEvent {
    AgentEvent::Text(text.to_owned())
}

fn note(text: &str) -> Note {
    Note { text: Some(text.to_owned()), data: None }
}

fn part(content: Content) -> v1::Part {
    v1::Part { content: Some(content), ..v1::Part::default() }
}

#[test]
fn every_line_of_the_contract_is_its_event() {
    let said = Content::Text("said".to_owned());
    let update = ArtifactUpdate { parts: vec![part(said.clone())], ..ArtifactUpdate::default() };
    let named = ArtifactUpdate {
        artifact_id: Some("a".to_owned()),
        name: Some("n".to_owned()),
        description: Some("d".to_owned()),
        append: true,
        last_chunk: true,
        parts: vec![
            part(Content::Data(Value(json!({"x": [1, 9_007_199_254_740_993_u64]})))),
            part(Content::Raw(b"hi".to_vec())),
        ],
        metadata: None,
    };
    let data = Note { text: Some("step".to_owned()), data: Some(Value(json!({"n": 1}))) };
    let usage = Usage { input_tokens: Some(1), output_tokens: Some(2), cost_usd: Some(0.01) };
    for (line, event) in [
        (r#"{"text":"said"}"#, text("said")),
        (r#"  {"text":"sa\u001b[31mid","unknown":[1]}  "#, text("said")),
        (r#"{"artifact":{"parts":[{"text":"said"}]}}"#, AgentEvent::Artifact(update)),
        (
            r#"{"artifact":{"artifactId":"a","name":"n","description":"d","append":true,"lastChunk":true,
                "parts":[{"data":{"x":[1,9007199254740993]}},{"raw":"aGk="}]}}"#,
            AgentEvent::Artifact(named),
        ),
        (r#"{"status":"working","text":"step","data":{"n":1}}"#, AgentEvent::Working(data)),
        (r#"{"message":{"parts":[{"text":"said"}]}}"#, AgentEvent::Message(vec![part(said)])),
        (r#"{"usage":{"inputTokens":1,"outputTokens":2,"costUsd":0.01}}"#, AgentEvent::Usage(usage)),
    ] {
        let line = line.replace("\n ", " ");
        assert_eq!(read(&format!("{line}\n"), 0), (vec![event], End::Completed(Note::default())), "{line}");
    }
}

#[test]
fn any_other_line_is_text_with_its_line_feed() {
    for stream in [
        "plain\n",
        "no line feed",
        "\n\r\n\n",
        "{\"not\":\"of the contract\"}\n",
        "{}\n",
        "{\"data\":1}\n",
        "{\"text\":5}\n",
        "{\"status\":\"perhaps\"}\n",
        "{\"artifact\":{\"parts\":[]}}\n",
        "{\"message\":{\"parts\":[{}]}}\n",
        "{\"text\":\"cut\n",
        "[1]\n\"text\"\nnull\n",
    ] {
        assert_eq!(read(stream, 0), (vec![text(stream)], End::Completed(Note::default())), "{stream:?}");
    }
    assert_eq!(read("{\"text\":\"a\"}\nb \u{1b}[1mé\n{\"text\":\"c\"}", 0).0, vec![text("ab é\nc")]);
    assert_eq!(read_cut(b"\xff\n", 1, 0).0, vec![text("\u{fffd}\n")]);
}

#[test]
fn a_final_or_interrupting_status_ends_the_turn_and_what_follows_is_ignored() {
    let failure = |reason, detail: &str| End::Failed(Failure::new(reason, detail));
    for (status, end) in [
        ("completed", End::Completed(note("why"))),
        ("rejected", End::Rejected(note("why"))),
        ("input-required", End::InputRequired(note("why"))),
        ("auth-required", End::AuthRequired(note("why"))),
        ("canceled", End::Canceled(note("why"))),
        ("failed", End::Failed(Failure::said(Reason::AgentFailed, "why"))),
    ] {
        let stream = format!(
            "{{\"status\":\"{status}\",\"text\":\"why\"}}\n{{\"text\":\"late\"}}\nlate\n{{\"status\":\"failed\"}}\n"
        );
        assert_eq!(read(&stream, 1), (vec![], end), "{status}");
    }
    assert_eq!(read("{\"status\":\"failed\"}\n", 0).1, failure(Reason::AgentFailed, "the agent gave no reason"));
    let data = Some(Value(serde_json::json!({"code": 7})));
    let told = Failure { data, ..Failure::said(Reason::AgentFailed, "why") };
    assert_eq!(read("{\"status\":\"failed\",\"text\":\"why\",\"data\":{\"code\":7}}\n", 0).1, End::Failed(told));
}

#[test]
fn without_a_final_status_the_exit_tells() {
    assert_eq!(read("", 0).1, End::Completed(Note::default()));
    let failed = End::Failed(Failure::new(Reason::AgentFailed, "last words"));
    assert_eq!(read("{\"status\":\"working\"}\n", 3).1, failed);
}

#[test]
fn a_line_of_too_many_values_is_refused_before_it_is_decoded_and_a_long_text_is_not() {
    // In one piece: how a line is cut is for the other tests.
    let read = |line: &str| read_cut(line.as_bytes(), line.len(), 0);
    let many = |count: usize| format!("{{\"artifact\":{{\"parts\":[{{\"data\":[{}0]}}]}}}}\n", "0,".repeat(count));
    let why = "the agent wrote a line of more than 262144 values";
    let refused = End::Failed(Failure::new(Reason::AgentProtocol, why));
    assert_eq!(read(&many(262_144)), (vec![], refused));
    assert!(matches!(&read(&many(262_000)).0[..], [AgentEvent::Artifact(_)]));
    let long = ",[".repeat(200_000);
    assert_eq!(read(&format!("{{\"text\":\"{long}\"}}\n")).0, vec![text(&long)]);
    let plain = "1,".repeat(300_000);
    assert_eq!(read(&plain).0, vec![text(&plain)], "no object is no line of the contract");
}
