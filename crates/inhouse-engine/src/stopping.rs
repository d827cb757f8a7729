//! How tasks are ended from outside: by their callers, by a wait that is too long, and by the server's own stop. Where a turn is at
//! work it is told to stop, and ends its task itself; nobody takes the task away from it.

use std::time::Duration;

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::TaskState;
use inhouse_trust::Permit;

use crate::agent::{End, Note};
use crate::cancel::StopCause;
use crate::engine::{Engine, key, lock};
use crate::note::Ids;
use crate::refusal::refused;
use crate::state::{is_interrupted, is_terminal};
use crate::store::{StoreError, TaskKey};

/// A cancel that has heard nothing of its task for this time looks again at what there is to stop.
const CANCEL_AGAIN_MS: u64 = 500;

impl Engine {
    /// Cancels a task and returns it as it then stands (spec 3.1.5). Nothing of a running turn is left when this returns.
    ///
    /// # Errors
    /// Task not found; task not cancelable when it is finished, or finishes first.
    pub async fn cancel(&self, permit: &Permit, id: &str) -> Result<Snapshot, A2aError> {
        let key = key(permit, id);
        let mut snapshot = self.look(&key, false).await?;
        let mut hint = self.inner.store.hint(&key).map_err(refused)?;
        // The task may ask, or be answered, while it is being stopped: then it is stopped again.
        while !is_terminal(snapshot.state) {
            self.stop_turn(&key, is_interrupted(snapshot.state)).await;
            let changed = hint.beyond(snapshot.generation);
            let _ = tokio::time::timeout(Duration::from_millis(CANCEL_AGAIN_MS), changed).await;
            snapshot = self.look(&key, false).await?;
            if snapshot.state == TaskState::Canceled {
                return self.look(&key, true).await;
            }
        }
        Err(A2aError::new(ErrorKind::TaskNotCancelable).with("taskId", id))
    }

    async fn stop_turn(&self, key: &TaskKey, waits: bool) {
        // First, since the turn that ended with a question may not be forgotten yet.
        if waits && self.end_waiting(key, Note::default()).await.is_ok_and(|ended| ended) {
            return;
        }
        let queued = lock(&self.inner.queue).remove(&key.owner, |ticket| ticket.lease.key == *key);
        if let Some(ticket) = queued {
            ticket.stop.fire(StopCause::Canceled);
            self.inner.close(&ticket, End::Canceled(Note::default())).await;
        } else if let Some(live) = self.live(key) {
            live.stop.fire(StopCause::Canceled);
        }
    }

    /// Forgets what is over its time. Called about once a second by whoever owns the engine.
    pub async fn compact(&self) {
        match self.inner.store.compact().await {
            Ok(overdue) => {
                for key in overdue {
                    let text = Some("the task has waited too long for an answer".to_owned());
                    let _ = self.end_waiting(&key, Note { text, data: None }).await;
                }
            }
            Err(error) => tracing::error!(%error, "the task store could not be compacted"),
        }
    }

    /// Ends a task that waits for its caller, and that no turn is at work on: such a turn has a clock of its own, and its
    /// process. Whether that was so.
    async fn end_waiting(&self, key: &TaskKey, note: Note) -> Result<bool, StoreError> {
        if self.live(key).is_some_and(|live| !live.asking.is_over()) {
            return Ok(false);
        }
        let store = &self.inner.store;
        let lease = store.claim_waiting(key).await?;
        let snapshot = store.get(key, false).await?;
        let ids = Ids { task: &snapshot.id, context: &snapshot.context_id };
        store.end(&lease, vec![ids.end(End::Canceled(note), None)]).await?;
        Ok(true)
    }

    /// Takes no new work, ends what waits, lets running turns go on for their grace, then ends them. Nothing runs afterwards.
    pub async fn shutdown(&self) {
        self.inner.closing.send_replace(true);
        let waiting = lock(&self.inner.queue).close();
        for ticket in waiting {
            ticket.stop.fire(StopCause::Shutdown);
            self.inner.close(&ticket, End::Canceled(Note::default())).await;
        }
        // Nobody can answer any more.
        let asking: Vec<_> = lock(&self.inner.live).values().filter(|live| live.asking.waits()).cloned().collect();
        asking.iter().for_each(|live| live.stop.fire(StopCause::Shutdown));
        let mut running = self.inner.running.subscribe();
        let grace = Duration::from_millis(self.inner.limits().shutdown_grace_ms);
        let _ = tokio::time::timeout(grace, running.wait_for(|count| *count == 0)).await;
        self.stop_all();
        let _ = running.wait_for(|count| *count == 0).await;
    }
}
