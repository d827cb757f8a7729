//! Everything that a caller can be told to have gone wrong: one table of kinds for all bindings, and the error that
//! carries the details.

mod grpc;
mod json;
mod kind;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use grpc::{DETAILS_BYTES_MAX, status_details};
pub use json::{status_response, status_response_0_3};
pub use kind::ErrorKind;

use crate::json::DecodeError;
use crate::validate::FieldViolation;

/// An error as a caller sees it (spec 3.3.2). It says nothing of the inside of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct A2aError {
    /// What kind of error; decides all codes and the message.
    pub kind: ErrorKind,
    /// A sentence without full stop about this very case.
    pub detail: Option<String>,
    /// The fields that are wrong.
    pub violations: Vec<FieldViolation>,
    /// Facts for programs, such as `taskId`.
    pub metadata: BTreeMap<String, String>,
    /// After how many seconds the same request may succeed.
    pub retry_after_s: Option<u64>,
}

impl A2aError {
    /// An error of `kind`, with nothing more to say.
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, detail: None, violations: Vec::new(), metadata: BTreeMap::new(), retry_after_s: None }
    }

    /// Invalid parameters, because of one field.
    ///
    /// ```
    /// use inhouse_proto::error::A2aError;
    /// let error = A2aError::invalid("message.taskId", "must be printable ASCII of at most 128 bytes");
    /// assert_eq!(error.kind.code(), -32602);
    /// ```
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldViolation::new(field, description)])
    }

    /// Invalid parameters, because of these fields.
    pub fn invalid_fields(violations: Vec<FieldViolation>) -> Self {
        Self { violations, ..Self::new(ErrorKind::InvalidParams) }
    }

    /// Says what this very case is about.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a fact for programs.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl fmt::Display for A2aError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind.message())?;
        if let Some(detail) = &self.detail {
            write!(out, ": {detail}")?;
        }
        for (at, FieldViolation { field, description }) in self.violations.iter().enumerate() {
            let separator = if at == 0 && self.detail.is_none() { ":" } else { ";" };
            write!(out, "{separator} {field} {description}")?;
        }
        Ok(())
    }
}

impl std::error::Error for A2aError {}

impl From<DecodeError> for A2aError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::NotJson(sentence) => Self::new(ErrorKind::ParseError).detail(sentence),
            DecodeError::WrongShape(sentence) => Self::new(ErrorKind::InvalidParams).detail(sentence),
            DecodeError::Own(_) => Self::new(ErrorKind::Internal),
        }
    }
}
