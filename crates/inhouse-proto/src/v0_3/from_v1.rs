//! Tasks and messages of v1 as v0.3 reads them.

use super::{Artifact, Message, Part, Role, Task, TaskState, TaskStatus};
use crate::v1;

impl Task {
    /// The task as this generation knows it.
    pub fn from_v1(task: &v1::Task) -> Self {
        Self {
            id: task.id.clone(),
            context_id: task.context_id.clone(),
            status: TaskStatus::from_v1(task.status.as_ref()),
            artifacts: task.artifacts.iter().map(Artifact::from_v1).collect(),
            history: task.history.iter().map(Message::from_v1).collect(),
            metadata: task.metadata.clone(),
        }
    }
}

impl TaskStatus {
    /// The status; an absent one is of a state that is not known.
    pub fn from_v1(status: Option<&v1::TaskStatus>) -> Self {
        Self {
            state: status.map_or(TaskState::Unknown, |status| TaskState::from_v1(status.state())),
            message: status.and_then(|status| status.message.as_ref()).map(Message::from_v1),
            timestamp: status.and_then(|status| status.timestamp),
        }
    }
}

impl TaskState {
    /// The state.
    pub fn from_v1(state: v1::TaskState) -> Self {
        use v1::TaskState as S;
        match state {
            S::Unspecified => Self::Unknown,
            S::Submitted => Self::Submitted,
            S::Working => Self::Working,
            S::Completed => Self::Completed,
            S::Failed => Self::Failed,
            S::Canceled => Self::Canceled,
            S::InputRequired => Self::InputRequired,
            S::Rejected => Self::Rejected,
            S::AuthRequired => Self::AuthRequired,
        }
    }
}

impl Message {
    /// The message as this generation knows it.
    pub fn from_v1(message: &v1::Message) -> Self {
        Self {
            message_id: message.message_id.clone(),
            role: Some(if message.role() == v1::Role::User { Role::User } else { Role::Agent }),
            parts: message.parts.iter().filter_map(Part::from_v1).collect(),
            context_id: message.context_id.clone(),
            task_id: message.task_id.clone(),
            reference_task_ids: message.reference_task_ids.clone(),
            extensions: message.extensions.clone(),
            metadata: message.metadata.clone(),
        }
    }
}

impl Artifact {
    /// The artifact, or the piece of it, as this generation knows it.
    pub fn from_v1(artifact: &v1::Artifact) -> Self {
        Self {
            artifact_id: artifact.artifact_id.clone(),
            name: artifact.name.clone(),
            description: artifact.description.clone(),
            parts: artifact.parts.iter().filter_map(Part::from_v1).collect(),
            extensions: artifact.extensions.clone(),
            metadata: artifact.metadata.clone(),
        }
    }
}
