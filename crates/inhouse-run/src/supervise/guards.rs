//! What agents may read but not change: what programs take for their configuration, and run things by. Each is a mount of itself that
//! is read only; the folders above are pinned, so that nobody can move them away. Only for a process with mounts of its own.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::pins::pin_above;
use crate::mounts;
use crate::sights::Guarded;

/// All of them.
#[derive(Default)]
pub(super) struct Guards(Vec<Guarded>);

impl Guards {
    /// None of them holds yet.
    pub(super) fn new(guarded: Vec<Guarded>) -> Self {
        Self(guarded)
    }

    /// Guards what is there: it may have come later, or have been replaced from outside.
    pub(super) fn put(&self) -> nix::Result<()> {
        let folders = self.0.iter().filter(|guarded| guarded.makes);
        for Guarded { path, .. } in folders {
            // It may be there already, or its project may not.
            let _ = fs::create_dir(path);
        }
        pin_above(self.0.iter().map(|guarded| guarded.path.as_path()))?;
        self.0.iter().try_for_each(|guarded| guard(&guarded.path))
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
    let own = mounts::table()?.into_iter().rfind(|mount| mount.point == path);
    let flags = own.map_or(MsFlags::empty(), |it| it.flags);
    let flags = flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, path, None::<&str>, flags, None::<&str>)
}
