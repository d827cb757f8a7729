//! What a webhook is told: events as a stream has them for 1.0, the whole task at each new status for older clients (which know
//! nothing else).

use bytes::Bytes;
use inhouse_engine::Numbered;
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::wire::{Event, joined, to_json};
use inhouse_proto::{v0_1, v0_3};

use crate::bindings::Generation;

/// A task is written for each attempt anew. Beyond this size it comes without its messages and artifacts: 1.0 is told of the
/// artifacts by their events, older clients ask `tasks/get`.
const TASK_BYTES_MAX: usize = 1 << 20;

/// How a config's notifications are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    V1,
    V03,
    First,
}

/// What there is to tell.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// The task as it stands when it is told.
    Task,
    /// An event, and its number.
    Event(Numbered),
}

/// One notification, as it is sent.
#[derive(Debug)]
pub(super) struct Notification {
    /// The body, in pieces.
    pub(super) body: Vec<Bytes>,
    /// The number of the last event that it tells.
    pub(super) generation: u64,
    /// Whether it says all that it should.
    pub(super) is_whole: bool,
}

impl Form {
    /// The one for configs that came by the generation with this label.
    pub(super) fn of(label: u8) -> Self {
        match label {
            label if label == Generation::V1.label() => Self::V1,
            label if label == Generation::First.label() => Self::First,
            _ => Self::V03,
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::V1 => "application/a2a+json",
            Self::V03 | Self::First => "application/json",
        }
    }

    /// The task as it stands.
    pub(super) fn task(self, task: &Snapshot) -> Option<Notification> {
        let is_whole = task.bytes() <= TASK_BYTES_MAX;
        let view = if is_whole { View::ALL } else { View { history_length: Some(0), artifacts: false } };
        let mut out = Pieces::default();
        match self {
            Self::V1 => {
                out.copy(b"{\"task\":");
                task.write_v1(view, &mut out);
                out.copy(b"}");
            }
            Self::V03 => out.copy(&to_json(&v0_3::Task::from_v1(&task.to_v1(view).ok()?))),
            Self::First => out.copy(&to_json(&v0_1::Task::from_v1(&task.to_v1(view).ok()?, &task.id))),
        }
        Some(Notification { body: out.finish(), generation: task.generation, is_whole })
    }

    /// An event by itself.
    pub(super) fn event((generation, event): &Numbered) -> Notification {
        let mut body = Vec::new();
        event.write_v1(&mut body);
        Notification { body, generation: *generation, is_whole: true }
    }

    /// How these events are told: a text that came in pieces at once, and to older clients a new status as the task.
    pub(super) fn telling(self, events: &[Numbered]) -> Vec<What> {
        let is_status = |(_, event): &Numbered| matches!(event, Event::Status(_));
        match self {
            Self::V1 => joined(events).into_iter().map(What::Event).collect(),
            _ if events.iter().any(is_status) => vec![What::Task],
            _ => Vec::new(),
        }
    }
}
