//! The JSON-RPC 2.0 envelope (spec 9): requests out of bodies, responses around results.
//!
//! A result is never copied into a response here: `response_head` and `RESPONSE_TAIL` go before and after its bytes.

mod request;
mod response;
#[cfg(test)]
mod tests;

pub use request::{Id, Refused, Request};
pub use response::{RESPONSE_TAIL, error_response, plain_error_response, response_head};
