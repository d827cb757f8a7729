//! The wire of A2A: the v1 model with its JSON and protobuf forms, the table of errors, the JSON-RPC envelope, and the
//! older generations of the protocol as pure conversions.
//!
//! Reading order: `v1` (what is said), `json` and `read` (how it is decoded), `validate` and `error` (how it is refused),
//! `jsonrpc` (how it is wrapped), `via` (which way it has come), `media_type` (what a file is), `v0_3`, `v0_3_proto` and `v0_1` (how it was said before).

pub mod v1;
pub mod json;
pub mod media_type;
pub mod wire;
pub mod snapshot;
pub mod validate;
pub mod error;
pub mod read;
pub mod jsonrpc;
pub mod via;
pub mod v0_3_proto;
pub mod v0_1;
pub mod v0_3;

/// The protocol's services and messages, of 1.0 and of 0.3: an encoded `google.protobuf.FileDescriptorSet`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");
