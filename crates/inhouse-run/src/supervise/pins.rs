//! Folders that nobody can move away to put something else in their place: each is a mount point, which can not be moved. Only for a
//! process with mounts of its own.

use std::collections::BTreeSet;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::unistd::{AccessFlags, access};

use crate::mounts;

/// Pins the folders above these paths that a user like us could move, from the top. The table of mounts tells which are: one that was
/// replaced from outside is none any more.
pub(super) fn pin_above<'a>(paths: impl Iterator<Item = &'a Path>) -> nix::Result<()> {
    let above: BTreeSet<_> = paths.flat_map(|path| path.ancestors().skip(1)).collect();
    let mounts = mounts::table()?;
    let points: BTreeSet<_> = mounts.iter().map(|mount| mount.point.as_path()).collect();
    // In their order each lies on the one before. One that is not there now may be later.
    above
        .difference(&points)
        .filter(|folder| can_be_moved(folder) && folder.is_dir())
        .try_for_each(|folder| pin(folder))
}

fn can_be_moved(folder: &Path) -> bool {
    folder.parent().is_some_and(|parent| access(parent, AccessFlags::W_OK).is_ok())
}

fn pin(folder: &Path) -> nix::Result<()> {
    mount(Some(folder), folder, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
}
