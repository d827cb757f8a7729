//! Claude Code's stream of JSON lines, as events. Nothing depends on the order of keys, and what is not known is passed over:
//! the program gains events with every release.

use inhouse_engine::agent::{AgentEvent, End, Note, Reason, Usage};
use inhouse_proto::json;
use serde_json::{Value, json};

use crate::claude::answer::Answer;
use crate::dialogue::{Dialogue, Ending, Said, failed};
use crate::lines::{Line, Lines};

/// The reader of one turn.
#[derive(Debug)]
pub(crate) struct Parser {
    lines: Lines,
    answer: Answer,
    /// The message that is being streamed.
    message: String,
    /// The text of a failure that Claude shows in the place of an answer.
    shown_error: Option<String>,
    interrupted: bool,
    end: Option<End>,
}

impl Parser {
    /// A reader of lines up to `line_bytes_max` bytes.
    pub(crate) fn new(line_bytes_max: usize) -> Self {
        Self {
            lines: Lines::new(line_bytes_max),
            answer: Answer::default(),
            message: String::new(),
            shown_error: None,
            interrupted: false,
            end: None,
        }
    }

    fn line(&mut self, line: Line, said: &mut Said) {
        if self.end.is_some() {
            return;
        }
        let Line::Whole(bytes) = line else {
            return self.over(failed(Reason::AgentProtocol, "the agent wrote a line that is too long"), said);
        };
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(line) => self.event(&line, said),
            Err(_) if bytes.trim_ascii().is_empty() => {}
            Err(_) => tracing::debug!(target: "agent", bytes = bytes.len(), "a line that is no JSON was passed over"),
        }
    }

    fn event(&mut self, line: &Value, said: &mut Said) {
        // What a subagent says is not the answer; the main agent tells what came of it.
        let is_top_level = line["parent_tool_use_id"].is_null();
        match text(&line["type"]) {
            "stream_event" if is_top_level => self.stream_event(line, said),
            "assistant" if is_top_level => self.assistant(line, said),
            "system" if line["subtype"] == "api_retry" => said.events.push(retry(line)),
            "control_request" => said.replies.push(refusal(line)),
            "result" => self.result(line, said),
            _ => {}
        }
    }

    fn stream_event(&mut self, line: &Value, said: &mut Said) {
        let event = &line["event"];
        let index = event["index"].as_u64().unwrap_or(0);
        match text(&event["type"]) {
            "message_start" => text(&event["message"]["id"]).clone_into(&mut self.message),
            "content_block_start" => {
                let block = &event["content_block"];
                self.answer.start(&self.message, index, block["type"] == "text");
                if let Some(first) = block["text"].as_str() {
                    self.answer.delta(&self.message, index, first, said);
                }
            }
            "content_block_delta" if event["delta"]["type"] == "text_delta" => {
                self.answer.delta(&self.message, index, text(&event["delta"]["text"]), said);
            }
            "message_delta" if event["delta"]["stop_reason"] == "max_tokens" => self.answer.cut_for_length(),
            "message_stop" => {
                if let Some(from_index) = line["abandoned_blocks"]["from_block_index"].as_u64() {
                    let message = line["abandoned_blocks"]["api_message_id"].as_str().unwrap_or(&self.message);
                    self.answer.abandon(message, from_index, said);
                }
            }
            _ => {}
        }
    }

    /// One or more whole blocks of a message, streamed before or not.
    fn assistant(&mut self, line: &Value, said: &mut Said) {
        let message = text(&line["message"]["id"]);
        let is_error = line["is_api_error_message"] == true || line["error"].is_string();
        for block in line["message"]["content"].as_array().into_iter().flatten() {
            match (text(&block["type"]), block["text"].as_str()) {
                ("text", Some(shown)) if is_error => self.shown_error = Some(shown.to_owned()),
                ("text", Some(whole)) => self.answer.whole(message, whole, said),
                ("tool_use", _) => {
                    self.answer.other(message);
                    said.events.push(tool(text(&block["name"])));
                }
                _ => self.answer.other(message),
            }
        }
    }

    fn result(&mut self, line: &Value, said: &mut Said) {
        if let Some(usage) = usage(line) {
            said.events.push(AgentEvent::Usage(usage));
        }
        let end = self.end_of(line);
        if let (End::Completed(_), true, Some(result)) = (&end, self.answer.is_empty(), line["result"].as_str()) {
            self.answer.whole("", result, said);
        }
        self.over(end, said);
    }

    /// What a result says. Its subtype can be `success` for an error, so that only both together mean success.
    fn end_of(&self, line: &Value) -> End {
        let reason = text(&line["terminal_reason"]);
        if line["subtype"] == "success" && line["is_error"] == false {
            return End::Completed(Note::default());
        }
        if reason.starts_with("aborted") {
            return if self.interrupted {
                End::Canceled(Note::default())
            } else {
                failed(Reason::AgentFailed, "the agent was interrupted")
            };
        }
        let provider = reason == "api_error" || !line["api_error_status"].is_null();
        let shown = self.shown_error.as_deref().filter(|_| provider);
        let detail = line["result"].as_str().or(shown).or(line["errors"][0].as_str()).or(line["subtype"].as_str());
        let detail = detail.unwrap_or("the agent gave no reason");
        failed(if provider { Reason::ProviderFailed } else { Reason::AgentFailed }, detail)
    }

    fn over(&mut self, end: End, said: &mut Said) {
        self.end = Some(end);
        said.over = true;
    }
}

impl Dialogue for Parser {
    fn read(&mut self, bytes: &[u8], said: &mut Said) {
        self.lines.push(bytes);
        while let Some(line) = self.lines.next_line() {
            self.line(line, said);
        }
    }

    fn finish(&mut self, said: &mut Said) {
        if let Some(line) = self.lines.finish() {
            self.line(line, said);
        }
    }

    fn interrupt(&mut self) -> Option<Vec<u8>> {
        self.interrupted = true;
        let request =
            json!({"type": "control_request", "request_id": "interrupt", "request": {"subtype": "interrupt"}});
        Some(line_of(&request))
    }

    fn end(&mut self, ending: &Ending) -> End {
        let lost = || failed(Reason::AgentProtocol, format!("the agent ended without a result: {}", ending.reason()));
        self.end.take().unwrap_or_else(lost)
    }
}

/// A value as one line.
pub(crate) fn line_of(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The provider did not answer, and is asked again.
fn retry(line: &Value) -> AgentEvent {
    let number = |key: &str| line[key].as_u64().unwrap_or(0);
    let (attempt, attempts_max) = (number("attempt"), number("max_retries"));
    let error = match (line["error_status"].as_u64(), text(&line["error"])) {
        (Some(status), error) => format!("{status} {error}"),
        (None, error) => error.to_owned(),
    };
    let data = json!({"retry": {"attempt": attempt, "attemptsMax": attempts_max, "delayMs": line["retry_delay_ms"],
        "status": line["error_status"], "error": line["error"]}});
    AgentEvent::Working(Note {
        text: Some(format!("the model provider failed ({}): retry {attempt} of {attempts_max}", error.trim())),
        data: Some(json::Value(data)),
    })
}

/// The agent uses a tool. Its input stays inside: it may hold what a caller should not see.
fn tool(name: &str) -> AgentEvent {
    AgentEvent::Working(Note {
        text: Some(format!("the agent uses the tool {name}")),
        data: Some(json::Value(json!({"tool": {"name": name}}))),
    })
}

/// No to whatever the program asks, so that it never waits for an answer.
fn refusal(line: &Value) -> Vec<u8> {
    let id = &line["request_id"];
    let response = if line["request"]["subtype"] == "can_use_tool" {
        let message = "nobody can be asked for this permission";
        json!({"subtype": "success", "request_id": id, "response": {"behavior": "deny", "message": message}})
    } else {
        json!({"subtype": "error", "request_id": id, "error": "this request is not supported"})
    };
    line_of(&json!({"type": "control_response", "response": response}))
}

/// What this turn cost. The totals of a result count its whole session, so that they are the second choice.
fn usage(line: &Value) -> Option<Usage> {
    let models = line["model_usage_since_last_result"].as_object().filter(|models| !models.is_empty());
    let Some(models) = models else {
        let usage = line["usage"].as_object()?;
        let tokens = |keys: [&str; 3]| keys.iter().filter_map(|key| usage.get(*key)?.as_u64()).sum();
        return Some(Usage {
            input_tokens: Some(tokens(["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"])),
            output_tokens: usage.get("output_tokens").and_then(Value::as_u64),
            cost_usd: line["total_cost_usd"].as_f64(),
        });
    };
    let sum = |key: &str| models.values().filter_map(|model| model[key].as_u64()).sum::<u64>();
    Some(Usage {
        input_tokens: Some(sum("inputTokens") + sum("cacheReadInputTokens") + sum("cacheCreationInputTokens")),
        output_tokens: Some(sum("outputTokens")),
        cost_usd: Some(models.values().filter_map(|model| model["costUSD"].as_f64()).sum()),
    })
}
