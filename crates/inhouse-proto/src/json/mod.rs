//! Strict decoding of JSON, and the three google.protobuf types whose JSON is not that of a message.

mod decode;
mod protobuf;
#[cfg(test)]
mod tests;
mod timestamp;
mod value;

pub use decode::{DEPTH_MAX, DecodeError, check_request, decode, decode_own, values};
pub(crate) use decode::{is_object, refuse_depth, refuse_values};
pub use timestamp::{Timestamp, TimestampError};
pub use value::{Struct, Value};
