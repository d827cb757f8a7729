//! A small client for agents that speak A2A v1.0 over JSON-RPC or HTTP+JSON: one call a connection, streams that survive a cut.
//!
//! [`Client`] is the whole face: it finds the endpoint in the agent's card, sends messages, reads tasks, and follows a
//! task's events as an [`EventStream`], which reconnects by itself without a gap or a double. Every buffer has a bound.

mod address;
mod admin;
mod agents;
mod client;
mod error;
mod fetch;
mod http;
mod keys;
mod options;
mod push;
mod rest;
mod rpc;
mod sse;
#[cfg(test)]
mod fuzz;
mod tls;
mod stream;

pub use address::AddressError;
pub use agents::Listed;
pub use client::{Client, Reply};
pub use error::{ClientError, RpcError};
pub use fetch::Fetcher;
pub use keys::{CardKeys, SignedBy, Unverified};
pub use options::{Binding, ClientOptions};
pub use sse::{EventTooLarge, SseEvent, SseParser};
pub use stream::{Event, EventStream};
pub use tls::Identity;
