//! The floor: the least that a server around an agent can do. It reads the text, starts the agent, pipes one into the other,
//! and keeps nothing. Where the real server answers from memory, the floor says hello in as many bytes.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::process::{ExitCode, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};

use super::script::PATTERN;

const READ_BYTES: usize = 64 << 10;
const CARD: &str = r#"{"name":"floor","description":"The floor of the benchmark.","version":"1"}"#;

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    params: Params,
}

#[derive(Deserialize)]
struct Params {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    text: String,
}

/// Serves on the loopback port that the environment names, until it is killed.
pub(super) fn run() -> ExitCode {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(0);
    let served = tokio::runtime::Runtime::new().and_then(|runtime| runtime.block_on(serve(port)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> io::Result<Response<Answer>> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    if let Some(size) = path.strip_prefix("/hello/") {
        let size = size.parse().map_err(io::Error::other)?;
        return Ok(reply("application/json", Answer::Whole(Some(hello(size)))));
    }
    match path.as_str() {
        "/a2a" => agent(&body).await,
        "/hold" => Ok(reply("text/event-stream", Answer::Held(Some(Bytes::from_static(b"id: 1\ndata: {}\n\n"))))),
        _ => Ok(reply("application/json", Answer::Whole(Some(Bytes::from_static(CARD.as_bytes()))))),
    }
}

fn reply(media_type: &'static str, answer: Answer) -> Response<Answer> {
    let mut response = Response::new(answer);
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(media_type));
    response
}

/// Made once for each size, as a server that has its answer ready would.
fn hello(size: usize) -> Bytes {
    static READY: Mutex<Option<Bytes>> = Mutex::new(None);
    let mut ready = READY.lock().unwrap_or_else(PoisonError::into_inner);
    match &*ready {
        Some(bytes) if bytes.len() >= size => bytes.slice(..size),
        _ => ready.insert(PATTERN.repeat(size / PATTERN.len() + 1).into()).slice(..size),
    }
}

#[expect(clippy::disallowed_methods, reason = "the floor is what the real spawner is measured against")]
fn start() -> io::Result<Child> {
    static AGENT: OnceLock<OsString> = OnceLock::new();
    // The word after `__floor`.
    Command::new(AGENT.get_or_init(|| std::env::args_os().nth(2).unwrap_or_default()))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

async fn agent(body: &[u8]) -> io::Result<Response<Answer>> {
    let call: Call<'_> = serde_json::from_slice(body)?;
    let text: String = call.params.message.parts.into_iter().map(|part| part.text).collect();
    let mut child = start()?;
    let piped = || io::Error::other("the agent has no pipe");
    let mut stdin = child.stdin.take().ok_or_else(piped)?;
    let mut stdout = child.stdout.take().ok_or_else(piped)?;
    stdin.write_all(text.as_bytes()).await?;
    drop(stdin);
    let head = format!(r#"{{"jsonrpc":"2.0","id":{},"result":"#, call.id);
    if call.method == "SendStreamingMessage" {
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        return Ok(reply(
            "text/event-stream",
            Answer::Piped(Box::new(Piped { child, stdout, head, buffer, number: 0 })),
        ));
    }
    let mut output = String::new();
    stdout.read_to_string(&mut output).await?;
    child.wait().await?;
    let task = format!(
        r#"{head}{{"task":{{"id":"t","contextId":"c","status":{{"state":"TASK_STATE_COMPLETED"}},"artifacts":[{{"artifactId":"a","parts":[{{"text":{}}}]}}]}}}}}}"#,
        serde_json::to_string(&output)?
    );
    Ok(reply("application/json", Answer::Whole(Some(task.into()))))
}

/// The body of an answer.
enum Answer {
    Whole(Option<Bytes>),
    Piped(Box<Piped>),
    /// One event, and then nothing for ever.
    Held(Option<Bytes>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            Self::Whole(bytes) => bytes.take(),
            Self::Piped(piped) => ready!(piped.poll(cx)),
            Self::Held(Some(_)) => self.held(),
            Self::Held(None) => return Poll::Pending,
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            _ => SizeHint::default(),
        }
    }
}

impl Answer {
    fn held(&mut self) -> Option<Bytes> {
        if let Self::Held(bytes) = self { bytes.take() } else { None }
    }
}

/// An agent's output as events: what one read brings is one event.
struct Piped {
    child: Child,
    stdout: ChildStdout,
    head: String,
    buffer: Box<[u8]>,
    number: u64,
}

impl Piped {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.number == u64::MAX {
            return Poll::Ready(None);
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let read = ready!(Pin::new(&mut self.stdout).poll_read(cx, &mut buffer));
        self.number += 1;
        let (head, number) = (&self.head, self.number);
        if read.is_err() || buffer.filled().is_empty() {
            self.number = u64::MAX;
            // The output's end is near enough to the agent's own for a floor; the runtime reaps it.
            let _ = self.child.try_wait();
            let end = r#"{"statusUpdate":{"taskId":"t","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"}}}}"#;
            return Poll::Ready(Some(format!("id: {number}\ndata: {head}{end}\n\n").into()));
        }
        let mut event = Vec::with_capacity(buffer.filled().len() * 9 / 8 + 256);
        event.extend_from_slice(format!("id: {number}\ndata: {head}").as_bytes());
        event.extend_from_slice(
            br#"{"artifactUpdate":{"taskId":"t","contextId":"c","artifact":{"artifactId":"a","parts":[{"text":"#,
        );
        let text = String::from_utf8_lossy(buffer.filled());
        // A string can always be written to a vector.
        let _ = serde_json::to_writer(&mut event, &text);
        event.extend_from_slice(b"}]},\"append\":true}}}\n\n");
        Poll::Ready(Some(event.into()))
    }
}
