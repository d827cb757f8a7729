//! Agent adapters: from a process's bytes to agent events. One driver a protocol, all behind the engine's `Agent` port.
//!
//! Reading order: `known` (which agents there are), `presets` (how they are run), `process` (how a process runs), `dialogue`, `exits`
//! and `by_line` (what a driver adds to that), `asks` and `permission` (what an agent wants to know in the middle), `conversations`
//! (what it remembers), `warm` (processes that are kept for the next turn), `workspace` (where it works, and what it changed there), then
//! the drivers `command` (plain text), `native` and `mapped` (JSON lines), `claude`, `acp` and `codex`, and `demo`, which starts nothing.

pub mod known;
pub mod presets;
mod process;
mod dialogue;
mod exits;
mod by_line;
mod rpc;
mod answer;
mod asks;
mod permission;
mod conversations;
mod plan;
mod workspace;
mod folder;
mod files;
mod command;
mod native;
mod mapped;
mod claude;
mod acp;
mod codex;
mod demo;
mod lines;
mod lenient;
mod message;
mod text;
mod stderr;
mod silence;
mod warm;
#[cfg(test)]
mod replayed;
#[cfg(test)]
mod fuzz;

use std::sync::Arc;

use inhouse_engine::Takes;
use inhouse_engine::agent::Agent;
use inhouse_run::{Bounds, Runner, Strict};
use inhouse_trust::{AgentCommand, Approvals, HostEnv, Redactor};

use conversations::Conversations;
pub use exits::{ExitMeaning, Exits};
pub use lines::LINE_BYTES_MAX;
pub use mapped::{Mapping, Meaning, Pointer};
pub use process::Limits;
use warm::Warm;
pub use workspace::{GitError, Workspace, WorkspaceError, WorkspaceLimits, WorkspaceSpec, Workspaces};

/// More processes and threads than any sane turn has, and as few as leave room for others on a small machine.
const PROCESSES_MAX: u32 = 4_096;

/// The language that a program speaks on its standard input and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Text in, the answer out.
    Text,
    /// One JSON object in, JSON lines out.
    Native,
    /// Claude Code's stream of JSON.
    Claude,
    /// The Agent Client Protocol, version 1.
    Acp,
    /// The protocol of `codex app-server`.
    Codex,
    /// JSON lines of a shape of its own, with a [`Mapping`].
    Mapped,
}

impl Protocol {
    /// Whether an agent that speaks it asks before it acts.
    pub fn asks(self) -> bool {
        matches!(self, Self::Claude | Self::Acp | Self::Codex)
    }

    /// The tools that an agent which speaks it can ask for, where it can ask for no others.
    pub fn tools(self) -> &'static [&'static str] {
        if self == Self::Codex { codex::TOOLS } else { &[] }
    }

    /// Which parts of a message reach an agent that speaks it.
    pub fn takes(self) -> Takes {
        match self {
            Self::Text | Self::Mapped => Takes::Files(&[]),
            Self::Native => Takes::Any,
            Self::Claude => Takes::Files(claude::FILE_TYPES),
            Self::Acp => Takes::Files(acp::FILE_TYPES),
            Self::Codex => Takes::Files(codex::FILE_TYPES),
        }
    }
}

/// One agent, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentSpec {
    /// A program.
    Program(Box<ProgramSpec>),
    /// The built-in demo.
    Demo,
}

/// An agent that is a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSpec {
    /// What to start, and how.
    pub command: AgentCommand,
    /// What it speaks.
    pub protocol: Protocol,
    /// A line in front of every text; for [`Protocol::Text`] and [`Protocol::Mapped`].
    pub prefix_line: Option<String>,
    /// What its lines mean; for [`Protocol::Mapped`] alone.
    pub mapping: Mapping,
    /// What its exit codes mean; for [`Protocol::Text`] and [`Protocol::Mapped`].
    pub exits: Exits,
    /// Whether it keeps conversations under ids that we choose; for [`Protocol::Claude`] alone.
    pub keeps_conversations: bool,
    /// Whether its mode stays as it is, and is not the one in which it asks before it acts; for [`Protocol::Acp`] and
    /// [`Protocol::Codex`].
    pub keeps_mode: bool,
    /// What it may do without asking; for protocols in which it [asks](Protocol::asks).
    pub approvals: Approvals,
    /// Bounds on its process.
    pub limits: Limits,
    /// What the processes of a turn may use together.
    pub bounds: Bounds,
    /// What they may touch, where that is not all that the server's user may.
    pub strict: Option<Strict>,
    /// Where its turns work, if not in the command's folder, and what tells of what they changed there.
    pub workspaces: Option<Workspaces>,
}

impl ProgramSpec {
    /// A program with the usual bounds, which asks for everything that it has to ask for.
    pub fn new(command: AgentCommand, protocol: Protocol) -> Self {
        Self {
            command,
            protocol,
            prefix_line: None,
            mapping: Mapping::default(),
            exits: Exits::default(),
            keeps_conversations: false,
            keeps_mode: false,
            approvals: Approvals::default(),
            limits: Limits::default(),
            bounds: Bounds { memory_bytes_max: None, processes_max: Some(PROCESSES_MAX) },
            strict: None,
            workspaces: None,
        }
    }
}

/// Makes the adapter of a configured agent. Nothing is started before its first turn.
pub fn build(spec: AgentSpec, runner: &Runner, host: &HostEnv) -> Arc<dyn Agent> {
    let AgentSpec::Program(spec) = spec else { return Arc::new(demo::Demo) };
    let ProgramSpec {
        command,
        protocol,
        prefix_line,
        mapping,
        exits,
        keeps_conversations,
        keeps_mode,
        approvals,
        limits,
        bounds,
        strict,
        workspaces,
    } = *spec;
    let set = command.env_set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let redactor = Redactor::new(host.iter().chain(set));
    let place = workspaces.clone();
    let (runner, host) = (runner.bounded(bounds), host.clone());
    let runner = match strict {
        Some(strict) => runner.strict(strict),
        None => runner,
    };
    let can_be_kept = match protocol {
        Protocol::Claude => keeps_conversations,
        Protocol::Acp | Protocol::Codex => true,
        Protocol::Text | Protocol::Native | Protocol::Mapped => false,
    };
    let warm = Arc::new(if can_be_kept { Warm::new(limits, &runner) } else { Warm::none() });
    let program =
        process::Program { command, runner, host, redactor, approvals, limits, workspaces, warm: Arc::clone(&warm) };
    let agent: Arc<dyn Agent> = match protocol {
        Protocol::Text => Arc::new(command::Command { program, prefix_line, exits }),
        Protocol::Native => Arc::new(native::Native { program }),
        Protocol::Mapped => {
            Arc::new(mapped::Mapped { program, prefix_line, mapping, exits, conversations: Conversations::default() })
        }
        Protocol::Claude => {
            Arc::new(claude::Claude { program, conversations: keeps_conversations.then(Conversations::default) })
        }
        Protocol::Acp => Arc::new(acp::Acp { program, conversations: Conversations::default(), keeps_mode }),
        Protocol::Codex => Arc::new(codex::Codex { program, conversations: Conversations::default(), keeps_mode }),
    };
    match place {
        Some(workspaces) => Arc::new(workspace::InWorkspace { agent, workspaces, warm }),
        None => agent,
    }
}
