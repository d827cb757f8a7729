//! A running turn: gives the agent its message, watches the clock and the stop signal, and commits how it ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::agent::{Agent, End, Failure, Note, Reason, Turn, Usage};
use crate::asking::Asking;
use crate::cancel::{CancelSource, StopCause};
use crate::direct::Direct;
use crate::engine::Inner;
use crate::entry::AgentEntry;
use crate::output::TaskOutput;
use crate::queue::Slot;
use crate::store::Lease;

/// The least that the clock of a turn sleeps while the turn waits for its caller, in milliseconds.
const CLOCK_MS: u64 = 100;

/// A turn that has been accepted, whether it runs or waits.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) turn: Arc<Turn>,
    /// The agent as it was when the turn was accepted.
    pub(crate) entry: Arc<AgentEntry>,
    pub(crate) accepted: std::time::Instant,
    pub(crate) lease: Lease,
    pub(crate) slot: Slot,
    pub(crate) direct: Arc<Direct>,
    pub(crate) stop: Arc<CancelSource>,
    pub(crate) asking: Arc<Asking>,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    pub(crate) outcome: &'static str,
    pub(crate) usage: Option<Usage>,
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
pub(crate) async fn run(agent: Arc<dyn Agent>, inner: Arc<Inner>, ticket: Ticket, limits: TurnLimits) -> Closing {
    let mut output = TaskOutput::new(inner, &ticket, limits.room);
    let end = match output.begin().await {
        Ok(()) => drive(agent, &ticket, &mut output, limits).await,
        Err(_) => End::Canceled(Note::default()),
    };
    output.finish(end).await
}

/// The agent's own end, or `Canceled` when it had to be stopped and took too long over it.
async fn drive(agent: Arc<dyn Agent>, ticket: &Ticket, output: &mut TaskOutput, limits: TurnLimits) -> End {
    let turn = agent.turn(&ticket.turn, output);
    tokio::pin!(turn);
    tokio::select! {
        end = &mut turn => return end,
        () = clock(&ticket.asking, limits.turn_ms_max) => ticket.stop.fire(StopCause::Timeout),
        _ = ticket.turn.cancel.requested() => {}
    }
    // Dropping the future ends whatever the adapter still holds.
    match tokio::time::timeout(Duration::from_millis(limits.stop_grace_ms), turn).await {
        Ok(end) => end,
        Err(_) => End::Canceled(Note::default()),
    }
}

/// Returns when a turn has worked for its whole time. The time in which it waits for its caller does not count.
async fn clock(asking: &Asking, turn_ms_max: u64) {
    let due = Instant::now() + Duration::from_millis(turn_ms_max);
    loop {
        let left = (due + asking.waited()).saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        // While it waits, what is left stays the same.
        let pause = if asking.waits() { left.max(Duration::from_millis(CLOCK_MS)) } else { left };
        tokio::time::sleep(pause).await;
    }
}

/// How a turn ends whose own future was lost: the agent's adapter panicked.
pub(crate) fn lost() -> End {
    End::Failed(Failure::new(Reason::Internal, "the agent's adapter failed"))
}

/// Commits the end of a turn that never ran, or whose own future was lost.
pub(crate) async fn close(inner: Arc<Inner>, ticket: &Ticket, end: End) -> Closing {
    TaskOutput::new(inner, ticket, Room::default()).finish(end).await
}
