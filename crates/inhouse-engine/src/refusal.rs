//! What callers are told when the store or the queue refuses: one function a cause.

use inhouse_proto::error::{A2aError, ErrorKind};

use crate::store::StoreError;

/// A store's refusal as an error of the protocol.
pub(crate) fn refused(error: StoreError) -> A2aError {
    match error {
        StoreError::NotFound(id) => not_found(&id),
        StoreError::OtherContent(key) => {
            // The engine's retry keys begin with what they are; before an approver's stands whose it is.
            let of_approver = key.strip_prefix("approver ").and_then(|of| of.split_once('\n'));
            let key = of_approver.map_or(&*key, |(_, key)| key);
            let field = match key.split(' ').next() {
                Some("task") => "id",
                Some("key") => "Idempotency-Key",
                _ => "message.messageId",
            };
            A2aError::invalid(field, format!("{key} was used before with other content; a new message needs a new id"))
        }
        StoreError::Exists(id) => {
            A2aError::invalid("id", format!("task {id} exists already; a new task needs a new id"))
        }
        StoreError::IllegalMove { id, from, .. } => unsupported(&id, &format!("the task is {}", from.as_str_name())),
        StoreError::Fenced(id) => unsupported(&id, "somebody else is at work on the task"),
        StoreError::TooManyConfigs(most) => {
            let error = A2aError::new(ErrorKind::ResourceExhausted).with("cause", "the task has enough push configs");
            error.with("configsMax", most.to_string())
        }
        StoreError::Unavailable(why) => {
            tracing::error!(%why, "the task store failed");
            A2aError::new(ErrorKind::Internal)
        }
    }
}

/// The task does not exist, or belongs to somebody else: the same answer, byte for byte.
pub(crate) fn not_found(id: &str) -> A2aError {
    A2aError::new(ErrorKind::TaskNotFound).with("taskId", id)
}

/// The task is in no state for this.
pub(crate) fn unsupported(id: &str, why: &str) -> A2aError {
    A2aError::new(ErrorKind::UnsupportedOperation).with("taskId", id).with("cause", why)
}
