//! Ctrl-C while a verb waits for a task: the verb ends with a word about the task, which goes on.

use std::pin::Pin;

/// Fires once, at the first Ctrl-C after it was made use of.
pub(crate) struct Interrupt(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Interrupt {
    /// Ctrl-C in the terminal of this process.
    pub(crate) fn ctrl_c() -> Self {
        Self::when(async {
            if tokio::signal::ctrl_c().await.is_err() {
                // Without a handler the system ends the process at Ctrl-C.
                std::future::pending::<()>().await;
            }
        })
    }

    fn when(signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(signal))
    }

    /// The outcome of `work`, or none when the signal came first; nothing may wait for it after that.
    pub(crate) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = &mut self.0 => None,
            outcome = work => Some(outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_goes_on_until_the_signal_comes() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let mut interrupt = Interrupt::when(async move { receiver.await.unwrap_or_default() });
        assert_eq!(interrupt.or(async { 1 }).await, Some(1));
        assert_eq!(interrupt.or(async { 2 }).await, Some(2));
        sender.send(()).unwrap();
        assert_eq!(interrupt.or(std::future::pending::<i32>()).await, None);
    }
}
