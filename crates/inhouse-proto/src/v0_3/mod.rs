//! A2A v0.3 over JSON-RPC (`message/send`, `message/stream`, `tasks/get` …): its shapes, and pure conversions to and from
//! v1. v0.2 has the same ones.
//!
//! Read are camelCase and snake_case, `null` for what is absent, and parts that say `type` for `kind`; written is what the
//! schema of v0.3 has, and nothing else. What a request lacks is not missed here: v1's validation finds it.

mod from_v1;
mod into_v1;
mod params;
mod part;
mod push;
#[cfg(test)]
mod round_trips;
mod shapes;
mod stream;
#[cfg(test)]
mod tests;

pub use params::{MessageSendConfiguration, MessageSendParams, TaskIdParams, TaskQueryParams};
pub use part::Part;
pub use push::{
    AuthenticationInfo, PushConfigDeleteParams, PushConfigGetParams, PushConfigListParams, PushConfigSetParams,
    PushNotificationConfig, TaskPushNotificationConfig,
};
pub use shapes::{Artifact, Message, Role, Task, TaskState, TaskStatus};
pub use stream::{Event, TaskArtifactUpdateEvent, TaskStatusUpdateEvent};
