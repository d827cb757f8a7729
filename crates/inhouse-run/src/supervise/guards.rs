//! What agents may read but not change: what programs take for their configuration, and run things by. Each is a mount of itself that
//! is read only; the folders above are pinned, so that nobody can move them away. Only for a process with mounts of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::covers::{above, pin};
use crate::mounts;
use crate::runner::Guarded;

/// All of them.
#[derive(Default)]
pub(super) struct Guards {
    guarded: Vec<Guarded>,
    /// The folders above them that are mount points.
    pinned: BTreeSet<PathBuf>,
}

impl Guards {
    /// None of them holds yet.
    pub(super) fn new(guarded: Vec<Guarded>) -> Self {
        Self { guarded, pinned: BTreeSet::new() }
    }

    /// Guards what is there: it may have come later, or have been replaced from outside.
    pub(super) fn put(&mut self) -> nix::Result<()> {
        let folders = self.guarded.iter().filter(|guarded| guarded.makes);
        for Guarded { path, .. } in folders {
            // It may be there already, or its project may not.
            let _ = fs::create_dir(path);
        }
        // In their order each lies on the one before. One that is not there now may be later.
        let above: BTreeSet<_> = self.guarded.iter().flat_map(|guarded| above(&guarded.path)).collect();
        for folder in above {
            if !self.pinned.contains(folder) && folder.is_dir() {
                pin(folder)?;
                self.pinned.insert(folder.to_path_buf());
            }
        }
        self.guarded.iter().try_for_each(|guarded| guard(&guarded.path))
    }
}

fn guard(path: &Path) -> nix::Result<()> {
    // A link can not be held in its place, and what it leads to is elsewhere.
    if fs::symlink_metadata(path).map_or(true, |found| found.is_symlink()) {
        return Ok(());
    }
    match statvfs(path) {
        Ok(found) if found.flags().contains(FsFlags::ST_RDONLY) => return Ok(()),
        Ok(_) => {}
        // Where nothing is or nobody gets to, nothing is to be changed.
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => return Ok(()),
        Err(error) => return Err(error),
    }
    mount(Some(path), path, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(|_| Errno::ENOENT)?;
    let flags =
        mounts::read(&table).into_iter().rfind(|mount| mount.point == path).map_or(MsFlags::empty(), |it| it.flags);
    let flags = flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, path, None::<&str>, flags, None::<&str>)
}
