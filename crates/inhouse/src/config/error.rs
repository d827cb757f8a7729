//! What can be wrong with a configuration. Each error says what and where in one line, and its hint is what to do next.

use std::io;
use std::path::PathBuf;

use super::origin::{Origin, Place};
use super::words::{SplitError, quote};
use crate::tokens::KeyringError;

/// Why the server does not start. All of them end the process with exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file that was named can not be read.
    #[error("{file}: {source}")]
    Read {
        /// The file, as it was named.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// The file has a key that means nothing.
    #[error("{place}:{column}: unknown key {key:?} in {table}")]
    UnknownKey {
        /// Where.
        place: Place,
        /// Where in the line, from 1.
        column: usize,
        /// The table it stands in, as a person would call it.
        table: String,
        /// The key.
        key: String,
        /// What to do about it.
        hint: String,
    },
    /// A key that has to be there is not.
    #[error("{place}: {table} has no {key}")]
    MissingKey {
        /// Where the table begins.
        place: Place,
        /// The table.
        table: String,
        /// What it has to have.
        key: &'static str,
    },
    /// A value has the wrong type, or is out of its range.
    #[error("{} must be {expected}, found {found}", subject(origin, key))]
    Value {
        /// Where it comes from.
        origin: Origin,
        /// The key in the file.
        key: String,
        /// What would be right.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A command line can not be split into words.
    #[error("{origin}: {source}")]
    Words {
        /// Where it comes from.
        origin: Origin,
        /// What is left open.
        source: SplitError,
    },
    /// No agent has this name.
    #[error("{origin}: no agent is called {name:?}")]
    UnknownAgent {
        /// Who named it.
        origin: Origin,
        /// The name.
        name: String,
        /// What to do about it.
        hint: String,
    },
    /// No caller has this name.
    #[error("{}: no caller is called {name:?}", subject(origin, key))]
    UnknownCaller {
        /// Who named it.
        origin: Origin,
        /// The key that has the name.
        key: &'static str,
        /// The name.
        name: String,
        /// What to do about it.
        hint: String,
    },
    /// An agent's program is in no folder of PATH.
    #[error("agent {agent} ({origin}): no program {program:?} in the folders of PATH ({searched})")]
    NotOnPath {
        /// Who named it.
        origin: Origin,
        /// The agent.
        agent: String,
        /// The program.
        program: String,
        /// Where it was looked for.
        searched: String,
        /// How to get it, for a program that we know.
        install: Option<&'static str>,
    },
    /// An agent's program is not where the configuration says.
    #[error("agent {agent} ({origin}): there is no program {}", path.display())]
    NoProgram {
        /// Who named it.
        origin: Origin,
        /// The agent.
        agent: String,
        /// The absolute path.
        path: PathBuf,
    },
    /// An agent's program is a file that can not be executed.
    #[error("agent {agent} ({origin}): {} is not executable", path.display())]
    NotExecutable {
        /// Who named it.
        origin: Origin,
        /// The agent.
        agent: String,
        /// The absolute path.
        path: PathBuf,
    },
    /// An agent's project is no folder.
    #[error("{}: there is no folder {}", subject(origin, "project"), path.display())]
    NoProject {
        /// Who named it.
        origin: Origin,
        /// The absolute path.
        path: PathBuf,
    },
    /// The tokens that were issued can not be known.
    #[error("{0}")]
    Tokens(#[from] KeyringError),
    /// A setting does not go together with another one.
    #[error("{origin}: {problem}")]
    Conflict {
        /// Where the setting comes from.
        origin: Origin,
        /// Why it can not be.
        problem: String,
        /// What to do about it.
        hint: String,
    },
}

impl ConfigError {
    /// What to do next, often a command to type; one line.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => "name another file with --config, or leave it out".into(),
            Self::UnknownKey { hint, .. }
            | Self::UnknownAgent { hint, .. }
            | Self::UnknownCaller { hint, .. }
            | Self::Conflict { hint, .. } => hint.clone(),
            Self::Words { .. } => "quote words with spaces, for example AGENT_CMD=\"python 'my agent.py'\"".into(),
            Self::NotOnPath { install: Some(install), .. } => {
                format!("install it: {install}; or see the server without it: inhouse serve --agent demo")
            }
            Self::NotOnPath { .. } | Self::NoProgram { .. } => {
                "give its path: inhouse serve -- /path/to/program; or see the server without it: inhouse serve --agent demo"
                    .into()
            }
            Self::NotExecutable { path, .. } => format!("chmod +x {}", quote(&path.to_string_lossy())),
            Self::NoProject { path, .. } => format!("mkdir -p {}", quote(&path.to_string_lossy())),
            Self::Tokens(error) => return error.hint(),
            Self::Syntax { .. } | Self::MissingKey { .. } | Self::Value { .. } => return None,
        })
    }
}

/// How a person would call the setting at this place.
fn subject(origin: &Origin, key: &str) -> String {
    match origin {
        Origin::File(place) => format!("{place}: {key}"),
        Origin::Flag(name) | Origin::Environment(name) => (*name).into(),
        Origin::Default => key.into(),
    }
}
