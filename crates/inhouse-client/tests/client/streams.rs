//! Streams against a scripted server: whole ones, and ones that break in every way, without a gap or a double.

use inhouse_client::{Client, ClientError, ClientOptions, EventStream};
use inhouse_proto::v1;
use inhouse_proto::v1::stream_response::Payload;
use serde_json::{Value, json};

use crate::scripted::{Answer, End, Scripted, answer, error, result, stream};

fn client(server: &Scripted) -> Client {
    let options = ClientOptions::new(server.url("/a2a"));
    let options =
        ClientOptions { reconnect_attempts_max: 3, reconnect_delay_ms: 1, reconnect_delay_ms_max: 60_000, ..options };
    Client::new(ClientOptions { event_bytes_max: 4096, stream_idle_timeout_ms: 200, ..options }).unwrap()
}

fn sse(id: Option<u64>, payload: &Value) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}data: {}\n\n", json!({"jsonrpc": "2.0", "id": 1, "result": payload}))
}

fn task(state: &str, text: &str) -> Value {
    json!({"task": {"id": "t1", "contextId": "c1", "status": {"state": state},
        "artifacts": [{"artifactId": "a", "parts": [{"text": text}]}]}})
}

fn status(state: &str) -> Value {
    json!({"statusUpdate": {"taskId": "t1", "contextId": "c1", "status": {"state": state}}})
}

fn says(text: &str) -> Value {
    json!({"artifactUpdate": {"taskId": "t1", "contextId": "c1", "append": true, "artifact": {"artifactId": "a", "parts": [{"text": text}]}}})
}

/// Event `n` of a task whose log has five: submitted, three words, completed.
fn logged(n: u64) -> String {
    let payload = match n {
        1 => task("TASK_STATE_SUBMITTED", ""),
        2..=4 => says(&format!("w{n}")),
        _ => status("TASK_STATE_COMPLETED"),
    };
    sse(Some(n), &payload)
}

fn log(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(logged).collect()
}

fn request() -> v1::SendMessageRequest {
    v1::SendMessageRequest { message: Some(v1::Message::default()), ..v1::SendMessageRequest::default() }
}

/// What a stream gives: `3` for event 3, `task` for a snapshot without a number.
async fn read(mut events: EventStream) -> (Vec<String>, Option<ClientError>) {
    let mut seen = Vec::new();
    loop {
        match events.next().await {
            Ok(Some(event)) => seen.push(match (event.generation, &event.payload) {
                (Some(generation), Payload::Task(_)) if generation > 1 => format!("task {generation}"),
                (Some(generation), _) => generation.to_string(),
                (None, Payload::Task(_)) => "task".to_owned(),
                (None, _) => "event".to_owned(),
            }),
            Ok(None) => return (seen, None),
            Err(error) => {
                assert!(matches!(events.next().await, Ok(None)), "an error is the end");
                return (seen, Some(error));
            }
        }
    }
}

async fn play(answers: Vec<Answer>) -> (Vec<String>, Option<ClientError>, Vec<crate::scripted::Asked>) {
    let server = Scripted::play(answers).await;
    let (seen, error) = read(client(&server).stream(request()).await.unwrap()).await;
    (seen, error, server.asked())
}

#[tokio::test]
async fn a_whole_stream_is_read_wherever_its_pieces_are_cut() {
    let whole = log(1..=5).concat();
    for size in [1, 2, 7, 64, whole.len()] {
        let pieces: Vec<String> =
            whole.as_bytes().chunks(size).map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect();
        let (seen, error, asked) = play(vec![stream(&pieces, End::Silence)]).await;
        assert_eq!(seen, ["1", "2", "3", "4", "5"]);
        assert!(error.is_none());
        assert_eq!(
            (asked.len(), asked[0].method(), asked[0].header("accept")),
            (1, "SendStreamingMessage", Some("text/event-stream"))
        );
    }
}

#[tokio::test]
async fn a_broken_stream_goes_on_after_its_last_event_without_gap_or_double() {
    let mut first = log(1..=2);
    first.push(logged(3)[..30].to_owned());
    let state = |text: &str| sse(None, &task("TASK_STATE_COMPLETED", text));
    let cases: Vec<(&str, Vec<String>, &[&str])> = vec![
        ("replays after the last event", log(3..=5), &["1", "2", "3", "4", "5"]),
        ("replays more than was asked for", log(1..=5), &["1", "2", "3", "4", "5"]),
        ("gives the state, then replays", [vec![state("w2")], log(3..=5)].concat(), &["1", "2", "3", "4", "5"]),
        (
            "gives the state and goes on from there",
            [vec![sse(Some(4), &task("TASK_STATE_WORKING", "w2w3w4"))], log(5..=5)].concat(),
            &["1", "2", "task 4", "5"],
        ),
        (
            "gives the state and skips what led to it",
            [vec![sse(None, &task("TASK_STATE_WORKING", "w2w3w4"))], log(5..=5)].concat(),
            &["1", "2", "task", "5"],
        ),
        ("gives only the state", vec![state("w2w3w4")], &["1", "2", "task"]),
    ];
    for end in [End::Cut, End::Clean, End::Silence] {
        for (name, resumed, expected) in &cases {
            let (seen, error, asked) = play(vec![stream(&first, end), stream(resumed, End::Clean)]).await;
            assert_eq!(seen, *expected, "{name} {end:?} {error:?}");
            assert!(error.is_none(), "{name} {end:?}");
            assert_eq!((asked[1].method(), asked[1].header("last-event-id")), ("SubscribeToTask", Some("2")));
            assert_eq!(asked[1].body["params"]["id"], "t1");
        }
    }
}

#[tokio::test]
async fn a_stream_is_given_up_after_failures_in_a_row_and_not_before() {
    let busy = || answer(503, r#"{"error":{"code":-32000,"message":"busy"}}"#).header("retry-after", "0");
    let cut = |events: Vec<String>| stream(&events, End::Cut);
    let (seen, error, asked) =
        play(vec![cut(log(1..=1)), busy(), busy(), cut(log(2..=2)), busy(), busy(), busy(), cut(log(3..=5))]).await;
    assert_eq!(seen, ["1", "2"]);
    assert!(matches!(error, Some(ClientError::Rpc(_))), "{error:?}");
    assert_eq!(asked.len(), 7);
    let (seen, error, _) = play(vec![cut(log(1..=1)), busy(), cut(log(2..=2)), busy(), busy(), cut(log(3..=5))]).await;
    assert_eq!((seen.len(), error.is_none()), (5, true));
}

#[tokio::test]
async fn a_stream_that_breaks_before_its_task_is_named_is_not_sent_again() {
    for end in [End::Cut, End::Clean] {
        let (seen, error, asked) = play(vec![stream(&[": hello\n\n".to_owned()], end)]).await;
        assert!(seen.is_empty() && error.is_some());
        assert_eq!(asked.len(), 1);
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_task_with_a_message_or_when_it_is_closed_while_the_task_waits() {
    let waits = sse(Some(2), &status("TASK_STATE_INPUT_REQUIRED"));
    let message = sse(None, &json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}}));
    for (events, end, expected) in [
        (vec![logged(1), waits.clone()], End::Clean, vec!["1", "2"]),
        (vec![message], End::Silence, vec!["event"]),
        (vec![logged(1), sse(Some(2), &status("TASK_STATE_CANCELED"))], End::Silence, vec!["1", "2"]),
        (vec![logged(1), sse(Some(2), &json!({"futureUpdate": {}})), logged(5)], End::Silence, vec!["1", "5"]),
    ] {
        let (seen, error, asked) = play(vec![stream(&events, end)]).await;
        assert_eq!((seen, error.is_none(), asked.len()), (expected.into_iter().map(str::to_owned).collect(), true, 1));
    }
    let (seen, _, asked) = play(vec![stream(&[logged(1), waits], End::Cut), stream(&log(3..=5), End::Clean)]).await;
    assert_eq!((seen.len(), asked.len()), (5, 2), "a break while the task waits is a break");
}

#[tokio::test]
async fn an_error_in_the_stream_or_in_its_place_is_an_error() {
    let server = Scripted::play(vec![error(-32602, "INVALID_PARAMS"), result(&json!({}))]).await;
    assert!(matches!(client(&server).stream(request()).await, Err(ClientError::Rpc(error)) if error.code == -32602));
    assert!(matches!(client(&server).stream(request()).await, Err(ClientError::Protocol(_))));
    let inside = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603,\"message\":\"no\"}}\n\n".to_owned();
    let (seen, error, _) = play(vec![stream(&[logged(1), inside], End::Clean)]).await;
    assert!(seen == ["1"] && matches!(error, Some(ClientError::Rpc(_))), "{error:?}");
    let (seen, error, _) =
        play(vec![stream(&[logged(1), format!("data: {}\n\n", "x".repeat(5000))], End::Clean)]).await;
    assert!(seen == ["1"] && matches!(error, Some(ClientError::TooLarge { bytes_max: 4096 })), "{error:?}");
}

#[tokio::test]
async fn a_subscription_begins_where_it_is_told() {
    let server = Scripted::play(vec![stream(&log(1..=5), End::Clean), stream(&log(4..=5), End::Clean)]).await;
    let (seen, _) = read(client(&server).subscribe("t1", None).await.unwrap()).await;
    assert_eq!(seen.len(), 5);
    let (seen, _) = read(client(&server).subscribe("t1", Some(3)).await.unwrap()).await;
    assert_eq!(seen, ["4", "5"]);
    let asked = server.asked();
    assert_eq!((asked[0].header("last-event-id"), asked[1].header("last-event-id")), (None, Some("3")));
}

#[tokio::test]
async fn a_finished_task_of_a_server_that_does_not_stream_those_comes_as_one_snapshot() {
    let finished = || result(&task("TASK_STATE_COMPLETED", "done")["task"]);
    let server = Scripted::play(vec![error(-32004, "UNSUPPORTED_OPERATION"), finished()]).await;
    let (seen, error_seen) = read(client(&server).subscribe("t1", None).await.unwrap()).await;
    assert!(seen == ["task"] && error_seen.is_none());
    let (seen, error_seen, _) =
        play(vec![stream(&log(1..=2), End::Cut), error(-32004, "UNSUPPORTED_OPERATION"), finished()]).await;
    assert!(seen == ["1", "2", "task"] && error_seen.is_none());
    let working = result(&task("TASK_STATE_WORKING", "")["task"]);
    let server = Scripted::play(vec![error(-32004, "UNSUPPORTED_OPERATION"), working]).await;
    assert!(matches!(client(&server).subscribe("t1", None).await, Err(ClientError::Rpc(_))));
}
