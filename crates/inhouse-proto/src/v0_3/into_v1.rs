//! Tasks and messages of v0.3 in v1's words. The `path` of each conversion names the thing in an error.

use super::{Artifact, Message, Part, Role, Task, TaskState, TaskStatus};
use crate::error::A2aError;
use crate::v1;

impl Task {
    /// The same in v1.
    ///
    /// # Errors
    /// As [`Part::into_v1`], for a part of a message or of an artifact.
    pub fn into_v1(self, path: &str) -> Result<v1::Task, A2aError> {
        Ok(v1::Task {
            id: self.id,
            context_id: self.context_id,
            status: Some(self.status.into_v1(&format!("{path}.status"))?),
            artifacts: each(self.artifacts, &format!("{path}.artifacts"), Artifact::into_v1)?,
            history: each(self.history, &format!("{path}.history"), Message::into_v1)?,
            metadata: self.metadata,
        })
    }
}

impl TaskStatus {
    fn into_v1(self, path: &str) -> Result<v1::TaskStatus, A2aError> {
        let message = self.message.map(|message| message.into_v1(&format!("{path}.message"))).transpose()?;
        Ok(v1::TaskStatus { state: self.state.into_v1().into(), message, timestamp: self.timestamp })
    }
}

impl TaskState {
    fn into_v1(self) -> v1::TaskState {
        use v1::TaskState as S;
        match self {
            Self::Unknown => S::Unspecified,
            Self::Submitted => S::Submitted,
            Self::Working => S::Working,
            Self::Completed => S::Completed,
            Self::Failed => S::Failed,
            Self::Canceled => S::Canceled,
            Self::InputRequired => S::InputRequired,
            Self::Rejected => S::Rejected,
            Self::AuthRequired => S::AuthRequired,
        }
    }
}

impl Message {
    /// The same in v1.
    ///
    /// # Errors
    /// As [`Part::into_v1`].
    pub fn into_v1(self, path: &str) -> Result<v1::Message, A2aError> {
        let role = match self.role {
            None => v1::Role::Unspecified,
            Some(Role::User) => v1::Role::User,
            Some(Role::Agent) => v1::Role::Agent,
        };
        Ok(v1::Message {
            message_id: self.message_id,
            context_id: self.context_id,
            task_id: self.task_id,
            role: role.into(),
            parts: each(self.parts, &format!("{path}.parts"), Part::into_v1)?,
            metadata: self.metadata,
            extensions: self.extensions,
            reference_task_ids: self.reference_task_ids,
        })
    }
}

impl Artifact {
    fn into_v1(self, path: &str) -> Result<v1::Artifact, A2aError> {
        Ok(v1::Artifact {
            artifact_id: self.artifact_id,
            name: self.name,
            description: self.description,
            parts: each(self.parts, &format!("{path}.parts"), Part::into_v1)?,
            metadata: self.metadata,
            extensions: self.extensions,
        })
    }
}

/// All of `things`, each with its place in the path.
fn each<T, V>(
    things: Vec<T>,
    path: &str,
    into_v1: impl Fn(T, &str) -> Result<V, A2aError>,
) -> Result<Vec<V>, A2aError> {
    let things = things.into_iter().enumerate();
    things.map(|(index, thing)| into_v1(thing, &format!("{path}[{index}]"))).collect()
}
