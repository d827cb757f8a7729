//! The messages of A2A v1 (spec section 4), for JSON and protobuf alike.
//!
//! The types come from proto/a2a.proto by `cargo xtask codegen`. Their JSON has camelCase names, reads snake_case too, takes
//! `null` for a field's default, ignores unknown members, refuses a member that stands twice, and always writes REQUIRED
//! fields. Only `Part` has a JSON form written by hand.

pub(crate) mod base64;
pub mod card_signature;
#[rustfmt::skip]
#[allow(missing_docs, clippy::all, clippy::too_many_lines)]
mod generated;
pub(crate) mod json_form;
mod part_json;
mod push_json;
#[cfg(test)]
mod tests;
#[rustfmt::skip]
mod validate_generated;

pub use generated::*;
