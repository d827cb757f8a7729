//! The namespace and the reaper tier on the server's side: a pool of supervisors, each driven by a task of its own and used by one run at
//! a time.

mod attempt;
mod driver;
mod orphans;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use inhouse_trust::LaunchPlan;
use nix::errno::Errno;
use nix::sys::prctl;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::bounds::{Bounds, Cgroup};
use crate::cgroup::Cgroups;
use crate::error::RunError;
use crate::life::{Life, Mode};
use crate::limits;
use crate::pipes::{AgentEnds, pipes};
use crate::run::{Errand, Progress, Run, Wish};
use crate::runner::{Options, Strict, Tier, start_error};
use crate::sights::{Guarded, Hidden};
use crate::strict::Start;
use crate::wire;
use driver::Supervisor;

/// How long, beyond the grace, a shutdown waits for the trees and supervisors to be gone, in milliseconds.
const SHUTDOWN_MARGIN_MS: u64 = 10_000;
/// How many supervisors a spawn tries; those before the last died in the pool and never saw the plan.
const SUPERVISORS_TRIED_MAX: usize = 4;

/// The right to give one supervisor its next run. Dropping it ends the supervisor.
#[derive(Clone)]
struct Handle {
    jobs: mpsc::Sender<Job>,
    /// How its supervisor lives.
    life: Arc<Life>,
}

/// One run on its way to a supervisor.
struct Job {
    /// Of a strict run: its home is there as long as this is.
    strict: Option<Start>,
    plan: Vec<u8>,
    stdio: AgentEnds,
    started: oneshot::Sender<Started>,
    progress: watch::Sender<Progress>,
    wish: watch::Receiver<Wish>,
    errands: mpsc::Receiver<Errand>,
    /// Goes back to the pool when the run is gone.
    handle: Handle,
}

/// What became of a start.
enum Started {
    /// The agent runs, with this pid.
    Pid(u32),
    /// It could not be started: an errno.
    Refused(i32),
    /// The supervisor was lost, maybe with the agent begun: the start must not be repeated.
    Lost,
}

/// All supervisors, busy or idle.
pub(crate) struct Pool {
    options: Options,
    mode: Mode,
    /// Where the control groups of its runs are.
    cgroups: Option<Cgroups>,
    closing: watch::Sender<bool>,
    state: Mutex<State>,
    /// For the tasks, which must not keep the pool alive.
    this: Weak<Self>,
}

struct State {
    /// How those live that are started now. Agents have the limit on open files from before this process raised its own.
    life: Arc<Life>,
    idle: Vec<Handle>,
    drivers: JoinSet<()>,
    closed: bool,
}

impl Pool {
    /// Makes this process a subreaper and starts one supervisor ahead.
    pub(crate) fn new(options: Options, mode: Mode, cgroups: Option<Cgroups>) -> Result<Arc<Self>, RunError> {
        let unavailable = |errno: Errno| RunError::unavailable(Tier::Reaper, errno.desc());
        prctl::set_child_subreaper(true).map_err(unavailable)?;
        let open_files_max = limits::raise_files().map_err(unavailable)?;
        let (hidden, guarded) = (options.hidden(), options.guarded());
        let life = Life { open_files_max, mode, is_attempt: false, cgroup: None, hidden, guarded };
        let pool = Arc::new_cyclic(|this| Self {
            options,
            mode,
            cgroups,
            closing: watch::Sender::new(false),
            state: Mutex::new(State { life: Arc::new(life), idle: Vec::new(), drivers: JoinSet::new(), closed: false }),
            this: this.clone(),
        });
        let ahead = pool.start_supervisor(&mut pool.state())?;
        pool.give_back(ahead);
        Ok(pool)
    }

    /// The kind of all its supervisors.
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Runs that begin from now on live so. What is kept idle has lived otherwise, and ends.
    pub(crate) fn renew(&self, hidden: Vec<Hidden>, guarded: Vec<Guarded>) {
        let mut state = self.state();
        let options = Options { hidden, guarded, ..self.options.clone() };
        let life = Life { hidden: options.hidden(), guarded: options.guarded(), ..Life::clone(&state.life) };
        if life != *state.life {
            state.life = Arc::new(life);
            state.idle.clear();
        }
    }

    /// What the control groups of its runs do, if they have some.
    pub(crate) fn cgroup(&self) -> Option<Cgroup> {
        self.cgroups.as_ref().map(Cgroups::does)
    }

    pub(crate) async fn spawn(
        &self,
        plan: &LaunchPlan,
        shown: &[PathBuf],
        bounds: Bounds,
        strict: Option<&Strict>,
    ) -> Result<Run, RunError> {
        let lost = || RunError::SupervisorLost { program: plan.program().to_path_buf() };
        for _ in 0..SUPERVISORS_TRIED_MAX {
            let handle = self.take()?;
            let (ours, stdio) = pipes().map_err(RunError::Pipes)?;
            let (started, answer) = oneshot::channel();
            let (progress, seen) = watch::channel(Progress::Running);
            let (wish, wished) = watch::channel(Wish::Run);
            let (errands, sent_for) = mpsc::channel(1);
            let strict = strict.map(|strict| Start::new(plan, strict)).transpose().map_err(RunError::Home)?;
            let encoded = encode(plan, shown, bounds, strict.as_ref(), &self.options.supervisor);
            let job = Job {
                strict,
                plan: encoded.map_err(|source| start_error(plan, source))?,
                stdio,
                started,
                progress,
                wish: wished,
                errands: sent_for,
                handle: handle.clone(),
            };
            // Never full, since whoever has the handle is alone with the supervisor. Closed means that it is dead.
            if handle.jobs.try_send(job).is_err() {
                continue;
            }
            return match answer.await {
                Ok(Started::Pid(pid)) => Ok(Run::new(pid, ours, seen, wish, Some(errands))),
                Ok(Started::Refused(errno)) => Err(start_error(plan, io::Error::from_raw_os_error(errno))),
                Ok(Started::Lost) => Err(lost()),
                // The driver ended without having looked at the job.
                Err(_) => continue,
            };
        }
        Err(lost())
    }

    /// Ends all runs and then all supervisors, and waits for them within the grace and a margin.
    pub(crate) async fn shutdown(&self) {
        let mut drivers = {
            let mut state = self.state();
            state.closed = true;
            state.idle.clear();
            std::mem::take(&mut state.drivers)
        };
        self.closing.send_replace(true);
        let bound = self.options.kill_grace() + Duration::from_millis(SHUTDOWN_MARGIN_MS);
        let ended = async { while drivers.join_next().await.is_some() {} };
        if tokio::time::timeout(bound, ended).await.is_err() {
            tracing::error!("supervisors have not ended within {bound:?}; their trees are left to them");
        }
    }

    /// An idle supervisor, or a new one.
    fn take(&self) -> Result<Handle, RunError> {
        let mut state = self.state();
        if state.closed {
            return Err(RunError::Closed);
        }
        match state.idle.pop() {
            Some(handle) => Ok(handle),
            None => self.start_supervisor(&mut state),
        }
    }

    /// Keeps a supervisor for the next run, unless there are enough.
    fn give_back(&self, handle: Handle) {
        let mut state = self.state();
        state.idle.retain(|handle| !handle.jobs.is_closed());
        let lives_on = Arc::ptr_eq(&handle.life, &state.life);
        if !state.closed && lives_on && state.idle.len() < self.options.supervisors_idle_max {
            state.idle.push(handle);
        }
    }

    fn start_supervisor(&self, state: &mut State) -> Result<Handle, RunError> {
        let life = Life { cgroup: self.cgroups.as_ref().map(Cgroups::place), ..Life::clone(&state.life) };
        let supervisor = Supervisor::start(&self.options, life)
            .map_err(|source| RunError::Supervisor { program: self.options.supervisor.clone(), source })?;
        while state.drivers.try_join_next().is_some() {}
        let (sender, jobs) = mpsc::channel(1);
        let (pool, closing) = (self.this.clone(), self.closing.subscribe());
        state.drivers.spawn(supervisor.drive(jobs, pool, closing));
        Ok(Handle { jobs: sender, life: Arc::clone(&state.life) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic half way changes it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(
    plan: &LaunchPlan,
    shown: &[PathBuf],
    bounds: Bounds,
    strict: Option<&Start>,
    ourselves: &Path,
) -> io::Result<Vec<u8>> {
    let shown = shown.iter().map(|path| path.as_os_str());
    match strict {
        Some(start) => wire::encode(ourselves, plan.directory(), start.args(), start.env(), shown, bounds),
        None => {
            let args = plan.args().iter().map(OsStr::new);
            wire::encode(plan.program(), plan.directory(), args, plan.env(), shown, bounds)
        }
    }
}
