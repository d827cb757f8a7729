//! Agent adapters: from a process's bytes to agent events. One driver a protocol, all behind the engine's `Agent` port.
//!
//! Reading order: `presets` (what is known by name), `process` (how a process runs), `dialogue` (what a driver adds to that), then
//! the drivers `command` (plain text), `native` (JSON lines) and `claude`, and `demo`, which starts nothing.

pub mod presets;
mod process;
mod dialogue;
mod command;
mod native;
mod claude;
mod demo;
mod lines;
mod text;
mod stderr;

use std::sync::Arc;

use inhouse_engine::Takes;
use inhouse_engine::agent::Agent;
use inhouse_run::Runner;
use inhouse_trust::{AgentCommand, HostEnv, Redactor};

pub use lines::LINE_BYTES_MAX;
pub use process::Limits;

/// The language that a program speaks on its standard input and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Text in, the answer out.
    Text,
    /// One JSON object in, JSON lines out.
    Native,
    /// Claude Code's stream of JSON.
    Claude,
}

impl Protocol {
    /// Which parts of a message can be said in it.
    pub fn takes(self) -> Takes {
        match self {
            Self::Text => Takes::Text,
            Self::Native => Takes::Any,
            Self::Claude => Takes::Types(claude::FILE_TYPES),
        }
    }
}

/// One agent, as it is configured.
#[derive(Debug, Clone)]
pub enum AgentSpec {
    /// A program.
    Program {
        /// What to start, and how.
        command: AgentCommand,
        /// What it speaks.
        protocol: Protocol,
        /// A line in front of every text; for [`Protocol::Text`] alone.
        prefix_line: Option<String>,
        /// Bounds on its process.
        limits: Limits,
    },
    /// The built-in demo.
    Demo,
}

/// Makes the adapter of a configured agent. Nothing is started before its first turn.
pub fn build(spec: AgentSpec, runner: &Runner, host: &HostEnv) -> Arc<dyn Agent> {
    let AgentSpec::Program { command, protocol, prefix_line, limits } = spec else {
        return Arc::new(demo::Demo);
    };
    let set = command.env_set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let redactor = Redactor::new(host.iter().chain(set));
    let program = process::Program { command, runner: runner.clone(), host: host.clone(), redactor, limits };
    match protocol {
        Protocol::Text => Arc::new(command::Command { program, prefix_line }),
        Protocol::Native => Arc::new(native::Native { program }),
        Protocol::Claude => Arc::new(claude::Claude { program }),
    }
}
