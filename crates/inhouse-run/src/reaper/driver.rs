//! The task that drives one supervisor: it alone writes to its socket and reads from it, for one run after the other,
//! and at last sees to it that the process and all that it may have left are gone.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Weak;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::attempt::{Attempt, Lost, Stage};
use super::orphans::{self, Known};
use super::{Job, Pool};
use crate::cgroup;
use crate::life::Life;
use crate::run::{Chore, Errand, Wish, next_wish, passed};
use crate::runner::Options;
use crate::wire;

/// How long a supervisor may take to start an agent: its program may lie on a slow disk.
const START: Duration = Duration::from_millis(10_000);
/// How long a supervisor may take to do what it has to. A slower one (its agent may have stopped it) is killed, and its
/// tree then falls to us.
const OBEY: Duration = Duration::from_millis(1_000);
/// Room for the most that a supervisor says at once.
const READ_BYTES: usize = 64;

/// One supervisor process, seen from the server.
pub(super) struct Supervisor {
    child: Child,
    known: Known,
    socket: UnixStream,
    kill_grace: Duration,
    /// Where its run's control group is.
    cgroup: Option<PathBuf>,
}

impl Supervisor {
    /// Starts the process, with nothing of ours but its end of the socket and the log.
    #[expect(clippy::disallowed_methods, reason = "a supervisor is this program itself")]
    pub(super) fn start(options: &Options, life: Life) -> io::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&options.supervisor);
        command
            .arg(crate::SUPERVISE_ARG)
            .args(life.words())
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let (child, known) = orphans::start_known(&mut command)?;
        let (socket, kill_grace) = (UnixStream::from_std(ours)?, options.kill_grace());
        Ok(Self { child, known, socket, kill_grace, cgroup: life.cgroup })
    }

    /// Serves jobs until the pool has no more use for it, or it is lost.
    pub(super) async fn drive(
        mut self,
        mut jobs: mpsc::Receiver<Job>,
        pool: Weak<Pool>,
        mut closing: watch::Receiver<bool>,
    ) {
        while let Some(job) = self.next_job(&mut jobs).await {
            let (mut attempt, plan, stdio, handle) = Attempt::new(job);
            if self.run(plan, stdio, &mut attempt, &mut closing).await.is_err() {
                tracing::warn!(supervisor = self.known.pid().as_raw(), "a supervisor was lost during its run");
                drop(handle);
                self.kill().await;
                attempt.finish();
                return;
            }
            // First the pool, then the news: who starts the next run because this one ended finds this supervisor.
            if let Some(pool) = pool.upgrade() {
                pool.give_back(handle);
            }
            attempt.finish();
        }
        self.close().await;
    }

    /// The next job; none when the pool has dropped its handle, or the supervisor has died while idle.
    async fn next_job(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        let mut unasked = [0];
        tokio::select! {
            job = jobs.recv() => job,
            _ = self.socket.read(&mut unasked) => None,
        }
    }

    async fn run(
        &mut self,
        plan: Vec<u8>,
        stdio: [OwnedFd; 3],
        attempt: &mut Attempt,
        closing: &mut watch::Receiver<bool>,
    ) -> Result<(), Lost> {
        timeout(START, self.send(&plan, &stdio)).await.map_err(|_| Lost)??;
        // Nobody but the agent may hold its ends: their closing is what ends our reading.
        drop((plan, stdio));
        let mut asked = Wish::Run;
        let mut overdue = Some(Instant::now() + START);
        let mut buffer = [0; READ_BYTES];
        loop {
            tokio::select! {
                read = self.socket.read(&mut buffer) => {
                    match attempt.read(&buffer[..read?])? {
                        Stage::Running if asked == Wish::Run && !attempt.is_busy() => overdue = None,
                        Stage::Exited if attempt.give_up() || overdue.is_none() => overdue = Some(Instant::now() + OBEY),
                        Stage::Gone => return Ok(()),
                        _ => {}
                    }
                }
                wish = next_wish(&mut attempt.wish, closing, asked) => {
                    asked = wish;
                    overdue = Some(Instant::now() + self.order(wish).await?);
                }
                Some(Errand { chore, done }) = attempt.errands.recv(), if asked == Wish::Run && !attempt.is_busy() => {
                    self.send_for(chore).await?;
                    attempt.sent(done);
                    overdue = Some(Instant::now() + OBEY);
                }
                () = passed(overdue) => return Err(Lost),
            }
        }
    }

    /// Sends a start and the agent's ends of its pipes, mostly in one call.
    async fn send(&mut self, plan: &[u8], stdio: &[OwnedFd; 3]) -> io::Result<()> {
        let descriptors = stdio.each_ref().map(AsRawFd::as_raw_fd);
        let rights = [ControlMessage::ScmRights(&descriptors)];
        let socket = self.socket.as_raw_fd();
        let send = || {
            let sent = sendmsg::<()>(socket, &[IoSlice::new(plan)], &rights, MsgFlags::MSG_NOSIGNAL, None);
            Ok(sent?)
        };
        let sent = self.socket.async_io(Interest::WRITABLE, send).await?;
        self.socket.write_all(&plan[sent..]).await
    }

    /// Passes a wish on; says within what time all must be gone.
    async fn order(&mut self, wish: Wish) -> io::Result<Duration> {
        let (order, within) = match wish {
            Wish::Run => return Ok(START),
            Wish::Terminate => {
                let grace_ms = u32::try_from(self.kill_grace.as_millis()).unwrap_or(u32::MAX);
                (wire::head(wire::TERMINATE, grace_ms), self.kill_grace + OBEY)
            }
            Wish::Kill => (wire::head(wire::KILL, 0), OBEY),
        };
        self.socket.write_all(&order).await?;
        Ok(within)
    }

    async fn send_for(&mut self, chore: Chore) -> io::Result<()> {
        let order = match chore {
            Chore::Mark => wire::MARK,
            Chore::Sweep => wire::SWEEP,
        };
        self.socket.write_all(&wire::head(order, 0)).await
    }

    /// Lets the process end by closing its socket; one that does not is killed.
    async fn close(mut self) {
        // It fails when the other end is dead already.
        let _ = self.socket.shutdown().await;
        match timeout(OBEY, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => {}
            _ => self.kill().await,
        }
    }

    /// Kills the process, and all that falls to us by its death.
    async fn kill(mut self) {
        // It fails when it is dead already.
        let _ = self.child.start_kill();
        if timeout(OBEY, self.child.wait()).await.is_err() {
            tracing::error!(supervisor = self.known.pid().as_raw(), "a supervisor survives being killed");
            return;
        }
        drop(self.known);
        if let Some(cgroup) = &self.cgroup {
            // What is in it ends before it can be looked for; it is removed when that has been reaped.
            let _ = cgroup::kill(cgroup);
        }
        orphans::end_all().await;
        if let Some(cgroup) = self.cgroup {
            let _ = tokio::task::spawn_blocking(move || cgroup::end(&cgroup)).await;
        }
    }
}
