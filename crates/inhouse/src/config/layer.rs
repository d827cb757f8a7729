//! One source's part of the configuration, before the sources are put over each other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use inhouse_agents::{Exits, Mapping};
use inhouse_engine::Budgets;
use inhouse_serve::Skill;
use inhouse_trust::Principal;

use super::choices::{
    ClientAuthChoice, Containment, IdempotencyChoice, InputChoice, LogChoice, ProtocolChoice, TlsChoice,
    WorkspaceChoice,
};
use super::confined;
use super::model::{CallerConfig, CardWords, PublicUrl, Rules};
use super::origin::Setting;

/// What flags, the environment or the file say; whatever they do not say is `None`.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) host: Option<Setting<String>>,
    pub(super) port: Option<Setting<u16>>,
    pub(super) grpc_port: Option<Setting<u16>>,
    pub(super) public_url: Option<Setting<PublicUrl>>,
    pub(super) allowed_hosts: Option<Setting<Vec<String>>>,
    pub(super) allowed_origins: Option<Setting<Vec<String>>>,
    pub(super) console: Option<Setting<bool>>,
    pub(super) trusted_proxies: Option<Setting<Vec<String>>>,
    pub(super) hardened: Option<Setting<bool>>,
    pub(super) user: Option<Setting<String>>,
    pub(super) container: Option<Setting<bool>>,
    pub(super) containment: Option<Setting<Containment>>,
    pub(super) require_sandbox: Option<Setting<bool>>,
    pub(super) protect: Option<Setting<Vec<String>>>,
    pub(super) idempotency: Option<Setting<IdempotencyChoice>>,
    /// Absolute.
    pub(super) workspaces_dir: Option<Setting<PathBuf>>,
    pub(super) tokens_file: Option<Setting<PathBuf>>,
    pub(super) tls: Option<Setting<TlsChoice>>,
    pub(super) tls_cert: Option<Setting<PathBuf>>,
    pub(super) tls_key: Option<Setting<PathBuf>>,
    pub(super) client_ca: Option<Setting<PathBuf>>,
    pub(super) client_auth: Option<Setting<ClientAuthChoice>>,
    pub(super) log: Option<Setting<LogChoice>>,
    pub(super) limits: BTreeMap<&'static str, Setting<u64>>,
    pub(super) callers: Vec<CallerConfig>,
    pub(super) agent: AgentWords,
}

/// What flags and the environment say about the agent that answers by default.
#[derive(Debug, Default)]
pub(super) struct AgentWords {
    pub(super) choice: Option<Setting<Choice>>,
    pub(super) title: Option<Setting<String>>,
    pub(super) description: Option<Setting<String>>,
    pub(super) project: Option<Setting<String>>,
    pub(super) input: Option<Setting<InputChoice>>,
}

/// Which agent is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// One of the file, or a preset.
    Name(String),
    /// A program with its arguments; never empty.
    Command(Vec<String>),
}

/// An agent as it was described: an `[agents.NAME]` table of the file, or what flags and the environment make up.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: Setting<String>,
    /// The folder to which its paths are relative.
    pub(super) base: PathBuf,
    pub(super) preset: Option<Setting<String>>,
    pub(super) command: Option<Setting<Vec<String>>>,
    /// Arguments that a preset gets beside its own.
    pub(super) args: Option<Setting<Vec<String>>>,
    pub(super) title: Option<Setting<String>>,
    pub(super) description: Option<Setting<String>>,
    pub(super) project: Option<Setting<String>>,
    pub(super) input: Option<Setting<InputChoice>>,
    pub(super) protocol: Option<Setting<ProtocolChoice>>,
    pub(super) env_pass: Vec<String>,
    pub(super) env_set: Vec<(String, String)>,
    pub(super) timeout_ms: Option<Setting<u64>>,
    pub(super) first_event_ms: Option<Setting<u64>>,
    pub(super) idle_ms: Option<Setting<u64>>,
    pub(super) confined: confined::Words,
    pub(super) budgets: Budgets,
    pub(super) reasoning: bool,
    pub(super) callers: Option<Setting<Vec<String>>>,
    pub(super) approvers: Option<Setting<Vec<String>>>,
    pub(super) mapping: Option<Setting<Mapping>>,
    pub(super) exits: Option<Setting<Exits>>,
    pub(super) prefix_line: Option<Setting<String>>,
    pub(super) skills: Vec<Skill>,
    pub(super) card: CardWords,
    pub(super) rules: Option<Setting<Rules>>,
    pub(super) workspace: Option<Setting<WorkspaceChoice>>,
    pub(super) report_changes: Option<Setting<bool>>,
    pub(super) default: bool,
}

impl Draft {
    /// An agent of which only the name is known.
    pub(super) fn named(name: Setting<String>, base: PathBuf) -> Self {
        Self {
            name,
            base,
            preset: None,
            command: None,
            args: None,
            title: None,
            description: None,
            project: None,
            input: None,
            protocol: None,
            env_pass: Vec::new(),
            env_set: Vec::new(),
            timeout_ms: None,
            first_event_ms: None,
            idle_ms: None,
            confined: confined::Words::default(),
            budgets: Budgets::default(),
            reasoning: false,
            callers: None,
            approvers: None,
            mapping: None,
            exits: None,
            prefix_line: None,
            skills: Vec::new(),
            card: CardWords::default(),
            rules: None,
            workspace: None,
            report_changes: None,
            default: false,
        }
    }
}

/// The name of the caller that `API_TOKEN` or a generated token stands for.
pub(crate) fn owner() -> Principal {
    Principal::new("owner").expect("five letters are a principal's name")
}
