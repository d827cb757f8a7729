//! What the messages of Codex hold, as far as it matters here.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient::{List, Object, Scalar};

/// What it tells or asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Params {
    pub(crate) thread_id: Scalar,
    pub(crate) turn_id: Scalar,
    pub(crate) item_id: Scalar,
    pub(crate) request_id: Scalar,
    pub(crate) delta: Scalar,
    pub(crate) item: Object<Item>,
    pub(crate) turn: Object<TurnState>,
    pub(crate) token_usage: Object<TokenUsage>,
    pub(crate) error: Object<TurnError>,
    pub(crate) will_retry: Scalar,
    pub(crate) command: Scalar,
    pub(crate) command_actions: List<Object<Action>>,
    pub(crate) cwd: Scalar,
    pub(crate) reason: Scalar,
    pub(crate) network_approval_context: Object<Network>,
    pub(crate) questions: List<Object<Question>>,
    pub(crate) plan: List<Object<PlanStep>>,
    pub(crate) name: Scalar,
    pub(crate) status: Scalar,
}

/// A step of its plan.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PlanStep {
    pub(crate) step: Scalar,
    pub(crate) status: Scalar,
}

/// Something that it does or says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Item {
    #[serde(rename = "type")]
    pub(crate) kind: Scalar,
    pub(crate) id: Scalar,
    pub(crate) text: Scalar,
    pub(crate) server: Scalar,
    pub(crate) tool: Scalar,
    pub(crate) changes: Option<Box<RawValue>>,
    /// Of what the model has thought; the whole of it is rarely told.
    pub(crate) summary: List<Scalar>,
    pub(crate) content: List<Scalar>,
}

/// One file of an edit.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Change {
    pub(crate) path: Scalar,
    pub(crate) kind: Object<ChangeKind>,
}

/// What becomes of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChangeKind {
    /// Where it is moved to.
    #[serde(alias = "movePath")]
    pub(crate) move_path: Scalar,
}

/// What it takes a command for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Action {
    #[serde(rename = "type")]
    pub(crate) kind: Scalar,
    pub(crate) command: Scalar,
}

/// An address outside of its sandbox.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Network {
    pub(crate) host: Scalar,
    pub(crate) protocol: Scalar,
}

/// A question to the user.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Question {
    pub(crate) id: Scalar,
    pub(crate) question: Scalar,
    pub(crate) is_other: Scalar,
    pub(crate) options: List<Object<QuestionOption>>,
}

/// One answer that it offers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QuestionOption {
    pub(crate) label: Scalar,
    pub(crate) description: Scalar,
}

/// How a turn stands.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TurnState {
    pub(crate) id: Scalar,
    pub(crate) status: Scalar,
    pub(crate) error: Object<TurnError>,
}

/// Why it failed, or why something is tried again.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TurnError {
    pub(crate) message: Scalar,
    /// A word, or an object of one member, which is the word.
    pub(crate) codex_error_info: Option<Box<RawValue>>,
}

/// What a thread has used: all its turns, and the last call of the model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenUsage {
    pub(crate) total: Object<Tokens>,
    pub(crate) last: Object<Tokens>,
}

/// Counts of tokens. What came out of a cache is in the input.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Tokens {
    pub(crate) input_tokens: Scalar,
    pub(crate) output_tokens: Scalar,
}

/// What comes of a request of ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) thread: Object<Thread>,
    pub(crate) turn: Object<TurnState>,
}

/// A conversation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Thread {
    pub(crate) id: Scalar,
}
