//! A server that plays scripted answers in their order and remembers what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Clean,
    /// The connection breaks.
    Cut,
    /// Nothing more comes.
    Silence,
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    pieces: VecDeque<Bytes>,
    end: End,
    flushed: bool,
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }
}

/// JSON with a status.
pub(crate) fn answer(status: u16, body: &str) -> Answer {
    let headers = vec![("content-type", "application/json".to_owned())];
    Answer { status, headers, pieces: VecDeque::from([Bytes::from(body.to_owned())]), end: End::Clean, flushed: false }
}

/// A JSON-RPC result.
pub(crate) fn result(value: &Value) -> Answer {
    answer(200, &json!({"jsonrpc": "2.0", "id": 1, "result": value}).to_string())
}

/// A JSON-RPC error object.
pub(crate) fn error(code: i64, reason: &str) -> Answer {
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason});
    answer(
        200,
        &json!({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "no", "data": [info]}}).to_string(),
    )
}

/// A stream of server-sent events.
pub(crate) fn stream(pieces: &[String], end: End) -> Answer {
    let headers = vec![("content-type", "text/event-stream; charset=utf-8".to_owned())];
    Answer { status: 200, headers, pieces: pieces.iter().cloned().map(Bytes::from).collect(), end, flushed: false }
}

impl Answer {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.end {
            End::Clean => Poll::Ready(None),
            End::Silence => Poll::Pending,
            End::Cut if self.flushed => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            // hyper writes what it has while the body has nothing for it.
            End::Cut => {
                self.flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// The server. It ends when it is dropped.
pub(crate) struct Scripted {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    accepting: JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn play(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::from(answers)));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&asked), script));
        Self { port, asked, accepting }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, asked: Arc<Mutex<Vec<Asked>>>, script: Arc<Mutex<VecDeque<Answer>>>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let (asked, script) = (Arc::clone(&asked), Arc::clone(&script));
        connections.spawn(async move {
            let service = service_fn(|request| respond(request, &asked, &script));
            // A cut answer ends with an error here, as it should.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn respond(
    request: Request<Incoming>,
    asked: &Mutex<Vec<Asked>>,
    script: &Mutex<VecDeque<Answer>>,
) -> Result<Response<Answer>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let headers = head.headers.iter().map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned()));
    asked.lock().unwrap().push(Asked {
        line: format!("{} {}", head.method, head.uri),
        headers: headers.collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    });
    let answer = script.lock().unwrap().pop_front().unwrap_or_else(|| answer(500, "nothing is scripted"));
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    Ok(response.body(answer).unwrap())
}
