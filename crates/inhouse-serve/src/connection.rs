//! One connection: hyper over the socket, in the version that its first bytes name, our clocks around it, and the goodbye.
//!
//! hyper's own header timer also runs while a connection is idle and can not tell the two apart, so it is off and the
//! pulse of the connection decides.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Sleep, timeout};

use crate::gate::Slot;
use crate::layers::{self, Answer, Answered, Door, Peer};
use crate::pulse::{Overdue, Pulse};
use crate::socket::Socket;
use crate::tls::{self, TlsKeys, Wire};
use crate::{Limits, Refusal};

/// hyper does not take less for its buffers.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// How a connection over HTTP/2 begins. No method of HTTP/1.1 begins like this.
const PREFACE: [u8; 3] = *b"PRI";

/// Bytes of one read of what is thrown away.
const DRAIN_BYTES: usize = 8 << 10;

/// What is kept of one stream for a client that does not take it.
const STREAM_BUFFER_BYTES: usize = 64 << 10;

/// Drives one connection to its end. The slot is held for as long.
///
/// Every open stream pays for the size of this future. So it is a block, which uses what it captures where it stands (the
/// arguments of an async function are stored twice), and what only comes at the end is boxed there.
pub(crate) fn drive(wire: Wire, source: IpAddr, door: Arc<Door>, slot: Slot) -> impl Future<Output = ()> + Send {
    let mut closing = door.closing.subscribe();
    let mut connection = Connection::new(wire, source, door);
    let (pulse, limits) = (Arc::clone(&connection.pulse), Arc::clone(&connection.limits));
    async move {
        let early = tokio::select! {
            overdue = &mut connection => Some(overdue),
            () = async { drop(closing.wait_for(|closing| *closing).await) } => None,
        };
        let overdue = match early {
            Some(overdue) => overdue,
            None => {
                connection.http.graceful_shutdown();
                (&mut connection).await
            }
        };
        drop(connection);
        if let Some(stream) = pulse.take_back() {
            Box::pin(say_goodbye(stream, overdue, &limits)).await;
        }
        drop(slot);
    }
}

/// The same, once TLS is agreed on.
pub(crate) async fn secure(stream: TcpStream, keys: TlsKeys, source: IpAddr, door: Arc<Door>, slot: Slot) {
    let mut closing = door.closing.subscribe();
    let agreed = tokio::select! {
        agreed = Box::pin(tls::accept(stream, keys, door.rules.now().limits.tls_handshake_ms_max)) => agreed,
        () = async { drop(closing.wait_for(|closing| *closing).await) } => None,
    };
    if let Some(wire) = agreed {
        drive(wire, source, door, slot).await;
    }
}

/// What hyper calls with each request of one connection.
struct Layers {
    door: Arc<Door>,
    peer: Peer,
    pulse: Arc<Pulse>,
}

impl Service<Request<Incoming>> for Layers {
    type Response = Response<Answered>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        layers::answer(Arc::clone(&self.door), self.peer.clone(), Arc::clone(&self.pulse), request)
    }
}

/// hyper, once the connection's first bytes have told the version (RFC 9113 section 3.3: whoever speaks HTTP/2 without TLS knows
/// that the server does).
enum Http {
    New(Option<(Socket, Layers)>),
    One(Box<http1::Connection<Socket, Layers>>),
    Two(Box<http2::Connection<Socket, Layers, TokioExecutor>>),
}

impl Http {
    fn poll(&mut self, cx: &mut Context<'_>, limits: &Limits) -> Poll<Result<(), hyper::Error>> {
        if let Self::New(new) = self {
            let Some((socket, _)) = new else { return Poll::Ready(Ok(())) };
            let is_two = match socket.is_two() {
                Some(is_two) => is_two,
                None => {
                    let mut first = [0; PREFACE.len()];
                    // An error shows again as soon as hyper reads.
                    let peeked = ready!(socket.poll_peek(cx, &mut first));
                    peeked.is_ok() && first == PREFACE
                }
            };
            let Some((socket, layers)) = new.take() else { return Poll::Ready(Ok(())) };
            *self = Self::speaking(is_two, socket, layers, limits);
        }
        match self {
            Self::New(_) => Poll::Ready(Ok(())),
            Self::One(http) => Pin::new(http.as_mut()).poll(cx),
            Self::Two(http) => Pin::new(http.as_mut()).poll(cx),
        }
    }

    fn speaking(is_two: bool, socket: Socket, layers: Layers, limits: &Limits) -> Self {
        if is_two {
            layers.pulse.multiplex();
            return Self::Two(Box::new(two(limits).serve_connection(socket, layers)));
        }
        Self::One(Box::new(one(limits).serve_connection(socket, layers)))
    }

    fn graceful_shutdown(&mut self) {
        match self {
            Self::New(new) => *new = None,
            Self::One(http) => Pin::new(http.as_mut()).graceful_shutdown(),
            Self::Two(http) => Pin::new(http.as_mut()).graceful_shutdown(),
        }
    }
}

fn one(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .keep_alive(true)
        // A client that has sent its request and shut down its side still gets the answer.
        .half_close(true)
        .header_read_timeout(None)
        .max_headers(limits.headers_max)
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(limits.header_bytes_max.max(BUFFER_BYTES_MIN));
    builder
}

fn two(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .max_send_buf_size(STREAM_BUFFER_BYTES)
        // A peer that is gone without a word is found out, however long its streams stay silent.
        .keep_alive_interval(Duration::from_millis(limits.idle_ms_max))
        .keep_alive_timeout(Duration::from_millis(limits.write_stall_ms_max));
    builder
}

/// A connection that ends when it has taken too long with what it does.
struct Connection {
    http: Http,
    pulse: Arc<Pulse>,
    limits: Arc<Limits>,
    sleep: Pin<Box<Sleep>>,
}

impl Connection {
    fn new(wire: Wire, source: IpAddr, door: Arc<Door>) -> Self {
        // A frame must not wait for the acknowledgement of the one before: 42 ms at the 99th percentile.
        let _ = wire.tcp().set_nodelay(true);
        let pulse = Arc::new(Pulse::new());
        let limits = Arc::clone(&door.rules.now().limits);
        let sleep = Box::pin(tokio::time::sleep(Duration::from_millis(limits.header_read_ms_max)));
        let peer = Peer { source, certificate: wire.certificate() };
        let layers = Layers { door, peer, pulse: Arc::clone(&pulse) };
        let socket = Socket::new(wire, Arc::clone(&pulse));
        Self { http: Http::New(Some((socket, layers))), pulse, limits, sleep }
    }
}

impl Future for Connection {
    type Output = Option<Overdue>;

    /// The timer is set again only when a nearer deadline appears or when it has fired, so a request costs no timer
    /// operation.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Overdue>> {
        let this = &mut *self;
        if let Poll::Ready(ended) = this.http.poll(cx, &this.limits) {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
            return Poll::Ready(None);
        }
        while let Some((due, overdue)) = this.pulse.deadline(&this.limits) {
            if due < this.sleep.deadline() || this.sleep.is_elapsed() {
                this.sleep.as_mut().reset(due);
            }
            ready!(this.sleep.as_mut().poll(cx));
            if due <= this.sleep.deadline() {
                return Poll::Ready(Some(overdue));
            }
        }
        Poll::Pending
    }
}

/// Ends a connection so that the client reads the last answer: a socket closed with unread bytes in it sends a reset,
/// which may overtake the answer. So our side is shut down, and what still comes is thrown away for a while.
async fn say_goodbye(mut wire: Wire, overdue: Option<Overdue>, limits: &Limits) {
    match overdue {
        Some(Overdue::Idle | Overdue::Write) => return,
        Some(Overdue::Head) => {
            let slow =
                Refusal::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the request headers came too slowly");
            let words = slow.last_words();
            let _ = timeout(Duration::from_millis(limits.linger_ms_max), wire.write_all(words.as_bytes())).await;
        }
        None => {}
    }
    let goodbye = async {
        wire.shutdown().await?;
        drain(&mut wire, limits.linger_bytes_max).await
    };
    let _ = timeout(Duration::from_millis(limits.linger_ms_max), goodbye).await;
}

async fn drain(wire: &mut Wire, bytes_max: usize) -> io::Result<()> {
    let (mut drained, mut buffer) = (0, vec![0; DRAIN_BYTES]);
    while drained < bytes_max {
        match wire.read(&mut buffer).await? {
            0 => return Ok(()),
            bytes => drained += bytes,
        }
    }
    Ok(())
}
