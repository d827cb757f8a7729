//! A server on a free port with a small service behind it, and raw sockets to talk to it.
#![allow(clippy::unwrap_used, reason = "a test fails so")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use hyper::{Method, Response, StatusCode};
use inhouse_serve::{
    AuditBounds, AuditLog, Body, BodyReader, ErrorForm, Limits, Refusal, Request, Server, ServerOptions, Service,
};
use inhouse_trust::{HostRule, OriginRule, Principal, Secret, TokenDigest, Tokens};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing in these tests takes longer, unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) const AUTH: &str = "Authorization: Bearer right\r\n";

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) handled: Arc<AtomicUsize>,
    pub(crate) audit: Sink,
    pub(crate) stop: Option<tokio::sync::oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl TestServer {
    pub(crate) fn start(limits: Limits) -> Self {
        let audit = Sink::default();
        let log = AuditLog::new(AuditBounds::default(), audit.clone()).unwrap();
        Self::start_with(limits, log, audit)
    }

    pub(crate) fn start_with(limits: Limits, log: AuditLog, audit: Sink) -> Self {
        let (closing, told) = watch::channel(false);
        let handled = Arc::new(AtomicUsize::new(0));
        let entry = (Principal::new("ann").unwrap(), TokenDigest::of(&Secret::new("right".into())));
        let server = Server::bind(ServerOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            listen_too: Vec::new(),
            tls: None,
            limits,
            hosts: HostRule::new(["agents.example.com"], None, []),
            origins: OriginRule::new(["https://console.example.com"]),
            proxies: inhouse_serve::Proxies::default(),
            tokens: tokio::sync::watch::channel(Arc::new(Tokens::new([entry]))).1,
            audit: log,
            metrics: inhouse_serve::Metrics::new("group", []),
            closing,
            service: Arc::new(Echo { handled: Arc::clone(&handled), told }),
        })
        .unwrap();
        let address = server.local_addr();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { address, handled, audit, stop: Some(stop), task }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a new connection and returns everything until the server closes it.
    pub(crate) async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes.as_ref()).await;
        read_to_end(&mut stream).await
    }

    pub(crate) fn handled(&self) -> usize {
        self.handled.load(SeqCst)
    }

    /// A healthy caller is served.
    pub(crate) async fn assert_healthy(&self) {
        let answer = self.exchange(post("/a2a", "{}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ann 2"), "{answer}");
    }
}

pub(crate) fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{AUTH}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Everything until the other side closes or resets.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut read)).await.expect("the server closes the connection");
    String::from_utf8(read).unwrap()
}

/// Reads until the bytes end with `end`.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = String::new();
    while !read.ends_with(end) {
        let mut bytes = [0; 4096];
        let count = timeout(DEADLINE, stream.read(&mut bytes)).await.expect("an answer").unwrap();
        assert!(count > 0, "closed after {read:?}");
        read.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    read
}

/// The status of a single refusal, which has to be JSON with an `error` of that status.
pub(crate) fn refused(answer: &str) -> u16 {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{answer}");
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert_eq!(json["error"]["code"], status, "{answer}");
    assert!(json["error"]["message"].is_string(), "{answer}");
    status
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Collects what is written.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Echo {
    handled: Arc<AtomicUsize>,
    told: watch::Receiver<bool>,
}

#[async_trait]
impl Service for Echo {
    fn is_public(&self, _: &Method, path: &str) -> bool {
        path == "/health" || path == "/.well-known/agent-card.json"
    }

    async fn handle(&self, request: Request, body: BodyReader) -> Response<Body> {
        self.handled.fetch_add(1, SeqCst);
        match request.path() {
            "/health" | "/.well-known/agent-card.json" => Response::new(Body::full("public")),
            "/a2a" => match body.read().await {
                Ok(bytes) => {
                    let caller = request.caller.as_ref().unwrap().principal().to_string();
                    Response::new(Body::full(format!("{caller} {}", bytes.len())))
                }
                Err(refusal) => refusal.response_to(&request.headers, ErrorForm::Status),
            },
            "/unread" => Response::new(Body::chunks(vec![Bytes::from("un"), Bytes::from("read")])),
            "/stream" => Response::new(Body::stream(Ticks { told: self.told.clone(), first: true, wait: None })),
            "/flood" => Response::new(Body::chunks(vec![Bytes::from(vec![b'x'; 1 << 20]); 64])),
            "/hang" => std::future::pending().await,
            "/panic" => panic!("a service that fails"),
            _ => Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", "no such path")
                .response_to(&request.headers, ErrorForm::Status),
        }
    }
}

/// A stream that says `tick`, stays open until the server closes, and then says `bye`.
struct Ticks {
    told: watch::Receiver<bool>,
    first: bool,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl HttpBody for Ticks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if std::mem::take(&mut this.first) {
            let mut told = this.told.clone();
            this.wait = Some(Box::pin(async move { drop(told.wait_for(|told| *told).await) }));
            return Poll::Ready(Some(Ok(Frame::data("tick\n".into()))));
        }
        let Some(wait) = &mut this.wait else { return Poll::Ready(None) };
        std::task::ready!(wait.as_mut().poll(cx));
        this.wait = None;
        Poll::Ready(Some(Ok(Frame::data("bye\n".into()))))
    }
}
