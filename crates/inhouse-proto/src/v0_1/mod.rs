//! The first generation of A2A (`tasks/send`, `tasks/sendSubscribe`, `tasks/get`, `tasks/cancel`): its shapes, and pure
//! conversions to and from v1.
//!
//! Its clients choose the id of a task themselves. That id is no more than a name to them: `TaskSendParams::into_v1` hands
//! it out apart from the request, and every conversion back takes the id to show. What is written is a superset that clients
//! of 0.3 can read as well, since both generations call `tasks/get` and `tasks/cancel` (`type` and `kind`, `sessionId` and
//! `contextId`, `index` and `artifactId`).

mod from_v1;
mod params;
mod part;
mod push;
mod shapes;
mod stream;
#[cfg(test)]
mod tests;

pub use params::{Send, TaskIdParams, TaskQueryParams, TaskSendParams};
pub use part::{FileContent, Part, PartKind};
pub use push::{PushNotificationConfig, TaskPushNotificationConfig};
pub use shapes::{
    Artifact, Message, MessageKind, Role, Task, TaskArtifactUpdateEvent, TaskKind, TaskState, TaskStatus,
    TaskStatusUpdateEvent,
};
pub use stream::{Event, Stream};
