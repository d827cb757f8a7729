//! What a client needs to know: where, who, and how much it waits and keeps.

use inhouse_proto::via::Via;
use inhouse_trust::Secret;

use crate::tls::Identity;

/// How calls are written (spec 9, 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// JSON-RPC 2.0.
    JsonRpc,
    /// Resources of HTTP, with JSON.
    HttpJson,
}

impl Binding {
    /// What cards call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonRpc => "JSONRPC",
            Self::HttpJson => "HTTP+JSON",
        }
    }
}

/// Options of a [`crate::Client`]; [`ClientOptions::new`] gives the defaults.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// A server (`http://host:8080`: its card names the endpoint), a card, or the endpoint itself (`http://host:8080/a2a`).
    pub url: String,
    /// Default: the first of the card that is spoken here, and JSON-RPC at an endpoint.
    pub binding: Option<Binding>,
    /// Sent as `Authorization: Bearer`, to the host and port of `url` and nowhere else.
    pub token: Option<Secret>,
    /// Certificates in PEM that are trusted beside those that this machine trusts, for `https`.
    pub ca_pem: Option<Vec<u8>>,
    /// The way that messages have come to whoever sends them: an agent, where its server says so.
    pub via: Via,
    /// What the client proves itself with where a server asks for a certificate, for `https`.
    pub identity: Option<Identity>,
    /// For name resolution, the TCP connection and TLS. Default 5,000.
    pub connect_timeout_ms: u64,
    /// From a request to the head of its answer, and between two pieces of an answer. Default 30,000.
    pub first_byte_timeout_ms: u64,
    /// The same for a blocking send, which the server answers when the agent is done. Default 3,600,000.
    pub answer_timeout_ms: u64,
    /// A stream that says nothing for so long, not even a comment, is taken as cut. Default 60,000.
    pub stream_idle_timeout_ms: u64,
    /// Failures in a row, without an event between them, after which a stream is given up. Default 6.
    pub reconnect_attempts_max: u32,
    /// The wait before the second attempt; it doubles from there. Default 200.
    pub reconnect_delay_ms: u64,
    /// No wait is longer than this, whatever the server asks for. Default 5,000.
    pub reconnect_delay_ms_max: u64,
    /// The largest answer that is not a stream. Default 128 MiB.
    pub answer_bytes_max: usize,
    /// The largest event of a stream; a snapshot of a task is one event. Default 128 MiB.
    pub event_bytes_max: usize,
}

impl ClientOptions {
    /// The defaults for `url`, without a token.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            binding: None,
            token: None,
            ca_pem: None,
            via: Via::default(),
            identity: None,
            connect_timeout_ms: 5_000,
            first_byte_timeout_ms: 30_000,
            answer_timeout_ms: 3_600_000,
            stream_idle_timeout_ms: 60_000,
            reconnect_attempts_max: 6,
            reconnect_delay_ms: 200,
            reconnect_delay_ms_max: 5_000,
            answer_bytes_max: 128 << 20,
            event_bytes_max: 128 << 20,
        }
    }
}
