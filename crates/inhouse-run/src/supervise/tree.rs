//! One run's tree as its supervisor sees it: which processes are left, and what to do about them now.

use std::time::{Duration, Instant};

use nix::poll::PollTimeout;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid, getpgrp};

use crate::bounds::Resource;
use crate::proc;
use crate::run::Exit;
use crate::supervise::sweep::{Marks, Sweep};
use crate::supervise::watch::Watch;
use crate::sys::{self, Ended};
use crate::wire::Report;

/// A short pause between rounds of killing, in milliseconds; the end of a child cuts it short.
const PAUSE_MS: u16 = 1;
/// After so many rounds that found nothing new, what is left is held back by the kernel, and the pauses become long.
const SHORT_PAUSES_MAX: u32 = 1_000;
/// A long pause in milliseconds.
const LONG_PAUSE_MS: u16 = 50;

enum Phase {
    /// The agent works.
    Working,
    /// It was asked to end, and is killed at this time.
    Ending(Instant),
    /// It is being killed: these children have been signalled, and for so many rounds there were no others.
    Killing { signalled: Vec<Pid>, quiet_rounds: u32 },
}

/// What comes next for the supervisor: reports, and how long to wait for news. Without a wait, nothing is left of the
/// tree.
pub(super) struct Verdict {
    pub(super) reports: Vec<Report>,
    pub(super) wait: Option<PollTimeout>,
}

pub(super) struct Tree {
    main: Pid,
    exit: Option<Exit>,
    phase: Phase,
    marks: Marks,
    watch: Watch,
    /// While the tree is swept.
    sweep: Option<Sweep>,
    /// Something that was asked is done, and has killed so many; it has not been reported.
    done: Option<u32>,
}

impl Tree {
    pub(super) fn new(main: Pid, watch: Watch) -> Self {
        let marks = Marks::default();
        Self { main, exit: None, phase: Phase::Working, marks, watch, sweep: None, done: None }
    }

    /// Collects what has ended, and does what the phase wants with the rest.
    pub(super) fn advance(&mut self) -> Verdict {
        let was_running = self.exit.is_none();
        let something_left = self.reap();
        let exit = self.exit.filter(|_| was_running);
        let mut reports: Vec<_> = self.over(exit.is_some()).map(Report::Over).into_iter().collect();
        reports.extend(exit.map(Report::Exited));
        if something_left {
            if exit.is_some() {
                self.kill();
            }
            let wait = Some(self.act());
            reports.extend(self.done.take().map(Report::Done));
            return Verdict { reports, wait };
        }
        reports.push(Report::Gone);
        Verdict { reports, wait: None }
    }

    /// Asks every process to end, each of them once: to many programs a second SIGTERM means haste. What is stopped
    /// continues, and so sees the signal.
    pub(super) fn terminate(&mut self, grace: Duration) {
        if !matches!(self.phase, Phase::Working) {
            return;
        }
        self.phase = Phase::Ending(Instant::now() + grace);
        for pid in proc::descendants(Pid::this()) {
            // One that has ended meanwhile is no error.
            let _ = kill(pid, Signal::SIGTERM);
            let _ = kill(pid, Signal::SIGCONT);
        }
    }

    /// Begins to kill.
    pub(super) fn kill(&mut self) {
        if !matches!(self.phase, Phase::Killing { .. }) {
            self.watch.kill();
            self.phase = Phase::Killing { signalled: Vec::new(), quiet_rounds: 0 };
        }
    }

    /// Remembers what the tree has: it may stay when the tree is swept.
    pub(super) fn mark(&mut self) {
        if self.works() {
            self.marks = Marks::of_own_tree();
            self.done = Some(0);
        }
    }

    /// Begins to kill what has no mark.
    pub(super) fn sweep(&mut self) {
        if self.works() {
            self.sweep = Some(Sweep::default());
        }
    }

    /// Whether the agent goes on: for one that ends nothing else needs to be done, and the server knows.
    fn works(&self) -> bool {
        self.exit.is_none() && matches!(self.phase, Phase::Working)
    }

    /// Collects every child that has ended; says whether any is left. Orphans of the tree are our children, too.
    fn reap(&mut self) -> bool {
        loop {
            match sys::reap(None) {
                Ended::Child(pid, status) if pid == self.main => self.exit = Some(status.into()),
                Ended::Child(..) => {}
                Ended::None => return true,
                Ended::Childless => return false,
            }
        }
    }

    /// What the run uses more of than it may, or did when its agent ended: then it is killed.
    fn over(&mut self, has_ended: bool) -> Option<Resource> {
        if matches!(self.phase, Phase::Killing { .. }) {
            return None;
        }
        let over = self.watch.look(has_ended).unwrap_or_else(|error| {
            eprintln!("inhouse supervisor {}: a tree is killed that can not be watched: {error}", Pid::this());
            self.kill();
            None
        });
        if over.is_some() {
            self.kill();
        }
        over
    }

    fn act(&mut self) -> PollTimeout {
        if let Phase::Ending(deadline) = self.phase {
            let left = deadline.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                return until(Some(self.watch.pause().map_or(left, |pause| pause.min(left))));
            }
            self.kill();
        }
        if let Some(sweep) = self.sweep.as_mut().filter(|_| matches!(self.phase, Phase::Working)) {
            match sweep.round(self.main, &self.marks) {
                Ok(Some(wait)) => return wait,
                Ok(None) => self.done = self.sweep.take().map(|sweep| sweep.killed()),
                // What can not be seen can not be swept.
                Err(error) => {
                    eprintln!("inhouse supervisor {}: a tree is killed that can not be swept: {error}", Pid::this());
                    self.kill();
                }
            }
        }
        match &mut self.phase {
            Phase::Working | Phase::Ending(_) => until(self.watch.pause()),
            Phase::Killing { signalled, quiet_rounds } => kill_children(signalled, quiet_rounds),
        }
    }
}

/// Rounded up, so that the time has passed when the wait ends.
fn until(left: Option<Duration>) -> PollTimeout {
    left.map_or(PollTimeout::NONE, |left| (left.as_millis() + 1).try_into().unwrap_or(PollTimeout::MAX))
}

/// Kills all that is below this process, whatever it is, and waits for its end.
pub(super) fn end_all() {
    let mut tree = Tree::new(Pid::this(), Watch::default());
    tree.kill();
    while tree.advance().wait.is_some() {
        std::thread::sleep(Duration::from_millis(PAUSE_MS.into()));
    }
}

/// One round: kills every child, and with it its group, which leaves a chain of forks no time. Their own children
/// become ours and fall in the next round, for which there is no pause while new ones appear.
fn kill_children(signalled: &mut Vec<Pid>, quiet_rounds: &mut u32) -> PollTimeout {
    let children = proc::own_children();
    let own_group = getpgrp();
    for child in &children {
        match getpgid(Some(*child)) {
            Ok(group) if group != own_group => drop(killpg(group, Signal::SIGKILL)),
            _ => {}
        }
        let _ = kill(*child, Signal::SIGKILL);
    }
    let something_new = children.iter().any(|child| !signalled.contains(child));
    *signalled = children;
    if something_new {
        *quiet_rounds = 0;
        return PollTimeout::ZERO;
    }
    *quiet_rounds += 1;
    if *quiet_rounds < SHORT_PAUSES_MAX { PAUSE_MS.into() } else { LONG_PAUSE_MS.into() }
}
