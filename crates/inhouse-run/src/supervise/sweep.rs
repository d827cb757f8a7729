//! A sweep of a tree that goes on: what was there when it was marked may stay, and all else is killed, whatever session or
//! parent it has.

use std::collections::HashMap;
use std::io;

use nix::poll::PollTimeout;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgrp};

use crate::proc::{self, Process};

/// Rounds in a row that must find nothing. One can miss a process that becomes ours while its parent is looked at.
const CLEAN_ROUNDS: u32 = 2;
/// After so many looks a tree that grows and grows has its marks.
const LOOKS_MAX: u32 = 32;
/// The pause between rounds that find the same, in milliseconds; the end of a child cuts it short.
const PAUSE_MS: u16 = 1;

/// The processes that may stay: their pids, and when they began.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<Pid, u64>);

impl Marks {
    /// All that is below this process. None when that can not be seen: then nothing may stay.
    pub(super) fn of_own_tree() -> Self {
        let mut marks = Self::default();
        let mut clean_looks = 0;
        for _ in 0..LOOKS_MAX {
            let Ok(tree) = proc::own_tree() else { return Self::default() };
            let known = marks.0.len();
            marks.0.extend(tree.into_iter().map(|process| (process.pid, process.began)));
            clean_looks = if marks.0.len() == known { clean_looks + 1 } else { 0 };
            if clean_looks == CLEAN_ROUNDS {
                break;
            }
        }
        marks
    }

    fn spare(&self, process: &Process) -> bool {
        self.0.get(&process.pid) == Some(&process.began)
    }
}

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    clean_rounds: u32,
    /// What the last round found.
    found: Vec<Pid>,
    killed: u32,
}

impl Sweep {
    /// How many processes were killed.
    pub(super) fn killed(&self) -> u32 {
        self.killed
    }

    /// One round, after what has ended was reaped: kills what has no mark. How long to wait for the next one; nothing when
    /// the tree is clean.
    ///
    /// # Errors
    /// When the tree can not be seen.
    pub(super) fn round(&mut self, main: Pid, marks: &Marks) -> io::Result<Option<PollTimeout>> {
        let tree = proc::own_tree()?;
        if !tree.iter().any(|process| process.pid == main) {
            // It has not been reaped, and so must be there.
            return Err(io::Error::other("the agent itself is not in its tree"));
        }
        let (stay, go): (Vec<_>, Vec<_>) = tree.into_iter().partition(|process| marks.spare(process));
        // What has ended below another process is for that one to reap. What has ended as our own child counts: it may
        // have left a child of its own to us, in this very moment.
        let go: Vec<_> = go.into_iter().filter(|process| !process.ended || process.parent == Pid::this()).collect();
        for process in &go {
            end(process, &stay);
        }
        let found: Vec<_> = go.iter().map(|process| process.pid).collect();
        let new = found.iter().filter(|pid| !self.found.contains(pid)).count();
        self.killed = self.killed.saturating_add(u32::try_from(new).unwrap_or(u32::MAX));
        self.found = found;
        self.clean_rounds = if self.found.is_empty() { self.clean_rounds + 1 } else { 0 };
        Ok(match (self.clean_rounds, new) {
            (CLEAN_ROUNDS.., _) => None,
            (0, 0) => Some(PAUSE_MS.into()),
            _ => Some(PollTimeout::ZERO),
        })
    }
}

/// Kills a process, and its group with it if nobody in it may stay: that leaves a chain of forks no time.
fn end(process: &Process, stay: &[Process]) {
    let group = process.group;
    if group != getpgrp() && !stay.iter().any(|other| other.group == group) {
        let _ = killpg(group, Signal::SIGKILL);
    }
    // One that has ended meanwhile is no error.
    let _ = kill(process.pid, Signal::SIGKILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_for_one_process_and_not_for_the_next_one_of_its_pid() {
        let process = |pid, began| {
            let (pid, one) = (Pid::from_raw(pid), Pid::from_raw(1));
            Process { pid, began, parent: one, group: one, threads: 1, ended: false }
        };
        let marks = Marks(HashMap::from([(Pid::from_raw(7), 100), (Pid::from_raw(8), 100)]));
        for (pid, began, may_stay) in [(7, 100, true), (7, 101, false), (8, 99, false), (9, 100, false)] {
            assert_eq!(marks.spare(&process(pid, began)), may_stay, "{pid} {began}");
        }
    }
}
