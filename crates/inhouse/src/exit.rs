//! How a command that does not work ends: one line that says what, one that says what to do, and the exit code.

use std::fmt;
use std::process::ExitCode;

use inhouse_run::RunError;

use crate::config::ConfigError;

/// Why the program ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What and why, one line.
    message: String,
    /// The next thing to do, often a command to type.
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// The command line, the environment, a file or the machine is not as it has to be: exit code 2.
    pub(crate) fn usage(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { message: message.into(), hint, code: 2 }
    }

    /// Something failed that nobody asked for wrongly: exit code 1.
    pub(crate) fn failed(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { message: message.into(), hint, code: 1 }
    }

    /// What is wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do, where that is known.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What is wrong, and on a line of its own what to do.
    pub(crate) fn lines(&self) -> String {
        self.hint.iter().fold(self.message.clone(), |text, hint| format!("{text}\nhint: {hint}"))
    }

    /// Prints the failure to stderr.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("{self}");
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.lines())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::TierUnavailable { tier, shortfall } => {
                Self::usage(format!("containment can not be {tier} here: {}", shortfall.why), shortfall.cure)
            }
            RunError::StrictUnavailable(shortfall) => {
                Self::usage(format!("no agent can be strict here: {}", shortfall.why), shortfall.cure)
            }
            error => Self::failed(error.to_string(), None),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string(), error.hint())
    }
}
