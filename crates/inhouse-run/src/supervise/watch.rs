//! The watch over what a run uses: its control group tells what the kernel has stopped, and for what that does not hold the tree is looked
//! at now and then, and what its processes have is added up.

use std::fs;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::bounds::{Bounds, Resource};
use crate::proc::{self, Process, there};
use crate::supervise::cgroup::Cgroup;

/// The pause between two looks, in milliseconds. A run that outgrows its bounds is known so long after it.
const LOOK_MS: u64 = 250;

/// What of a process's memory is not a file's, in `status` and, shared fairly among those that have it, in `smaps_rollup`.
const OWN: [&str; 3] = ["RssAnon:", "RssShmem:", "VmSwap:"];
const SHARE: [&str; 3] = ["Pss_Anon:", "Pss_Shmem:", "SwapPss:"];

pub(super) struct Watch {
    /// What nobody else holds.
    bounds: Bounds,
    cgroup: Option<Rc<Cgroup>>,
    due: Instant,
}

impl Default for Watch {
    fn default() -> Self {
        Self::new(Bounds::default(), None)
    }
}

impl Watch {
    pub(super) fn new(bounds: Bounds, cgroup: Option<Rc<Cgroup>>) -> Self {
        Self { bounds, cgroup, due: Instant::now() + Duration::from_millis(LOOK_MS) }
    }

    /// How long until the next look, if there is anything to look for.
    pub(super) fn pause(&self) -> Option<Duration> {
        let is_bound = self.bounds != Bounds::default();
        (is_bound || self.cgroup.is_some()).then(|| self.due.saturating_duration_since(Instant::now()))
    }

    /// Looks, if it is time to or the last look: what the tree below this process has too much of.
    ///
    /// # Errors
    /// When the tree can not be seen.
    pub(super) fn look(&mut self, is_last: bool) -> io::Result<Option<Resource>> {
        if !is_last && self.pause().is_none_or(|pause| !pause.is_zero()) {
            return Ok(None);
        }
        let stopped = self.cgroup.as_ref().map_or(Ok(None), |cgroup| cgroup.over())?;
        let over = match stopped {
            None if !is_last && self.bounds != Bounds::default() => self.judge(&proc::own_tree()?)?,
            stopped => stopped,
        };
        self.due = Instant::now() + Duration::from_millis(LOOK_MS);
        Ok(over)
    }

    /// Kills all that is in the control group. What is not there, or not yet killed, is for the tree to find.
    pub(super) fn kill(&self) {
        if let Some(Err(error)) = self.cgroup.as_ref().map(|cgroup| cgroup.kill()) {
            eprintln!("inhouse supervisor {}: a control group is not killed: {error}", Pid::this());
        }
    }

    fn judge(&self, tree: &[Process]) -> io::Result<Option<Resource>> {
        let threads = tree.iter().fold(0_u32, |all, process| all.saturating_add(process.threads));
        if self.bounds.processes_max.is_some_and(|max| threads > max) {
            return Ok(Some(Resource::Processes));
        }
        let Some(max) = self.bounds.memory_bytes_max else { return Ok(None) };
        // What is quickly read counts shared memory once for each; the fair shares take long, and are read only where they matter.
        let is_over = sum(tree, own)? > max && sum(tree, |pid| share(pid).map_or_else(|| own(pid), Ok))? > max;
        Ok(is_over.then_some(Resource::Memory))
    }
}

fn sum(tree: &[Process], bytes: impl Fn(Pid) -> io::Result<u64>) -> io::Result<u64> {
    tree.iter().try_fold(0_u64, |all, process| Ok(all.saturating_add(bytes(process.pid)?)))
}

fn own(pid: Pid) -> io::Result<u64> {
    let status = there(fs::read(format!("/proc/{pid}/status")))?.unwrap_or_default();
    Ok(bytes(&String::from_utf8_lossy(&status), OWN))
}

/// None where it can not be read: the process can not be looked into, or the kernel does not tell.
fn share(pid: Pid) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    rollup.contains(SHARE[0]).then(|| bytes(&rollup, SHARE))
}

/// The sum of these lines, each of which has a number of kilobytes behind its name.
fn bytes(text: &str, names: [&str; 3]) -> u64 {
    let kilobytes = |line: &str| {
        let rest = names.iter().find_map(|name| line.strip_prefix(name))?;
        rest.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    text.lines().filter_map(kilobytes).sum::<u64>().saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_is_no_files() {
        let status = "Name:\tRssAnon: 7 kB\nVmRSS:\t  9000 kB\nRssAnon:\t    12 kB\nRssFile:\t 8000 kB\nRssShmem:\t     3 kB\n\
            VmSwap:\t       1 kB\nThreads:\t4\n";
        assert_eq!(bytes(status, OWN), 16 * 1024);
        let rollup = "Rss:  90 kB\nPss:  50 kB\nPss_Anon:  20 kB\nPss_File:  30 kB\nPss_Shmem:  0 kB\nSwapPss:  2 kB\n";
        assert_eq!(bytes(rollup, SHARE), 22 * 1024);
    }

    #[test]
    fn a_process_can_be_looked_at() {
        let this = Pid::this();
        assert!(own(this).unwrap() > 0 && share(this).is_some_and(|share| share > 0));
        assert_eq!(own(Pid::from_raw(i32::MAX)).unwrap(), 0, "one that is gone has nothing");
    }
}
