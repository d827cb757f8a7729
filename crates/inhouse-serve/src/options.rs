//! What a server is told at its start: where it listens, whom it trusts, and how much it takes.

use std::net::SocketAddr;
use std::sync::Arc;

use inhouse_trust::{HostRule, OriginRule, Tokens};
use tokio::sync::watch;

use crate::{AuditLog, LiveTlsKeys, Metrics, Proxies, Service};

/// Everything that a [`crate::Server`] needs.
pub struct ServerOptions {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where it listens as well: the same server by another port.
    pub listen_too: Vec<SocketAddr>,
    /// What it proves itself with; without keys it speaks plain HTTP.
    pub tls: Option<LiveTlsKeys>,
    /// How much it takes.
    pub limits: Limits,
    /// The names that it may be called by.
    pub hosts: HostRule,
    /// The web pages that may call it.
    pub origins: OriginRule,
    /// The proxies whose word on where a request comes from is taken.
    pub proxies: Proxies,
    /// Who may come in. Streams of a caller whose token is not among them any more end.
    pub tokens: watch::Receiver<Arc<Tokens>>,
    /// Where refusals are written down.
    pub audit: AuditLog,
    /// Where it counts.
    pub metrics: Metrics,
    /// Turns `true` at shutdown; open response streams have to watch it and end.
    pub closing: watch::Sender<bool>,
    /// What answers.
    pub service: Arc<dyn Service>,
}

/// A limit on everything that a stranger can make grow or last.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections in all.
    pub connections_max: usize,
    /// Open connections of one source; does not hold for loopback.
    pub connections_per_source_max: usize,
    /// Requests under way on one connection, where it can have several (HTTP/2).
    pub streams_per_connection_max: u32,
    /// Milliseconds from the first byte of a request (or from accepting the connection) to the end of its headers.
    pub header_read_ms_max: u64,
    /// From a connection's beginning until TLS is agreed on, in milliseconds.
    pub tls_handshake_ms_max: u64,
    /// Milliseconds that a connection may be open between two requests.
    pub idle_ms_max: u64,
    /// Milliseconds that a client may take nothing while something is there to be written.
    pub write_stall_ms_max: u64,
    /// Number of header lines.
    pub headers_max: usize,
    /// Bytes of request line and headers together.
    pub header_bytes_max: usize,
    /// Bytes of a request's target.
    pub uri_bytes_max: usize,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// Milliseconds for a whole body.
    pub body_read_ms_max: u64,
    /// Bytes that a body must bring each second, after the lag.
    pub body_bytes_per_s_min: u64,
    /// Milliseconds that a body may lag behind its minimum rate.
    pub body_lag_ms_max: u64,
    /// Milliseconds for which a refused client's bytes are thrown away, so that it reads the answer and not a reset.
    pub linger_ms_max: u64,
    /// Bytes that are thrown away so.
    pub linger_bytes_max: usize,
    /// Refusals of one source that are told and written down each minute; valid tokens are never limited.
    pub failures_per_minute_max: u32,
    /// Milliseconds that open requests and streams get at shutdown.
    pub shutdown_grace_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_source_max: 512,
            streams_per_connection_max: 64,
            header_read_ms_max: 10_000,
            tls_handshake_ms_max: 10_000,
            idle_ms_max: 60_000,
            write_stall_ms_max: 60_000,
            headers_max: 64,
            header_bytes_max: 16 << 10,
            uri_bytes_max: 8 << 10,
            body_bytes_max: 1 << 20,
            body_read_ms_max: 30_000,
            body_bytes_per_s_min: 1 << 10,
            body_lag_ms_max: 5_000,
            linger_ms_max: 2_000,
            linger_bytes_max: 4 << 20,
            failures_per_minute_max: 20,
            shutdown_grace_ms: 10_000,
        }
    }
}
