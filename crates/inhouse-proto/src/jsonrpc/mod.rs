//! The JSON-RPC 2.0 envelope (spec 9): requests out of bodies, responses and SSE frames around results.
//!
//! A result is never copied into a response here: `response_head` and `RESPONSE_TAIL` go before and after its bytes.

mod request;
mod response;
#[cfg(test)]
mod tests;

pub use request::{ID_BYTES_MAX, Id, Refused, Request};
pub use response::{FRAME_TAIL, RESPONSE_TAIL, error_response, frame_head, plain_error_response, response_head};
