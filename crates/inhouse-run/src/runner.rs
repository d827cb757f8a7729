//! The runner: starts agents in the best tier that the system has, and ends them all at shutdown.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use inhouse_trust::LaunchPlan;

use crate::error::RunError;
use crate::group::Groups;
#[cfg(target_os = "linux")]
use crate::reaper::Pool;
use crate::run::Run;

/// How firmly a run's descendants are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// A supervisor that is a subreaper: no descendant escapes, however it was made (Linux).
    Reaper,
    /// A process group. It ends what stays in the agent's group, and can not promise more: a descendant that made its
    /// own group or session survives, and all survive when the server itself is killed with SIGKILL.
    Group,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reaper => "reaper",
            Self::Group => "group",
        })
    }
}

/// How a [`Runner`] works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tier; without one, the best that this system has.
    pub tier: Option<Tier>,
    /// Supervisors that are kept for the next runs when they have nothing to do. Default 16.
    pub supervisors_idle_max: usize,
    /// Time between the wish to terminate a tree and its being killed, in milliseconds. Default 1,500.
    pub kill_grace_ms: u64,
    /// The program to execute as a supervisor, with [`SUPERVISE_ARG`](crate::SUPERVISE_ARG). Default: this one, also
    /// when its file has been replaced since.
    pub supervisor: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self { tier: None, supervisors_idle_max: 16, kill_grace_ms: 1_500, supervisor: PathBuf::from("/proc/self/exe") }
    }
}

impl Options {
    pub(crate) fn kill_grace(&self) -> Duration {
        Duration::from_millis(self.kill_grace_ms)
    }
}

/// Starts agents. Cheap to clone; dropping the last clone kills every tree.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

enum Inner {
    #[cfg(target_os = "linux")]
    Reaper(Arc<Pool>),
    Group(Groups),
}

impl Runner {
    /// Makes a runner, inside a tokio runtime.
    ///
    /// In the reaper tier this process becomes a subreaper and starts a first supervisor ahead. From then on it should
    /// start no processes in another way: after a supervisor was killed, every child in a foreign session is swept
    /// away.
    ///
    /// # Errors
    /// [`RunError::TierUnavailable`] when the asked tier does not exist here, [`RunError::Supervisor`] when the first
    /// supervisor can not be started.
    pub fn new(options: Options) -> Result<Self, RunError> {
        crate::sys::close_on_exec().map_err(RunError::Pipes)?;
        let available = reaper_available();
        let inner = match (options.tier, available) {
            (Some(Tier::Group), _) | (None, Err(_)) => Inner::Group(Groups::new(&options)),
            (Some(Tier::Reaper), Err(error)) => return Err(RunError::TierUnavailable(error)),
            (None | Some(Tier::Reaper), Ok(())) => reaper(options)?,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The tier of all its runs.
    pub fn tier(&self) -> Tier {
        match &*self.0 {
            #[cfg(target_os = "linux")]
            Inner::Reaper(_) => Tier::Reaper,
            Inner::Group(_) => Tier::Group,
        }
    }

    /// Starts an agent, with pipes for its standard input, output and error, and nothing else of this process. Dropping
    /// the future kills what it may have started.
    ///
    /// # Errors
    /// [`RunError::Start`] and [`RunError::Directory`] carry the operating system's reason; the others say what else
    /// failed.
    pub async fn spawn(&self, plan: &LaunchPlan) -> Result<Run, RunError> {
        match &*self.0 {
            #[cfg(target_os = "linux")]
            Inner::Reaper(pool) => pool.spawn(plan).await,
            Inner::Group(groups) => groups.spawn(plan),
        }
    }

    /// Ends every tree, first by asking, after `kill_grace_ms` by killing, and then the supervisors. Starts nothing any
    /// more.
    pub async fn shutdown(&self) {
        match &*self.0 {
            #[cfg(target_os = "linux")]
            Inner::Reaper(pool) => pool.shutdown().await,
            Inner::Group(groups) => groups.shutdown().await,
        }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runner({})", self.tier())
    }
}

#[cfg(target_os = "linux")]
fn reaper_available() -> io::Result<()> {
    crate::proc::available()?;
    Ok(nix::sys::prctl::get_child_subreaper().map(drop)?)
}

#[cfg(not(target_os = "linux"))]
fn reaper_available() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "it needs linux"))
}

#[cfg(target_os = "linux")]
fn reaper(options: Options) -> Result<Inner, RunError> {
    Pool::new(options).map(Inner::Reaper)
}

#[cfg(not(target_os = "linux"))]
fn reaper(options: Options) -> Result<Inner, RunError> {
    Ok(Inner::Group(Groups::new(&options)))
}

/// Turns the reason of a failed start into an error that names what is at fault: the directory, or the program.
pub(crate) fn start_error(plan: &LaunchPlan, source: io::Error) -> RunError {
    let program = plan.program().to_path_buf();
    // Going through "." needs what changing into the directory needs.
    match std::fs::metadata(plan.directory().join(".")) {
        Err(source) => RunError::Directory { program, directory: plan.directory().to_path_buf(), source },
        Ok(_) => RunError::Start { program, source },
    }
}
