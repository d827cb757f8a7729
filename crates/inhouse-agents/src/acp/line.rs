//! What the messages of an agent hold, as far as it matters here.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient::{List, Object, Scalar};

/// What an agent tells or asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Params {
    pub(crate) session_id: Scalar,
    pub(crate) update: Object<Update>,
    pub(crate) options: List<Object<Offer>>,
    pub(crate) tool_call: Object<ToolCall>,
}

/// What an agent does.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Update {
    pub(crate) session_update: Scalar,
    pub(crate) current_mode_id: Scalar,
    pub(crate) content: Object<Content>,
    pub(crate) title: Scalar,
    pub(crate) kind: Scalar,
    pub(crate) cost: Object<Cost>,
    pub(crate) entries: List<Object<Entry>>,
    #[serde(rename = "_meta")]
    pub(crate) meta: Object<Meta>,
}

/// A step of an agent's plan.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    pub(crate) content: Scalar,
    pub(crate) status: Scalar,
}

/// A content block.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Content {
    #[serde(rename = "type")]
    pub(crate) kind: Scalar,
    pub(crate) text: Scalar,
}

/// One answer that an agent offers.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Offer {
    pub(crate) option_id: Scalar,
    pub(crate) name: Scalar,
    pub(crate) kind: Scalar,
}

/// The tool that an agent wants to use.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ToolCall {
    pub(crate) title: Scalar,
    pub(crate) kind: Scalar,
    pub(crate) raw_input: Option<Box<RawValue>>,
    pub(crate) content: Option<Box<RawValue>>,
    pub(crate) locations: List<Object<Location>>,
}

/// A place that a tool touches.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Location {
    pub(crate) path: Scalar,
}

/// What a tool would act on, in the member that its agent gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RawInput {
    pub(crate) command: Scalar,
    pub(crate) file_path: Scalar,
    #[serde(rename = "filePath")]
    pub(crate) file_path_in_camel_case: Scalar,
    pub(crate) filepath: Scalar,
    pub(crate) absolute_path: Scalar,
    pub(crate) path: Scalar,
    pub(crate) url: Scalar,
    pub(crate) query: Scalar,
    pub(crate) pattern: Scalar,
    /// The folder that a command runs in, by the names that agents have for it.
    pub(crate) cwd: Scalar,
    pub(crate) workdir: Scalar,
    pub(crate) directory: Scalar,
    pub(crate) dir_path: Scalar,
}

/// What comes of a request of ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) protocol_version: Scalar,
    pub(crate) agent_capabilities: Object<Capabilities>,
    pub(crate) session_id: Scalar,
    pub(crate) modes: Object<Modes>,
    pub(crate) stop_reason: Scalar,
    pub(crate) usage: Object<Tokens>,
    #[serde(rename = "_meta")]
    pub(crate) meta: Object<Meta>,
}

/// What an agent can do.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Capabilities {
    pub(crate) load_session: Scalar,
    pub(crate) prompt_capabilities: Object<PromptCapabilities>,
}

/// What a prompt may hold beside text.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PromptCapabilities {
    pub(crate) image: Scalar,
    pub(crate) embedded_context: Scalar,
}

/// How much an agent asks before it acts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Modes {
    pub(crate) current_mode_id: Scalar,
    pub(crate) available_modes: List<Object<Mode>>,
}

/// One of its modes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Mode {
    pub(crate) id: Scalar,
}

/// What a session has cost.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cost {
    pub(crate) amount: Scalar,
    pub(crate) currency: Scalar,
}

/// What a turn used. What came out of a cache is not in the input.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Tokens {
    pub(crate) input_tokens: Scalar,
    pub(crate) cached_read_tokens: Scalar,
    pub(crate) cached_write_tokens: Scalar,
    pub(crate) output_tokens: Scalar,
}

/// What agents add of their own: Gemini CLI tells here what a turn used, Qwen Code what one call of its model did.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    pub(crate) quota: Object<Quota>,
    pub(crate) usage: Object<Tokens>,
}

/// Gemini CLI's counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quota {
    pub(crate) token_count: Object<Count>,
}

/// The counts of one turn.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Count {
    pub(crate) input_tokens: Scalar,
    pub(crate) output_tokens: Scalar,
}
