//! Exit codes: what a script learns from a verb without reading a word.

use std::process::ExitCode;

use inhouse_client::ClientError;
use inhouse_proto::v1::TaskState;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Done = 0,
    /// It did not, or the task failed, was rejected or canceled.
    Failed = 1,
    /// The command line, the environment or a file is wrong.
    Usage = 2,
    /// The task waits for its caller: for an answer or for a credential.
    InputRequired = 3,
    /// The server wants a token, or another one.
    Authentication = 4,
    /// There is no server, or it does not answer.
    Unreachable = 5,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code for a task that was followed to its end, or as far as its stream went.
    pub(crate) fn of_state(state: TaskState) -> Self {
        match state {
            TaskState::Completed => Self::Done,
            TaskState::InputRequired | TaskState::AuthRequired => Self::InputRequired,
            TaskState::Failed | TaskState::Rejected | TaskState::Canceled => Self::Failed,
            TaskState::Unspecified | TaskState::Submitted | TaskState::Working => Self::Failed,
        }
    }

    /// The code for a call that failed.
    pub(crate) fn of_error(error: &ClientError) -> Self {
        match error {
            ClientError::Address(_) | ClientError::Token | ClientError::Certificates => Self::Usage,
            ClientError::Unauthorized { .. } => Self::Authentication,
            ClientError::Unreachable { .. } | ClientError::Timeout { .. } => Self::Unreachable,
            ClientError::Rpc(_) | ClientError::Protocol(_) | ClientError::TooLarge { .. } => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_task_has_its_exit_code() {
        for (state, code) in [
            (TaskState::Completed, 0),
            (TaskState::Failed, 1),
            (TaskState::Rejected, 1),
            (TaskState::Canceled, 1),
            (TaskState::Working, 1),
            (TaskState::InputRequired, 3),
            (TaskState::AuthRequired, 3),
        ] {
            assert_eq!(Exit::of_state(state) as u8, code, "{state:?}");
        }
    }

    #[test]
    fn every_failed_call_has_its_exit_code() {
        let address = || "http://h".to_owned();
        for (error, code) in [
            (ClientError::Token, 2),
            (ClientError::Unauthorized { address: address(), status: 401, said: None }, 4),
            (ClientError::Unauthorized { address: address(), status: 403, said: Some("no".into()) }, 4),
            (ClientError::Unreachable { address: address(), why: "refused".into() }, 5),
            (ClientError::Timeout { address: address(), waited_ms: 1 }, 5),
            (ClientError::Rpc(Box::default()), 1),
            (ClientError::Protocol("html".into()), 1),
            (ClientError::TooLarge { bytes_max: 1 }, 1),
        ] {
            assert_eq!(Exit::of_error(&error) as u8, code, "{error}");
        }
    }
}
