//! Folders of ours: made so that only this user can enter them, and removed with all that an agent may have put into them. Temporary ones
//! are in one [`room`], so that the next server finds what one that was killed has left.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

pub use crate::room::room;

/// Tells the folders of this process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// Folders that a killed server left behind may stand in the way.
const TRIES_MAX: u32 = 1_000;
/// Enough for as many nested folders as there can be open files.
const STACK_BYTES: usize = 256 << 20;

/// Makes a folder that did not exist. Making it is exclusive and follows no link, so that its name need not be secret.
///
/// # Errors
/// As the system refuses it.
pub fn fresh(parent: &Path) -> io::Result<PathBuf> {
    named(parent, "inhouse-")
}

/// The same, with a name that begins so.
pub(crate) fn named(parent: &Path, name: &str) -> io::Result<PathBuf> {
    for _ in 0..TRIES_MAX {
        let path = parent.join(format!("{name}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        match private(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes a folder that only this user can enter.
///
/// # Errors
/// As the system refuses it.
pub fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Gives this user back what an agent took from itself: folders that can not be written in can not be emptied. No link is followed.
fn open_up(path: &Path) {
    let mut left = vec![path.to_owned()];
    while let Some(folder) = left.pop() {
        // What can not be opened shows when it is removed.
        let _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        left.extend(folders.map(|entry| entry.path()));
    }
}

/// Removes a folder with all that is in it; what a link leads to stays.
///
/// An agent may have nested folders in it without end, which removing follows with its stack, or filled it with files without
/// number, which takes its time: neither is for a thread that answers requests.
pub fn remove(path: PathBuf) {
    remove_under(path, ());
}

/// The same, and drops `guard` when it is removed.
pub(crate) fn remove_under(path: PathBuf, guard: impl Send + 'static) {
    let remove = move || {
        let _guard = guard;
        let removed = match fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                open_up(&path);
                fs::remove_dir_all(&path)
            }
            removed => removed,
        };
        if let Err(error) = removed {
            tracing::warn!(folder = %path.display(), %error, "a folder of ours was not removed");
        }
    };
    if let Err(error) = thread::Builder::new().name("remove".into()).stack_size(STACK_BYTES).spawn(remove) {
        tracing::warn!(%error, "a folder of ours was not removed");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_are_opened_up_and_links_are_not_followed() {
        let folder = fresh(&std::env::temp_dir()).unwrap();
        let (inside, outside) = (folder.join("in/deep"), folder.join("out"));
        fs::create_dir_all(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        symlink(&outside, inside.join("link")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for path in [&inside, &folder.join("in"), &outside] {
            fs::set_permissions(path, Permissions::from_mode(0o500)).unwrap();
        }
        open_up(&folder.join("in"));
        assert_eq!((mode(&inside), mode(&folder.join("in")), mode(&outside)), (0o700, 0o700, 0o500));
        open_up(&outside);
        fs::remove_dir_all(folder).unwrap();
    }
}
