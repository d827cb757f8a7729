//! The runner: starts agents in the best tier that the system has, and ends them all at shutdown.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use inhouse_trust::LaunchPlan;

use crate::bounds::{Bounds, Cgroup};
#[cfg(target_os = "linux")]
use crate::cgroup::Cgroups;
use crate::error::RunError;
use crate::group::Groups;
#[cfg(target_os = "linux")]
use crate::life::Mode;
#[cfg(target_os = "linux")]
use crate::reaper::Pool;
use crate::run::Run;
use crate::sights::{Guarded, Hidden, real};

/// How firmly a run's descendants are held, and how much they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// A supervisor that is the first process of its own namespaces: no descendant escapes, none sees or signals a
    /// process that is not of its run, and what is [hidden](Options::hidden) is not there (Linux, where user namespaces
    /// are allowed).
    Namespace,
    /// A supervisor that is a subreaper: no descendant escapes, however it was made (Linux). From Linux 6.12 on none can
    /// signal or attach to a process that is not of its run.
    Reaper,
    /// A process group. It ends what stays in the agent's group, and can not promise more: a descendant that made its
    /// own group or session survives, and all survive when the server itself is killed with SIGKILL.
    Group,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "namespace",
            Self::Reaper => "reaper",
            Self::Group => "group",
        })
    }
}

/// Why a firmer tier can not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// What stands in the way, a sentence without its end.
    pub why: String,
    /// What helps, where it is known: mostly a command.
    pub cure: Option<String>,
}

impl Shortfall {
    pub(crate) fn why(why: impl Into<String>) -> Self {
        Self { why: why.into(), cure: None }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn new(why: &str, cure: &str) -> Self {
        Self { why: why.to_owned(), cure: Some(cure.to_owned()) }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { why, cure: Some(cure) } => write!(f, "{why}: {cure}"),
            Self { why, cure: None } => f.write_str(why),
        }
    }
}

/// How a [`Runner`] works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tier; without one, the best that this system has.
    pub tier: Option<Tier>,
    /// What agents do not see in the [namespace tier](Tier::Namespace). It need not be there yet.
    pub hidden: Vec<Hidden>,
    /// What agents can not change in the [namespace tier](Tier::Namespace).
    pub guarded: Vec<Guarded>,
    /// Supervisors that are kept for the next runs when they have nothing to do. Default 16.
    pub supervisors_idle_max: usize,
    /// A control group (of version 2) that is this process's to divide, and has no process in it, for runs to have some below it. Without
    /// one, that in which this process is, if it was left to it. Nothing of it is needed.
    pub cgroup: Option<PathBuf>,
    /// Time between the wish to terminate a tree and its being killed, in milliseconds. Default 1,500.
    pub kill_grace_ms: u64,
    /// The program to execute as a supervisor, with [`SUPERVISE_ARG`](crate::SUPERVISE_ARG). Default: this one, also
    /// when its file has been replaced since.
    pub supervisor: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tier: None,
            hidden: Vec::new(),
            guarded: Vec::new(),
            cgroup: None,
            supervisors_idle_max: 16,
            kill_grace_ms: 1_500,
            supervisor: PathBuf::from("/proc/self/exe"),
        }
    }
}

impl Options {
    pub(crate) fn kill_grace(&self) -> Duration {
        Duration::from_millis(self.kill_grace_ms)
    }

    /// What is hidden, by the paths under which the kernel knows it.
    #[cfg(target_os = "linux")]
    pub(crate) fn hidden(&self) -> Vec<Hidden> {
        let real = |hidden: &Hidden| Hidden { path: real(&hidden.path), ..*hidden };
        self.hidden.iter().map(real).collect()
    }

    /// What is guarded, in the folders by which the kernel knows them.
    #[cfg(target_os = "linux")]
    pub(crate) fn guarded(&self) -> Vec<Guarded> {
        let place = |path: &Path| Some(real(path.parent()?).join(path.file_name()?));
        let guarded = |it: &Guarded| Guarded { path: place(&it.path).unwrap_or_else(|| it.path.clone()), ..*it };
        self.guarded.iter().map(guarded).collect()
    }
}

/// Which files and TCP ports a strict run may use beside the system's files, which it reads, and its own: its folder and a home that is
/// there for it alone. Of UDP and of sockets in the file system it rules nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strict {
    /// The TCP ports that it may connect to, wherever they are. It listens on none.
    pub ports: Vec<u16>,
    /// Files and folders that it may read, and run programs of.
    pub reads: Vec<PathBuf>,
}

/// Starts agents. Cheap to clone; dropping the last clone kills every tree.
#[derive(Clone)]
pub struct Runner {
    inner: Arc<Inner>,
    /// What its runs see of what is hidden.
    shown: Arc<[PathBuf]>,
    bounds: Bounds,
    /// All of its runs are, if they are.
    strict: Option<Arc<Strict>>,
}

struct Inner {
    kind: Kind,
    shortfall: Option<Shortfall>,
    /// Why runs have no control groups.
    no_cgroup: Option<Shortfall>,
}

impl Inner {
    fn group(options: &Options, shortfall: Option<Shortfall>) -> Self {
        Self { kind: Kind::Group(Groups::new(options)), shortfall, no_cgroup: Some(unsupervised()) }
    }
}

enum Kind {
    #[cfg(target_os = "linux")]
    Supervised(Arc<Pool>),
    Group(Groups),
}

impl Runner {
    /// Makes a runner, inside a tokio runtime. It tries the namespace tier out, and so may take some milliseconds, and
    /// five seconds at most.
    ///
    /// In the namespace and the reaper tier this process becomes a subreaper and starts a first supervisor ahead. From
    /// then on it should start no processes in another way: after a supervisor was killed, every child in a foreign
    /// session is swept away. In each tier it leaves no core from then on.
    ///
    /// # Errors
    /// [`RunError::TierUnavailable`] when the asked tier does not exist here, [`RunError::Supervisor`] when the first
    /// supervisor can not be started.
    pub fn new(options: Options) -> Result<Self, RunError> {
        crate::sys::close_on_exec().map_err(RunError::Pipes)?;
        crate::limits::no_cores();
        let inner = choose(options)?;
        Ok(Self { inner: Arc::new(inner), shown: Arc::new([]), bounds: Bounds::default(), strict: None })
    }

    /// The tier of all its runs.
    pub fn tier(&self) -> Tier {
        match &self.inner.kind {
            #[cfg(target_os = "linux")]
            Kind::Supervised(pool) if pool.mode() == Mode::Namespace => Tier::Namespace,
            #[cfg(target_os = "linux")]
            Kind::Supervised(_) => Tier::Reaper,
            Kind::Group(_) => Tier::Group,
        }
    }

    /// Why a firmer tier was not taken; none where this is the firmest, or the one that was asked for.
    pub fn shortfall(&self) -> Option<&Shortfall> {
        self.inner.shortfall.as_ref()
    }

    /// What the control groups of its runs do, or why they have none.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn cgroup(&self) -> Result<Cgroup, &Shortfall> {
        let does = match &self.inner.kind {
            #[cfg(target_os = "linux")]
            Kind::Supervised(pool) => pool.cgroup(),
            Kind::Group(_) => None,
        };
        self.inner.no_cgroup.as_ref().map_or(Ok(does.unwrap_or_default()), Err)
    }

    /// Hides and guards this from now on, in the place of what its [`Options`] said. Runs under way, and processes that are kept, go on
    /// as they began.
    pub fn renew(&self, hidden: Vec<Hidden>, guarded: Vec<Guarded>) {
        match &self.inner.kind {
            #[cfg(target_os = "linux")]
            Kind::Supervised(pool) => pool.renew(hidden, guarded),
            // Nothing is hidden there.
            Kind::Group(_) => {}
        }
    }

    /// The same runner, whose runs see this path and all below it, be it hidden or not: for programs of the server's own. The path is absolute.
    #[must_use]
    pub fn showing(&self, path: &Path) -> Self {
        let shown = self.shown.iter().cloned().chain([real(path)]).collect();
        Self { shown, ..self.clone() }
    }

    /// The same runner, whose runs may use so much each. Not in the [group tier](Tier::Group), where nobody looks after them.
    #[must_use]
    pub fn bounded(&self, bounds: Bounds) -> Self {
        Self { bounds, ..self.clone() }
    }

    /// The same runner, whose runs are strict, where that [is possible](Self::can_be_strict); else none starts. Their home is not the user's.
    #[must_use]
    pub fn strict(&self, strict: Strict) -> Self {
        Self { strict: Some(Arc::new(strict)), ..self.clone() }
    }

    /// Whether its runs can be strict: not in the [group tier](Tier::Group), and not on every kernel.
    ///
    /// # Errors
    /// [`RunError::StrictUnavailable`].
    pub fn can_be_strict(&self) -> Result<(), RunError> {
        let available = match &self.inner.kind {
            #[cfg(target_os = "linux")]
            Kind::Supervised(_) => crate::strict::available(),
            Kind::Group(_) => Err(unsupervised()),
        };
        available.map_err(RunError::StrictUnavailable)
    }

    /// Starts an agent, with pipes for its standard input, output and error, and nothing else of this process. Dropping
    /// the future kills what it may have started.
    ///
    /// # Errors
    /// [`RunError::Start`] and [`RunError::Directory`] carry the operating system's reason; the others say what else
    /// failed.
    pub async fn spawn(&self, plan: &LaunchPlan) -> Result<Run, RunError> {
        match &self.inner.kind {
            #[cfg(target_os = "linux")]
            Kind::Supervised(pool) => pool.spawn(plan, &self.shown, self.bounds, self.strict.as_deref()).await,
            Kind::Group(_) if self.strict.is_some() => Err(RunError::StrictUnavailable(unsupervised())),
            Kind::Group(groups) => groups.spawn(plan),
        }
    }

    /// Ends every tree, first by asking, after `kill_grace_ms` by killing, and then the supervisors. Starts nothing any
    /// more.
    pub async fn shutdown(&self) {
        match &self.inner.kind {
            #[cfg(target_os = "linux")]
            Kind::Supervised(pool) => pool.shutdown().await,
            Kind::Group(groups) => groups.shutdown().await,
        }
    }
}

/// Why there is nothing for which a run needs a supervisor.
fn unsupervised() -> Shortfall {
    Shortfall::why("containment is group")
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runner({})", self.tier())
    }
}

/// The asked tier, or the firmest that there is.
#[cfg(target_os = "linux")]
fn choose(options: Options) -> Result<Inner, RunError> {
    let asked = options.tier;
    if asked == Some(Tier::Group) {
        return Ok(Inner::group(&options, None));
    }
    if let Err(error) = reaper_available() {
        let reason = format!("this kernel does not list the children of a process ({error})");
        return match asked {
            Some(tier) => Err(RunError::unavailable(tier, reason)),
            None => Ok(Inner::group(&options, Some(Shortfall::why(reason)))),
        };
    }
    let attempt = match asked {
        Some(Tier::Reaper) => Ok(()),
        _ => crate::namespace::attempt(&options, Mode::Namespace, None),
    };
    let (mode, shortfall) = match (asked, attempt) {
        (Some(Tier::Reaper), _) => (Mode::Reaper, None),
        (_, Ok(())) => (Mode::Namespace, None),
        (Some(tier), Err(shortfall)) => return Err(RunError::TierUnavailable { tier, shortfall }),
        (None, Err(shortfall)) => (Mode::Reaper, Some(shortfall)),
    };
    let (cgroups, no_cgroup) = match cgroups(&options, mode) {
        Ok(cgroups) => (Some(cgroups), None),
        Err(why) => (None, Some(why)),
    };
    Pool::new(options, mode, cgroups).map(|pool| Inner { kind: Kind::Supervised(pool), shortfall, no_cgroup })
}

/// Control groups for its runs, tried out.
#[cfg(target_os = "linux")]
fn cgroups(options: &Options, mode: Mode) -> Result<Cgroups, Shortfall> {
    let cgroups = Cgroups::take(options.cgroup.as_deref())?;
    crate::namespace::attempt(options, mode, Some(cgroups.place())).map(|()| cgroups)
}

#[cfg(not(target_os = "linux"))]
fn choose(options: Options) -> Result<Inner, RunError> {
    let reason = "this system is not Linux".to_owned();
    match options.tier {
        Some(tier @ (Tier::Namespace | Tier::Reaper)) => Err(RunError::unavailable(tier, reason)),
        asked => {
            let shortfall = asked.is_none().then(|| Shortfall::why(reason));
            Ok(Inner::group(&options, shortfall))
        }
    }
}

#[cfg(target_os = "linux")]
fn reaper_available() -> io::Result<()> {
    crate::proc::available()?;
    Ok(nix::sys::prctl::get_child_subreaper().map(drop)?)
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
