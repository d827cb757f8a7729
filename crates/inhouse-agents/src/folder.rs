//! Folders of ours: made so that only this user can enter them, and removed with all that an agent may have put into them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nix::fcntl::OFlag;

/// Tells the folders of this process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// Folders that a killed server left behind may stand in the way.
const TRIES_MAX: u32 = 1_000;
/// Enough for as many nested folders as there can be open files.
const STACK_BYTES: usize = 256 << 20;

/// Makes a folder that did not exist. Making it is exclusive and follows no link, so that its name need not be secret.
pub(crate) fn fresh(parent: &Path) -> io::Result<PathBuf> {
    for _ in 0..TRIES_MAX {
        let path = parent.join(format!("inhouse-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        match private(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes a folder that only this user can enter.
pub(crate) fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Opens a file for reading, and nothing else that may have its name: no link is followed, and no pipe is waited for.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    only_file(OpenOptions::new().read(true), path)
}

/// Opens a file of ours as it is, made where it is not there; and nothing else, as above.
pub(crate) fn own_file(path: &Path) -> io::Result<File> {
    only_file(OpenOptions::new().write(true).create(true).truncate(false).mode(0o600), path)
}

fn only_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// Removes a folder with all that is in it; what a link leads to stays.
///
/// An agent may have nested folders in it without end, which removing follows with its stack, or filled it with files without
/// number, which takes its time: neither is for a thread that answers requests.
pub(crate) fn remove(path: PathBuf) {
    let remove = move || {
        if let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(folder = %path.display(), %error, "a folder of ours was not removed");
        }
    };
    if let Err(error) = thread::Builder::new().name("remove".into()).stack_size(STACK_BYTES).spawn(remove) {
        tracing::warn!(%error, "a folder of ours was not removed");
    }
}
