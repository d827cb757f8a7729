//! The table of errors: one row per kind, one column per binding (spec 5.4 and 9.5, as of 1.0.1).
//!
//! Codes that A2A does not define lie outside the range -32768 to -32000, which belongs to JSON-RPC and to A2A, and end in
//! the HTTP status.

/// What kind of error, the same in all bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// No such task, or none that the caller may know of.
    TaskNotFound,
    /// The task has ended already.
    TaskNotCancelable,
    /// The agent tells no webhooks.
    PushNotificationNotSupported,
    /// The agent does not do this, or not in this state.
    UnsupportedOperation,
    /// A media type that the agent does not read.
    ContentTypeNotSupported,
    /// The agent answered what the protocol does not allow.
    InvalidAgentResponse,
    /// There is no extended card.
    ExtendedAgentCardNotConfigured,
    /// The caller did not declare an extension that the agent insists on.
    ExtensionSupportRequired,
    /// A version of the protocol that is not spoken here.
    VersionNotSupported,
    /// The body is no JSON.
    ParseError,
    /// The body is no request.
    InvalidRequest,
    /// No such operation.
    MethodNotFound,
    /// The parameters are wrong.
    InvalidParams,
    /// Something failed inside.
    Internal,
    /// No credentials, or wrong ones.
    Unauthenticated,
    /// The caller may not do this.
    PermissionDenied,
    /// The request contradicts an earlier one.
    Conflict,
    /// The body is larger than allowed.
    PayloadTooLarge,
    /// A limit of the caller or of the server is reached.
    ResourceExhausted,
    /// The server cannot take work now.
    Unavailable,
}

struct Row {
    code: i32,
    message: &'static str,
    reason: &'static str,
    http_status: u16,
    grpc_code: i32,
}

/// Status codes of gRPC.
mod grpc {
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const NOT_FOUND: i32 = 5;
    pub(super) const ALREADY_EXISTS: i32 = 6;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const FAILED_PRECONDITION: i32 = 9;
    pub(super) const UNIMPLEMENTED: i32 = 12;
    pub(super) const INTERNAL: i32 = 13;
    pub(super) const UNAVAILABLE: i32 = 14;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

const fn row(code: i32, message: &'static str, reason: &'static str, http_status: u16, grpc_code: i32) -> Row {
    Row { code, message, reason, http_status, grpc_code }
}

impl ErrorKind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 20] = [
        Self::TaskNotFound,
        Self::TaskNotCancelable,
        Self::PushNotificationNotSupported,
        Self::UnsupportedOperation,
        Self::ContentTypeNotSupported,
        Self::InvalidAgentResponse,
        Self::ExtendedAgentCardNotConfigured,
        Self::ExtensionSupportRequired,
        Self::VersionNotSupported,
        Self::ParseError,
        Self::InvalidRequest,
        Self::MethodNotFound,
        Self::InvalidParams,
        Self::Internal,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::ResourceExhausted,
        Self::Unavailable,
    ];

    #[rustfmt::skip]
    const fn row(self) -> Row {
        use grpc::*;
        match self {
            Self::TaskNotFound => row(-32001, "Task not found", "TASK_NOT_FOUND", 404, NOT_FOUND),
            Self::TaskNotCancelable => row(-32002, "Task cannot be canceled", "TASK_NOT_CANCELABLE", 400, FAILED_PRECONDITION),
            Self::PushNotificationNotSupported => row(-32003, "Push Notification is not supported", "PUSH_NOTIFICATION_NOT_SUPPORTED", 400, FAILED_PRECONDITION),
            Self::UnsupportedOperation => row(-32004, "This operation is not supported", "UNSUPPORTED_OPERATION", 400, FAILED_PRECONDITION),
            Self::ContentTypeNotSupported => row(-32005, "Incompatible content types", "CONTENT_TYPE_NOT_SUPPORTED", 400, INVALID_ARGUMENT),
            Self::InvalidAgentResponse => row(-32006, "Invalid agent response", "INVALID_AGENT_RESPONSE", 500, INTERNAL),
            Self::ExtendedAgentCardNotConfigured => row(-32007, "Extended Agent Card is not configured", "EXTENDED_AGENT_CARD_NOT_CONFIGURED", 400, FAILED_PRECONDITION),
            Self::ExtensionSupportRequired => row(-32008, "Extension support required", "EXTENSION_SUPPORT_REQUIRED", 400, FAILED_PRECONDITION),
            Self::VersionNotSupported => row(-32009, "Version not supported", "VERSION_NOT_SUPPORTED", 400, FAILED_PRECONDITION),
            Self::ParseError => row(-32700, "Invalid JSON payload", "PARSE_ERROR", 400, INVALID_ARGUMENT),
            Self::InvalidRequest => row(-32600, "Request payload validation error", "INVALID_REQUEST", 400, INVALID_ARGUMENT),
            Self::MethodNotFound => row(-32601, "Method not found", "METHOD_NOT_FOUND", 404, UNIMPLEMENTED),
            Self::InvalidParams => row(-32602, "Invalid parameters", "INVALID_PARAMS", 400, INVALID_ARGUMENT),
            Self::Internal => row(-32603, "Internal error", "INTERNAL", 500, INTERNAL),
            Self::Unauthenticated => row(-31401, "Authentication required", "UNAUTHENTICATED", 401, UNAUTHENTICATED),
            Self::PermissionDenied => row(-31403, "Permission denied", "PERMISSION_DENIED", 403, PERMISSION_DENIED),
            Self::Conflict => row(-31409, "Conflicts with an earlier request", "CONFLICT", 409, ALREADY_EXISTS),
            Self::PayloadTooLarge => row(-31413, "Payload too large", "PAYLOAD_TOO_LARGE", 413, RESOURCE_EXHAUSTED),
            Self::ResourceExhausted => row(-31429, "Too many requests", "RESOURCE_EXHAUSTED", 429, RESOURCE_EXHAUSTED),
            Self::Unavailable => row(-31503, "Service unavailable", "UNAVAILABLE", 503, UNAVAILABLE),
        }
    }

    /// The JSON-RPC error code.
    pub const fn code(self) -> i32 {
        self.row().code
    }

    /// The canonical message; bindings send it alone, with details apart from it.
    pub const fn message(self) -> &'static str {
        self.row().message
    }

    /// The stable name for programs (`google.rpc.ErrorInfo.reason`).
    pub const fn reason(self) -> &'static str {
        self.row().reason
    }

    /// The status where HTTP itself carries the error.
    pub const fn http_status(self) -> u16 {
        self.row().http_status
    }

    /// The number of the gRPC status.
    pub const fn grpc_code(self) -> i32 {
        self.row().grpc_code
    }

    /// The kind with that JSON-RPC code.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}
