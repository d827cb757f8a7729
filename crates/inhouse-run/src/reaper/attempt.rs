//! One run as its driver sees it: turns the supervisor's reports into what the holder of the run is told.

use std::io;
use std::os::fd::OwnedFd;

use tokio::sync::{mpsc, oneshot, watch};

use super::{Handle, Job, Started};
use crate::bounds::Resource;
use crate::run::{Errand, Exit, Progress, Wish};
use crate::strict::Start;
use crate::wire::{HEAD_BYTES, Report};

/// The supervisor can not be used any more: dead, silent, or out of step.
pub(super) struct Lost;

impl From<io::Error> for Lost {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Starting,
    Running,
    Exited,
    Gone,
}

pub(super) struct Attempt {
    pub(super) wish: watch::Receiver<Wish>,
    pub(super) errands: mpsc::Receiver<Errand>,
    /// Who waits for the chore that the supervisor is doing.
    waits: Option<oneshot::Sender<u32>>,
    started: Option<oneshot::Sender<Started>>,
    progress: watch::Sender<Progress>,
    exit: Option<Exit>,
    over: Option<Resource>,
    stage: Stage,
    /// The start of a report whose end has not come yet.
    unread: Vec<u8>,
    /// Of a strict run.
    _strict: Option<Start>,
}

impl Attempt {
    /// Takes a job apart: what to watch, what to send, and what goes back to the pool.
    pub(super) fn new(job: Job) -> (Self, Vec<u8>, [OwnedFd; 3], Handle) {
        let attempt = Self {
            wish: job.wish,
            errands: job.errands,
            waits: None,
            started: Some(job.started),
            progress: job.progress,
            exit: None,
            over: None,
            stage: Stage::Starting,
            unread: Vec::new(),
            _strict: job.strict,
        };
        (attempt, job.plan, job.stdio, job.handle)
    }

    /// The supervisor is given a chore: the next one has to wait.
    pub(super) fn sent(&mut self, waits: oneshot::Sender<u32>) {
        self.waits = Some(waits);
    }

    /// Whether the supervisor has a chore.
    pub(super) fn is_busy(&self) -> bool {
        self.waits.is_some()
    }

    /// The chore will not be done any more. Whether there was one.
    pub(super) fn give_up(&mut self) -> bool {
        self.waits.take().is_some()
    }

    /// Takes what the supervisor said, in whatever pieces, and tells the holder what is new, but for the end of all:
    /// for that the driver has to be ready first.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Stage, Lost> {
        if bytes.is_empty() {
            return Err(Lost);
        }
        self.unread.extend_from_slice(bytes);
        let whole = self.unread.len() - self.unread.len() % HEAD_BYTES;
        for report in self.unread[..whole].chunks_exact(HEAD_BYTES) {
            self.stage = match (self.stage, Report::decode(report)) {
                (Stage::Starting, Some(Report::Started(pid))) => {
                    tell(&mut self.started, Started::Pid(pid));
                    Stage::Running
                }
                (Stage::Starting, Some(Report::Refused(errno))) => {
                    tell(&mut self.started, Started::Refused(errno));
                    Stage::Gone
                }
                (Stage::Running, Some(Report::Done(killed))) => {
                    // Whoever asked may have gone away.
                    let _ = self.waits.take().ok_or(Lost)?.send(killed);
                    Stage::Running
                }
                (Stage::Running, Some(Report::Over(resource))) => {
                    tracing::warn!("a run is ended, since it uses more {resource} than it may");
                    self.over = Some(resource);
                    Stage::Running
                }
                (Stage::Running, Some(Report::Exited(exit))) => {
                    self.exit = Some(Exit { over: self.over, ..exit });
                    Stage::Exited
                }
                (Stage::Exited, Some(Report::Gone)) => Stage::Gone,
                _ => return Err(Lost),
            };
        }
        self.unread.drain(..whole);
        if let (Stage::Exited, Some(exit)) = (self.stage, self.exit) {
            self.progress.send_replace(Progress::Exited(exit));
        }
        Ok(self.stage)
    }

    /// Tells the holder that nothing is left.
    pub(super) fn finish(mut self) {
        tell(&mut self.started, Started::Lost);
        self.progress.send_replace(Progress::Gone(self.exit.unwrap_or(Exit { over: self.over, ..Exit::LOST })));
    }
}

/// Answers once. A holder that has gone away has told so by its wish, too.
fn tell(started: &mut Option<oneshot::Sender<Started>>, answer: Started) {
    if let Some(started) = started.take() {
        let _ = started.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head;

    fn attempt() -> (Attempt, oneshot::Receiver<Started>, watch::Receiver<Progress>) {
        let (started, answer) = oneshot::channel();
        let (progress, seen) = watch::channel(Progress::Running);
        let attempt = Attempt {
            wish: watch::channel(Wish::Run).1,
            errands: mpsc::channel(1).1,
            waits: None,
            started: Some(started),
            progress,
            exit: None,
            over: None,
            stage: Stage::Starting,
            unread: Vec::new(),
            _strict: None,
        };
        (attempt, answer, seen)
    }

    const EXIT: Exit = Exit { code: Some(3), signal: None, supervisor_lost: false, over: None };

    #[test]
    fn reports_that_come_in_single_bytes_are_read_like_one_message() {
        let all = [Report::Started(7), Report::Exited(EXIT), Report::Gone].map(Report::encode);
        let (mut whole, mut answer, _) = attempt();
        assert!(matches!(whole.read(all.as_flattened()), Ok(Stage::Gone)));
        assert!(matches!(answer.try_recv(), Ok(Started::Pid(7))));
        let (mut pieces, mut answer, seen) = attempt();
        for byte in all.as_flattened() {
            assert!(pieces.read(&[*byte]).is_ok());
        }
        assert!(matches!(answer.try_recv(), Ok(Started::Pid(7))));
        assert!(matches!(*seen.borrow(), Progress::Exited(EXIT)));
        pieces.finish();
        assert!(matches!(*seen.borrow(), Progress::Gone(EXIT)));
    }

    #[test]
    fn what_a_run_used_too_much_of_is_told_with_its_end() {
        let (mut attempt, _answer, seen) = attempt();
        let reports = [Report::Started(7), Report::Over(Resource::Memory), Report::Exited(EXIT), Report::Gone];
        assert!(attempt.read(reports.map(Report::encode).as_flattened()).is_ok());
        attempt.finish();
        let expected = Exit { over: Some(Resource::Memory), ..EXIT };
        assert!(matches!(*seen.borrow(), Progress::Gone(exit) if exit == expected));
    }

    #[test]
    fn a_supervisor_that_is_dead_or_out_of_step_is_lost() {
        for bytes in [&[][..], &Report::Gone.encode(), &head(99, 0)] {
            let (mut attempt, mut answer, seen) = attempt();
            assert!(attempt.read(bytes).is_err());
            attempt.finish();
            assert!(matches!(answer.try_recv(), Ok(Started::Lost)));
            assert!(matches!(*seen.borrow(), Progress::Gone(Exit::LOST)));
        }
    }
}
