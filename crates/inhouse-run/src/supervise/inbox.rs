//! The supervisor's end of the control socket: orders with the descriptors that came with them, and reports back.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};

use crate::sys;
use crate::wire::{self, HEAD_BYTES, Report};

/// What is read at once; most plans fit.
const READ_BYTES: usize = 16 * 1024;

/// What the server wants.
pub(super) enum Order {
    Start { plan: Vec<u8>, stdio: [OwnedFd; 3] },
    Terminate { grace: Duration },
    Kill,
    Mark,
    Sweep,
}

pub(super) struct Inbox {
    socket: OwnedFd,
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    closed: bool,
}

impl Inbox {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { socket, bytes: Vec::new(), descriptors: Vec::new(), closed: false }
    }

    /// Whether the server is gone, or wants us to be.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// What to poll, while anything can come from there.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        (!self.closed).then(|| self.socket.as_fd())
    }

    /// The next order, however long it takes; none when the server's end has closed.
    pub(super) fn wait(&mut self) -> io::Result<Option<Order>> {
        loop {
            let order = self.next()?;
            if order.is_some() || self.closed {
                return Ok(order);
            }
            self.fill()?;
        }
    }

    /// The next order that has come as a whole.
    pub(super) fn next(&mut self) -> io::Result<Option<Order>> {
        let Some((kind, value)) = wire::read_head(&self.bytes) else {
            return Ok(None);
        };
        let (order, length) = match kind {
            wire::START => {
                let end = HEAD_BYTES + value as usize;
                let Some(plan) = self.bytes.get(HEAD_BYTES..end) else {
                    return Ok(None);
                };
                let plan = plan.to_vec();
                let stdio = std::mem::take(&mut self.descriptors)
                    .try_into()
                    .map_err(|_| io::Error::other("a plan without its three descriptors"))?;
                (Order::Start { plan, stdio }, end)
            }
            wire::TERMINATE => {
                let grace = Duration::from_millis(value.into());
                (Order::Terminate { grace }, HEAD_BYTES)
            }
            wire::KILL => (Order::Kill, HEAD_BYTES),
            wire::MARK => (Order::Mark, HEAD_BYTES),
            wire::SWEEP => (Order::Sweep, HEAD_BYTES),
            _ => return Err(io::Error::other(format!("unknown order {kind}"))),
        };
        self.bytes.drain(..length);
        // One large plan must not stay with us for life.
        self.bytes.shrink_to(READ_BYTES);
        Ok(Some(order))
    }

    /// Reads once what has come, or waits for it.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        let length = self.bytes.len();
        self.bytes.resize(length + READ_BYTES, 0);
        let received = sys::receive(self.socket.as_fd(), &mut self.bytes[length..], &mut self.descriptors);
        let received = match received {
            // What the server had not read when it died.
            Err(error) if error.raw_os_error() == Some(Errno::ECONNRESET as i32) => 0,
            received => received?,
        };
        self.bytes.truncate(length + received);
        self.closed = received == 0;
        Ok(())
    }

    /// Sends all reports as one message. A server that is gone is no error: the next look at the socket tells.
    pub(super) fn report(&self, reports: &[Report]) -> io::Result<()> {
        if reports.is_empty() {
            return Ok(());
        }
        let message = reports.iter().flat_map(|report| report.encode()).collect::<Vec<_>>();
        loop {
            match send(self.socket.as_raw_fd(), &message, MsgFlags::MSG_NOSIGNAL) {
                Err(Errno::EINTR) => {}
                Ok(_) | Err(Errno::EPIPE | Errno::ECONNRESET) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
