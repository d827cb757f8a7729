//! The settings that are one word out of a few.

use clap::ValueEnum;
use inhouse_agents::{ExitMeaning, Protocol};
use inhouse_engine::agent::Reason;
use tracing::level_filters::LevelFilter;

/// How a caller's text reaches a plain command (`input`, `AGENT_INPUT`, `--input`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputChoice {
    /// On standard input.
    Stdin,
    /// As the last argument.
    Argument,
    /// As both, for a program of which nobody knows what it reads.
    Both,
    /// As a JSON object on standard input; the program answers in JSON lines.
    Json,
}

/// What a command's bytes mean (`protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolChoice {
    /// Text out.
    Text,
    /// The native contract: one JSON object in, JSON lines out.
    Json,
    /// Claude Code's stream-json, both ways.
    Claude,
    /// The Agent Client Protocol, version 1.
    Acp,
    /// The protocol of `codex app-server`.
    Codex,
    /// JSON lines of a shape of its own, of which the configuration says what they mean.
    Mapped,
}

impl ProtocolChoice {
    /// The driver that speaks it.
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Text => Protocol::Text,
            Self::Json => Protocol::Native,
            Self::Claude => Protocol::Claude,
            Self::Acp => Protocol::Acp,
            Self::Codex => Protocol::Codex,
            Self::Mapped => Protocol::Mapped,
        }
    }
}

/// What an exit code means (`exit`): how the turn ended, or the reason for which it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ExitChoice {
    /// It has ended well.
    Success,
    /// It has failed, and nothing more is known.
    AgentFailed,
    /// It has failed: the agent can do nothing with the message.
    InputRefused,
    /// It has failed: the model's provider has.
    ProviderFailed,
    /// It has failed: the agent has lost patience.
    Timeout,
    /// The agent has declined it.
    Rejected,
    /// What was printed is a question to the caller.
    InputRequired,
    /// The agent needs a credential that its caller provides out of band.
    AuthRequired,
}

impl ExitChoice {
    /// The same for the drivers.
    pub(crate) fn meaning(self) -> ExitMeaning {
        match self {
            Self::Success => ExitMeaning::Success,
            Self::AgentFailed => ExitMeaning::Failed(Reason::AgentFailed),
            Self::InputRefused => ExitMeaning::Failed(Reason::InputRefused),
            Self::ProviderFailed => ExitMeaning::Failed(Reason::ProviderFailed),
            Self::Timeout => ExitMeaning::Failed(Reason::Timeout),
            Self::Rejected => ExitMeaning::Rejected,
            Self::InputRequired => ExitMeaning::InputRequired,
            Self::AuthRequired => ExitMeaning::AuthRequired,
        }
    }
}

/// Where an agent's turns work (`workspace`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkspaceChoice {
    /// In the project's own folder, all of them.
    Shared,
    /// Each context in its own git worktree and branch.
    Worktree,
    /// Each context in its own folder, which is empty when it begins.
    Temporary,
}

/// Where the audit is written (`to` of `[audit]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditTo {
    /// On stderr, between the lines of the log.
    Stderr,
    /// In a file of its own.
    File,
    /// In both; the file counts.
    Both,
}

/// How firmly a run is held (`containment`, `--containment`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Containment {
    /// The firmest tier that this system has.
    Auto,
    /// A supervisor with namespaces of its own: nothing escapes it, or sees the server (Linux with user namespaces).
    Namespace,
    /// A supervisor that no descendant escapes (Linux).
    Reaper,
    /// A process group; what leaves the group survives.
    Group,
}

/// Where the keys of TLS come from, when no file is named (`tls`, `--tls`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsChoice {
    /// From an authority of the server's own.
    Auto,
}

/// Whether clients have to show a certificate (`client_auth`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClientAuthChoice {
    /// They may.
    Optional,
    /// There is no connection without one.
    Required,
}

/// When a repeated send is a retry (`idempotency`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IdempotencyChoice {
    /// When the message id is a UUID, or the request has an Idempotency-Key.
    Auto,
    /// Whenever a message id repeats.
    Always,
    /// Only with an Idempotency-Key.
    Off,
}

/// How much the operator's log on stderr says (`log`, `INHOUSE_LOG`, `--log`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogChoice {
    /// Nothing. Audit records are written all the same.
    Off,
    /// What failed.
    Error,
    /// And what will.
    Warn,
    /// And what agents write to their stderr.
    Info,
    /// And what happens inside.
    Debug,
    /// All of it.
    Trace,
}

impl LogChoice {
    /// The level.
    pub(crate) fn level(self) -> LevelFilter {
        match self {
            Self::Off => LevelFilter::OFF,
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}
