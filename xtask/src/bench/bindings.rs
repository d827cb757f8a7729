//! The same task by each binding and generation: GetTask in a second, and 100,000 lines streamed. The floor says hello in as many
//! bytes, and streams by JSON-RPC's kind of events.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Bench;
use super::a2a::{send, sent};
use super::client::Connection;
use super::error::{During, Result, wrong};
use super::load::load;
use super::script::line;
use super::store::Fixed;
use super::target::{Kind, TOKEN, Target};

const CALLERS: u64 = 16;
const LINES: u64 = 100_000;
const SERVICE: &str = "/lf.a2a.v1.A2AService";

/// Measures all bindings in turn.
pub(super) async fn measure(bench: &mut Bench) -> Result<()> {
    if bench.targets.len() < 2 {
        return Ok(());
    }
    let server = bench.place.start(Kind::Demo)?;
    let (mut connection, mut body) = (Connection::open(server.address).await?, Vec::new());
    connection.exchange(&server.request(&send("one task", 1)), &mut body).await?;
    let id = sent(&body)?.id;
    let older = json!({"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"id": id}}).to_string();
    let asked = [
        ("binding_rpc", server.request(&super::a2a::get(&id))),
        ("binding_rest", with("GET", &format!("/tasks/{id}"), server.address, "1.0", "")),
        ("binding_rpc_03", with("POST", "/a2a", server.address, "0.3", &older)),
        ("binding_rest_03", with("GET", &format!("/v1/tasks/{id}"), server.address, "0.3", "")),
    ];
    let mut questions = Vec::new();
    for (key, request) in asked {
        questions.push((key, Fixed::ask(&server, vec![request]).await?));
    }
    for _ in bench.plan.rounds() {
        for (key, question) in &questions {
            let hello = Arc::new(question.hello(&bench.targets[0]));
            bench.report.add(
                key,
                Kind::Floor,
                load(&bench.targets[0], CALLERS, bench.plan.load_time, hello).await?.per_second,
            );
            let load = load(&server, CALLERS, bench.plan.load_time, Arc::<Fixed>::clone(question)).await?;
            bench.report.add(key, Kind::Demo, load.per_second);
        }
        let rate = by_grpc(&server, &id, bench.plan.load_time).await?;
        bench.report.add("binding_grpc", Kind::Demo, rate);
    }
    streams(bench).await
}

/// 100,000 lines by the bindings that have no measure of their own.
async fn streams(bench: &mut Bench) -> Result<()> {
    let bytes: usize = (1..=LINES).map(|number| line(number).len()).sum();
    let text = format!("lines {LINES}");
    for round in bench.plan.rounds() {
        for at in bench.in_turn(round).filter(|at| *at > 0) {
            let target = &bench.targets[at];
            let message = json!({"message": {"messageId": format!("bench-{round}"), "role": "ROLE_USER", "parts": [{"text": text}]}});
            let request = with("POST", "/message:stream", target.address, "1.0", &message.to_string());
            let (mut connection, mut body) = (Connection::open(target.address).await?, Vec::with_capacity(1 << 20));
            let began = Instant::now();
            connection.exchange(&request, &mut body).await?;
            bench.report.add("lines_rest_s", target.kind, began.elapsed().as_secs_f64());
            whole(&body, bytes)?;
            let mut client = connect(target.address).await?;
            let began = Instant::now();
            let response =
                call(&mut client, target.address, "SendStreamingMessage", &send_request(round, &text)).await?;
            bench.report.add("lines_grpc_s", target.kind, began.elapsed().as_secs_f64());
            whole(&response, bytes)?;
        }
    }
    Ok(())
}

/// As many line ends as lines, escaped or not, and more bytes than the text has.
fn whole(body: &[u8], bytes: usize) -> Result<()> {
    let ends =
        body.windows(2).filter(|pair| pair == b"\\n").count().max(body.iter().filter(|byte| **byte == b'\n').count());
    if body.len() > bytes && ends as u64 >= LINES { Ok(()) } else { Err(wrong(&format!("{LINES} lines"), body)) }
}

fn with(method: &str, path: &str, address: SocketAddr, version: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\na2a-version: {version}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

type Client = SendRequest<Full<Bytes>>;

async fn connect(address: SocketAddr) -> Result<Client> {
    let socket = TcpStream::connect(address).await.during(format!("connect to {address}"))?;
    socket.set_nodelay(true).during("set TCP_NODELAY")?;
    // As wide as the clients of gRPC make it.
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(4 << 20).initial_connection_window_size(4 << 20);
    let (client, connection) =
        builder.handshake(TokioIo::new(socket)).await.map_err(|error| wrong("HTTP/2", error.to_string().as_bytes()))?;
    tokio::spawn(connection);
    Ok(client)
}

/// The messages of an answer, with their prefixes. Any status but 0 is a wrong answer.
async fn call(client: &mut Client, address: SocketAddr, method: &str, message: &[u8]) -> Result<Bytes> {
    let broken = |error: hyper::Error| wrong("an answer", error.to_string().as_bytes());
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend_from_slice(message);
    let request = Request::post(format!("http://{address}{SERVICE}/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Full::from(body))
        .map_err(|error| wrong("a request", error.to_string().as_bytes()))?;
    let response: hyper::Response<Incoming> = client.send_request(request).await.map_err(broken)?;
    let collected = response.into_body().collect().await.map_err(broken)?;
    let status = collected.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
    let bytes = collected.to_bytes();
    if status.is_some_and(|status| status == "0") { Ok(bytes) } else { Err(wrong("grpc-status 0", &bytes)) }
}

async fn by_grpc(server: &Target, id: &str, time: Duration) -> Result<f64> {
    let (address, request) = (server.address, field(2, id.as_bytes()));
    // A task's first field is its id.
    let begins = field(1, id.as_bytes());
    let mut callers = JoinSet::new();
    let began = Instant::now();
    for _ in 0..CALLERS {
        let (request, begins) = (request.clone(), begins.clone());
        callers.spawn(async move {
            let mut client = connect(address).await?;
            let mut count = 0_u64;
            while began.elapsed() < time {
                let answer = call(&mut client, address, "GetTask", &request).await?;
                if !answer[5..].starts_with(&begins) {
                    return Err(wrong("the task", &answer));
                }
                count += 1;
            }
            Ok::<_, super::BenchError>(count)
        });
    }
    let mut count = 0;
    for done in callers.join_all().await {
        count += done?;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// A field of protobuf that is bytes, a text or a message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

/// SendMessageRequest: a message with an id, a role (1, the user) and a part with a text.
fn send_request(number: usize, text: &str) -> Vec<u8> {
    let part = field(5, &field(1, text.as_bytes()));
    let message = [field(1, format!("grpc-{number}").as_bytes()), vec![4 << 3, 1], part].concat();
    field(2, &message)
}
