//! Resource names: `tasks/{id}` and `tasks/{id}/pushNotificationConfigs/{id}`.

use crate::error::A2aError;

/// Stands for all resources of a collection.
const ALL: &str = "-";

/// The id in `tasks/{id}`; `field` names the text in an error.
pub(super) fn task_id(field: &str, name: &str) -> Result<String, A2aError> {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["tasks", id] => one(field, id),
        _ => Err(A2aError::invalid(field, "must be tasks/{id}")),
    }
}

/// A webhook of a task.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConfigName {
    pub(super) task_id: String,
    /// Empty where the name ends before it.
    pub(super) config_id: String,
}

impl ConfigName {
    /// Reads the name; `field` names it in an error. Some clients leave out the id of the config, or all that follows the task.
    pub(super) fn parse(field: &str, name: &str) -> Result<Self, A2aError> {
        let (task, config) = match name.split('/').collect::<Vec<_>>().as_slice() {
            ["tasks", task] | ["tasks", task, "pushNotificationConfigs"] => (*task, ""),
            ["tasks", task, "pushNotificationConfigs", config] => (*task, *config),
            _ => return Err(A2aError::invalid(field, "must be tasks/{id}/pushNotificationConfigs/{id}")),
        };
        let config_id = if config.is_empty() { String::new() } else { one(field, config)? };
        Ok(Self { task_id: one(field, task)?, config_id })
    }

    /// The id of the config; a task's only one has the id of the task.
    pub(super) fn config_id(self) -> String {
        if self.config_id.is_empty() { self.task_id } else { self.config_id }
    }
}

/// The name of a webhook.
pub(super) fn config(task_id: &str, config_id: &str) -> String {
    format!("tasks/{task_id}/pushNotificationConfigs/{config_id}")
}

fn one(field: &str, id: &str) -> Result<String, A2aError> {
    match id {
        "" => Err(A2aError::invalid(field, "has an empty id")),
        ALL => Err(A2aError::invalid(field, "must name one, where `-` means all")),
        id => Ok(id.to_owned()),
    }
}
