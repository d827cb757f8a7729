//! stdin, which remembers that it has ended: a call that is stopped after that was not canceled by anybody.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The client's messages.
pub(super) struct Stdin {
    from: tokio::io::Stdin,
    over: Arc<AtomicBool>,
}

impl Stdin {
    /// The stdin of this process, and whether it has ended.
    pub(super) fn new() -> (Self, Arc<AtomicBool>) {
        let over = Arc::new(AtomicBool::new(false));
        (Self { from: tokio::io::stdin(), over: Arc::clone(&over) }, over)
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.from).poll_read(context, buffer));
        if read.is_err() || buffer.filled().len() == before {
            self.over.store(true, Ordering::SeqCst);
        }
        Poll::Ready(read)
    }
}
