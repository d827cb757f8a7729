//! One connection: hyper over the socket, our clocks around it, and the goodbye.
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
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Sleep, timeout};

use crate::gate::Slot;
use crate::layers::{self, Answer, Answered, Door};
use crate::pulse::{Overdue, Pulse};
use crate::socket::Socket;
use crate::{Limits, Refusal};

/// hyper does not take less for its buffers.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// Drives one connection to its end. The slot is held for as long.
///
/// Every open stream pays for the size of this future. So it is a block, which uses what it captures where it stands (the
/// arguments of an async function are stored twice), and what only comes at the end is boxed there.
pub(crate) fn drive(stream: TcpStream, source: IpAddr, door: Arc<Door>, slot: Slot) -> impl Future<Output = ()> + Send {
    let mut closing = door.closing.subscribe();
    let mut connection = Connection::new(stream, source, door);
    let (pulse, limits) = (Arc::clone(&connection.pulse), Arc::clone(&connection.limits));
    async move {
        let early = tokio::select! {
            overdue = &mut connection => Some(overdue),
            () = async { drop(closing.wait_for(|closing| *closing).await) } => None,
        };
        let overdue = match early {
            Some(overdue) => overdue,
            None => {
                Pin::new(&mut connection.http).graceful_shutdown();
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

/// What hyper calls with each request of one connection.
struct Layers {
    door: Arc<Door>,
    source: IpAddr,
    pulse: Arc<Pulse>,
}

impl Service<Request<Incoming>> for Layers {
    type Response = Response<Answered>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        layers::answer(Arc::clone(&self.door), self.source, Arc::clone(&self.pulse), request)
    }
}

fn builder(limits: &Limits) -> http1::Builder {
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

/// A connection that ends when it has taken too long with what it does.
struct Connection {
    http: http1::Connection<Socket, Layers>,
    pulse: Arc<Pulse>,
    limits: Arc<Limits>,
    sleep: Pin<Box<Sleep>>,
}

impl Connection {
    fn new(stream: TcpStream, source: IpAddr, door: Arc<Door>) -> Self {
        // A frame must not wait for the acknowledgement of the one before: 42 ms at the 99th percentile.
        let _ = stream.set_nodelay(true);
        let pulse = Arc::new(Pulse::new());
        let limits = Arc::clone(&door.limits);
        let sleep = Box::pin(tokio::time::sleep(Duration::from_millis(limits.header_read_ms_max)));
        let socket = Socket::new(stream, Arc::clone(&pulse));
        let layers = Layers { door, source, pulse: Arc::clone(&pulse) };
        Self { http: builder(&limits).serve_connection(socket, layers), pulse, limits, sleep }
    }
}

impl Future for Connection {
    type Output = Option<Overdue>;

    /// The timer is set again only when a nearer deadline appears or when it has fired, so a request costs no timer
    /// operation.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Overdue>> {
        let this = &mut *self;
        if let Poll::Ready(ended) = Pin::new(&mut this.http).poll(cx) {
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
async fn say_goodbye(mut stream: TcpStream, overdue: Option<Overdue>, limits: &Limits) {
    match overdue {
        Some(Overdue::Idle | Overdue::Write) => return,
        Some(Overdue::Head) => {
            let slow =
                Refusal::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the request headers came too slowly");
            let _ = stream.try_write(slow.last_words().as_bytes());
        }
        None => {}
    }
    if stream.shutdown().await.is_ok() {
        let _ = timeout(Duration::from_millis(limits.linger_ms_max), drain(&stream, limits.linger_bytes_max)).await;
    }
}

async fn drain(stream: &TcpStream, bytes_max: usize) -> io::Result<()> {
    let mut drained = 0;
    while drained < bytes_max {
        stream.readable().await?;
        match stream.try_read(&mut [0; 8 << 10]) {
            Ok(0) => return Ok(()),
            Ok(bytes) => drained += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
