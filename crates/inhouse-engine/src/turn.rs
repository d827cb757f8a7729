//! A running turn: gives the agent its message, watches the clock and the stop signal, and commits how it ended.

use std::sync::Arc;
use std::time::Duration;

use inhouse_proto::wire::TextHead;

use crate::agent::{Agent, End, Failure, Reason, Turn};
use crate::cancel::{CancelSource, StopCause};
use crate::output::{Answer, TaskOutput};
use crate::queue::Slot;
use crate::store::{Lease, Store};

/// A turn that has been accepted, whether it runs or waits.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) turn: Turn,
    pub(crate) lease: Lease,
    pub(crate) slot: Slot,
    /// Whether the agent may answer without a task.
    pub(crate) direct: bool,
    pub(crate) stop: Arc<CancelSource>,
}

/// Bounds of one turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnLimits {
    pub(crate) turn_ms_max: u64,
    pub(crate) stop_grace_ms: u64,
    pub(crate) output_bytes_max: usize,
}

/// Runs a turn to its end. The last event is committed when this returns, whatever the agent did.
pub(crate) async fn run(agent: Arc<dyn Agent>, store: Arc<dyn Store>, ticket: Ticket, limits: TurnLimits) {
    let mut output = output(store, &ticket, limits);
    let task = Arc::clone(&ticket.turn.task_id);
    let end = match output.begin().await {
        Ok(()) => drive(agent, &ticket, &mut output, limits).await,
        Err(_) => End::Canceled(crate::agent::Note::default()),
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
        Err(_) => End::Canceled(crate::agent::Note::default()),
    }
}

fn output(store: Arc<dyn Store>, ticket: &Ticket, limits: TurnLimits) -> TaskOutput {
    let turn = &ticket.turn;
    let artifact_id = format!("answer-{}", turn.number);
    TaskOutput {
        store,
        lease: ticket.lease.clone(),
        stop: Arc::clone(&ticket.stop),
        context_id: Arc::clone(&turn.context_id),
        room_bytes: limits.output_bytes_max.saturating_sub(ticket.lease.kept_bytes),
        direct: ticket.direct,
        head: Arc::new(TextHead::new(&turn.task_id, &turn.context_id, &artifact_id)),
        answer: Answer::Empty,
        usage: None,
        silent: true,
        answered: false,
    }
}

/// How a turn ends whose own future was lost: the agent's adapter panicked.
pub(crate) fn lost() -> End {
    End::Failed(Failure::new(Reason::Internal, "the agent's adapter failed"))
}

/// Commits the end of a turn that never ran, or whose own future was lost.
pub(crate) async fn close(store: Arc<dyn Store>, ticket: &Ticket, end: End) {
    let limits = TurnLimits { turn_ms_max: 0, stop_grace_ms: 0, output_bytes_max: 0 };
    if let Err(error) = output(store, ticket, limits).finish(end).await {
        tracing::warn!(task = %ticket.turn.task_id, %error, "the end of a turn was not committed");
    }
}
