//! Process supervision and containment: what is started here ends here, as a whole tree. Knows nothing of A2A.
//!
//! # Theory of operation
//! A [`Runner`] starts agents, each from a [`LaunchPlan`](inhouse_trust::LaunchPlan), as a [`Run`]: three pipes and a
//! tree of processes. In the [`Tier::Reaper`] every run has a supervisor: this program executed again ([`supervise`]),
//! a subreaper, which no descendant of the agent can leave. It kills all that is below it when the agent has ended,
//! when it is told so, and when the server's end of its socket closes, for which the server's death is enough. Clean
//! again, it serves the next run. While the agent goes on, a run can be marked and later swept: what was not there at the
//! mark is killed ([`Run::sweep`]). Should an agent kill its supervisor, then the tree falls to the server, a subreaper
//! too, and is swept there.
//!
//! In the [`Tier::Namespace`] the supervisor is the first process of a pid namespace, and has mounts and a `/proc` of its
//! own. So it does all that with the pids of that namespace, which its runs have one after the other; an agent can
//! neither kill nor stop it, and if it dies the kernel ends the rest. What the server keeps for itself is
//! [hidden](Options::hidden) there. The namespaces are made once in a supervisor's life, so a run costs what it costs in
//! the reaper tier. Whether they can be had is tried out at the start.
//!
//! In both a run has a control group of its own, if one is there to be divided: the kernel then holds its [`Bounds`], and ends all of it at
//! once. Where there is none, or no such controller, the supervisor looks at its tree now and then.
//!
//! The [`Tier::Group`] has only a process group; its documentation says what it can not promise.

mod bounds;
mod error;
pub mod folder;
mod group;
mod limits;
mod pipes;
mod room;
mod run;
mod runner;
mod sights;
mod sys;

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod life;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(target_os = "linux")]
mod reaper;
#[cfg(target_os = "linux")]
mod strict;
#[cfg(target_os = "linux")]
mod supervise;
#[cfg(target_os = "linux")]
mod wire;

pub use bounds::{Bounds, Cgroup, Resource};
pub use error::RunError;
pub use pipes::{Stderr, Stdin, Stdout};
pub use run::{Exit, Run};
pub use runner::{Options, Runner, Shortfall, Strict, Tier};
pub use sights::{Guarded, Hidden};

#[cfg(target_os = "linux")]
pub use strict::confine;
#[cfg(target_os = "linux")]
pub use supervise::supervise;

/// The argument with which the server's program is executed again as a supervisor; `main` then calls [`supervise`]
/// first.
pub const SUPERVISE_ARG: &str = "__supervise";

/// The argument with which the server's program is executed again to fence itself and become an agent; `main` then calls
/// [`confine`] first.
pub const CONFINE_ARG: &str = "__confine";

/// Ends at once: supervisors exist on Linux only.
#[cfg(not(target_os = "linux"))]
pub fn supervise() -> ! {
    std::process::exit(1)
}

/// Ends at once: strict runs exist on Linux only.
#[cfg(not(target_os = "linux"))]
pub fn confine() -> ! {
    std::process::exit(1)
}
