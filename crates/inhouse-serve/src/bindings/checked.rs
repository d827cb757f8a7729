//! What a request must be before the engine sees it: complete (spec 5.7), and within the protocol's and our limits. All that is
//! wrong with it is told at once, whatever binding it came by.

use inhouse_proto::error::A2aError;
use inhouse_proto::read;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::validate::{FieldViolation, Validate};
use serde::de::DeserializeOwned;

use super::list::{PAGE_SIZE_MAX, page_token};

const PARTS_MAX: usize = 64;
pub(crate) const ID_RULE: &str = "must be 1 to 128 printable ASCII characters";

/// A request of the model, with limits beside its REQUIRED fields.
pub(crate) trait Checked: Validate {
    /// Adds what is out of its limits.
    fn limits(&self, _wrong: &mut Wrong) {}

    /// All that is wrong with it.
    fn wrong(&self) -> Vec<FieldViolation> {
        let mut wrong = Wrong(self.violations());
        self.limits(&mut wrong);
        wrong.0
    }
}

/// What is wrong with a request so far.
pub(crate) struct Wrong(Vec<FieldViolation>);

impl Wrong {
    fn unless(&mut self, is_right: bool, field: &str, description: impl Into<String>) {
        if !is_right {
            self.0.push(FieldViolation::new(field, description));
        }
    }

    fn id(&mut self, field: &str, id: &str) {
        self.unless(id.is_empty() || is_id(id), field, ID_RULE);
    }

    fn history_length(&mut self, field: &str, length: Option<i32>) {
        let length = length.unwrap_or_default();
        self.unless(length >= 0, field, format!("must not be negative, not {length}"));
    }

    fn page_size(&mut self, size: i32) {
        self.unless(
            (1..=PAGE_SIZE_MAX).contains(&size),
            "pageSize",
            format!("must be 1 to {PAGE_SIZE_MAX}, not {size}"),
        );
    }
}

impl Checked for v1::SendMessageRequest {
    fn limits(&self, wrong: &mut Wrong) {
        let config = self.configuration.as_ref();
        wrong.history_length("configuration.historyLength", config.and_then(|config| config.history_length));
        let Some(message) = &self.message else { return };
        let parts = message.parts.len();
        wrong.unless(message.role() != v1::Role::Agent, "message.role", "must be that of the user");
        wrong.unless(parts <= PARTS_MAX, "message.parts", format!("at most {PARTS_MAX} parts, not {parts}"));
        wrong.id("message.messageId", &message.message_id);
        wrong.id("message.contextId", &message.context_id);
        wrong.id("message.taskId", &message.task_id);
    }
}

impl Checked for v1::GetTaskRequest {
    fn limits(&self, wrong: &mut Wrong) {
        wrong.history_length("historyLength", self.history_length);
    }
}

impl Checked for v1::ListTasksRequest {
    fn limits(&self, wrong: &mut Wrong) {
        let is_state = TaskState::try_from(self.status).is_ok();
        wrong.unless(is_state, "status", format!("must be a state of a task, not {}", self.status));
        wrong.history_length("historyLength", self.history_length);
        self.page_size.into_iter().for_each(|size| wrong.page_size(size));
        if let Err(error) = page_token(&self.page_token) {
            wrong.0.extend(error.violations);
        }
    }
}

impl Checked for v1::CancelTaskRequest {}
impl Checked for v1::SubscribeToTaskRequest {}
impl Checked for v1::GetTaskPushNotificationConfigRequest {}
impl Checked for v1::DeleteTaskPushNotificationConfigRequest {}

impl Checked for v1::ListTaskPushNotificationConfigsRequest {
    fn limits(&self, wrong: &mut Wrong) {
        // No size is 0 here.
        Some(self.page_size).filter(|size| *size != 0).into_iter().for_each(|size| wrong.page_size(size));
        wrong.unless(
            self.page_token.is_empty() || is_id(&self.page_token),
            "pageToken",
            "is not a token of this server",
        );
    }
}

impl Checked for v1::TaskPushNotificationConfig {
    fn limits(&self, wrong: &mut Wrong) {
        wrong.unless(!self.task_id.is_empty(), "taskId", "must be set");
    }
}

/// The request, if nothing is wrong with it.
pub(crate) fn valid<V: Checked>(request: V) -> Result<V, A2aError> {
    let wrong = request.wrong();
    if wrong.is_empty() { Ok(request) } else { Err(A2aError::invalid_fields(wrong)) }
}

/// The request that `json` is, if nothing is wrong with it.
pub(crate) fn valid_json<T: DeserializeOwned, V: Checked>(
    json: &[u8],
    into: impl FnOnce(T) -> Result<V, A2aError>,
) -> Result<V, A2aError> {
    read::read(json, into, V::wrong)
}

/// Whether a client's id is one that we keep: 1 to 128 printable ASCII characters.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// What a valid `historyLength` says: absent is no limit, 0 is none (spec 3.2.4).
pub(crate) fn history_length(length: Option<i32>) -> Option<usize> {
    length.and_then(|length| usize::try_from(length).ok())
}
