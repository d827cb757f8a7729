//! The accept loop: our own, because it has to count connections, survive a lack of file descriptors, and end in order.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::failures::FailureLimit;
use crate::gate::Gate;
use crate::layers::Door;
use crate::rules::{DoorRules, LiveRules, Rules};
use crate::service::OwnNames;
use crate::tls::Wire;
use crate::{Refusal, ServerOptions, connection};

/// Connections that the system keeps for us until they are accepted.
const BACKLOG: u32 = 4096;

/// How long accepting rests when the system has no descriptor or memory for one more.
const REST: Duration = Duration::from_millis(50);

/// How often a full house, or a lack of descriptors, is mentioned in the log.
const MENTION_EVERY: Duration = Duration::from_secs(10);

/// Why a server can not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can not be listened on.
    #[error("can not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A server that listens. It accepts once it runs.
pub struct Server {
    /// The first is the one that counts.
    listeners: Vec<TcpListener>,
    address: SocketAddr,
    door: Arc<Door>,
}

impl Server {
    /// Listens. Clients that connect now wait until [`Server::run`].
    ///
    /// # Errors
    /// [`ServeError::Listen`]. Has to be called inside a tokio runtime with io and time.
    pub fn bind(options: ServerOptions) -> Result<Self, ServeError> {
        let ServerOptions {
            listen,
            listen_too,
            tls,
            limits,
            hosts,
            origins,
            proxies,
            tokens,
            audit,
            metrics,
            closing,
            service,
        } = options;
        let failed = |address| move |source| ServeError::Listen { address, source };
        let first = listener(listen).map_err(failed(listen))?;
        let address = first.local_addr().map_err(failed(listen))?;
        let mut listeners = vec![first];
        for address in listen_too {
            listeners.push(listener(address).map_err(failed(address))?);
        }
        let ports = listeners.iter().filter_map(|listener| listener.local_addr().ok()).map(|at| at.port()).collect();
        let failures = Mutex::new(FailureLimit::new(limits.failures_per_minute_max));
        let opened = Instant::now();
        let own_names = Arc::new(OwnNames { hosts, ports });
        let rules = LiveRules::new(Rules { limits: Arc::new(limits), own_names, origins, proxies });
        let door = Door { rules, tokens, tls, failures, audit, metrics, closing, service, opened };
        Ok(Self { listeners, address, door: Arc::new(door) })
    }

    /// Where it listens, with the port that it got.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// All of these, that one first.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Changes what it goes by, while it runs.
    pub fn rules(&self) -> DoorRules {
        DoorRules(Arc::clone(&self.door))
    }

    /// Serves until `shutdown`, then ends in order: nothing more is accepted, idle connections close, streams are told,
    /// requests under way get their grace, and what is left is dropped.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listeners, door, .. } = self;
        let mut connections = JoinSet::new();
        accept_until(shutdown, &listeners, &door, &mut connections).await;
        drop(listeners);
        door.closing.send_replace(true);
        let grace = Duration::from_millis(door.rules.now().limits.shutdown_grace_ms);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if timeout(grace, all_ended).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections dropped after the grace");
        }
        connections.shutdown().await;
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept_until(
    shutdown: impl Future<Output = ()>,
    listeners: &[TcpListener],
    door: &Arc<Door>,
    connections: &mut JoinSet<()>,
) {
    let gate = Arc::new(Gate::new(door.metrics.clone()));
    let (mut full, mut lack) = (Mention::default(), Mention::default());
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            Some(ended) = connections.join_next() => mention_panic(ended),
            accepted = accept(listeners) => match accepted {
                Ok((stream, address)) => admit(stream, address.ip().to_canonical(), door, &gate, connections, &mut full),
                Err(error) => rest_after(&error, &mut lack).await,
            }
        }
    }
}

/// The next connection, whichever listener it comes by.
async fn accept(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    let next = |cx: &mut Context<'_>| {
        let mut ready = listeners.iter().filter_map(|listener| match listener.poll_accept(cx) {
            Poll::Ready(accepted) => Some(accepted),
            Poll::Pending => None,
        });
        ready.next().map_or(Poll::Pending, Poll::Ready)
    };
    std::future::poll_fn(next).await
}

fn admit(
    stream: TcpStream,
    source: IpAddr,
    door: &Arc<Door>,
    gate: &Arc<Gate>,
    connections: &mut JoinSet<()>,
    mention: &mut Mention,
) {
    // A proxy has the connections of all whom it stands for.
    let rules = door.rules.now();
    let is_one = !source.is_loopback() && !rules.proxies.has(source);
    if let Some(slot) = gate.enter(source, is_one, &rules.limits) {
        let (door, keys) = (Arc::clone(door), door.tls.as_ref().map(|keys| keys.borrow().clone()));
        match keys {
            Some(keys) => connections.spawn(connection::secure(stream, keys, source, door, slot)),
            None => connections.spawn(connection::drive(Wire::Plain(stream), source, door, slot)),
        };
        return;
    }
    if mention.is_due() {
        tracing::warn!(%source, "connection refused: too many are open");
    }
    let full = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_CONNECTIONS", "too many connections are open");
    let _ = stream.try_write(full.last_words().as_bytes());
}

/// When something was mentioned last that lasts.
#[derive(Default)]
struct Mention(Option<Instant>);

impl Mention {
    fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|last| last.elapsed() >= MENTION_EVERY);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

/// A connection that was gone before it was accepted is nothing; anything else is a lack that accepting again at once
/// would only turn into a busy loop.
async fn rest_after(error: &io::Error, mention: &mut Mention) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        if mention.is_due() {
            tracing::warn!(%error, "can not accept a connection");
        }
        sleep(REST).await;
    }
}

fn mention_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task failed");
    }
}
