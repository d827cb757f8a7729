//! What a webhook is told: events as a stream has them for 1.0, the whole task at each new status for older clients (which know
//! nothing else).

use bytes::Bytes;
use inhouse_engine::Numbered;
use inhouse_proto::snapshot::{Pieces, Snapshot, View};
use inhouse_proto::wire::{Event, joined, to_json};
use inhouse_proto::{v0_1, v0_3};

use crate::bindings::Generation;

/// Older clients are told the whole task, which is made for each config anew. Beyond this size it comes without what the agent has
/// said: `tasks/get` has that.
const TASK_BYTES_MAX: usize = 1 << 20;

/// How a config's notifications are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    V1,
    V03,
    First,
}

/// One notification.
#[derive(Debug, Clone)]
pub(super) struct Notification {
    /// The body, in pieces.
    pub(super) body: Vec<Bytes>,
    /// The number of the last event that it tells.
    pub(super) generation: u64,
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
        let generation = task.generation;
        let mut out = Pieces::default();
        match self {
            Self::V1 => {
                out.copy(b"{\"task\":");
                task.write_v1(View::ALL, &mut out);
                out.copy(b"}");
            }
            Self::V03 => out.copy(&to_json(&v0_3::Task::from_v1(&task.to_v1(bounded(task)).ok()?))),
            Self::First => out.copy(&to_json(&v0_1::Task::from_v1(&task.to_v1(bounded(task)).ok()?, &task.id))),
        }
        Some(Notification { body: out.finish(), generation })
    }

    /// Whether these events are told by the task as it then stands.
    pub(super) fn wants_task(self, events: &[Numbered]) -> bool {
        self != Self::V1 && events.iter().any(|(_, event)| matches!(event, Event::Status(_)))
    }

    /// The notifications of these events by themselves: a text that came in pieces is told at once.
    pub(super) fn events(self, events: &[Numbered]) -> Vec<Notification> {
        if self != Self::V1 {
            return Vec::new();
        }
        let told = |(generation, event): (u64, Event)| {
            let mut body = Vec::new();
            event.write_v1(&mut body);
            Notification { body, generation }
        };
        joined(events).into_iter().map(told).collect()
    }
}

/// What of a task an older client is told.
fn bounded(task: &Snapshot) -> View {
    let mut whole = Pieces::default();
    task.write_v1(View::ALL, &mut whole);
    if whole.bytes() <= TASK_BYTES_MAX { View::ALL } else { View { history_length: Some(0), artifacts: false } }
}
