//! The configuration as the rest of the binary sees it: every value decided, every program found, nothing left to guess.

use std::path::{Path, PathBuf};

use inhouse_agents::presets::Preset;
use inhouse_agents::{AgentSpec, Workspace};
use inhouse_engine::Budgets;
use inhouse_serve::{CardSigner, Extension, Provider, Skill, WebhookRule};
use inhouse_trust::{AgentName, Approvals, Principal, Secret};

use super::choices::{AuditTo, Containment, IdempotencyChoice, LogChoice};
use super::error::ConfigError;
use super::jwt::JwtConfig;
use super::limits::Limits;
use super::origin::{Origin, Setting};
use super::tls::{Clients, Tls};
use crate::tokens::Keyring;

/// All of it.
#[derive(Debug)]
pub(crate) struct Config<A = Agents> {
    /// The front door.
    pub(crate) server: Server,
    /// Who is told of tasks.
    pub(crate) push: Push,
    /// How cards are shown.
    pub(crate) cards: Cards,
    /// Where the audit goes.
    pub(crate) audit: Audit,
    /// Every bound.
    pub(crate) limits: Limits,
    /// Who may ask.
    pub(crate) callers: Callers,
    /// The tokens that were issued until now.
    pub(crate) issued: Keyring,
    /// The issuers whose signed tokens are believed.
    pub(crate) jwt: Vec<JwtConfig>,
    /// Who answers.
    pub(crate) agents: A,
    /// How much the log says.
    pub(crate) log: Setting<LogChoice>,
}

/// The front door.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// The name or address to listen on.
    pub(crate) host: Setting<String>,
    /// The port to listen on; 0 takes a free one.
    pub(crate) port: Setting<u16>,
    /// A port for gRPC beside that one.
    pub(crate) grpc_port: Setting<Option<u16>>,
    /// The address by which callers reach the server, where it is not the one that it listens on.
    pub(crate) public_url: Setting<Option<PublicUrl>>,
    /// Names under which requests may address the server, beside its own.
    pub(crate) allowed_hosts: Setting<Vec<String>>,
    /// Web pages that may call the server, as origins.
    pub(crate) allowed_origins: Setting<Vec<String>>,
    /// Whether people can look at their tasks with a browser.
    pub(crate) console: Setting<bool>,
    /// The proxies whose word on where a request comes from is taken, as they were written.
    pub(crate) trusted_proxies: Setting<Vec<String>>,
    /// Whether what is only warned of is refused.
    pub(crate) hardened: Setting<bool>,
    /// The user that the server becomes when it is started as root.
    pub(crate) user: Setting<Option<String>>,
    /// Whether this machine is a container, in which root is nobody else's.
    pub(crate) container: Setting<bool>,
    /// How firmly runs are held.
    pub(crate) containment: Setting<Containment>,
    /// Whether the server starts only where agents can have namespaces of their own.
    pub(crate) require_sandbox: Setting<bool>,
    /// What of a project agents can not change, relative to it.
    pub(crate) protect: Setting<Vec<String>>,
    /// When a repeated send is a retry.
    pub(crate) idempotency: Setting<IdempotencyChoice>,
    /// The folder of the agents' workspaces, where there can be one.
    pub(crate) workspaces_dir: Setting<Option<PathBuf>>,
    /// What it speaks TLS with; without it, plain HTTP.
    pub(crate) tls: Option<Setting<Tls>>,
    /// Whose certificates clients may show.
    pub(crate) clients: Option<Setting<Clients>>,
    /// The file of the tokens that were issued, where there can be one.
    pub(crate) tokens_file: Setting<Option<PathBuf>>,
}

/// Where the audit goes, and what seals it.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    pub(crate) to: Setting<AuditTo>,
    /// Its file, if it has one.
    pub(crate) file: Setting<Option<PathBuf>>,
    /// The private key that signs heads, where there can be one; made where it is not there.
    pub(crate) key: Setting<Option<PathBuf>>,
    /// Whether each batch of lines is synced to the disk, and not only heads.
    pub(crate) sync: Setting<bool>,
}

/// Push notifications.
#[derive(Debug)]
pub(crate) struct Push {
    /// Whether there are any.
    pub(crate) enabled: Setting<bool>,
    /// What webhooks may be called beside public ones, as it was written.
    pub(crate) allow: Setting<Vec<String>>,
    /// The same, as it is judged by.
    pub(crate) rule: WebhookRule,
}

/// What is said on all cards, and how they are shown.
#[derive(Debug)]
pub(crate) struct Cards {
    /// Whether clients of 0.3 find there what they look for.
    pub(crate) legacy: Setting<bool>,
    /// Whether gRPC is shown to everybody.
    pub(crate) grpc: Setting<bool>,
    /// How long a card may be kept, in seconds.
    pub(crate) max_age_s: Setting<u64>,
    /// Who runs the agents.
    pub(crate) provider: Option<Setting<Provider>>,
    /// What the cards offer beside the operations that every agent has.
    pub(crate) streaming: Setting<bool>,
    /// The same.
    pub(crate) extended: Setting<bool>,
    /// Extensions that the agents know.
    pub(crate) extensions: Vec<Extension>,
    /// The file with the key that signs cards, as it was named.
    pub(crate) signing_key: Option<Setting<String>>,
    /// Where it is, absolute.
    pub(crate) key_file: Option<PathBuf>,
    /// The name of that key.
    pub(crate) key_id: Option<Setting<String>>,
    /// The key.
    pub(crate) signer: Option<CardSigner>,
}

/// What an agent may do without asking.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// The rules.
    pub(crate) approvals: Approvals,
    /// The same as the file writes them, by key.
    pub(crate) texts: Vec<(&'static str, Vec<String>)>,
}

/// What an agent's card says beside what is known anyway.
#[derive(Debug, Clone, Default)]
pub(crate) struct CardWords {
    /// The agent's version.
    pub(crate) version: Option<String>,
    /// Where more is to be read about it.
    pub(crate) documentation_url: Option<String>,
    /// A picture of it.
    pub(crate) icon_url: Option<String>,
    /// The media types that it takes, where not all that it can.
    pub(crate) input_modes: Vec<String>,
    /// The media types that it answers with, where they are known better.
    pub(crate) output_modes: Vec<String>,
}

/// `http` or `https`, a host, perhaps a port, and nothing after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    /// Without a slash at its end.
    pub(crate) text: String,
    /// The host without port and brackets.
    pub(crate) host: String,
}

/// Who may ask.
#[derive(Debug)]
pub(crate) enum Callers {
    /// Nobody was named, no token was issued, and no issuer is believed: one caller, with a token that is made at start.
    Generated(Principal),
    /// These, and whoever has a token that was issued, or that an issuer has signed.
    Configured(Vec<CallerConfig>),
}

/// Someone who may ask.
#[derive(Debug)]
pub(crate) struct CallerConfig {
    /// The name in the audit.
    pub(crate) name: Principal,
    /// The token.
    pub(crate) token: CallerToken,
    /// Whether he may look at the server itself.
    pub(crate) admin: bool,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// By what a caller is known.
#[derive(Debug)]
pub(crate) enum CallerToken {
    /// The token, from a variable of the environment.
    Variable {
        /// The variable's name.
        name: String,
        /// Its value.
        token: Secret,
    },
    /// Its SHA-256.
    Digest([u8; 32]),
    /// None: a name of his certificate.
    Certificate(String),
}

/// Who answers: at least one agent.
#[derive(Debug)]
pub(crate) struct Agents {
    /// In the order of the configuration.
    pub(crate) list: Vec<AgentConfig>,
    /// The index of the one that answers when no agent is named.
    pub(crate) default: usize,
    /// How the default one was found.
    pub(crate) choice: AgentChoice,
}

impl Agents {
    /// The one that answers when no agent is named.
    pub(crate) fn default(&self) -> &AgentConfig {
        &self.list[self.default]
    }
}

/// Every agent that there could be.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Those that a start would serve, in the order of the configuration; at least one.
    pub(crate) served: Vec<Surveyed>,
    /// The index of the one that answers when no agent is named.
    pub(crate) default: usize,
    /// How the default one was found.
    pub(crate) choice: AgentChoice,
    /// The known ones that are not among them.
    pub(crate) others: Vec<Surveyed>,
}

/// An agent that could be served, or why it can not.
#[derive(Debug)]
pub(crate) struct Surveyed {
    /// Its name, as it was written.
    pub(crate) name: String,
    /// Who named it.
    pub(crate) origin: Origin,
    /// The agent.
    pub(crate) agent: Result<AgentConfig, ConfigError>,
}

impl Surveyed {
    /// Whether nothing more is to be told of a known agent beside this one: it has the same program; or the known one is not on
    /// PATH, and this one has its preset from elsewhere; or neither can be served, under the same name.
    pub(super) fn is(&self, known: &Self) -> bool {
        match (&self.agent, &known.agent) {
            (Ok(agent), Ok(known)) => agent.program() == known.program(),
            (Ok(agent), Err(_)) => agent.preset.is_some_and(|preset| preset.name() == known.name),
            (Err(_), _) => self.name == known.name,
        }
    }
}

/// How the default agent was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AgentChoice {
    /// It was named.
    Named,
    /// Nobody named one, and it is the first known program on PATH.
    Found,
    /// Nobody named one, and no known program is on PATH: the demo agent.
    Demo,
}

/// One agent.
#[derive(Debug)]
pub(crate) struct AgentConfig {
    /// Its name in addresses, commands and the audit.
    pub(crate) name: AgentName,
    /// Its name for people, on the card.
    pub(crate) title: String,
    /// What it does, on the card.
    pub(crate) description: String,
    /// The folder that it works in, absolute.
    pub(crate) project: PathBuf,
    /// A turn's total time, in milliseconds.
    pub(crate) timeout_ms: u64,
    /// What it can do, on the card; at least one.
    pub(crate) skills: Vec<Skill>,
    /// What else its card says.
    pub(crate) card: CardWords,
    /// What it may do without asking.
    pub(crate) rules: Rules,
    /// Where its turns work, where that is more than its folder, and who asked for it.
    pub(crate) workspace: Option<Setting<Workspace>>,
    /// What it may spend in a day.
    pub(crate) budgets: Budgets,
    /// Whether callers see what its model thinks.
    pub(crate) reasoning: bool,
    /// Who may use it; empty for everyone.
    pub(crate) callers: Vec<Principal>,
    /// Who gives it leave, in place of its callers; empty for them.
    pub(crate) approvers: Vec<Principal>,
    /// How it is run.
    pub(crate) spec: AgentSpec,
    /// Who chose the protocol that its program is spoken to in; where nobody did, the program decides.
    pub(crate) protocol_origin: Origin,
    /// The preset that it comes from, for a program that we know.
    pub(crate) preset: Option<&'static Preset>,
    /// Who named it.
    pub(crate) origin: Origin,
}

impl AgentConfig {
    /// The program's absolute path; the demo agent has none.
    pub(crate) fn program(&self) -> Option<&Path> {
        match &self.spec {
            AgentSpec::Program(spec) => Some(&spec.command.program),
            AgentSpec::Demo => None,
        }
    }
}
