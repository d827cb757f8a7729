//! Codex's lines, as events. What is not known is passed over, and a request that is not known gets an error: it gains messages with
//! every release.

use std::collections::HashSet;

use inhouse_engine::agent::{AgentEvent, End, Usage};
use inhouse_engine::{Reply, Retry};

use crate::answer::{Answer, MessageId};
use crate::by_line::LineProtocol;
use crate::codex::asked::{Asked, EDIT, EXECUTE};
use crate::codex::ending::{classify, end_of};
use crate::codex::line::{self, Item, Params, TokenUsage, Tokens, TurnError};
use crate::codex::opening::Opening;
use crate::dialogue::{Ending, Opened as Open, Said, without_result};
use crate::lenient::{self, Scalar};
use crate::rpc::{Fault, Heard, Message};

/// So many MCP servers are waited for, with names up to this length.
const SERVERS_MAX: usize = 256;
const SERVER_BYTES_MAX: usize = 1_000;

/// The reader of one turn.
#[derive(Debug)]
pub(crate) struct Parser {
    opening: Opening,
    answer: Answer,
    asked: Asked,
    /// The message that is being streamed.
    streamed: Option<MessageId>,
    /// What the thread had used before this turn: input and output.
    before: Option<(u64, u64)>,
    interrupted: bool,
    /// The MCP servers that are starting.
    starting: HashSet<String>,
    /// What begins the turn, until they have started.
    held: Option<Vec<u8>>,
    /// Whether that is to be waited for: where the process may be kept, which then has them as its helpers.
    waits: bool,
    /// None of them has begun to start after the text was given, as can be.
    knows_helpers: bool,
}

impl Parser {
    /// Goes on where the opening stands.
    pub(crate) fn new(opening: Opening) -> Self {
        Self {
            opening,
            answer: Answer::default(),
            asked: Asked::default(),
            streamed: None,
            before: None,
            interrupted: false,
            starting: HashSet::new(),
            held: None,
            waits: false,
            knows_helpers: true,
        }
    }

    /// Goes on in a process that was kept.
    pub(crate) fn going_on(opening: Opening, knows_helpers: bool) -> Self {
        Self { knows_helpers, ..Self::new(opening) }
    }

    /// The same with a process that may be kept.
    pub(crate) fn waiting(opening: Opening) -> Self {
        Self { waits: true, ..Self::new(opening) }
    }

    /// The thread, once it is open.
    pub(crate) fn thread(&self) -> Option<&str> {
        self.opening.thread()
    }

    fn message(&mut self, message: Message<Params, line::Answer>, said: &mut Said) {
        match message.heard() {
            Heard::Answered(id, answer) if self.opening.awaits(&id) => self.opened(answer, said),
            Heard::Answered(..) => {}
            Heard::Told(what, params) => self.told(what.text(), &params, said),
            Heard::Asked(id, what, params) => {
                match self.asked.take(&id, what.text(), &params, self.opening.directory()) {
                    Ok(ask) => said.asks.push(ask),
                    Err(answer) => said.replies.push(answer),
                }
            }
        }
    }

    fn opened(&mut self, answer: Result<line::Answer, Fault>, said: &mut Said) {
        if self.interrupted {
            return;
        }
        match self.opening.next(answer) {
            Ok(lines) if lines.is_empty() => {}
            Ok(begins) if self.opening.is_said() => {
                self.held = Some(begins);
                self.begin(said);
            }
            Ok(lines) => said.replies.push(lines),
            Err(end) => said.over(end),
        }
        self.opening.note().into_iter().for_each(|note| said.note(note));
    }

    fn begin(&mut self, said: &mut Said) {
        if !self.interrupted && (self.starting.is_empty() || !self.waits) {
            self.held.take().into_iter().for_each(|begins| said.begin(begins));
        }
    }

    /// An MCP server is starting, or is not any more.
    fn server(&mut self, params: &Params, said: &mut Said) {
        let name = params.name.text();
        if params.status.text() != "starting" {
            self.starting.remove(name);
            self.begin(said);
        } else if self.opening.is_said() && self.held.is_none() {
            self.knows_helpers = false;
        } else if self.starting.len() < SERVERS_MAX && name.len() <= SERVER_BYTES_MAX {
            self.starting.insert(name.to_owned());
        }
    }

    fn told(&mut self, what: &str, params: &Params, said: &mut Said) {
        if what == "mcpServer/startupStatus/updated" {
            return self.server(params, said);
        }
        // Threads of its helpers have ids of their own; the main one tells what came of them.
        let thread = params.thread_id.text();
        if self.opening.thread().is_none_or(|ours| ours != thread) {
            return;
        }
        match (what, &params.item.0) {
            ("item/agentMessage/delta", _) => {
                let id = MessageId::new(params.item_id.text());
                self.answer.delta(&id, 0, params.delta.text(), said);
                self.streamed = Some(id);
            }
            ("item/started", Some(item)) => self.started(item, said),
            ("item/completed", Some(item)) if item.kind.text() == "agentMessage" => {
                self.answer.whole(&MessageId::new(item.id.text()), item.text.text(), said);
                self.streamed = None;
            }
            ("item/completed", Some(item)) if item.kind.text() == "reasoning" => {
                let told = if item.content.0.is_empty() { &item.summary } else { &item.content };
                let thoughts: Vec<_> = told.0.iter().map(Scalar::text).collect();
                said.reasoning(&thoughts.join("\n\n"));
            }
            ("serverRequest/resolved", _) => said.unasked.extend(self.asked.withdraw(&params.request_id)),
            ("thread/tokenUsage/updated", _) => self.used(params, said),
            ("turn/plan/updated", _) => {
                let steps = params.plan.0.iter().filter_map(|step| step.0.as_ref());
                said.plan(steps.map(|step| (step.step.text(), step.status.text())));
            }
            ("error", _) if *params.will_retry == true => self.retry(params.error.0.as_ref(), said),
            ("turn/completed", _) => {
                let turn = params.turn.0.as_ref().filter(|turn| self.opening.turn() == turn.id.as_str());
                turn.and_then(|turn| end_of(turn, self.interrupted)).into_iter().for_each(|end| said.over(end));
            }
            _ => {}
        }
    }

    fn started(&mut self, item: &Item, said: &mut Said) {
        match item.kind.text() {
            "commandExecution" => said.tool(EXECUTE),
            "fileChange" => {
                if let Some(changes) = &item.changes {
                    self.asked.announce(item.id.text(), changes);
                }
                said.tool(EDIT);
            }
            "mcpToolCall" => said.tool(&format!("{}.{}", item.server.text(), item.tool.text())),
            "webSearch" => said.tool("search"),
            _ => return,
        }
        self.answer.other();
    }

    /// The model's answer broke off, and is asked for again: what it had begun to say is withdrawn.
    fn retry(&mut self, error: Option<&TurnError>, said: &mut Said) {
        if let Some(streamed) = self.streamed.take() {
            self.answer.abandon(&streamed, 0);
        }
        let status = error.and_then(|error| classify(error).status);
        said.retry(Retry { status, ..Retry::default() });
    }

    /// It counts a whole thread: what counts is the difference to what it had used before this turn.
    fn used(&mut self, params: &Params, said: &mut Said) {
        let Some(TokenUsage { total, last }) = &params.token_usage.0 else { return };
        let count = |tokens: &lenient::Object<Tokens>| {
            let tokens = tokens.0.as_ref();
            let of =
                |count: fn(&Tokens) -> &lenient::Scalar| tokens.and_then(|tokens| count(tokens).as_u64()).unwrap_or(0);
            (of(|tokens| &tokens.input_tokens), of(|tokens| &tokens.output_tokens))
        };
        let (total, last) = (count(total), count(last));
        if self.opening.turn() != params.turn_id.as_str() || self.opening.turn().is_none() {
            self.before = Some(total);
            return;
        }
        let before = *self.before.get_or_insert((total.0.saturating_sub(last.0), total.1.saturating_sub(last.1)));
        said.events.push(AgentEvent::Usage(Usage {
            input_tokens: Some(total.0.saturating_sub(before.0)),
            output_tokens: Some(total.1.saturating_sub(before.1)),
            cost_usd: None,
        }));
    }
}

impl LineProtocol for Parser {
    fn line(&mut self, line: &[u8], said: &mut Said) {
        if let Some(message) = lenient::object(line) {
            self.message(message, said);
        }
    }

    fn settle(&mut self, said: &mut Said) {
        self.answer.settle(said);
    }

    fn interrupt(&mut self) -> Option<Vec<u8>> {
        self.interrupted = true;
        let mut lines = self.opening.interrupt()?;
        lines.extend(self.asked.cancel());
        Some(lines)
    }

    fn reply(&mut self, reply: &Reply) -> Option<Vec<u8>> {
        self.asked.reply(reply)
    }

    fn acts(line: &[u8]) -> bool {
        match lenient::object::<Message<Params, line::Answer>>(line).map(Message::heard) {
            Some(Heard::Asked(..) | Heard::Answered(..)) => true,
            Some(Heard::Told(what, _)) => {
                matches!(what.text(), "turn/started" | "item/started" | "item/agentMessage/delta")
            }
            None => false,
        }
    }

    fn rests(&self) -> bool {
        self.opening.turn().is_some() && self.asked.is_settled() && !self.interrupted
    }

    fn opened(&self) -> Open {
        Open { knows_helpers: self.knows_helpers, ..self.opening.opened() }
    }

    fn ended(&mut self, ending: &Ending) -> End {
        without_result(ending)
    }
}
