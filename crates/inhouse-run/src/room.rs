//! Where the temporary folders of this process are: one folder, which is locked as long as the process lives, so that the next server can
//! tell what one that was killed has left, and removes it. Locks hold between containers that share the folder, as process ids would not.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, io};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;

use crate::folder::{named, remove_under};

/// How often a room is made again when another server has taken it for one that was left.
const TRIES_MAX: u32 = 1_000;
/// How the folder of one process's temporary folders begins.
const NAME: &str = "inhouse-room-";
/// This process's, once it has needed one.
static OWN: Mutex<Option<Room>> = Mutex::new(None);

/// Where temporary folders of this process are made. What servers that were killed have left is removed before the first.
///
/// # Errors
/// As the system refuses it.
pub fn room() -> io::Result<PathBuf> {
    let mut room = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *room {
        Some(room) if room.path.is_dir() => Ok(room.path.clone()),
        none => Ok(none.insert(Room::new(&env::temp_dir())?).path.clone()),
    }
}

/// A room of one process.
struct Room {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Room {
    fn new(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        for _ in 0..TRIES_MAX {
            let path = named(parent, NAME)?;
            // A server that begins now as well may have taken it for one that was left.
            if let Some(lock) = hold(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Removes the rooms of this user in which nobody lives any more.
fn sweep(parent: &Path) {
    let rooms = fs::read_dir(parent).into_iter().flatten().flatten();
    let rooms = rooms.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(NAME)));
    let own =
        rooms.filter(|entry| entry.metadata().is_ok_and(|room| room.is_dir() && room.uid() == geteuid().as_raw()));
    for path in own.map(|entry| entry.path()) {
        if let Ok(Some(lock)) = hold(&path) {
            remove_under(path, lock);
        }
    }
}

/// Locks a folder, unless it is locked or was removed meanwhile.
fn hold(path: &Path) -> io::Result<Option<Flock<File>>> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY).bits();
    let folder = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        folder => folder?,
    };
    let inode = folder.metadata()?.ino();
    match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock).filter(|_| fs::metadata(path).is_ok_and(|there| there.ino() == inode))),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::thread;

    use super::*;
    use crate::folder::fresh;

    #[test]
    fn a_room_that_is_lived_in_stays_and_one_that_was_left_goes() {
        let parent = fresh(&env::temp_dir()).unwrap();
        let (lived, left) = (Room::new(&parent).unwrap(), Room::new(&parent).unwrap().path);
        fs::write(left.join("of a caller"), "").unwrap();
        let foreign = parent.join("other");
        fs::create_dir(&foreign).unwrap();
        symlink(&foreign, parent.join(format!("{NAME}link"))).unwrap();
        let next = Room::new(&parent).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while left.exists() {
            assert!(std::time::Instant::now() < deadline, "it is not removed");
            assert!(hold(&left).unwrap().is_none(), "nobody gets it meanwhile");
            thread::yield_now();
        }
        assert!(hold(&left).unwrap().is_none() && hold(&lived.path).unwrap().is_none());
        assert!(lived.path.exists() && next.path.exists() && foreign.exists());
        fs::remove_dir_all(parent).unwrap();
    }
}
