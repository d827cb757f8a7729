//! What agents do not see: covers over paths of the server, and the rooms behind them that a run sees all the same. The
//! folders above are pinned. Only for a process with mounts of its own.

use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, stat};

use super::pins::pin_above;
use crate::sights::Hidden;

/// Room for the folders on the way to a room.
const COVER: &str = "mode=0555,size=64k,nr_inodes=256";
/// What stands in the place of a file.
const NOTHING: &str = "/dev/null";

/// All of them.
#[derive(Default)]
pub(super) struct Covers(Vec<Cover>);

struct Cover {
    hidden: Hidden,
    shows: Shows,
    /// None as long as nothing was there.
    below: Option<Below>,
}

/// What the run at hand sees of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    Nothing,
    /// There is a second cover, with rooms.
    Rooms,
    /// There is no cover.
    All,
}

/// What a cover lies on.
struct Below {
    original: OwnedFd,
    is_folder: bool,
    /// By what the cover itself is known again.
    cover: Identity,
}

type Identity = (u64, u64);

impl Covers {
    /// None of them lies yet.
    pub(super) fn new(hidden: Vec<Hidden>) -> Self {
        let cover = |hidden| Cover { hidden, shows: Shows::Nothing, below: None };
        Self(hidden.into_iter().map(cover).collect())
    }

    /// Covers what is not covered: it may have come later, or have been replaced. What is shown stays so.
    pub(super) fn put(&mut self) -> nix::Result<()> {
        let lacking = || self.0.iter().filter(|cover| cover.shows == Shows::Nothing);
        // Above what is not there nothing need stay.
        pin_above(lacking().map(|cover| cover.hidden.path.as_path()).filter(|path| path.exists()))?;
        self.0.iter_mut().filter(|cover| cover.shows == Shows::Nothing).try_for_each(Cover::put)
    }

    /// Gets ready for a run in this folder, which sees the rooms that it works in, and all that is `shown` to it.
    pub(super) fn open<'a>(&mut self, folder: &Path, shown: impl Iterator<Item = &'a Path>) -> nix::Result<()> {
        self.put()?;
        let shown: Vec<_> = shown.collect();
        self.0.iter_mut().try_for_each(|cover| cover.open(folder, &shown))?;
        // What is shown may have something in it that is hidden.
        if self.0.iter().any(|cover| cover.shows != Shows::Nothing) { self.put() } else { Ok(()) }
    }

    /// Takes back what [`open`](Self::open) showed. Nobody is left who could use it.
    pub(super) fn close(&mut self) -> nix::Result<()> {
        self.0.iter_mut().try_for_each(Cover::close)
    }
}

impl Cover {
    fn put(&mut self) -> nix::Result<()> {
        let path = &self.hidden.path;
        let original = match open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
            Ok(original) => original,
            // Where nothing is or nobody gets to, nothing is to be seen.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ELOOP) => {
                self.below = None;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let found = fstat(&original)?;
        if self.below.as_ref().is_some_and(|below| below.cover == identity(&found)) {
            return Ok(());
        }
        let is_folder = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR;
        if is_folder {
            lay(path, MsFlags::MS_RDONLY)?;
        } else {
            mount(Some(NOTHING), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        }
        self.below = Some(Below { original, is_folder, cover: identity(&stat(path)?) });
        Ok(())
    }

    fn open(&mut self, folder: &Path, shown: &[&Path]) -> nix::Result<()> {
        let path = &self.hidden.path;
        let Some(below) = &self.below else { return Ok(()) };
        let rooms = self.hidden.rooms(folder, shown);
        if shown.iter().any(|shown| path.starts_with(shown)) {
            umount2(path, MntFlags::MNT_DETACH)?;
            (self.shows, self.below) = (Shows::All, None);
        } else if below.is_folder && !rooms.is_empty() {
            lay(path, MsFlags::empty())?;
            self.shows = Shows::Rooms;
            rooms.iter().try_for_each(|room| below.show(path, room))?;
            lay(path, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY)?;
        }
        Ok(())
    }

    fn close(&mut self) -> nix::Result<()> {
        if self.shows == Shows::Rooms {
            umount2(&self.hidden.path, MntFlags::MNT_DETACH)?;
        }
        self.shows = Shows::Nothing;
        Ok(())
    }
}

impl Below {
    /// Mounts a room in its place on the cover. A link on the way is not followed: an agent may have put it there.
    fn show(&self, cover: &Path, room: &Path) -> nix::Result<()> {
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_DIRECTORY).resolve(resolve);
        match openat2(&self.original, room, how) {
            Ok(original) => {
                let place = cover.join(room);
                fs::create_dir_all(&place).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
                let original = format!("/proc/self/fd/{}", original.as_raw_fd());
                let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
                mount(Some(original.as_str()), &place, None::<&str>, flags, None::<&str>)
            }
            // The start of the run then says that its folder is missing.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// An empty folder over a path, or with `MS_REMOUNT` a change of it.
fn lay(path: &Path, more: MsFlags) -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | more;
    mount(Some("inhouse"), path, Some("tmpfs"), flags, Some(COVER))
}

fn identity(found: &FileStat) -> Identity {
    (found.st_dev, found.st_ino)
}
