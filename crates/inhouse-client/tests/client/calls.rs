//! Single calls against a scripted server: how the endpoint is found, what is sent, and what becomes of an answer.

use inhouse_client::{Binding, Client, ClientError, ClientOptions};
use inhouse_proto::v1;
use inhouse_proto::v1::send_message_response::Payload;
use inhouse_trust::Secret;
use serde_json::json;

use crate::scripted::{Answer, End, Scripted, answer, error, result};

fn client(url: String) -> Client {
    Client::new(ClientOptions { connect_timeout_ms: 2_000, ..ClientOptions::new(url) }).unwrap()
}

fn hello() -> v1::SendMessageRequest {
    let content = Some(v1::part::Content::Text("hi".into()));
    let message = v1::Message {
        message_id: "m1".into(),
        role: v1::Role::User.into(),
        parts: vec![v1::Part { content, ..v1::Part::default() }],
        ..v1::Message::default()
    };
    v1::SendMessageRequest { message: Some(message), ..v1::SendMessageRequest::default() }
}

fn task() -> serde_json::Value {
    json!({"id": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}})
}

fn card(url: &str) -> Answer {
    let interfaces = json!([
        {"url": "grpc://h:1", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
        {"url": "http://h/old", "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
        {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0", "tenant": "team"},
    ]);
    answer(200, &json!({"name": "a", "version": "1", "supportedInterfaces": interfaces, "futureField": 1}).to_string())
}

#[tokio::test]
async fn a_server_is_asked_for_its_card_once_and_only_the_path_is_taken_from_it() {
    let server =
        Scripted::play(vec![card("https://elsewhere.example/team/a2a"), result(&task()), result(&task())]).await;
    let token = Some(Secret::new("canary-4711".into()));
    let client = Client::new(ClientOptions { token, ..ClientOptions::new(server.url("")) }).unwrap();
    client.get_task("t1", Some(0)).await.unwrap();
    client.cancel_task("t1").await.unwrap();
    let asked = server.asked();
    let lines: Vec<_> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(lines, ["GET /.well-known/agent-card.json", "POST /team/a2a", "POST /team/a2a"]);
    for request in &asked {
        assert_eq!(request.header("a2a-version"), Some("1.0"));
        assert_eq!(request.header("authorization"), Some("Bearer canary-4711"));
        assert_eq!(request.header("host"), Some(server.url("").trim_start_matches("http://")));
    }
    assert_eq!(asked[1].header("content-type"), Some("application/json"));
    assert_eq!((asked[1].method(), asked[2].method()), ("GetTask", "CancelTask"));
    assert_eq!(asked[1].body["params"], json!({"tenant": "team", "id": "t1", "historyLength": 0}));
    assert!(!format!("{client:?}").contains("canary"));
}

#[tokio::test]
async fn the_first_binding_of_the_card_that_is_spoken_is_used_unless_another_is_wished_for() {
    let interface = |binding: &str, path: &str| json!({"url": format!("http://h{path}"), "protocolBinding": binding, "protocolVersion": "1.0"});
    let interfaces = json!([interface("GRPC", ""), interface("HTTP+JSON", "/rest/"), interface("JSONRPC", "/rpc")]);
    let card = || answer(200, &json!({"name": "a", "supportedInterfaces": interfaces}).to_string());
    let missing = json!({"error": {"code": 404, "message": "Task not found", "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TASK_NOT_FOUND"}]}});
    let bare = answer(200, &task().to_string());
    let server = Scripted::play(vec![card(), bare, answer(404, &missing.to_string()), card(), result(&task())]).await;
    let first = client(server.url(""));
    assert_eq!(first.get_task("t1", Some(0)).await.unwrap().value.id, "t1");
    let error = first.cancel_task("t/2").await.unwrap_err();
    assert!(matches!(&error, ClientError::Rpc(error) if error.code == -32001), "{error:?}");
    let wished = ClientOptions { binding: Some(Binding::JsonRpc), ..ClientOptions::new(server.url("")) };
    Client::new(wished).unwrap().get_task("t1", None).await.unwrap();
    let asked = server.asked();
    let lines: Vec<_> = asked.iter().map(|asked| asked.line.as_str()).collect();
    let card = "GET /.well-known/agent-card.json";
    let rest = ["GET /rest/tasks/t1?historyLength=0", "POST /rest/tasks/t%2F2:cancel"];
    assert_eq!(lines, [card, rest[0], rest[1], card, "POST /rpc"]);
}

#[tokio::test]
async fn an_endpoint_is_used_as_it_was_typed() {
    let server =
        Scripted::play(vec![result(&json!({"tasks": [task()], "nextPageToken": "", "pageSize": 1, "totalSize": 1}))])
            .await;
    let reply = client(server.url("/a2a/")).list_tasks(v1::ListTasksRequest::default()).await.unwrap();
    assert_eq!((reply.value.tasks[0].id.as_str(), reply.value.total_size), ("t1", 1));
    assert_eq!(server.asked()[0].line, "POST /a2a/");
    assert_eq!(server.asked()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_send_answers_with_a_task_or_a_message_and_keeps_the_json_as_it_was_written() {
    let message =
        r#"{"message":{"messageId":"m2","role":"ROLE_AGENT","parts":[{"text":"hi"}], "extra": 9007199254740993}}"#;
    let raw = answer(200, &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{message}}}"#));
    let server = Scripted::play(vec![result(&json!({"task": task()})), raw]).await;
    let client = client(server.url("/a2a"));
    let reply = client.send(hello()).await.unwrap();
    assert!(matches!(reply.value, Payload::Task(task) if task.id == "t1"));
    let reply = client.send(hello()).await.unwrap();
    assert!(matches!(reply.value, Payload::Message(message) if message.message_id == "m2"));
    assert_eq!(reply.json.get(), message);
    assert_eq!(server.asked()[0].body["params"]["message"]["parts"], json!([{"text": "hi"}]));
}

#[tokio::test]
async fn every_way_to_fail_has_its_error() {
    type Check = fn(&ClientError) -> bool;
    let cases: Vec<(Answer, Check)> = vec![
        (answer(401, ""), |error| matches!(error, ClientError::Unauthorized { status: 401, .. })),
        (answer(403, "{}"), |error| matches!(error, ClientError::Unauthorized { status: 403, said: None, .. })),
        (
            answer(
                403,
                r#"{"error":{"code":-31403,"message":"no","data":[{"@type":"google.rpc.ErrorInfo","metadata":{"detail":"not this"}}]}}"#,
            ),
            |error| error.to_string().ends_with("refused the call: HTTP 403: no: not this"),
        ),
        (answer(401, r#"{"error":{"code":401,"message":"token is not valid","details":[]}}"#), |error| {
            error.to_string().ends_with("HTTP 401: token is not valid")
        }),
        (
            error(-32001, "TASK_NOT_FOUND"),
            |error| matches!(error, ClientError::Rpc(rpc) if rpc.code == -32001 && rpc.reason.as_deref() == Some("TASK_NOT_FOUND")),
        ),
        (
            answer(429, r#"{"error":{"code":-32000,"message":"busy"}}"#).header("retry-after", "7"),
            |error| matches!(error, ClientError::Rpc(rpc) if rpc.retry_after_s == Some(7)),
        ),
        (
            answer(502, "<html>bad gateway</html>"),
            |error| matches!(error, ClientError::Protocol(why) if why.contains("HTTP 502") && why.contains("bad gateway")),
        ),
        (answer(200, "{\"result\":{\"id\":5}}"), |error| matches!(error, ClientError::Protocol(_))),
        (answer(204, ""), |error| matches!(error, ClientError::Protocol(_))),
        (answer(200, &"x".repeat(3000)), |error| matches!(error, ClientError::TooLarge { bytes_max: 2048 })),
        (answer(200, "{\"resu").end(End::Cut), |error| matches!(error, ClientError::Unreachable { .. })),
        (answer(200, "{\"resu").end(End::Silence), |error| matches!(error, ClientError::Timeout { waited_ms: 50, .. })),
    ];
    for (scripted, is_right) in cases {
        let shown = format!("{scripted:?}");
        let server = Scripted::play(vec![scripted]).await;
        let options = ClientOptions {
            first_byte_timeout_ms: 50,
            answer_bytes_max: 2048,
            ..ClientOptions::new(server.url("/a2a"))
        };
        let error = Client::new(options).unwrap().get_task("t1", None).await.unwrap_err();
        assert!(is_right(&error), "{shown}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_named() {
    // A port that was free a moment ago: nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = client(format!("http://127.0.0.1:{port}/a2a")).get_task("t1", None).await.unwrap_err();
    let ClientError::Unreachable { address, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*address, format!("http://127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_card_that_names_no_endpoint_is_an_error_that_says_so() {
    for (scripted, expected) in [
        (answer(200, r#"{"name":"a","supportedInterfaces":[]}"#), "names no JSONRPC or HTTP+JSON interface"),
        (answer(404, "not here"), "HTTP 404"),
        (answer(200, "<html>"), "no agent card"),
        (card("/a2a"), "is not an address"),
    ] {
        let server = Scripted::play(vec![scripted]).await;
        let error = client(server.url("")).get_task("t1", None).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
