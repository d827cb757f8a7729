//! A running turn: gives the agent its message, watches the clock and the stop signal, and commits how it ended.

use std::sync::Arc;
use std::time::Duration;

use crate::agent::{Agent, End, Failure, Note, Reason, Turn};
use crate::cancel::{CancelSource, StopCause};
use crate::direct::Direct;
use crate::output::TaskOutput;
use crate::queue::Slot;
use crate::store::{Lease, Store};

/// A turn that has been accepted, whether it runs or waits.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) turn: Arc<Turn>,
    pub(crate) lease: Lease,
    pub(crate) slot: Slot,
    pub(crate) direct: Arc<Direct>,
    pub(crate) stop: Arc<CancelSource>,
}

/// Bounds of one turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnLimits {
    pub(crate) turn_ms_max: u64,
    pub(crate) stop_grace_ms: u64,
    pub(crate) room: Room,
}

/// What a task may keep.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Room {
    pub(crate) bytes: usize,
    /// Beside the answer.
    pub(crate) artifacts: usize,
}

/// Runs a turn to its end. The last event is committed when this returns, whatever the agent did.
pub(crate) async fn run(agent: Arc<dyn Agent>, store: Arc<dyn Store>, ticket: Ticket, limits: TurnLimits) {
    let mut output = TaskOutput::new(store, &ticket, limits.room);
    let task = Arc::clone(&ticket.turn.task_id);
    let end = match output.begin().await {
        Ok(()) => drive(agent, &ticket, &mut output, limits).await,
        Err(_) => End::Canceled(Note::default()),
    };
    if let Err(error) = output.finish(end).await {
        tracing::warn!(%task, %error, "the end of a turn was not committed");
    }
}

/// The agent's own end, or `Canceled` when it had to be stopped and took too long over it.
async fn drive(agent: Arc<dyn Agent>, ticket: &Ticket, output: &mut TaskOutput, limits: TurnLimits) -> End {
    let turn = agent.turn(&ticket.turn, output);
    tokio::pin!(turn);
    let clock = tokio::time::sleep(Duration::from_millis(limits.turn_ms_max));
    tokio::select! {
        end = &mut turn => return end,
        () = clock => ticket.stop.fire(StopCause::Timeout),
        _ = ticket.turn.cancel.requested() => {}
    }
    // Dropping the future ends whatever the adapter still holds.
    match tokio::time::timeout(Duration::from_millis(limits.stop_grace_ms), turn).await {
        Ok(end) => end,
        Err(_) => End::Canceled(Note::default()),
    }
}

/// How a turn ends whose own future was lost: the agent's adapter panicked.
pub(crate) fn lost() -> End {
    End::Failed(Failure::new(Reason::Internal, "the agent's adapter failed"))
}

/// Commits the end of a turn that never ran, or whose own future was lost.
pub(crate) async fn close(store: Arc<dyn Store>, ticket: &Ticket, end: End) {
    if let Err(error) = TaskOutput::new(store, ticket, Room::default()).finish(end).await {
        tracing::warn!(task = %ticket.turn.task_id, %error, "the end of a turn was not committed");
    }
}
