//! The limit on open files: a server with thousands of connections needs what the system allows; its agents keep what they
//! would have had without it.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Raises this process's limit as far as the system allows, and returns the limit from before.
///
/// # Errors
/// When the system tells or sets no limits.
pub(crate) fn raise() -> nix::Result<rlim_t> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(soft)
}

/// Sets the limit that processes started from here on have; they may raise it again.
///
/// # Errors
/// As [`raise`].
pub(crate) fn lower(soft: rlim_t) -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard)
}
