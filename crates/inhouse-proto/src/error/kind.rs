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
}

const fn row(code: i32, message: &'static str, reason: &'static str, http_status: u16) -> Row {
    Row { code, message, reason, http_status }
}

impl ErrorKind {
    #[rustfmt::skip]
    const fn row(self) -> Row {
        match self {
            Self::TaskNotFound => row(-32001, "Task not found", "TASK_NOT_FOUND", 404),
            Self::TaskNotCancelable => row(-32002, "Task cannot be canceled", "TASK_NOT_CANCELABLE", 400),
            Self::PushNotificationNotSupported => row(-32003, "Push Notification is not supported", "PUSH_NOTIFICATION_NOT_SUPPORTED", 400),
            Self::UnsupportedOperation => row(-32004, "This operation is not supported", "UNSUPPORTED_OPERATION", 400),
            Self::ContentTypeNotSupported => row(-32005, "Incompatible content types", "CONTENT_TYPE_NOT_SUPPORTED", 400),
            Self::InvalidAgentResponse => row(-32006, "Invalid agent response", "INVALID_AGENT_RESPONSE", 500),
            Self::ExtendedAgentCardNotConfigured => row(-32007, "Extended Agent Card is not configured", "EXTENDED_AGENT_CARD_NOT_CONFIGURED", 400),
            Self::ExtensionSupportRequired => row(-32008, "Extension support required", "EXTENSION_SUPPORT_REQUIRED", 400),
            Self::VersionNotSupported => row(-32009, "Version not supported", "VERSION_NOT_SUPPORTED", 400),
            Self::ParseError => row(-32700, "Invalid JSON payload", "PARSE_ERROR", 400),
            Self::InvalidRequest => row(-32600, "Request payload validation error", "INVALID_REQUEST", 400),
            Self::MethodNotFound => row(-32601, "Method not found", "METHOD_NOT_FOUND", 404),
            Self::InvalidParams => row(-32602, "Invalid parameters", "INVALID_PARAMS", 400),
            Self::Internal => row(-32603, "Internal error", "INTERNAL", 500),
            Self::Unauthenticated => row(-31401, "Authentication required", "UNAUTHENTICATED", 401),
            Self::PermissionDenied => row(-31403, "Permission denied", "PERMISSION_DENIED", 403),
            Self::Conflict => row(-31409, "Conflicts with an earlier request", "CONFLICT", 409),
            Self::PayloadTooLarge => row(-31413, "Payload too large", "PAYLOAD_TOO_LARGE", 413),
            Self::ResourceExhausted => row(-31429, "Too many requests", "RESOURCE_EXHAUSTED", 429),
            Self::Unavailable => row(-31503, "Service unavailable", "UNAVAILABLE", 503),
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
}
