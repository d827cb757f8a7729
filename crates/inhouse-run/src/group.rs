//! The group tier: each agent is the leader of a process group, and a signal to the group is all that there is. What
//! left the group escapes, the death of the server ends nothing, and nobody knows what else the tree has: all that is what
//! the other tiers are for.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inhouse_trust::LaunchPlan;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::error::RunError;
use crate::pipes::pipes;
use crate::run::{Exit, Progress, Run, Wish, next_wish, passed};
use crate::runner::{Options, start_error};
use crate::sys;

/// How long a killed group may take to vanish, in milliseconds. Members that only wait to be reaped count, and their
/// reaper may be slow.
const VANISH_MS: u64 = 250;
/// How long, beyond the grace, a shutdown waits for all groups, in milliseconds.
const SHUTDOWN_MARGIN_MS: u64 = 2_000;
/// The pause between two looks at a group that was killed, in milliseconds.
const LOOK_MS: u64 = 2;

/// All runs of the group tier.
pub(crate) struct Groups {
    kill_grace: Duration,
    closing: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    drivers: JoinSet<()>,
    closed: bool,
}

impl Groups {
    pub(crate) fn new(options: &Options) -> Self {
        Self { kill_grace: options.kill_grace(), closing: watch::Sender::new(false), state: Mutex::default() }
    }

    pub(crate) fn spawn(&self, plan: &LaunchPlan) -> Result<Run, RunError> {
        if self.state().closed {
            return Err(RunError::Closed);
        }
        // Without the lock, which would make all starts wait for each other.
        let (ours, stdio) = pipes().map_err(RunError::Pipes)?;
        let (child, group) = start(plan, stdio).map_err(|source| start_error(plan, source))?;
        let pid = group.id.as_raw().cast_unsigned();
        let (progress, seen) = watch::channel(Progress::Running);
        let (wish, wished) = watch::channel(Wish::Run);
        let driver = Driver {
            child,
            group,
            progress,
            wish: wished,
            closing: self.closing.subscribe(),
            kill_grace: self.kill_grace,
        };
        let mut state = self.state();
        if state.closed {
            // Dropping the driver kills what was started.
            return Err(RunError::Closed);
        }
        while state.drivers.try_join_next().is_some() {}
        state.drivers.spawn(driver.drive());
        Ok(Run::new(pid, ours, seen, wish, None))
    }

    pub(crate) async fn shutdown(&self) {
        let mut drivers = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.drivers)
        };
        self.closing.send_replace(true);
        let bound = self.kill_grace + Duration::from_millis(SHUTDOWN_MARGIN_MS);
        let ended = async { while drivers.join_next().await.is_some() {} };
        if timeout(bound, ended).await.is_err() {
            tracing::error!("process groups have not ended within {bound:?}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic half way changes it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where plans are started")]
fn start(plan: &LaunchPlan, [stdin, stdout, stderr]: [OwnedFd; 3]) -> io::Result<(Child, Group)> {
    let child = Command::new(plan.program())
        .args(plan.args())
        .env_clear()
        .envs(plan.env())
        .current_dir(plan.directory())
        .process_group(0)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()?;
    // A child that has not been waited for has a pid.
    let pid = child.id().unwrap_or_default().cast_signed();
    let group = Group { id: Pid::from_raw(pid), empty: false };
    Ok((child, group))
}

/// A process group of ours. Dropping it kills it, unless it is known to be empty: then its number may be another's.
struct Group {
    id: Pid,
    empty: bool,
}

impl Group {
    /// Says whether there was anyone to get the signal.
    fn signal(&self, signal: Signal) -> bool {
        killpg(self.id, signal) != Err(Errno::ESRCH)
    }

    /// Kills the rest of the group and waits until nobody is in it.
    async fn vanish(&mut self) {
        let deadline = Instant::now() + Duration::from_millis(VANISH_MS);
        while self.signal(Signal::SIGKILL) {
            // Where this process is the system's first, orphans are ours to reap.
            let _ = sys::reap(Some(Pid::from_raw(-self.id.as_raw())));
            if Instant::now() > deadline {
                tracing::debug!(group = self.id.as_raw(), "a killed process group has not been reaped yet");
                return;
            }
            sleep(Duration::from_millis(LOOK_MS)).await;
        }
        self.empty = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.empty {
            self.signal(Signal::SIGKILL);
        }
    }
}

/// The task of one run.
struct Driver {
    child: Child,
    group: Group,
    progress: watch::Sender<Progress>,
    wish: watch::Receiver<Wish>,
    closing: watch::Receiver<bool>,
    kill_grace: Duration,
}

impl Driver {
    async fn drive(mut self) {
        let exit = self.until_exited().await;
        // Before anything else: the group's number is free for others once nobody is in it.
        if self.group.signal(Signal::SIGKILL) {
            self.progress.send_replace(Progress::Exited(exit));
            self.group.vanish().await;
        } else {
            self.group.empty = true;
        }
        self.progress.send_replace(Progress::Gone(exit));
    }

    async fn until_exited(&mut self) -> Exit {
        let mut asked = Wish::Run;
        let mut deadline = None;
        loop {
            tokio::select! {
                status = self.child.wait() => return status.map_or(Exit::LOST, Exit::from),
                wish = next_wish(&mut self.wish, &mut self.closing, asked) => {
                    asked = wish;
                    if wish == Wish::Terminate {
                        self.group.signal(Signal::SIGTERM);
                        self.group.signal(Signal::SIGCONT);
                        deadline = Some(Instant::now() + self.kill_grace);
                    } else {
                        self.group.signal(Signal::SIGKILL);
                    }
                }
                () = passed(deadline) => {
                    deadline = None;
                    self.group.signal(Signal::SIGKILL);
                }
            }
        }
    }
}
