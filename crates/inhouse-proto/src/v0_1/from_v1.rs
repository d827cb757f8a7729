//! Tasks of v1 as the first generation reads them. Its clients look for the answer in `status.message`.

use super::shapes::{MessageKind, TaskKind};
use super::{Artifact, Message, Part, PartKind, Role, Task, TaskState, TaskStatus};
use crate::v1;

impl Task {
    /// The task, with the id that its caller knows it by.
    pub fn from_v1(task: &v1::Task, id: &str) -> Self {
        let history: Vec<Message> = task.history.iter().map(Message::from_v1).collect();
        let artifacts = task.artifacts.iter().enumerate();
        let status = TaskStatus::from_v1(task.status.as_ref(), &task.artifacts);
        // Of a task that goes on, more may come of each.
        let last = status.state.is_final();
        Self {
            kind: TaskKind::Task,
            id: id.to_owned(),
            session_id: task.context_id.clone(),
            context_id: task.context_id.clone(),
            status,
            artifacts: artifacts.map(|(index, artifact)| Artifact::from_v1(artifact, index, false, last)).collect(),
            messages: history.clone(),
            history,
            metadata: task.metadata.clone(),
        }
    }

    /// A direct answer, as the finished task that this generation has instead.
    pub fn from_answer(answer: &v1::Message, id: &str) -> Self {
        let artifact = v1::Artifact {
            artifact_id: answer.message_id.clone(),
            parts: answer.parts.clone(),
            ..v1::Artifact::default()
        };
        let status =
            v1::TaskStatus { state: v1::TaskState::Completed.into(), message: Some(answer.clone()), timestamp: None };
        let task = v1::Task {
            context_id: answer.context_id.clone(),
            status: Some(status),
            artifacts: vec![artifact],
            ..v1::Task::default()
        };
        Self::from_v1(&task, id)
    }
}

impl TaskStatus {
    /// The status; without a message of its own it gets one from the text of `artifacts`, if they have any.
    pub fn from_v1(status: Option<&v1::TaskStatus>, artifacts: &[v1::Artifact]) -> Self {
        let message = status.and_then(|status| status.message.as_ref()).map(Message::from_v1);
        Self {
            state: status.map_or(TaskState::Unknown, |status| TaskState::from_v1(status.state())),
            message: message.or_else(|| answer(artifacts)),
            timestamp: status.and_then(|status| status.timestamp),
        }
    }
}

/// The text parts of all artifacts, as said by the agent.
fn answer(artifacts: &[v1::Artifact]) -> Option<Message> {
    let parts = artifacts.iter().flat_map(|artifact| &artifact.parts).filter_map(Part::from_v1);
    let parts: Vec<Part> = parts.filter(|part| matches!(part.kind, PartKind::Text(_))).collect();
    let message =
        Message { kind: MessageKind::Message, role: Some(Role::Agent), parts, metadata: None, message_id: None };
    Some(message).filter(|message| !message.parts.is_empty())
}

impl TaskState {
    /// The state; those that this generation lacks become the nearest that it has.
    pub fn from_v1(state: v1::TaskState) -> Self {
        use v1::TaskState as S;
        match state {
            S::Unspecified => Self::Unknown,
            S::Submitted => Self::Submitted,
            S::Working => Self::Working,
            S::Completed => Self::Completed,
            S::Failed | S::Rejected => Self::Failed,
            S::Canceled => Self::Canceled,
            S::InputRequired | S::AuthRequired => Self::InputRequired,
        }
    }

    /// Whether a stream ends here: the task has ended, or waits for its caller.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Submitted | Self::Working | Self::Unknown)
    }
}

impl Message {
    /// The message as this generation knows it.
    pub fn from_v1(message: &v1::Message) -> Self {
        Self {
            kind: MessageKind::Message,
            role: Some(if message.role() == v1::Role::User { Role::User } else { Role::Agent }),
            parts: message.parts.iter().filter_map(Part::from_v1).collect(),
            metadata: message.metadata.clone(),
            message_id: text(&message.message_id),
        }
    }
}

impl Artifact {
    /// The artifact at `index` of its task, or a piece of it.
    pub fn from_v1(artifact: &v1::Artifact, index: usize, append: bool, last_chunk: bool) -> Self {
        Self {
            artifact_id: artifact.artifact_id.clone(),
            name: text(&artifact.name),
            description: text(&artifact.description),
            parts: artifact.parts.iter().filter_map(Part::from_v1).collect(),
            index,
            append,
            last_chunk,
            metadata: artifact.metadata.clone(),
        }
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
