//! One line of Claude Code's stream, as far as it matters here.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::lenient::{List, Object, Scalar, sum};

/// A line of any type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    #[serde(rename = "type")]
    pub(crate) kind: Scalar,
    pub(crate) subtype: Scalar,
    pub(crate) parent_tool_use_id: Scalar,
    pub(crate) event: Object<Event>,
    pub(crate) abandoned_blocks: Object<Abandoned>,
    pub(crate) message: Object<Message>,
    pub(crate) tool_use_result: Object<Done>,
    pub(crate) is_api_error_message: Scalar,
    pub(crate) error: Scalar,
    pub(crate) error_status: Scalar,
    pub(crate) attempt: Scalar,
    pub(crate) max_retries: Scalar,
    pub(crate) retry_delay_ms: Scalar,
    pub(crate) request_id: Scalar,
    pub(crate) request: Object<Request>,
    pub(crate) response: Object<Response>,
    pub(crate) tasks: List<IgnoredAny>,
    pub(crate) is_error: Scalar,
    pub(crate) terminal_reason: Scalar,
    pub(crate) api_error_status: Scalar,
    pub(crate) result: Scalar,
    pub(crate) origin: Object<Origin>,
    pub(crate) errors: List<Scalar>,
    pub(crate) usage: Object<Tokens>,
    pub(crate) total_cost_usd: Scalar,
    pub(crate) model_usage_since_last_result: Object<Spent>,
}

/// What a `stream_event` brings of the running message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    #[serde(rename = "type")]
    pub(crate) kind: Scalar,
    pub(crate) index: Scalar,
    pub(crate) message: Object<Begun>,
    pub(crate) content_block: Object<Block>,
    pub(crate) delta: Object<Delta>,
}

/// The head of a message that begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Begun {
    pub(crate) id: Scalar,
}

/// A piece of a block, or how a message stops.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta {
    #[serde(rename = "type")]
    pub(crate) kind: Scalar,
    pub(crate) text: Scalar,
    pub(crate) stop_reason: Scalar,
}

/// Blocks of a message that no longer count.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Abandoned {
    pub(crate) api_message_id: Scalar,
    pub(crate) from_block_index: Scalar,
}

/// A message with whole blocks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message {
    pub(crate) id: Scalar,
    pub(crate) content: List<Object<Block>>,
}

/// A content block.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Block {
    #[serde(rename = "type")]
    pub(crate) kind: Scalar,
    pub(crate) text: Scalar,
    pub(crate) thinking: Scalar,
    pub(crate) id: Scalar,
    pub(crate) name: Scalar,
    pub(crate) tool_use_id: Scalar,
}

/// What has come of the use of a tool that keeps its plan.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Done {
    pub(crate) task: Object<Task>,
    pub(crate) tasks: List<Object<Task>>,
    pub(crate) task_id: Scalar,
    pub(crate) status_change: Object<StatusChange>,
}

/// A step of its plan.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Task {
    pub(crate) id: Scalar,
    pub(crate) subject: Scalar,
    pub(crate) status: Scalar,
}

/// How far a step is now.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StatusChange {
    pub(crate) to: Scalar,
}

/// What the program asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Request {
    pub(crate) subtype: Scalar,
    pub(crate) tool_name: Scalar,
    pub(crate) description: Scalar,
    pub(crate) input: Option<Box<RawValue>>,
}

/// What a turn comes from, where it is not a message of ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Origin {
    pub(crate) kind: Scalar,
}

/// What the program answers to a request of ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Response {
    pub(crate) subtype: Scalar,
    pub(crate) request_id: Scalar,
    response: Object<Servers>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Servers {
    #[serde(rename = "mcpServers")]
    servers: List<Object<McpServer>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct McpServer {
    status: Scalar,
}

impl Response {
    /// Whether it tells of MCP servers that are still starting.
    pub(crate) fn has_pending_servers(&self) -> bool {
        let mut servers =
            self.response.0.iter().flat_map(|told| told.servers.0.iter()).filter_map(|one| one.0.as_ref());
        servers.any(|server| server.status.text() == "pending")
    }
}

/// What a tool would act on, in the member that its kind of tool has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolInput {
    pub(crate) command: Scalar,
    pub(crate) file_path: Scalar,
    pub(crate) notebook_path: Scalar,
    pub(crate) path: Scalar,
    pub(crate) url: Scalar,
    pub(crate) query: Scalar,
    pub(crate) pattern: Scalar,
    pub(crate) plan: Scalar,
    pub(crate) questions: List<Object<Question>>,
}

/// A question to the user.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Question {
    pub(crate) question: Scalar,
    pub(crate) options: List<Object<Choice>>,
    pub(crate) multi_select: Scalar,
}

/// An answer that is offered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    pub(crate) label: Scalar,
    pub(crate) description: Scalar,
}

/// What a whole session used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    pub(crate) input_tokens: Scalar,
    pub(crate) cache_read_input_tokens: Scalar,
    pub(crate) cache_creation_input_tokens: Scalar,
    pub(crate) output_tokens: Scalar,
}

/// What all models of a turn used together.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    pub(crate) models: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_usd: f64,
}

/// What one model used.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Model {
    input_tokens: Scalar,
    cache_read_input_tokens: Scalar,
    cache_creation_input_tokens: Scalar,
    output_tokens: Scalar,
    #[serde(rename = "costUSD")]
    cost_usd: Scalar,
}

impl<'de> Deserialize<'de> for Spent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sum;
        impl<'de> Visitor<'de> for Sum {
            type Value = Spent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("models by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spent, A::Error> {
                let mut spent = Spent::default();
                while let Some((_, model)) = map.next_entry::<IgnoredAny, Object<Model>>()? {
                    let model = model.0.unwrap_or_default();
                    let input =
                        [&model.input_tokens, &model.cache_read_input_tokens, &model.cache_creation_input_tokens];
                    spent.models += 1;
                    spent.input_tokens = spent.input_tokens.saturating_add(sum(input));
                    spent.output_tokens = spent.output_tokens.saturating_add(sum([&model.output_tokens]));
                    spent.cost_usd += model.cost_usd.as_f64().unwrap_or(0.0);
                }
                Ok(spent)
            }
        }
        deserializer.deserialize_map(Sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::ITEMS_MAX;

    fn entry(line: &str) -> Option<Entry> {
        serde_json::from_str::<Object<Entry>>(line).unwrap().0
    }

    #[test]
    fn what_has_an_unexpected_type_counts_as_absent_and_the_rest_of_the_line_stands() {
        let line = r#"{"usage":[1],"event":"x","message":{"id":{"a":1},"content":{"b":[]}},"errors":5,"is_error":[false],
            "model_usage_since_last_result":{"m":3,"n":{"inputTokens":"x","outputTokens":7,"costUSD":[1]}},"unknown":{"z":[0]},
            "subtype":"success","result":null,"attempt":-1.5}"#;
        let entry = entry(line).unwrap();
        assert!(
            entry.usage.0.is_none() && entry.event.0.is_none() && entry.errors.0.is_empty() && entry.is_error.is_null()
        );
        let message = entry.message.0.unwrap();
        assert!(message.id.is_null() && message.content.0.is_empty());
        let spent = entry.model_usage_since_last_result.0.unwrap();
        assert_eq!((spent.models, spent.input_tokens, spent.output_tokens), (2, 0, 7));
        assert_eq!((entry.subtype.text(), entry.attempt.as_f64()), ("success", Some(-1.5)));
    }

    #[test]
    fn only_an_object_is_a_line() {
        for line in ["[\"result\",\"success\"]", "5", "\"result\"", "null", "[[{}]]"] {
            assert!(entry(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_list_without_end_is_read_past() {
        let many = vec!["{\"type\":\"text\"}"; ITEMS_MAX + 5].join(",");
        let entry = entry(&format!("{{\"message\":{{\"content\":[{many}]}},\"type\":\"assistant\"}}")).unwrap();
        assert_eq!((entry.message.0.unwrap().content.0.len(), entry.kind.text()), (ITEMS_MAX, "assistant"));
    }
}
