//! Claude Code's stream of JSON lines, as events. Nothing depends on the order of keys, and what is not known is passed over:
//! the program gains events with every release.

use inhouse_engine::agent::{AgentEvent, End, Note, Reason, Usage};
use inhouse_engine::{Reply, Retry};

use crate::answer::{Answer, MessageId};
use crate::by_line::LineProtocol;
use crate::claude::asked::Asked;
use crate::claude::line::Entry;
use crate::claude::opening::{Opening, request};
use crate::claude::planned::Planned;
use crate::dialogue::{Ending, Free, Opened, Said, failed, without_result};
use crate::lenient::{self, sum};
use crate::text::without_escapes;

/// How it says that there is no conversation under the id that it was to resume.
const NO_CONVERSATION: &str = "No conversation found with session ID";
/// And that there is one under the id that was to be a new one's.
const TAKEN: &str = "is already in use.";

/// The origin of a turn that it takes by itself.
const NEWS: &str = "task-notification";

/// The reader of one turn.
#[derive(Debug)]
pub(crate) struct Parser {
    /// Of a process that may be kept.
    opening: Option<Opening>,
    /// What is open in a process that was kept since an earlier turn.
    kept: Option<Opened>,
    answer: Answer,
    asked: Asked,
    planned: Planned,
    /// The message that is being streamed.
    message: MessageId,
    /// The text of a failure that Claude shows in the place of an answer.
    shown_error: Option<String>,
    interrupted: bool,
    /// It works on beside the turn, and goes on by itself when that is done.
    is_busy: bool,
    /// What the caller is told when the conversation is open.
    note: Option<&'static str>,
    found: Found,
    /// The files of the message that it may read.
    own: Vec<String>,
}

/// What the program made of the conversation's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It has said nothing of it.
    Unknown,
    /// The conversation is open.
    Open,
    /// There is none to resume.
    Missing,
    /// There is one already, which would have to be resumed.
    Taken,
}

impl Parser {
    /// At the beginning of a turn, with a process of its own.
    pub(crate) fn new(note: Option<&'static str>) -> Self {
        Self {
            opening: None,
            kept: None,
            answer: Answer::default(),
            asked: Asked::default(),
            planned: Planned::default(),
            message: MessageId::default(),
            shown_error: None,
            interrupted: false,
            is_busy: false,
            note,
            found: Found::Unknown,
            own: Vec::new(),
        }
    }

    /// The same with files of the message, which are in none of its folders: it may read them without leave.
    pub(crate) fn with_files(self, own: &[String]) -> Self {
        Self { own: own.to_vec(), ..self }
    }

    /// The same with a process that may be kept, and gets its text from the opening.
    pub(crate) fn opening(opening: Opening, note: Option<&'static str>) -> Self {
        Self { opening: Some(opening), ..Self::new(note) }
    }

    /// With a process that was kept.
    pub(crate) fn going_on(opened: Opened) -> Self {
        Self { planned: Planned::new(opened.plan.clone()), kept: Some(opened), ..Self::new(None) }
    }

    /// What the program made of the conversation's id. Complete once the turn has ended.
    pub(crate) fn found(&self) -> Found {
        self.found
    }

    fn event(&mut self, line: &mut Entry, said: &mut Said) {
        // What a subagent says is not the answer; the main agent tells what came of it.
        let is_top_level = line.parent_tool_use_id.is_null();
        match line.kind.text() {
            "stream_event" if is_top_level => self.stream_event(line, said),
            "assistant" if is_top_level => self.assistant(line, said),
            "user" if is_top_level => self.planned.done(line, said),
            "system" if line.subtype.text() == "init" => {
                self.found = Found::Open;
                self.note.take().into_iter().for_each(|note| said.note(note));
            }
            "system" if line.subtype.text() == "api_retry" => said.retry(retry(line)),
            "system" if line.subtype.text() == "background_tasks_changed" => self.is_busy = !line.tasks.0.is_empty(),
            "control_response" if !self.interrupted => {
                if let (Some(opening), Some(response)) = (&mut self.opening, &line.response.0) {
                    opening.answered(response, said);
                }
            }
            "control_request" => match self.asked.take(line) {
                Ok(ask) => said.asks.push(ask),
                Err(refusal) => said.replies.push(refusal),
            },
            "control_cancel_request" => said.unasked.extend(self.asked.withdraw(line.request_id.text())),
            // It began that turn by itself, as for news of a command that it had left in the background. Ours comes yet.
            "result" if line.origin.0.as_ref().is_some_and(|origin| origin.kind.text() == NEWS) => {}
            "result" => self.result(line, said),
            _ => {}
        }
    }

    fn stream_event(&mut self, line: &Entry, said: &mut Said) {
        let Some(event) = &line.event.0 else { return };
        let index = event.index.as_u64().unwrap_or(0);
        match (event.kind.text(), &event.delta.0) {
            ("message_start", _) => {
                let id = event.message.0.as_ref().map_or("", |message| message.id.text());
                self.message = MessageId::new(id);
            }
            ("content_block_start", _) => {
                let Some(block) = &event.content_block.0 else { return };
                if block.kind.text() != "text" {
                    return self.answer.other();
                }
                self.answer.start(&self.message, index);
                self.answer.delta(&self.message, index, block.text.text(), said);
            }
            ("content_block_delta", Some(delta)) if delta.kind.text() == "text_delta" => {
                self.answer.delta(&self.message, index, delta.text.text(), said);
            }
            ("message_delta", Some(delta)) if delta.stop_reason.text() == "max_tokens" => self.answer.cut_for_length(),
            ("message_stop", _) => {
                let Some(abandoned) = &line.abandoned_blocks.0 else { return };
                let Some(from_index) = abandoned.from_block_index.as_u64() else { return };
                let named = abandoned.api_message_id.as_str().map(MessageId::new);
                self.answer.abandon(named.as_ref().unwrap_or(&self.message), from_index);
            }
            _ => {}
        }
    }

    /// One or more whole blocks of a message, streamed before or not.
    fn assistant(&mut self, line: &Entry, said: &mut Said) {
        let Some(message) = &line.message.0 else { return };
        let id = MessageId::new(message.id.text());
        let is_error = *line.is_api_error_message == true || line.error.is_string();
        for block in message.content.0.iter().filter_map(|block| block.0.as_ref()) {
            match (block.kind.text(), block.text.as_str()) {
                ("text", Some(shown)) if is_error => self.shown_error = Some(shown.to_owned()),
                ("text", Some(whole)) => self.answer.whole(&id, whole, said),
                ("tool_use", _) => {
                    self.answer.other();
                    self.planned.uses(block);
                    said.tool(block.name.text());
                }
                ("thinking", _) => {
                    self.answer.other();
                    said.reasoning(block.thinking.text());
                }
                _ => self.answer.other(),
            }
        }
    }

    fn result(&mut self, line: &Entry, said: &mut Said) {
        let first_error = line.errors.0.first().and_then(|error| error.as_str());
        if self.found == Found::Unknown && first_error.is_some_and(|error| error.starts_with(NO_CONVERSATION)) {
            self.found = Found::Missing;
        }
        if let Some(usage) = usage(line) {
            said.events.push(AgentEvent::Usage(usage));
        }
        let end = self.end_of(line);
        if let (End::Completed(_), true, Some(result)) = (&end, self.answer.is_empty(), line.result.as_str()) {
            self.answer.whole(&MessageId::default(), result, said);
        }
        said.over(end);
    }

    /// What a result says. Its subtype can be `success` for an error, so that only both together mean success.
    fn end_of(&self, line: &Entry) -> End {
        let reason = line.terminal_reason.text();
        if line.subtype.text() == "success" && *line.is_error == false {
            return End::Completed(Note::default());
        }
        if reason.starts_with("aborted") {
            return if self.interrupted {
                End::Canceled(Note::default())
            } else {
                failed(Reason::AgentFailed, "the agent was interrupted")
            };
        }
        let provider = reason == "api_error" || !line.api_error_status.is_null();
        let shown = self.shown_error.as_deref().filter(|_| provider);
        let listed = line.errors.0.first().and_then(|error| error.as_str());
        let detail = line.result.as_str().or(shown).or(listed).or(line.subtype.as_str());
        let detail = detail.unwrap_or("the agent gave no reason");
        failed(if provider { Reason::ProviderFailed } else { Reason::AgentFailed }, detail)
    }
}

impl LineProtocol for Parser {
    fn line(&mut self, line: &[u8], said: &mut Said) {
        if let Some(mut line) = lenient::object(line) {
            self.event(&mut line, said);
        }
    }

    fn settle(&mut self, said: &mut Said) {
        self.answer.settle(said);
    }

    fn interrupt(&mut self) -> Option<Vec<u8>> {
        self.interrupted = true;
        Some(request("interrupt"))
    }

    fn reply(&mut self, reply: &Reply) -> Option<Vec<u8>> {
        self.asked.reply(reply)
    }

    fn free(&self) -> Vec<Free> {
        self.own.iter().map(|path| ("Read", path.clone())).collect()
    }

    fn acts(line: &[u8]) -> bool {
        let Some(line) = lenient::object::<Entry>(line) else { return false };
        match line.kind.text() {
            "system" => line.subtype.text() == "init",
            kind => ["control_request", "stream_event", "assistant", "user", "result"].contains(&kind),
        }
    }

    fn rests(&self) -> bool {
        // One that does not say that a turn begins can not be told from one that ended before.
        self.found == Found::Open && self.asked.is_empty() && !self.is_busy && !self.interrupted
    }

    fn opened(&self) -> Opened {
        let knows_helpers = self.opening.as_ref().is_some_and(Opening::knows_helpers);
        let opened = self.kept.clone().unwrap_or(Opened { knows_helpers, ..Opened::default() });
        Opened { plan: self.planned.plan().clone(), ..opened }
    }

    fn ended(&mut self, ending: &Ending) -> End {
        let last_error = ending.last_error.as_deref().unwrap_or_default();
        if self.found == Found::Unknown && last_error.starts_with("Error: Session ID") && last_error.ends_with(TAKEN) {
            self.found = Found::Taken;
        }
        without_result(ending)
    }
}

/// The provider did not answer, and is asked again.
fn retry(line: &Entry) -> Retry {
    Retry {
        status: line.error_status.as_u64(),
        error: line.error.as_str().map(|error| without_escapes(error.to_owned())),
        attempt: line.attempt.as_u64(),
        attempts_max: line.max_retries.as_u64(),
        delay_ms: line.retry_delay_ms.as_f64().filter(|delay| *delay >= 0.0).map(|delay| delay as u64),
    }
}

/// What this turn cost. The totals of a result count its whole session, so that they are the second choice.
fn usage(line: &Entry) -> Option<Usage> {
    let spent = line.model_usage_since_last_result.0.as_ref().filter(|spent| spent.models > 0);
    let Some(spent) = spent else {
        let usage = line.usage.0.as_ref()?;
        let input = [&usage.input_tokens, &usage.cache_read_input_tokens, &usage.cache_creation_input_tokens];
        return Some(Usage {
            input_tokens: Some(sum(input)),
            output_tokens: usage.output_tokens.as_u64(),
            cost_usd: line.total_cost_usd.as_f64(),
        });
    };
    Some(Usage {
        input_tokens: Some(spent.input_tokens),
        output_tokens: Some(spent.output_tokens),
        cost_usd: Some(spent.cost_usd),
    })
}
