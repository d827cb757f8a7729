//! What a connection is doing and since when, shared by the parts of its one task: the socket sees bytes, the layers see
//! requests begin, the response body sees them end. From it follows when the connection has taken too long.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::Limits;
use crate::tls::Wire;

/// What the client is expected to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Send the headers of a request.
    Head,
    /// Nothing: its request is being answered.
    Busy,
    /// Begin another request, or leave.
    Idle,
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    Head,
    Idle,
    Write,
}

pub(crate) struct Pulse {
    start: Instant,
    phase: AtomicU8,
    since_ms: AtomicU64,
    /// Requests that are being answered.
    open: AtomicUsize,
    /// Whether there may be several of them, and bytes that belong to none (HTTP/2).
    multiplexed: AtomicBool,
    /// When writing began to wait for the client, plus one; 0 while it does not.
    stalled_ms: AtomicU64,
    /// How far the headers that are being read have been looked at; goes on over reads.
    scan: AtomicU8,
    /// Whether they name a `Content-Length`.
    names_length: AtomicBool,
    /// Whether the request has a body that was not read to its end.
    body_open: AtomicBool,
    /// The socket, once hyper has let it go.
    wire: Mutex<Option<Wire>>,
}

impl Pulse {
    /// A connection that was just accepted.
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            phase: AtomicU8::new(Phase::Head as u8),
            since_ms: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            multiplexed: AtomicBool::new(false),
            stalled_ms: AtomicU64::new(0),
            scan: AtomicU8::new(0),
            names_length: AtomicBool::new(false),
            body_open: AtomicBool::new(false),
            wire: Mutex::new(None),
        }
    }

    /// Requests may overlap from here on.
    pub(crate) fn multiplex(&self) {
        self.multiplexed.store(true, Relaxed);
    }

    /// Bytes came in.
    pub(crate) fn read(&self, bytes: &[u8]) {
        let phase = self.phase.load(Relaxed);
        if phase == Phase::Busy as u8 || bytes.is_empty() || self.multiplexed.load(Relaxed) {
            return;
        }
        if phase == Phase::Idle as u8 {
            self.enter(Phase::Head);
            self.scan.store(0, Relaxed);
        }
        let (scan, found) = scan(self.scan.load(Relaxed), bytes);
        self.scan.store(scan, Relaxed);
        if found {
            self.names_length.store(true, Relaxed);
        }
    }

    /// A write was tried; `waits`: the client has no room for it.
    pub(crate) fn wrote(&self, waits: bool) {
        if waits {
            let _ = self.stalled_ms.compare_exchange(0, self.now_ms() + 1, Relaxed, Relaxed);
        } else if self.stalled_ms.load(Relaxed) != 0 {
            self.stalled_ms.store(0, Relaxed);
        }
    }

    /// A request's headers are complete; it is answered until the guard is dropped. Tells whether a `Content-Length` was seen
    /// among them. Nothing is known of headers that came together with the request before.
    pub(crate) fn begin(self: &Arc<Self>, has_body: bool) -> (Answering, bool) {
        self.open.fetch_add(1, Relaxed);
        self.enter(Phase::Busy);
        self.body_open.store(has_body, Relaxed);
        (Answering(Arc::clone(self)), self.names_length.swap(false, Relaxed))
    }

    /// The request's body was read to its end.
    pub(crate) fn body_ended(&self) {
        self.body_open.store(false, Relaxed);
    }

    /// Whether the request still has an unread body.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.body_open.load(Relaxed)
    }

    fn end(&self) {
        if self.open.fetch_sub(1, Relaxed) == 1 {
            self.enter(Phase::Idle);
        }
    }

    /// When the connection has taken too long with what it does, and with what.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<(Instant, Overdue)> {
        let stalled_ms = self.stalled_ms.load(Relaxed);
        let phase = self.phase.load(Relaxed);
        let since_ms = self.since_ms.load(Relaxed);
        let (due_ms, overdue) = if stalled_ms != 0 {
            (stalled_ms - 1 + limits.write_stall_ms_max, Overdue::Write)
        } else if phase == Phase::Head as u8 {
            (since_ms + limits.header_read_ms_max, Overdue::Head)
        } else if phase == Phase::Idle as u8 {
            (since_ms + limits.idle_ms_max, Overdue::Idle)
        } else {
            return None;
        };
        Some((self.start + Duration::from_millis(due_ms), overdue))
    }

    /// Keeps the socket that hyper has let go.
    pub(crate) fn give_back(&self, wire: Wire) {
        *self.wire.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(wire);
    }

    /// The socket, once hyper has let it go.
    pub(crate) fn take_back(&self) -> Option<Wire> {
        self.wire.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.since_ms.store(self.now_ms(), Relaxed);
    }

    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}

/// A request that is being answered. Dropped when its response is written, or as good as.
pub(crate) struct Answering(Arc<Pulse>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The name that is looked for, at the beginning of a line.
const NAME: &[u8] = b"content-length:";
/// The line that is being read has another name.
const OTHER_LINE: u8 = u8::MAX - 1;
/// The headers have ended; what follows is a body, or another request.
const ENDED: u8 = u8::MAX;

/// Goes on looking for the name. The state is how many of its bytes the line has so far, or one of the two above.
fn scan(mut state: u8, bytes: &[u8]) -> (u8, bool) {
    let mut found = false;
    for byte in bytes {
        state = match (state, byte) {
            (ENDED, _) => break,
            (0, b'\n') => ENDED,
            (_, b'\n') => 0,
            // An empty line may end with a carriage return.
            (0, b'\r') => 0,
            (at, byte) if NAME.get(usize::from(at)).is_some_and(|name| name.eq_ignore_ascii_case(byte)) => at + 1,
            _ => OTHER_LINE,
        };
        found |= usize::from(state) == NAME.len();
    }
    (state, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(pulse: &Pulse) -> Option<Overdue> {
        pulse.deadline(&Limits::default()).map(|(_, overdue)| overdue)
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_clock() {
        let pulse = Arc::new(Pulse::new());
        assert_eq!(due(&pulse), Some(Overdue::Head));
        let (answering, _) = pulse.begin(true);
        assert_eq!((due(&pulse), pulse.has_unread_body()), (None, true));
        pulse.wrote(true);
        assert_eq!(due(&pulse), Some(Overdue::Write));
        pulse.wrote(false);
        drop(answering);
        tokio::time::advance(Duration::from_secs(50)).await;
        let (at, overdue) = pulse.deadline(&Limits::default()).unwrap();
        assert_eq!((at - Instant::now(), overdue), (Duration::from_secs(10), Overdue::Idle));
        pulse.read(b"P");
        let (at, overdue) = pulse.deadline(&Limits::default()).unwrap();
        assert_eq!((at - Instant::now(), overdue), (Duration::from_secs(10), Overdue::Head));
        tokio::time::advance(Duration::from_secs(5)).await;
        pulse.read(b"OST");
        assert_eq!(pulse.deadline(&Limits::default()).unwrap().0 - Instant::now(), Duration::from_secs(5));
    }

    #[tokio::test]
    async fn requests_that_overlap_end_with_the_last_of_them() {
        let pulse = Arc::new(Pulse::new());
        pulse.multiplex();
        let (first, _) = pulse.begin(false);
        let (second, _) = pulse.begin(false);
        drop(first);
        assert_eq!(due(&pulse), None);
        drop(second);
        assert_eq!(due(&pulse), Some(Overdue::Idle));
        pulse.read(b"a ping belongs to no request");
        assert_eq!(due(&pulse), Some(Overdue::Idle));
    }

    #[tokio::test]
    async fn a_length_is_seen_in_headers_only() {
        let pulse = Arc::new(Pulse::new());
        pulse.read(b"POST / HTTP/1.1\r\nContent-LENGTH: 3\r\n\r\n");
        let answering = pulse.begin(true);
        assert!(answering.1);
        pulse.read(b"x\ncontent-length: 3\r\n");
        drop(answering);
        assert!(!pulse.begin(true).1);
        pulse.read(b"POST / HTTP/1.1\r\nHost: a\r\n\r\nx\ncontent-length: 3\r\n");
        assert!(!pulse.begin(true).1, "a body");
        pulse.read(b"POST / HTTP/1.1\nX-Content-Length: 3\nA: content-length: 4\ncontent-lengthy: 1\n\n");
        assert!(!pulse.begin(true).1, "other names");
    }

    #[tokio::test]
    async fn a_name_that_comes_in_several_reads_is_seen() {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
        for at in 1..head.len() {
            let pulse = Arc::new(Pulse::new());
            pulse.read(&head[..at]);
            pulse.read(&head[at..]);
            assert!(pulse.begin(true).1, "{at}");
        }
        let pulse = Arc::new(Pulse::new());
        head.chunks(1).for_each(|byte| pulse.read(byte));
        assert!(pulse.begin(true).1);
    }
}
