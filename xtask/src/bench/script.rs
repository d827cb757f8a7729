//! What the agent of the benchmark writes, known to the agent and to those who check it.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A line of 64 bytes: `bytes` repeats it and cuts it where it has to end.
pub(super) const PATTERN: &[u8; 64] = b"0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXY\n";
/// What comes before the caller's text when it is repeated, so that an answer is not mistaken for the question in the history.
pub(super) const ECHO: &str = "echo: ";

/// A line that `lines` writes; the first has number 1.
pub(super) fn line(number: u64) -> String {
    format!("line {number:06}\n")
}

/// The machine's monotonic clock, the same for all processes, in nanoseconds.
pub(super) fn now_ns() -> u64 {
    // Linux always has this clock; a zero would show up as an absurd delay.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| Duration::from(time).as_nanos() as u64)
}
