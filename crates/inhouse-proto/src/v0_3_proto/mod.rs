//! A2A 0.3 as its gRPC and HTTP+JSON bindings have it (package `a2a.v1`), and pure conversions to and from v1.
//!
//! The types come from proto/a2a_v0_3.proto by `cargo xtask codegen`, with the JSON rules of v1. Tasks and webhooks are called
//! by resource names there: `tasks/{id}` and `tasks/{id}/pushNotificationConfigs/{id}`. What 0.3 has no field for is left
//! out on the way back: metadata of parts, names of files, tasks that a message refers to.

mod card;
mod card_security;
mod file_part_json;
mod from_v1;
#[rustfmt::skip]
#[allow(missing_docs, clippy::all, clippy::too_many_lines)]
mod generated;
mod message;
mod names;
mod push;
mod requests;
#[cfg(test)]
mod tests;

pub use generated::*;
pub use push::PushConfigBody;

/// The version that these shapes are of, as a card says it.
pub const PROTOCOL_VERSION: &str = "0.3.0";
