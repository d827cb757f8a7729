//! What is left when an agent kills its supervisor: its tree becomes ours, since this process is a subreaper, too. It
//! is told from our supervisors by a list of these, and from any other child by its session: a supervisor opens a
//! session of its own before it starts anything, and nothing below it can come back into ours.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid, getpgrp, getsid};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::proc;
use crate::sys::{self, Ended};

/// How long orphans are hunted, in milliseconds.
const HUNT_MS: u64 = 5_000;
/// Rounds without a pause: a chain of forks must not be faster than we are.
const ROUNDS_WITHOUT_PAUSE: u32 = 64;
/// The pause between later rounds, in milliseconds.
const PAUSE_MS: u64 = 1;
/// Rounds in a row that must find nothing. One can miss a child that is listed while another is reaped.
const EMPTY_ROUNDS: u32 = 2;

/// The supervisors of this process that have not been reaped. Being a subreaper is a property of the process, and so is
/// this.
static SUPERVISORS: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());

fn supervisors() -> MutexGuard<'static, BTreeSet<Pid>> {
    // A set of numbers is whole whatever happened to the last holder.
    SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A supervisor of ours that is written down, until this is dropped.
pub(super) struct Known(Pid);

impl Known {
    pub(super) fn pid(&self) -> Pid {
        self.0
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        supervisors().remove(&self.0);
    }
}

/// Starts a supervisor and writes it down in one step, as seen from [`end_all`].
pub(super) fn start_known(command: &mut Command) -> io::Result<(Child, Known)> {
    let mut known = supervisors();
    let child = command.spawn()?;
    // A child that has not been waited for has a pid.
    let pid = Pid::from_raw(child.id().unwrap_or_default().cast_signed());
    known.insert(pid);
    Ok((child, Known(pid)))
}

/// Kills and reaps every orphan, and those that their deaths make, until none is left.
pub(super) async fn end_all() {
    let deadline = Instant::now() + Duration::from_millis(HUNT_MS);
    let (mut rounds, mut empty_rounds) = (0, 0);
    while empty_rounds < EMPTY_ROUNDS {
        empty_rounds = if kill_round() == 0 { empty_rounds + 1 } else { 0 };
        if Instant::now() > deadline {
            tracing::error!("orphans of a lost supervisor are still alive after {HUNT_MS} ms of killing");
            return;
        }
        rounds += 1;
        if rounds < ROUNDS_WITHOUT_PAUSE {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        }
    }
}

/// Kills each orphan with its group, collects those that have ended, and says how many it found.
fn kill_round() -> usize {
    let known = supervisors();
    let own_session = getsid(None).ok();
    let orphans = proc::children(Pid::this()).into_iter();
    orphans.filter(|pid| !known.contains(pid) && getsid(Some(*pid)).ok() != own_session).map(end).count()
}

fn end(orphan: Pid) {
    if let Ended::Child(..) = sys::reap(Some(orphan)) {
        return;
    }
    match getpgid(Some(orphan)) {
        Ok(group) if group != getpgrp() => drop(killpg(group, Signal::SIGKILL)),
        _ => {}
    }
    let _ = kill(orphan, Signal::SIGKILL);
    let _ = sys::reap(Some(orphan));
}
