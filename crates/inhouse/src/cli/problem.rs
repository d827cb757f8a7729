//! Errors as people read them: what, why, and the exact next command, each hint on its own line.

use inhouse_client::{ClientError, RpcError};

use super::connection::Connection;
use super::exit::Exit;

/// Why a verb ends early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Something to tell.
    Told {
        /// How the program ends.
        exit: Exit,
        /// What and why, one line.
        what: String,
        /// What to do about it, a line each.
        hints: Vec<String>,
    },
    /// Nobody reads stdout any more, as after `| head`: nothing to tell.
    StdoutClosed,
}

impl Problem {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self::Told { exit, what: what.into(), hints: Vec::new() }
    }

    /// The command line, the environment or a file is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Adds a line of what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Told { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    /// All of it, a line each.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Told { what, hints, .. } => {
                hints.iter().fold(what.clone(), |text, hint| format!("{text}\nhint: {hint}"))
            }
            Self::StdoutClosed => String::new(),
        }
    }

    /// A failed call.
    pub(crate) fn of(error: &ClientError, connection: &Connection) -> Self {
        let problem = Self::new(Exit::of_error(error), error.to_string());
        match error {
            ClientError::Unreachable { .. } | ClientError::Timeout { .. } => {
                problem.hint("start a server with: inhouse serve").hint("or name another with --url or INHOUSE_URL")
            }
            ClientError::Unauthorized { status, .. } => problem.hint(match (connection.token_source, status) {
                (None, _) => {
                    "pass the token that the server printed at its start: INHOUSE_TOKEN, INHOUSE_TOKEN_FILE or --token"
                        .to_owned()
                }
                (Some(source), 403) => format!("the server knows the token from {source}, but it may not do this"),
                (Some(source), _) => format!("the server does not know the token from {source}"),
            }),
            ClientError::Rpc(error) => Self::of_rpc(error, connection),
            ClientError::Protocol(_) => {
                problem.hint(format!("see what answers there with: {}", connection.command("card")))
            }
            ClientError::Address(_) | ClientError::Token | ClientError::Certificates | ClientError::TooLarge { .. } => {
                problem
            }
        }
    }

    fn of_rpc(error: &RpcError, connection: &Connection) -> Self {
        let detail = error.metadata.get("detail").map(|detail| format!(": {detail}")).unwrap_or_default();
        let mut problem = Self::new(Exit::Failed, format!("{error}{detail}"));
        for violation in &error.violations {
            problem = problem.hint(format!("{} {}", violation.field, violation.description));
        }
        if error.reason.as_deref() == Some("TASK_NOT_FOUND") {
            problem = problem.hint(format!("see your tasks with: {}", connection.command("task list --all")));
        }
        match error.retry_after_s {
            Some(seconds) => problem.hint(format!("try again in {seconds} s")),
            None => problem,
        }
    }
}
