//! The system's limits that what is started here has: open files, of which a server with thousands of connections needs all that the
//! system allows while its agents keep what they would have had without it; and no core dumps.
//!
//! There are no others. A limit on address space breaks runtimes that reserve much of it and use little (Node.js, Go, Java); one on
//! processes counts those of the whole user, and so the server's own and other runs'; limits on file sizes and on processor time end
//! builds and long turns. What a run may have in all is what [`Bounds`](crate::Bounds) are for.

use nix::sys::resource::{Resource, setrlimit};
#[cfg(target_os = "linux")]
use nix::sys::resource::{getrlimit, rlim_t};

/// Neither this process nor anything that it starts leaves a core: there may be secrets in it.
pub(crate) fn no_cores() {
    // To have less is refused to nobody.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}

/// Raises this process's limit on open files as far as the system allows, and returns the limit from before.
///
/// # Errors
/// When the system tells or sets no limits.
#[cfg(target_os = "linux")]
pub(crate) fn raise_files() -> nix::Result<rlim_t> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(soft)
}

/// Sets the limit on open files that processes started from here on have; they may raise it again.
///
/// # Errors
/// As [`raise_files`].
#[cfg(target_os = "linux")]
pub(crate) fn lower_files(soft: rlim_t) -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard)
}
