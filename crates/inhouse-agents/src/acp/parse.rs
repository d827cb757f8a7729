//! An agent's lines, as events. What is not known is passed over, and a request that is not known gets an error: agents gain
//! messages with every release.

use std::borrow::Cow;

use inhouse_engine::Reply;
use inhouse_engine::agent::{AgentEvent, End, Usage};
use serde_json::json;

use crate::acp::asked::{Asked, tool_name};
use crate::acp::ending::{end_of, failure, usage};
use crate::acp::line::{Answer, Params, Update};
use crate::acp::opening::Opening;
use crate::by_line::LineProtocol;
use crate::dialogue::{Ending, Opened, Said, without_result};
use crate::lenient;
use crate::rpc::{Fault, Heard, Message, not_supported, notification};
use crate::text::EscapeFilter;

/// A thought is told as long as it is shorter.
const THOUGHT_BYTES_MAX: usize = 64 << 10;

/// The reader of one turn.
#[derive(Debug)]
pub(crate) struct Parser {
    opening: Opening,
    asked: Asked,
    filter: EscapeFilter,
    has_text: bool,
    /// A tool was used after the last text.
    parted: bool,
    used: Usage,
    interrupted: bool,
    /// The thought that is being told, up to a bound.
    thought: String,
    /// It went into another mode, which the next turn must not begin in.
    strayed: bool,
}

impl Parser {
    /// Goes on where the opening stands.
    pub(crate) fn new(opening: Opening) -> Self {
        Self {
            opening,
            asked: Asked::default(),
            filter: EscapeFilter::default(),
            has_text: false,
            parted: false,
            used: Usage::default(),
            interrupted: false,
            thought: String::new(),
            strayed: false,
        }
    }

    /// The session, once it is open.
    pub(crate) fn session(&self) -> Option<&str> {
        self.opening.session()
    }

    fn message(&mut self, message: Message<Params, Answer>, said: &mut Said) {
        match message.heard() {
            Heard::Answered(id, answer) if self.opening.awaits(&id) => self.answer(answer, said),
            Heard::Answered(..) => {}
            Heard::Told(what, params) if what.text() == "session/update" => self.update(&params, said),
            Heard::Told(..) => {}
            Heard::Asked(id, what, params) if what.text() == "session/request_permission" => {
                self.parted = true;
                self.end_thought(said);
                match self.asked.take(&id, params, self.opening.directory()) {
                    Ok(ask) => said.asks.push(ask),
                    Err(answer) => said.replies.push(answer),
                }
            }
            Heard::Asked(id, ..) => said.replies.push(not_supported(&id)),
        }
    }

    fn answer(&mut self, answer: Result<Answer, Fault>, said: &mut Said) {
        if self.opening.prompted().is_some() {
            return self.answered(answer, said);
        }
        if self.interrupted {
            return;
        }
        match self.opening.next(answer) {
            Ok(prompt) if self.opening.prompted().is_some() => said.begin(prompt),
            Ok(request) => said.replies.push(request),
            Err(end) => said.over(end),
        }
        self.opening.note().into_iter().for_each(|note| said.note(note));
    }

    fn end_thought(&mut self, said: &mut Said) {
        said.reasoning(&std::mem::take(&mut self.thought));
    }

    /// The prompt has been answered, and with it the turn is over.
    fn answered(&mut self, answer: Result<Answer, Fault>, said: &mut Said) {
        let told = answer.as_ref().ok().and_then(usage);
        let used = told.map_or(self.used, |told| Usage { cost_usd: self.used.cost_usd, ..told });
        self.end_thought(said);
        if used != Usage::default() {
            said.events.push(AgentEvent::Usage(used));
        }
        let end = match answer {
            Ok(answer) => end_of(answer.stop_reason.text(), self.interrupted, self.has_text),
            Err(fault) => failure(&fault),
        };
        said.over(end);
    }

    fn update(&mut self, params: &Params, said: &mut Said) {
        let (Some(session), Some(update)) = (self.opening.prompted(), &params.update.0) else {
            // What a session that is resumed tells again.
            return;
        };
        if params.session_id.as_str().is_some_and(|other| other != session) {
            return;
        }
        if update.session_update.text() != "agent_thought_chunk" {
            self.end_thought(said);
        }
        match (update.session_update.text(), &update.content.0) {
            ("agent_thought_chunk", Some(content)) if self.thought.len() < THOUGHT_BYTES_MAX => {
                self.thought.push_str(content.text.text());
            }
            ("agent_message_chunk", Some(content)) => {
                self.count(update);
                if content.kind.text() == "text" {
                    self.text(content.text.text(), said);
                }
            }
            ("tool_call", _) => {
                self.parted = true;
                // Its title and its input may hold what a caller should not see.
                said.tool(tool_name(&update.kind, &update.title));
            }
            ("plan", _) => {
                let entries = update.entries.0.iter().filter_map(|entry| entry.0.as_ref());
                said.plan(entries.map(|entry| (entry.content.text(), entry.status.text())));
            }
            ("current_mode_update", _) => self.strayed |= !self.opening.is_mode(update.current_mode_id.text()),
            ("usage_update", _) if self.opening.is_new() => {
                // It counts the whole session, which for a resumed one is more than this turn.
                let cost = update.cost.0.as_ref().filter(|cost| cost.currency.text() == "USD");
                self.used.cost_usd = cost.and_then(|cost| cost.amount.as_f64()).or(self.used.cost_usd);
            }
            _ => {}
        }
    }

    /// What one call of the model used.
    fn count(&mut self, update: &Update) {
        let Some(tokens) = update.meta.0.as_ref().and_then(|meta| meta.usage.0.as_ref()) else { return };
        let add = |to: &mut Option<u64>, more: Option<u64>| {
            *to = more.map_or(*to, |more| Some(to.unwrap_or(0).saturating_add(more)));
        };
        add(&mut self.used.input_tokens, tokens.input_tokens.as_u64());
        add(&mut self.used.output_tokens, tokens.output_tokens.as_u64());
    }

    fn text(&mut self, piece: &str, said: &mut Said) {
        let shown = self.filter.push(Cow::Borrowed(piece));
        if shown.is_empty() {
            return;
        }
        if self.parted && self.has_text {
            said.text("\n\n".to_owned());
        }
        (self.parted, self.has_text) = (false, true);
        said.text(shown.into_owned());
    }
}

impl LineProtocol for Parser {
    fn line(&mut self, line: &[u8], said: &mut Said) {
        if let Some(message) = lenient::object(line) {
            self.message(message, said);
        }
    }

    fn interrupt(&mut self) -> Option<Vec<u8>> {
        self.interrupted = true;
        let session = self.opening.prompted()?;
        let params = json!({"sessionId": session});
        let mut lines = notification("session/cancel", &params);
        lines.extend(self.asked.cancel());
        Some(lines)
    }

    fn reply(&mut self, reply: &Reply) -> Option<Vec<u8>> {
        self.asked.reply(reply)
    }

    fn acts(line: &[u8]) -> bool {
        match lenient::object::<Message<Params, Answer>>(line).map(Message::heard) {
            Some(Heard::Asked(..) | Heard::Answered(..)) => true,
            Some(Heard::Told(_, params)) => params.update.0.is_some_and(|update| {
                let kind = update.session_update.text();
                let of_a_turn = ["agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan"];
                kind == "current_mode_update" || of_a_turn.contains(&kind)
            }),
            None => false,
        }
    }

    fn rests(&self) -> bool {
        self.opening.prompted().is_some() && self.asked.is_settled() && !self.strayed && !self.interrupted
    }

    fn opened(&self) -> Opened {
        self.opening.opened()
    }

    fn ended(&mut self, ending: &Ending) -> End {
        without_result(ending)
    }
}
