//! Push notification configs below a task (spec 11.3.3): `/tasks/{id}/pushNotificationConfigs`, and one of them.

use inhouse_proto::error::A2aError;
use inhouse_proto::{json, v0_3_proto, v1};

use super::query;
use crate::bindings::operation::Kind;
use crate::bindings::push::PushAsked;
use crate::bindings::version::Generation;

/// What is asked of all configs of a task.
pub(super) fn configs(
    generation: Generation,
    kind: Kind,
    task: &str,
    query: Option<&str>,
    body: &[u8],
) -> Result<PushAsked, A2aError> {
    if kind == Kind::PushList {
        return Ok(PushAsked::List(query::message(query, &[("taskId", task)])?));
    }
    let config = match generation {
        Generation::V1 => v1::TaskPushNotificationConfig::from_body(body)?,
        Generation::V03 | Generation::First => {
            let body: v0_3_proto::PushConfigBody = json::decode_request(body)?;
            body.into_request(&format!("tasks/{task}"))?.into_v1()?
        }
    };
    // The path says which task is meant.
    PushAsked::create(v1::TaskPushNotificationConfig { task_id: task.to_owned(), ..config }, generation)
}

/// What is asked of one of them.
pub(super) fn config(kind: Kind, task: &str, config: &str) -> PushAsked {
    let (tenant, task_id, id) = (String::new(), task.to_owned(), config.to_owned());
    match kind {
        Kind::PushDelete => PushAsked::Delete(v1::DeleteTaskPushNotificationConfigRequest { tenant, task_id, id }),
        _ => PushAsked::Get(v1::GetTaskPushNotificationConfigRequest { tenant, task_id, id }),
    }
}
