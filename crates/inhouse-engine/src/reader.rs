//! A reader is a cursor on a task's log: it looks, and sleeps until there may be more. It never lags out and holds no events.

use std::sync::Arc;
use std::time::Duration;

use inhouse_proto::error::A2aError;
use inhouse_proto::wire::Event;

use crate::refusal::refused;
use crate::store::{Hint, Store, TaskKey};

/// Some 64 KiB of events are read at a time: enough to fill a socket's buffer, little enough for thousands of readers.
const BATCH_BYTES_MAX: usize = 64 << 10;

/// A cursor on the log of one task.
pub struct Reader(Option<Cursor>);

struct Cursor {
    store: Arc<dyn Store>,
    key: TaskKey,
    after: u64,
    hint: Hint,
    recheck: Duration,
}

/// An event and its number.
pub type Numbered = (u64, Event);

impl Reader {
    pub(crate) fn new(store: &Arc<dyn Store>, key: TaskKey, after: u64, recheck: Duration) -> Result<Self, A2aError> {
        let hint = store.hint(&key).map_err(refused)?;
        Ok(Self(Some(Cursor { store: Arc::clone(store), key, after, hint, recheck })))
    }

    /// A reader that has seen the last event of a finished task.
    pub fn ended() -> Self {
        Self(None)
    }

    /// The next events; waits until there is one. None at all: the log has ended.
    ///
    /// # Errors
    /// Task not found, when the store has forgotten the task.
    pub async fn next(&mut self) -> Result<Vec<Numbered>, A2aError> {
        let Some(cursor) = &mut self.0 else { return Ok(Vec::new()) };
        loop {
            let events = cursor.store.events(&cursor.key, cursor.after, BATCH_BYTES_MAX).await.map_err(refused)?;
            if !events.is_empty() {
                let first = cursor.after + 1;
                cursor.after += events.len() as u64;
                return Ok((first..).zip(events).collect());
            }
            // The log is the truth; the hint only saves time. A lost one costs `recheck`.
            let _ = tokio::time::timeout(cursor.recheck, cursor.hint.beyond(cursor.after)).await;
        }
    }
}
