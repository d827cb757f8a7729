//! Why a run did not start.

use std::io;
use std::path::PathBuf;

use crate::runner::{Shortfall, Tier};

/// Why a [`Runner`](crate::Runner) or a run could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operating system refused to start the program.
    #[error("can not start {}: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The directory in which the program should run is missing or closed to us.
    #[error("can not start {} in directory {}: {source}", program.display(), directory.display())]
    Directory {
        /// The program.
        program: PathBuf,
        /// The directory.
        directory: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The pipes of a run could not be made, mostly for want of file descriptors.
    #[error("can not make the pipes of a run: {0}")]
    Pipes(io::Error),
    /// A supervisor process could not be started.
    #[error("can not start supervisor {}: {source}", program.display())]
    Supervisor {
        /// The supervisor's program.
        program: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The supervisor ended or fell silent before it reported a start. The agent may have run for a moment, and may have
    /// caused this; nothing is left of it.
    #[error("the supervisor was lost at the start of {}", program.display())]
    SupervisorLost {
        /// The agent's program.
        program: PathBuf,
    },
    /// The tier that was asked for needs what this system does not have.
    #[error("the {tier} tier is not available here: {shortfall}")]
    TierUnavailable {
        /// The tier.
        tier: Tier,
        /// Why not.
        shortfall: Shortfall,
    },
    /// A strict run needs what this system does not have.
    #[error("a strict run is not possible here: {0}")]
    StrictUnavailable(Shortfall),
    /// The home of a strict run could not be made.
    #[error("can not make the home of a strict run: {0}")]
    Home(io::Error),
    /// The runner has been shut down.
    #[error("the runner is shut down")]
    Closed,
}

impl RunError {
    pub(crate) fn unavailable(tier: Tier, why: impl Into<String>) -> Self {
        Self::TierUnavailable { tier, shortfall: Shortfall::why(why) }
    }
}
