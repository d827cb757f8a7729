//! Tasks and streams of v1 as 0.3 reads them.

use super::{
    Artifact, Message, Part, SendMessageResponse, StreamResponse, Task, TaskArtifactUpdateEvent, TaskState, TaskStatus,
    TaskStatusUpdateEvent, send_message_response, stream_response,
};
use crate::v1;

impl Task {
    /// The task as 0.3 knows it.
    pub fn from_v1(task: &v1::Task) -> Self {
        Self {
            id: task.id.clone(),
            context_id: task.context_id.clone(),
            status: task.status.as_ref().map(TaskStatus::from_v1),
            artifacts: task.artifacts.iter().map(Artifact::from_v1).collect(),
            history: task.history.iter().map(Message::from_v1).collect(),
            metadata: task.metadata.clone(),
        }
    }
}

impl TaskStatus {
    fn from_v1(status: &v1::TaskStatus) -> Self {
        Self {
            state: TaskState::from_v1(status.state()).into(),
            update: status.message.as_ref().map(Message::from_v1),
            timestamp: status.timestamp,
        }
    }
}

impl TaskState {
    fn from_v1(state: v1::TaskState) -> Self {
        use v1::TaskState as S;
        match state {
            S::Unspecified => Self::Unspecified,
            S::Submitted => Self::Submitted,
            S::Working => Self::Working,
            S::Completed => Self::Completed,
            S::Failed => Self::Failed,
            S::Canceled => Self::Cancelled,
            S::InputRequired => Self::InputRequired,
            S::Rejected => Self::Rejected,
            S::AuthRequired => Self::AuthRequired,
        }
    }
}

impl Artifact {
    fn from_v1(artifact: &v1::Artifact) -> Self {
        Self {
            artifact_id: artifact.artifact_id.clone(),
            name: artifact.name.clone(),
            description: artifact.description.clone(),
            parts: Part::all_from_v1(&artifact.parts),
            metadata: artifact.metadata.clone(),
            extensions: artifact.extensions.clone(),
        }
    }
}

impl TaskStatusUpdateEvent {
    /// The update as 0.3 knows it; `last` says that nothing more comes in this stream.
    pub fn from_v1(update: &v1::TaskStatusUpdateEvent, last: bool) -> Self {
        Self {
            task_id: update.task_id.clone(),
            context_id: update.context_id.clone(),
            status: update.status.as_ref().map(TaskStatus::from_v1),
            r#final: last,
            metadata: update.metadata.clone(),
        }
    }
}

impl TaskArtifactUpdateEvent {
    /// The update as 0.3 knows it.
    pub fn from_v1(update: &v1::TaskArtifactUpdateEvent) -> Self {
        Self {
            task_id: update.task_id.clone(),
            context_id: update.context_id.clone(),
            artifact: update.artifact.as_ref().map(Artifact::from_v1),
            append: update.append,
            last_chunk: update.last_chunk,
            metadata: update.metadata.clone(),
        }
    }
}

impl SendMessageResponse {
    /// The answer as 0.3 knows it.
    pub fn from_v1(response: &v1::SendMessageResponse) -> Self {
        use send_message_response::Payload as Shown;
        use v1::send_message_response::Payload;
        let payload = response.payload.as_ref().map(|payload| match payload {
            Payload::Task(task) => Shown::Task(Task::from_v1(task)),
            Payload::Message(message) => Shown::Msg(Message::from_v1(message)),
        });
        Self { payload }
    }
}

impl StreamResponse {
    /// The event as 0.3 knows it; `last` says that nothing more comes in this stream.
    pub fn from_v1(response: &v1::StreamResponse, last: bool) -> Self {
        use stream_response::Payload as Shown;
        use v1::stream_response::Payload;
        let payload = response.payload.as_ref().map(|payload| match payload {
            Payload::Task(task) => Shown::Task(Task::from_v1(task)),
            Payload::Message(message) => Shown::Msg(Message::from_v1(message)),
            Payload::StatusUpdate(update) => Shown::StatusUpdate(TaskStatusUpdateEvent::from_v1(update, last)),
            Payload::ArtifactUpdate(update) => Shown::ArtifactUpdate(TaskArtifactUpdateEvent::from_v1(update)),
        });
        Self { payload }
    }
}
