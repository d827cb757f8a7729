//! How a turn ended, in Codex's words.

use inhouse_engine::agent::{End, Note, Reason};
use serde_json::Value;

use crate::codex::line::{TurnError, TurnState};
use crate::dialogue::failed;
use crate::rpc::Fault;

/// The code of JSON-RPC for parameters that are refused: ours are right, but for an input that is too large.
const INVALID_PARAMS: i64 = -32602;
/// The words for a failure of the model's provider, beside those that carry an HTTP status.
const PROVIDER: [&str; 8] = [
    "usageLimitExceeded",
    "rateLimitExceeded",
    "flexUnavailable",
    "serverOverloaded",
    "modelNotFound",
    "policyCapacityUnavailable",
    "internalServerError",
    "unauthorized",
];
/// The longest classification of an error that is read.
const INFO_BYTES_MAX: usize = 10_000;

/// The end of a turn that is completed in its own words; nothing while it goes on.
pub(crate) fn end_of(turn: &TurnState, interrupted: bool) -> Option<End> {
    match turn.status.text() {
        "inProgress" => None,
        "completed" => Some(End::Completed(Note::default())),
        "interrupted" if interrupted => Some(End::Canceled(Note::default())),
        "interrupted" => Some(failed(Reason::AgentFailed, "the agent broke its turn off")),
        "failed" => {
            let none = TurnError::default();
            let error = turn.error.0.as_ref().unwrap_or(&none);
            let reason = if classify(error).is_provider { Reason::ProviderFailed } else { Reason::AgentFailed };
            Some(failed(reason, detail(error.message.text())))
        }
        _ => Some(failed(Reason::AgentProtocol, "the agent ended its turn without a known status")),
    }
}

/// The end of a request that was answered by an error.
pub(crate) fn failure(fault: &Fault) -> End {
    let refused = fault.code.as_i64() == Some(INVALID_PARAMS);
    failed(if refused { Reason::InputRefused } else { Reason::AgentFailed }, detail(fault.message.text()))
}

/// What kind of error it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) is_provider: bool,
    /// The HTTP status of the provider's answer.
    pub(crate) status: Option<u64>,
}

/// Reads the classification that comes with an error: a word, or an object of one member.
pub(crate) fn classify(error: &TurnError) -> Kind {
    let info = error.codex_error_info.as_ref().map(|info| info.get()).filter(|info| info.len() <= INFO_BYTES_MAX);
    match info.and_then(|info| serde_json::from_str(info).ok()) {
        Some(Value::String(word)) => Kind { is_provider: PROVIDER.contains(&word.as_str()), status: None },
        Some(Value::Object(object)) => {
            let status = object.values().find_map(|more| more.get("httpStatusCode"));
            Kind { is_provider: status.is_some(), status: status.and_then(Value::as_u64) }
        }
        _ => Kind { is_provider: false, status: None },
    }
}

/// One line for the caller. The address of a provider is the operator's business.
fn detail(message: &str) -> &str {
    let message = message.split_once(", url: ").map_or(message, |(message, _)| message);
    if message.is_empty() { "the agent gave no reason" } else { message }
}
