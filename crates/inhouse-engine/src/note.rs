//! Status updates: what the engine and the agents say about a task, as v1 events.

use std::time::{SystemTime, UNIX_EPOCH};

use inhouse_proto::json::{Struct, Timestamp};
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::Event;

use crate::activity::{ACTIVITY, Activity};
use crate::agent::{End, Failure, Note, Reason, Usage};
use crate::cancel::StopCause;

/// The time of the clock on the wall, in milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The two ids that every event of a task carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids<'a> {
    pub(crate) task: &'a str,
    pub(crate) context: &'a str,
}

impl Ids<'_> {
    /// A status update with what a note says.
    pub(crate) fn status(self, state: TaskState, note: Note, usage: Option<Usage>) -> Event {
        self.event(state, self.message(note, None), usage)
    }

    /// A status update with what the agent does.
    pub(crate) fn active(self, activity: &Activity, usage: Option<Usage>) -> Event {
        let parts = vec![part(v1::part::Content::Text(activity.sentence()))];
        let message = self.agent_message(parts, Some(activity.metadata()));
        let message = v1::Message { extensions: vec![ACTIVITY.to_owned()], ..message };
        self.event(TaskState::Working, Some(message), usage)
    }

    /// The status update of a failed turn: the reason code stands in the message's metadata, and in its text unless that is
    /// the agent's own.
    pub(crate) fn failed(self, failure: &Failure, usage: Option<Usage>) -> Event {
        let code = failure.reason.code();
        let text = match &failure.detail {
            Some(said) if failure.quoted => said.clone(),
            Some(detail) => format!("{code}: {detail}"),
            None => code.to_owned(),
        };
        let metadata = Struct(serde_json::Map::from_iter([("reason".to_owned(), code.into())]));
        self.event(
            TaskState::Failed,
            self.message(Note { text: Some(text), data: failure.data.clone() }, Some(metadata)),
            usage,
        )
    }

    /// The last event of a turn.
    pub(crate) fn end(self, end: End, usage: Option<Usage>) -> Event {
        match end {
            End::Completed(note) => self.status(TaskState::Completed, note, usage),
            End::Failed(failure) => self.failed(&failure, usage),
            End::Rejected(note) => self.status(TaskState::Rejected, note, usage),
            End::InputRequired(note) => self.status(TaskState::InputRequired, note, usage),
            End::AuthRequired(note) => self.status(TaskState::AuthRequired, note, usage),
            End::Canceled(note) => self.status(TaskState::Canceled, note, usage),
        }
    }

    fn event(self, state: TaskState, message: Option<v1::Message>, usage: Option<Usage>) -> Event {
        let status = v1::TaskStatus { state: state.into(), message, timestamp: Some(Timestamp { millis: now_ms() }) };
        Event::status(self.task, self.context, &status, usage.map(usage_metadata).as_ref())
    }

    fn message(self, note: Note, metadata: Option<Struct>) -> Option<v1::Message> {
        let text = note.text.map(v1::part::Content::Text);
        let data = note.data.map(v1::part::Content::Data);
        let parts: Vec<_> = [text, data].into_iter().flatten().map(part).collect();
        if parts.is_empty() { None } else { Some(self.agent_message(parts, metadata)) }
    }

    /// A message of the agent within this task.
    pub(crate) fn agent_message(self, parts: Vec<v1::Part>, metadata: Option<Struct>) -> v1::Message {
        v1::Message {
            message_id: uuid::Uuid::new_v4().to_string(),
            context_id: self.context.to_owned(),
            task_id: self.task.to_owned(),
            role: v1::Role::Agent.into(),
            parts,
            metadata,
            ..v1::Message::default()
        }
    }
}

impl End {
    /// The same, unless something made the turn stop early: that wins over what its agent says about it.
    pub(crate) fn under(self, cause: Option<StopCause>) -> Self {
        let failed = |reason, detail: &str| Self::Failed(Failure::new(reason, detail));
        match (cause, self) {
            (None, end) | (Some(StopCause::Canceled), end @ Self::Canceled(_)) => end,
            (Some(StopCause::Canceled), _) => Self::Canceled(Note::default()),
            (Some(StopCause::Timeout), _) => failed(Reason::Timeout, "the agent took longer than its time limit"),
            (Some(StopCause::OutputLimit), _) => {
                failed(Reason::OutputLimit, "the agent wrote more than a task may keep")
            }
            (Some(StopCause::Budget), _) => {
                failed(Reason::Budget, "what the agent, or its caller, may spend in a day is spent")
            }
            (Some(StopCause::Shutdown), _) => failed(Reason::Shutdown, "the server is stopping"),
        }
    }

    /// The state in which it leaves its task, or the reason code of a failure.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::Failed(failure) => failure.reason.code(),
            Self::Rejected(_) => "rejected",
            Self::InputRequired(_) => "input-required",
            Self::AuthRequired(_) => "auth-required",
            Self::Canceled(_) => "canceled",
        }
    }
}

fn part(content: v1::part::Content) -> v1::Part {
    v1::Part { content: Some(content), ..v1::Part::default() }
}

fn usage_metadata(usage: Usage) -> Struct {
    let mut members = serde_json::Map::new();
    if let Some(tokens) = usage.input_tokens {
        members.insert("inputTokens".to_owned(), tokens.into());
    }
    if let Some(tokens) = usage.output_tokens {
        members.insert("outputTokens".to_owned(), tokens.into());
    }
    if let Some(cost) = usage.cost_usd {
        members.insert("costUsd".to_owned(), cost.into());
    }
    Struct(serde_json::Map::from_iter([("usage".to_owned(), members.into())]))
}
