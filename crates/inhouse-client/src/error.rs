//! Why a call failed: each variant is a cause that a caller acts on differently.

use std::collections::BTreeMap;

use inhouse_proto::validate::FieldViolation;

use crate::address::AddressError;
use crate::sse::EventTooLarge;

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The address in the options can not be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The token in the options can not be sent; it is not repeated here.
    #[error("the token has characters that a header can not carry")]
    Token,
    /// The certificates in the options are none.
    #[error("there is no certificate in PEM")]
    Certificates,
    /// No connection, or it broke before there was an answer.
    #[error("can not reach {address}: {why}")]
    Unreachable {
        /// Where to.
        address: String,
        /// What the network said.
        why: String,
    },
    /// The server took longer than an option allows.
    #[error("{address} said nothing for {waited_ms} ms")]
    Timeout {
        /// Who should have answered.
        address: String,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// The server wants a token (401) or another one (403).
    #[error("{address} refused the call: HTTP {status}{}", .said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Unauthorized {
        /// Who refused.
        address: String,
        /// The HTTP status.
        status: u16,
        /// Why, in the server's words.
        said: Option<String>,
    },
    /// The server answered with an error object.
    #[error(transparent)]
    Rpc(Box<RpcError>),
    /// What came back is not A2A v1.0 over JSON-RPC.
    #[error("{0}")]
    Protocol(String),
    /// An answer is larger than an option allows.
    #[error("the answer has more than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
}

/// A JSON-RPC error object with its details taken apart (spec 9.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// The JSON-RPC code, for example -32001.
    pub code: i64,
    /// The canonical text of the code.
    pub message: String,
    /// The reason of `google.rpc.ErrorInfo`, for example `TASK_NOT_FOUND`.
    pub reason: Option<String>,
    /// The metadata of `google.rpc.ErrorInfo`.
    pub metadata: BTreeMap<String, String>,
    /// The field violations of `google.rpc.BadRequest`.
    pub violations: Vec<FieldViolation>,
    /// When to try again, in seconds: the `Retry-After` header or `google.rpc.RetryInfo`.
    pub retry_after_s: Option<u64>,
}

impl RpcError {
    /// What happened and, where the server tells it, about what.
    pub(crate) fn sentence(&self) -> String {
        match self.metadata.get("detail") {
            Some(detail) => format!("{}: {detail}", self.message),
            None => self.message.clone(),
        }
    }
}

impl ClientError {
    /// Whether the server does not offer this: UnsupportedOperationError (spec 5.4).
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Rpc(error) if error.code == -32004)
    }

    /// Whether the same call may succeed a little later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Rpc(error) => error.retry_after_s.is_some(),
            _ => false,
        }
    }
}

impl From<EventTooLarge> for ClientError {
    fn from(error: EventTooLarge) -> Self {
        Self::TooLarge { bytes_max: error.event_bytes_max }
    }
}
