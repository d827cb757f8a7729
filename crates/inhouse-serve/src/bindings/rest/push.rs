//! Push notification configs below a task (spec 11.3.3): `/tasks/{id}/pushNotificationConfigs`, and one of them.

use inhouse_proto::error::A2aError;
use inhouse_proto::{json, v0_3_proto, v1};

use super::query;
use crate::bindings::checked::{Checked, valid_json};
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
        return Ok(PushAsked::List(valid_json(&query::json(query, &[("taskId", task)])?, Ok)?));
    }
    json::check_request(body)?;
    // The path says which task is meant.
    let config = match generation {
        Generation::V1 => v1::TaskPushNotificationConfig::from_body(body, Some(task), Checked::wrong)?,
        Generation::V03 | Generation::First => {
            valid_json(body, |body: v0_3_proto::PushConfigBody| body.into_request(&format!("tasks/{task}"))?.into_v1())?
        }
    };
    Ok(PushAsked::Create(Box::new(config), generation))
}

/// What is asked of one of them.
pub(super) fn config(kind: Kind, query: Option<&str>, task: &str, config: &str) -> Result<PushAsked, A2aError> {
    let json = query::json(query, &[("taskId", task), ("id", config)])?;
    Ok(match kind {
        Kind::PushDelete => PushAsked::Delete(valid_json(&json, Ok)?),
        _ => PushAsked::Get(valid_json(&json, Ok)?),
    })
}
