//! The way to a turn: what we are, a login where a key is given, a thread in which it asks before it acts, the turn. One request after the other, each after the
//! answer to the one before.

use inhouse_engine::agent::{End, Reason};
use serde_json::{Map, Value, json};

use crate::codex::ending::failure;
use crate::codex::line::Answer;
use crate::conversations::BEGINS_ANEW;
use crate::dialogue::{Opened, failed};
use crate::rpc::{Fault, notification, request};

/// The longest id of a thread or a turn that is kept.
const ID_BYTES_MAX: usize = 1_000;

/// What the answer that comes next is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Initialize,
    Login,
    Resume,
    Start,
    Turn,
}

/// What a turn begins with.
#[derive(Debug, Default)]
pub(crate) struct Start {
    /// The caller's message.
    pub(crate) items: Vec<Value>,
    /// For the model's provider, where Codex is not to use its own login.
    pub(crate) key: Option<String>,
    /// Where it works.
    pub(crate) directory: String,
    /// The thread that is to be resumed.
    pub(crate) earlier: Option<String>,
    /// What the caller is told when the thread is open.
    pub(crate) note: Option<&'static str>,
    /// Whether the operator decides how much it asks and what its sandbox lets through.
    pub(crate) keeps_mode: bool,
}

/// The opening of one turn.
#[derive(Debug)]
pub(crate) struct Opening {
    step: Step,
    /// The id of the last request.
    request: u64,
    items: Vec<Value>,
    key: Option<String>,
    /// The folder and the mode of a thread, new or resumed.
    settings: Map<String, Value>,
    earlier: Option<String>,
    thread: Option<String>,
    turn: Option<String>,
    note: Option<&'static str>,
}

impl Opening {
    /// Before the first request, which is the second value.
    pub(crate) fn new(start: Start) -> (Self, Vec<u8>) {
        let Start { items, key, directory, earlier, note, keeps_mode } = start;
        let mut settings = Map::from_iter([("cwd".to_owned(), directory.into())]);
        if !keeps_mode {
            // It reads in its sandbox, and asks for all else.
            settings.insert("approvalPolicy".to_owned(), "untrusted".into());
            settings.insert("sandbox".to_owned(), "read-only".into());
        }
        let mut opening =
            Self { step: Step::Initialize, request: 0, items, key, settings, earlier, thread: None, turn: None, note };
        let params = json!({
            "clientInfo": {"name": "inhouse", "title": "inhouse", "version": env!("CARGO_PKG_VERSION")},
            "capabilities": {"experimentalApi": false},
        });
        let first = opening.ask(Step::Initialize, "initialize", &params);
        (opening, first)
    }

    /// With a process that was kept, in which the thread is open. The second value begins the turn.
    pub(crate) fn going_on(items: Vec<Value>, directory: String, opened: Opened) -> (Self, Vec<u8>) {
        let Opened { id, request, .. } = opened;
        let (mut opening, _) = Self::new(Start { items, directory, earlier: Some(id.clone()), ..Start::default() });
        (opening.request, opening.thread) = (request, Some(id));
        let begins = opening.say();
        (opening, begins)
    }

    /// What the next turn has to know.
    pub(crate) fn opened(&self) -> Opened {
        Opened { id: self.thread.clone().unwrap_or_default(), request: self.request, ..Opened::default() }
    }

    /// Whether the thread has its turn.
    pub(crate) fn is_said(&self) -> bool {
        self.step == Step::Turn
    }

    /// Whether this is the id of the request that has no answer yet.
    pub(crate) fn awaits(&self, id: &Value) -> bool {
        id.as_u64() == Some(self.request) && self.turn.is_none()
    }

    /// The folder of the thread.
    pub(crate) fn directory(&self) -> &str {
        self.settings.get("cwd").and_then(Value::as_str).unwrap_or_default()
    }

    /// The thread, once it is open.
    pub(crate) fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// The turn, once it has begun.
    pub(crate) fn turn(&self) -> Option<&str> {
        self.turn.as_deref()
    }

    /// What the caller is to know of the thread, once.
    pub(crate) fn note(&mut self) -> Option<&'static str> {
        self.note.take_if(|_| self.thread.is_some())
    }

    /// Takes the answer to the last request; what is to be written next.
    ///
    /// # Errors
    /// The end of a turn that can not go on.
    pub(crate) fn next(&mut self, answer: Result<Answer, Fault>) -> Result<Vec<u8>, End> {
        match (self.step, answer) {
            (Step::Initialize, Ok(_)) => {
                let mut lines = notification("initialized", &json!({}));
                lines.extend(match self.key.take() {
                    Some(key) => {
                        self.ask(Step::Login, "account/login/start", &json!({"type": "apiKey", "apiKey": key}))
                    }
                    None => self.open(),
                });
                Ok(lines)
            }
            (Step::Login, Ok(_)) => Ok(self.open()),
            (Step::Resume, Err(_)) => {
                self.earlier = None;
                self.note = Some(BEGINS_ANEW);
                Ok(self.open())
            }
            (Step::Resume | Step::Start, Ok(answer)) => {
                let thread = answer.thread.0.unwrap_or_default();
                self.thread = Some(usable("thread", thread.id.text())?);
                Ok(self.say())
            }
            (Step::Turn, Ok(answer)) => {
                let turn = answer.turn.0.unwrap_or_default();
                self.turn = Some(usable("turn", turn.id.text())?);
                Ok(Vec::new())
            }
            (Step::Initialize | Step::Login | Step::Start | Step::Turn, Err(fault)) => Err(failure(&fault)),
        }
    }

    /// The request that ends the turn early, once it has begun.
    pub(crate) fn interrupt(&mut self) -> Option<Vec<u8>> {
        let params = json!({"threadId": self.thread, "turnId": self.turn.as_ref()?});
        Some(request(self.request + 1, "turn/interrupt", &params))
    }

    fn say(&mut self) -> Vec<u8> {
        let params = json!({"threadId": self.thread, "input": std::mem::take(&mut self.items)});
        self.ask(Step::Turn, "turn/start", &params)
    }

    fn open(&mut self) -> Vec<u8> {
        let mut params = self.settings.clone();
        let Some(thread) = &self.earlier else { return self.ask(Step::Start, "thread/start", &params.into()) };
        params.insert("threadId".to_owned(), thread.as_str().into());
        params.insert("excludeTurns".to_owned(), true.into());
        self.ask(Step::Resume, "thread/resume", &params.into())
    }

    fn ask(&mut self, step: Step, method: &str, params: &Value) -> Vec<u8> {
        self.step = step;
        self.request += 1;
        request(self.request, method, params)
    }
}

fn usable(what: &str, id: &str) -> Result<String, End> {
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err(failed(Reason::AgentProtocol, format!("the agent opened a {what} without a usable id")));
    }
    Ok(id.to_owned())
}
