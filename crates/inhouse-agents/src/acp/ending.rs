//! How a turn ended, and what it used, in the words of agents.

use inhouse_engine::agent::{End, Note, Reason, Usage};
use serde::Deserialize;

use crate::acp::line::{Answer, Tokens};
use crate::dialogue::failed;
use crate::lenient::{Object, Scalar, sum};
use crate::rpc::Fault;

/// What an error of a provider begins with, beside its HTTP status.
const PREFIXES: [&str; 2] = ["Internal error: ", "API Error: "];

/// The error of a provider, as some agents hand it on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wrapped {
    error: Object<Inner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Inner {
    message: Scalar,
}

/// The end of a prompt that was answered. A reason that is not known is no failure of a turn that has said something.
pub(crate) fn end_of(stop_reason: &str, interrupted: bool, has_text: bool) -> End {
    match stop_reason {
        "end_turn" => End::Completed(Note::default()),
        "refusal" => failed(Reason::AgentFailed, "the model refused"),
        "max_tokens" => failed(Reason::AgentFailed, "the model reached its limit of tokens"),
        "max_turn_requests" => failed(Reason::AgentFailed, "the agent reached its limit of requests in a turn"),
        "cancelled" if interrupted => End::Canceled(Note::default()),
        "cancelled" => failed(Reason::AgentFailed, "the agent broke its turn off"),
        _ if has_text => End::Completed(Note::default()),
        _ => failed(Reason::AgentProtocol, "the agent ended its turn without a text and without a known reason"),
    }
}

/// The end of a request that was answered by an error.
pub(crate) fn failure(fault: &Fault) -> End {
    let data = fault.data.0.as_ref();
    let details = data.map_or("", |data| data.details.text());
    let message = if details.is_empty() { fault.message.text() } else { details };
    let wrapped = serde_json::from_str::<Object<Wrapped>>(message).ok();
    let inner = wrapped.and_then(|wrapped| wrapped.0?.error.0);
    let mut line = inner.as_ref().map_or(message, |inner| inner.message.text());
    for prefix in PREFIXES {
        line = line.strip_prefix(prefix).unwrap_or(line);
    }
    let name = data.map_or("", |data| data.error_name.text());
    let is_provider = fault.code.as_u64().is_some_and(is_status)
        || name == "APIError"
        || name.starts_with("Provider")
        || line.split(' ').next().and_then(|word| word.parse().ok()).is_some_and(is_status);
    let line = if line.is_empty() { "the agent gave no reason" } else { line };
    failed(if is_provider { Reason::ProviderFailed } else { Reason::AgentFailed }, line)
}

/// Whether it is the HTTP status of an error.
fn is_status(code: u64) -> bool {
    (400..600).contains(&code)
}

/// What an answered prompt says that it used.
pub(crate) fn usage(answer: &Answer) -> Option<Usage> {
    if let Some(tokens) = &answer.usage.0 {
        return Some(used(tokens));
    }
    let count = answer.meta.0.as_ref()?.quota.0.as_ref()?.token_count.0.as_ref()?;
    let (input_tokens, output_tokens) = (count.input_tokens.as_u64(), count.output_tokens.as_u64());
    (input_tokens.is_some() || output_tokens.is_some()).then_some(Usage { input_tokens, output_tokens, cost_usd: None })
}

fn used(tokens: &Tokens) -> Usage {
    let input = [&tokens.input_tokens, &tokens.cached_read_tokens, &tokens.cached_write_tokens];
    Usage { input_tokens: Some(sum(input)), output_tokens: tokens.output_tokens.as_u64(), cost_usd: None }
}
