//! One run: an agent's pipes, what became of it, and what is wished for it. Both tiers use the same two channels: the
//! task that drives the run publishes its [`Progress`], and reads the [`Wish`] of whoever holds the [`Run`].

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use tokio::sync::{mpsc, oneshot, watch};

use crate::bounds::Resource;
use crate::pipes::{Pipes, Stderr, Stdin, Stdout};

/// How an agent's own process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exit {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The supervisor was killed before it saw the end: the tree was killed, and `signal` is 9 for want of a better
    /// answer.
    pub supervisor_lost: bool,
    /// The run was ended since it used more of this than it may.
    pub over: Option<Resource>,
}

impl Exit {
    pub(crate) const LOST: Self =
        Self { code: None, signal: Some(nix::libc::SIGKILL), supervisor_lost: true, over: None };

    /// Whether it ended with exit code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: status.signal(), ..Self::default() }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { over: Some(resource), .. } => write!(f, "more {resource} than allowed"),
            Self { supervisor_lost: true, .. } => f.write_str("supervisor lost"),
            Self { code: Some(code), .. } => write!(f, "exit code {code}"),
            Self { signal: Some(signal), .. } => write!(f, "signal {signal}"),
            _ => f.write_str("unknown end"),
        }
    }
}

/// What the driving task knows of a run that has started. It only moves forward.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Progress {
    /// The agent's own process has not ended.
    Running,
    /// The agent's own process has ended, but not all of its tree.
    Exited(Exit),
    /// Nothing is left of the tree.
    Gone(Exit),
}

/// What the holder of a run wants. It only grows; a dropped sender means [`Wish::Kill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    Run,
    Terminate,
    Kill,
}

/// What a supervisor can do for a run that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Remember what the tree has.
    Mark,
    /// Kill what it has got since.
    Sweep,
}

/// A chore on its way. Dropping it says that it will not be done.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) struct Errand {
    pub(crate) chore: Chore,
    /// Told how many processes were killed.
    pub(crate) done: oneshot::Sender<u32>,
}

/// A tree of processes that began with one agent. Dropping it kills the whole tree.
#[derive(Debug)]
pub struct Run {
    /// The agent's standard input; dropping it ends the input.
    pub stdin: Option<Stdin>,
    /// The agent's standard output. It may outlive the agent while a descendant holds it, but not the tree.
    pub stdout: Option<Stdout>,
    /// The agent's standard error.
    pub stderr: Option<Stderr>,
    pid: u32,
    progress: watch::Receiver<Progress>,
    wish: watch::Sender<Wish>,
    /// None where nobody can do them.
    errands: Option<mpsc::Sender<Errand>>,
}

impl Run {
    pub(crate) fn new(
        pid: u32,
        pipes: Pipes,
        progress: watch::Receiver<Progress>,
        wish: watch::Sender<Wish>,
        errands: Option<mpsc::Sender<Errand>>,
    ) -> Self {
        let Pipes { stdin, stdout, stderr } = pipes;
        Self { stdin: Some(stdin), stdout: Some(stdout), stderr: Some(stderr), pid, progress, wish, errands }
    }

    /// The agent's process id, which is also the id of its process group. In the [namespace tier](crate::Tier::Namespace)
    /// it is the one by which the agent knows itself, and means nothing outside.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks the whole tree to end (SIGTERM, and SIGCONT for what is stopped). What is left after `kill_grace_ms` is
    /// killed.
    pub fn terminate(&mut self) {
        self.ask(Wish::Terminate);
    }

    /// Kills the whole tree now.
    pub fn kill(&mut self) {
        self.ask(Wish::Kill);
    }

    /// Remembers which processes the tree has now: they may stay when it is [swept](Self::sweep). A later mark counts
    /// alone. Says whether it was done: not in the [group tier](crate::Tier::Group), and not for a run that is ending.
    pub async fn mark(&mut self) -> bool {
        self.send_for(Chore::Mark).await.is_some()
    }

    /// Kills every process of the tree that is not marked, whatever session it has and whoever is its parent, and waits
    /// until they are gone. Says how many there were, if it was done: not in the [group tier](crate::Tier::Group), and not
    /// for a run that is ending. A tree that can not be swept in time is killed as a whole.
    pub async fn sweep(&mut self) -> Option<u32> {
        self.send_for(Chore::Sweep).await
    }

    async fn send_for(&mut self, chore: Chore) -> Option<u32> {
        let (done, told) = oneshot::channel();
        self.errands.as_ref()?.send(Errand { chore, done }).await.ok()?;
        told.await.ok()
    }

    /// Waits until the agent's own process has ended, whoever still holds its pipes. Whatever it left is being killed.
    /// Cancel safe.
    pub async fn exited(&mut self) -> Exit {
        self.until(|progress| matches!(progress, Progress::Exited(_) | Progress::Gone(_))).await
    }

    /// Waits until the whole tree has ended. Cancel safe.
    pub async fn gone(&mut self) -> Exit {
        self.until(|progress| matches!(progress, Progress::Gone(_))).await
    }

    async fn until(&mut self, reached: impl Fn(&Progress) -> bool) -> Exit {
        // Without its task (the runner was dropped) a run has lost its supervisor, which kills the tree on its own.
        match self.progress.wait_for(|progress| reached(progress)).await.as_deref() {
            Ok(Progress::Exited(exit) | Progress::Gone(exit)) => *exit,
            _ => Exit::LOST,
        }
    }

    fn ask(&mut self, wish: Wish) {
        self.wish.send_if_modified(|wished| {
            let more = wish > *wished;
            *wished = wish.max(*wished);
            more
        });
    }
}

/// Waits for a wish beyond what was `asked` already. A runner that closes wishes the end of all its runs.
pub(crate) async fn next_wish(
    wish: &mut watch::Receiver<Wish>,
    closing: &mut watch::Receiver<bool>,
    asked: Wish,
) -> Wish {
    if asked == Wish::Kill {
        return std::future::pending().await;
    }
    loop {
        tokio::select! {
            changed = wish.changed() => {
                let wished = if changed.is_ok() { *wish.borrow_and_update() } else { Wish::Kill };
                if wished > asked {
                    return wished;
                }
            }
            true = closes(closing), if asked == Wish::Run => return Wish::Terminate,
        }
    }
}

async fn closes(closing: &mut watch::Receiver<bool>) -> bool {
    closing.wait_for(|closing| *closing).await.is_ok()
}

/// Sleeps until the deadline, or for ever without one.
pub(crate) async fn passed(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
