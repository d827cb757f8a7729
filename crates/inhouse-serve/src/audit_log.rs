//! Where the audit goes: a bounded buffer and one thread that writes whole batches of lines.
//!
//! Recording never waits. What starts or changes something asks for room before it does, so a writer that stands still stops the
//! server's work, and no line of such work is lost; the buffer grows beyond its bound by the lines of requests under way only. Reads go
//! on: beyond the bound their lines are lost, and counted in a line that follows.

use std::io::{ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{AuditSeal, AuditTail};

/// How long the writer rests after a failure before it tries the same lines again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// How long it sleeps when it has nothing to wait for.
const FOREVER: Duration = Duration::from_secs(3_600);

/// How long the writer rests after a batch: under load, requests then share a wake-up and a system call.
const REST: Duration = Duration::from_millis(2);

/// How much may be unwritten, and how long it is waited for that.
#[derive(Debug, Clone, Copy)]
pub struct AuditBounds {
    /// Beyond so many bytes there is no room for the lines of further work.
    pub buffer_bytes_max: usize,
    /// How long work waits for room before it is refused, in milliseconds.
    pub wait_ms_max: u64,
}

impl Default for AuditBounds {
    fn default() -> Self {
        Self { buffer_bytes_max: 1 << 20, wait_ms_max: 5_000 }
    }
}

/// A handle on the log; clones write to the same one. When the last is dropped, the thread writes what is left and ends.
#[derive(Clone)]
pub struct AuditLog {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    bounds: AuditBounds,
    state: Mutex<State>,
    /// Wakes the thread: there are lines, or the log is closed.
    filled: Condvar,
    /// Wakes `close`: everything is written.
    emptied: Condvar,
    /// Wakes requests that wait for room.
    room: Notify,
    /// The last lines that were written.
    tail: AuditTail,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Bytes that the thread has taken and not yet written.
    writing: usize,
    is_closed: bool,
    /// The writer has failed, and not yet written what it failed to write.
    is_failing: bool,
    /// Lines that were lost since the last line that tells of it, and when the first one was.
    lost: u64,
    lost_since_ms: u64,
    /// The thread has nothing to do and has to be woken.
    is_waiting: bool,
    /// Somebody wants all lines under a head, and why.
    wants_head: Option<&'static str>,
}

impl AuditLog {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(bounds: AuditBounds, writer: impl Write + Send + 'static) -> std::io::Result<Self> {
        Self::start(bounds, writer, None, AuditTail::new(0))
    }

    /// The same with lines that are sealed, the last of which `tail` keeps.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn sealed(
        bounds: AuditBounds,
        writer: impl Write + Send + 'static,
        seal: AuditSeal,
        tail: AuditTail,
    ) -> std::io::Result<Self> {
        Self::start(bounds, writer, Some(seal), tail)
    }

    fn start(
        bounds: AuditBounds,
        writer: impl Write + Send + 'static,
        seal: Option<AuditSeal>,
        tail: AuditTail,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            bounds,
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            room: Notify::new(),
            tail,
        });
        let thread_shared = Arc::clone(&shared);
        thread::Builder::new().name("audit".into()).spawn(move || thread_shared.write_all(writer, seal))?;
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// Appends the line of something that was done, for which there was room; the line's end is added here. It is never lost.
    pub fn record(&self, line: &str) {
        self.append(self.shared().state(), line);
    }

    /// Appends the line of something that changes nothing: a read, a refusal. Where there is no room for it, it is lost and counted.
    pub fn mention(&self, line: &str) {
        let mut state = self.shared().state();
        // What is lost is told in one line behind those that are there.
        if state.lost == 0 && state.unwritten() < self.shared().bounds.buffer_bytes_max {
            return self.append(state, line);
        }
        if state.lost == 0 {
            state.lost_since_ms = now_ms();
        }
        state.lost += 1;
    }

    fn append(&self, mut state: MutexGuard<'_, State>, line: &str) {
        let is_waiting = std::mem::take(&mut state.is_waiting);
        state.lines.extend_from_slice(line.as_bytes());
        state.lines.push(b'\n');
        drop(state);
        if is_waiting {
            self.shared().filled.notify_one();
        }
    }

    /// Writes down that a server starts.
    pub fn started(&self, start: &AuditStart<'_>) {
        let (version, pid, chain) = (env!("CARGO_PKG_VERSION"), std::process::id(), Uuid::new_v4().to_string());
        let line = Started { time_ms: now_ms(), operation: "start", chain: &chain, version, pid, start };
        // Texts and numbers always become JSON.
        if let Ok(line) = serde_json::to_string(&line) {
            self.record(&line);
        }
    }

    /// Whether something may be done that has to be written down. Waits for room, for `wait_ms_max` at most.
    pub async fn admits(&self) -> bool {
        timeout(Duration::from_millis(self.shared().bounds.wait_ms_max), self.room()).await.is_ok()
    }

    async fn room(&self) {
        loop {
            let notified = self.shared().room.notified();
            if self.shared().has_room() {
                return;
            }
            notified.await;
        }
    }

    /// Whether what an agent may do would be written down. A decision does not wait for room, and so has twice as much of it.
    pub fn has_room_for_decisions(&self) -> bool {
        let (state, bounds) = (self.shared().state(), &self.shared().bounds);
        !state.is_failing && state.unwritten() < 2 * bounds.buffer_bytes_max
    }

    /// Waits until everything is written, and under a head, for `wait` at most. Tells whether it is. Blocks the thread: not for async code.
    pub fn flush(&self, wait: Duration) -> bool {
        self.written("flush", wait)
    }

    /// The same at an orderly end, of which the head tells: nothing is recorded after it.
    pub fn end(&self, wait: Duration) -> bool {
        self.written("stop", wait)
    }

    fn written(&self, why: &'static str, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut state = self.shared().state();
        state.wants_head = Some(why);
        self.shared().filled.notify_one();
        while state.unwritten() > 0 || state.wants_head.is_some() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared().emptied.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        true
    }

    /// The last lines that were written.
    pub(crate) fn tail(&self) -> &AuditTail {
        &self.shared().tail
    }

    /// What is not written yet, in bytes.
    pub(crate) fn unwritten(&self) -> usize {
        self.shared().state().unwritten()
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

/// What is written down of a start, beside its time, its version, its process and a random name.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AuditStart<'a> {
    /// How firmly agents are held from now on,
    pub containment: &'a str,
    /// and why not firmer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<&'a str>,
    /// What the control groups of turns do, if they have some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<&'a str>,
    /// The public key of the heads to come, if they are signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// The SHA-256 of what a crash has left behind the last whole line, without a line's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn_sha256: Option<&'a str>,
}

/// The first line of a start.
#[derive(Serialize)]
struct Started<'a> {
    time_ms: u64,
    operation: &'a str,
    chain: &'a str,
    version: &'a str,
    pid: u32,
    #[serde(flatten)]
    start: &'a AuditStart<'a>,
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.state().is_closed = true;
        self.shared.filled.notify_one();
    }
}

impl State {
    fn unwritten(&self) -> usize {
        self.lines.len() + self.writing
    }

    /// A line about the lines that were lost, if some were, with its end.
    fn lost(&mut self) -> Option<String> {
        let (lost, since_ms) = (std::mem::take(&mut self.lost), self.lost_since_ms);
        let line = || {
            format!("{{\"time_ms\":{},\"operation\":\"lost\",\"lines\":{lost},\"since_ms\":{since_ms}}}\n", now_ms())
        };
        (lost > 0).then(line)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn has_room(&self) -> bool {
        let state = self.state();
        !state.is_failing && state.unwritten() < self.bounds.buffer_bytes_max
    }

    /// The thread: takes what is there, writes it, and again, until the log is closed and empty.
    fn write_all(&self, mut writer: impl Write, mut seal: Option<AuditSeal>) {
        let mut batch = Vec::new();
        while let Some(head) = self.take(&mut batch, seal.as_ref().and_then(AuditSeal::due_in)) {
            if let Some(seal) = &mut seal {
                batch = seal.seal(&batch);
                batch.extend(head.map(|why| seal.head_now(why)).unwrap_or_default());
            }
            if !self.write_batch(&mut writer, &batch) {
                return;
            }
            self.tail.push(&batch);
            let mut state = self.state();
            (state.writing, state.is_failing) = (0, false);
            state.wants_head = state.wants_head.filter(|_| head.is_none());
            drop(state);
            self.emptied.notify_all();
            self.room.notify_waiters();
            thread::sleep(REST);
        }
    }

    /// Writes every byte once, however often the writer fails between. `false`: it failed, and nobody waits any more.
    fn write_batch(&self, writer: &mut impl Write, mut rest: &[u8]) -> bool {
        let mut is_told = false;
        loop {
            // What is written and not synced may be lost as well.
            let written = if rest.is_empty() { writer.flush().map(|()| 0) } else { writer.write(rest) };
            let error = match written {
                Ok(_) if rest.is_empty() => break,
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(written) => {
                    rest = &rest[written..];
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            if !std::mem::replace(&mut is_told, true) {
                tracing::error!(%error, "the audit can not be written: no work is taken until it can");
            }
            let mut state = self.state();
            if state.is_closed {
                return false;
            }
            // A full pipe is only slow.
            state.is_failing |= error.kind() != ErrorKind::WouldBlock;
            drop(state);
            thread::sleep(RETRY_AFTER);
        }
        if is_told {
            tracing::info!("the audit is written again");
        }
        true
    }

    /// Waits for lines and swaps them into `batch`, for so long that a head is not late. Why one is to be signed behind them, if one is;
    /// nothing: there will be no more lines.
    fn take(&self, batch: &mut Vec<u8>, head_in: Option<Duration>) -> Option<Option<&'static str>> {
        let late = head_in.map(|head_in| Instant::now() + head_in);
        let is_late = || late.is_some_and(|late| late <= Instant::now());
        let mut state = self.state();
        while state.lines.is_empty() && state.lost == 0 && state.wants_head.is_none() && !is_late() {
            if state.is_closed {
                return None;
            }
            state.is_waiting = true;
            let rest = late.map_or(FOREVER, |late| late.saturating_duration_since(Instant::now()));
            state = self.filled.wait_timeout(state, rest).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        batch.clear();
        std::mem::swap(batch, &mut state.lines);
        if let Some(lost) = state.lost() {
            batch.extend_from_slice(lost.as_bytes());
        }
        state.writing = batch.len();
        Some(state.wants_head.or_else(|| is_late().then_some("time")))
    }
}
