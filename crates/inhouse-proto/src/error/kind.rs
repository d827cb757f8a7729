//! The table of errors: one row per kind, one column per binding (spec 5.4 and 9.5, as of 1.0.1).
//!
//! HTTP+JSON has two columns: the HTTP status, and the name of the gRPC status (spec 11.6).
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
    /// The message has passed through too many agents.
    HopLimit,
    /// The server cannot take work now.
    Unavailable,
    /// The server cannot write down what it would do.
    AuditUnavailable,
}

struct Row {
    code: i32,
    message: &'static str,
    reason: &'static str,
    http_status: u16,
    grpc: Grpc,
}

const fn row(code: i32, message: &'static str, reason: &'static str, http_status: u16, grpc: Grpc) -> Row {
    Row { code, message, reason, http_status, grpc }
}

/// A value of `google.rpc.Code`.
#[derive(Clone, Copy)]
struct Grpc {
    code: i32,
    name: &'static str,
}

const fn grpc(code: i32, name: &'static str) -> Grpc {
    Grpc { code, name }
}

const INVALID_ARGUMENT: Grpc = grpc(3, "INVALID_ARGUMENT");
const NOT_FOUND: Grpc = grpc(5, "NOT_FOUND");
const ALREADY_EXISTS: Grpc = grpc(6, "ALREADY_EXISTS");
const PERMISSION_DENIED: Grpc = grpc(7, "PERMISSION_DENIED");
const RESOURCE_EXHAUSTED: Grpc = grpc(8, "RESOURCE_EXHAUSTED");
const FAILED_PRECONDITION: Grpc = grpc(9, "FAILED_PRECONDITION");
const UNIMPLEMENTED: Grpc = grpc(12, "UNIMPLEMENTED");
const INTERNAL: Grpc = grpc(13, "INTERNAL");
const UNAVAILABLE: Grpc = grpc(14, "UNAVAILABLE");
const UNAUTHENTICATED: Grpc = grpc(16, "UNAUTHENTICATED");

impl ErrorKind {
    /// All of them.
    pub const ALL: [Self; 22] = [
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
        Self::HopLimit,
        Self::Unavailable,
        Self::AuditUnavailable,
    ];

    /// The kind of this reason.
    pub fn of_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.reason() == reason)
    }

    #[rustfmt::skip]
    const fn row(self) -> Row {
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
            Self::HopLimit => row(-31508, "Too many agents have called one another", "HOP_LIMIT", 508, FAILED_PRECONDITION),
            Self::Unavailable => row(-31503, "Service unavailable", "UNAVAILABLE", 503, UNAVAILABLE),
            Self::AuditUnavailable => row(-30503, "The audit can not be written, so nothing is started or changed", "AUDIT_UNAVAILABLE", 503, UNAVAILABLE),
        }
    }

    /// What the schema of 0.3 calls it: `TaskNotFoundError`.
    pub fn type_name_0_3(self) -> String {
        match self {
            Self::ParseError => "JSONParseError".to_owned(),
            Self::ExtendedAgentCardNotConfigured => "AuthenticatedExtendedCardNotConfiguredError".to_owned(),
            kind => format!("{kind:?}Error"),
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

    /// The status where gRPC carries the error: a number of `google.rpc.Code`.
    pub const fn grpc_code(self) -> i32 {
        self.row().grpc.code
    }

    /// The name of [`Self::grpc_code`], which HTTP+JSON says beside the HTTP status.
    pub const fn grpc_name(self) -> &'static str {
        self.row().grpc.name
    }
}
