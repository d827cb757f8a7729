//! The way to a prompt: what each side can do, a session, the mode in which the agent asks before it acts. One request after the
//! other, each after the answer to the one before.

use inhouse_engine::agent::{End, Reason};
use serde_json::{Value, json};

use crate::acp::ending::failure;
use crate::acp::input::{Prompt, Takes};
use crate::acp::line::{Answer, Modes};
use crate::conversations::BEGINS_ANEW;
use crate::dialogue::{Opened, failed};
use crate::rpc::{Fault, request};

/// The version that is spoken here.
const VERSION: u64 = 1;
/// The mode of that name asks before it acts, in all agents that have it.
const ASKING_MODE: &str = "default";
/// The longest id of a session that is kept.
const SESSION_BYTES_MAX: usize = 1_000;

/// What the answer that comes next is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Initialize,
    Load,
    New,
    Mode,
    Prompt,
}

/// The opening of one turn.
#[derive(Debug)]
pub(crate) struct Opening {
    step: Step,
    /// The id of the last request.
    request: u64,
    prompt: Prompt,
    directory: String,
    /// The session that is to be resumed.
    earlier: Option<String>,
    session: Option<String>,
    /// What the caller is told when the session is open.
    note: Option<&'static str>,
    keeps_mode: bool,
    takes: Takes,
    /// The mode that the agent is in, as far as it told.
    mode: String,
}

impl Opening {
    /// Before the first request, which is the second value.
    pub(crate) fn new(
        prompt: Prompt,
        directory: String,
        earlier: Option<String>,
        note: Option<&'static str>,
        keeps_mode: bool,
    ) -> (Self, Vec<u8>) {
        let mut opening = Self {
            step: Step::Initialize,
            request: 0,
            prompt,
            directory,
            earlier,
            session: None,
            note,
            keeps_mode,
            takes: Takes::default(),
            mode: String::new(),
        };
        let params = json!({
            "protocolVersion": VERSION,
            "clientCapabilities": {"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false},
            "clientInfo": {"name": "inhouse", "title": "inhouse", "version": env!("CARGO_PKG_VERSION")},
        });
        let first = opening.ask(Step::Initialize, "initialize", &params);
        (opening, first)
    }

    /// With a process that was kept, in which the session is open. The second value is the prompt.
    pub(crate) fn going_on(prompt: Prompt, directory: String, opened: Opened) -> (Self, Vec<u8>) {
        let Opened { id, request, takes_images, takes_resources, mode, .. } = opened;
        let (mut opening, _) = Self::new(prompt, directory, Some(id.clone()), None, true);
        (opening.request, opening.session, opening.mode) = (request, Some(id), mode);
        opening.takes = Takes { images: takes_images, resources: takes_resources };
        let prompt = opening.say();
        (opening, prompt)
    }

    /// What the next turn has to know.
    pub(crate) fn opened(&self) -> Opened {
        let id = self.session.clone().unwrap_or_default();
        let (request, mode) = (self.request, self.mode.clone());
        let Takes { images: takes_images, resources: takes_resources } = self.takes;
        // The protocol has no word for its helpers.
        Opened { id, request, takes_images, takes_resources, mode, ..Opened::default() }
    }

    /// The folder of the session.
    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }

    /// Whether it is the mode in which the session was opened.
    pub(crate) fn is_mode(&self, mode: &str) -> bool {
        self.mode == mode
    }

    /// Whether this is the id of the request that has no answer yet.
    pub(crate) fn awaits(&self, id: &Value) -> bool {
        id.as_u64() == Some(self.request)
    }

    /// The session, once it is open.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Whether the session began with this turn.
    pub(crate) fn is_new(&self) -> bool {
        self.earlier.is_none()
    }

    /// The session, once it has its prompt.
    pub(crate) fn prompted(&self) -> Option<&str> {
        self.session().filter(|_| self.step == Step::Prompt)
    }

    /// What the caller is to know of the session, once.
    pub(crate) fn note(&mut self) -> Option<&'static str> {
        self.note.take_if(|_| self.session.is_some())
    }

    /// Takes the answer to the last request, before the prompt, and makes the next one.
    ///
    /// # Errors
    /// The end of a turn that can not go on.
    pub(crate) fn next(&mut self, answer: Result<Answer, Fault>) -> Result<Vec<u8>, End> {
        match (self.step, answer) {
            (Step::Initialize, Ok(answer)) => self.initialized(&answer),
            (Step::Load, Ok(answer)) => {
                self.session = self.earlier.clone();
                Ok(self.in_mode(answer.modes.0.as_ref()))
            }
            (Step::Load, Err(_)) => Ok(self.anew()),
            (Step::New, Ok(answer)) => match answer.session_id.text() {
                id if id.is_empty() || id.len() > SESSION_BYTES_MAX => {
                    Err(failed(Reason::AgentProtocol, "the agent opened a session without a usable id"))
                }
                id => {
                    self.session = Some(id.to_owned());
                    Ok(self.in_mode(answer.modes.0.as_ref()))
                }
            },
            (Step::Mode | Step::Prompt, Ok(_)) => Ok(self.say()),
            (_, Err(fault)) => Err(failure(&fault)),
        }
    }

    fn initialized(&mut self, answer: &Answer) -> Result<Vec<u8>, End> {
        if let Some(version) = answer.protocol_version.as_u64().filter(|version| *version != VERSION) {
            let why = format!("the agent speaks version {version} of the Agent Client Protocol, not {VERSION}");
            return Err(failed(Reason::AgentProtocol, why));
        }
        let capabilities = answer.agent_capabilities.0.as_ref();
        let takes = capabilities.and_then(|known| known.prompt_capabilities.0.as_ref());
        self.takes = Takes {
            images: takes.is_some_and(|takes| *takes.image == true),
            resources: takes.is_some_and(|takes| *takes.embedded_context == true),
        };
        let loads = capabilities.is_some_and(|known| *known.load_session == true);
        match self.earlier.clone() {
            Some(id) if loads => {
                let params = json!({"sessionId": id, "cwd": self.directory, "mcpServers": []});
                Ok(self.ask(Step::Load, "session/load", &params))
            }
            Some(_) => Ok(self.anew()),
            None => Ok(self.begin()),
        }
    }

    /// A new session in the place of one that can not be resumed.
    fn anew(&mut self) -> Vec<u8> {
        self.earlier = None;
        self.note = Some(BEGINS_ANEW);
        self.begin()
    }

    fn begin(&mut self) -> Vec<u8> {
        let params = json!({"cwd": self.directory, "mcpServers": []});
        self.ask(Step::New, "session/new", &params)
    }

    fn in_mode(&mut self, modes: Option<&Modes>) -> Vec<u8> {
        let asks = modes.is_none_or(|modes| {
            let mut known = modes.available_modes.0.iter().filter_map(|mode| mode.0.as_ref());
            modes.current_mode_id.text() == ASKING_MODE || !known.any(|mode| mode.id.text() == ASKING_MODE)
        });
        self.mode = modes.map_or_else(String::new, |modes| modes.current_mode_id.text().to_owned());
        if asks || self.keeps_mode {
            return self.say();
        }
        ASKING_MODE.clone_into(&mut self.mode);
        let params = json!({"sessionId": self.session, "modeId": ASKING_MODE});
        self.ask(Step::Mode, "session/set_mode", &params)
    }

    fn say(&mut self) -> Vec<u8> {
        let params = json!({"sessionId": self.session, "prompt": std::mem::take(&mut self.prompt).blocks(self.takes)});
        self.ask(Step::Prompt, "session/prompt", &params)
    }

    fn ask(&mut self, step: Step, method: &str, params: &Value) -> Vec<u8> {
        self.step = step;
        self.request += 1;
        request(self.request, method, params)
    }
}
