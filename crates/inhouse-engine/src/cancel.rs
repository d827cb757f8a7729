//! The signal that ends a turn early, and why: a watch that fires once.

use tokio::sync::watch;

/// Why a turn has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// The caller asked.
    Canceled,
    /// The turn's total time is over.
    Timeout,
    /// The task keeps no more output.
    OutputLimit,
    /// A budget of the day is spent.
    Budget,
    /// The server is stopping.
    Shutdown,
}

/// The adapter's end of the signal.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<Option<StopCause>>);

/// The engine's end of the signal. The first cause stays.
#[derive(Debug)]
pub struct CancelSource(watch::Sender<Option<StopCause>>);

impl CancelSource {
    /// A signal that has not fired, and the adapter's end of it.
    pub fn new() -> (Self, Cancel) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Cancel(receiver))
    }

    /// Fires the signal, unless it has fired before.
    pub fn fire(&self, cause: StopCause) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(cause);
            }
            first
        });
    }

    /// The cause, once the signal has fired.
    pub fn cause(&self) -> Option<StopCause> {
        *self.0.borrow()
    }
}

impl Cancel {
    /// Returns when the turn has to end; never, if it need not.
    pub async fn requested(&self) -> StopCause {
        let mut receiver = self.0.clone();
        loop {
            if let Some(cause) = *receiver.borrow_and_update() {
                return cause;
            }
            if receiver.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The cause, if the signal has fired.
    pub fn cause(&self) -> Option<StopCause> {
        *self.0.borrow()
    }
}
