//! Control groups of version 2 that are this process's to divide: found, made ready and tried out once, at the start. Each supervisor has
//! the name of one in them, which it makes for a run and removes after it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{AccessFlags, access};

use crate::bounds::Cgroup;
use crate::mounts;
use crate::runner::Shortfall;
use crate::sys;

/// Where this process itself is, as soon as its own control group is divided: none that is has processes.
const OWN: &str = "server";
/// How the names of the runs' begin.
const RUN: &str = "run-";
/// How long it may take until what a killed server has left is gone, in milliseconds.
const LEFT_MS: u64 = 1_000;
/// The pause between two looks at it, in milliseconds.
const LOOK_MS: u64 = 2;
/// What systemd writes on a control group that it leaves to somebody.
const DELEGATED: &str = "user.delegate";

/// The control group that is divided.
#[derive(Debug)]
pub(crate) struct Cgroups {
    folder: PathBuf,
    does: Cgroup,
    next: AtomicU64,
    /// One server at a time: what else is in it was left by one that was killed.
    _lock: Flock<File>,
}

impl Cgroups {
    /// Takes the one that is `asked` for, in which no process is; or else this process's own, if it has been delegated. What a killed
    /// server has left in it is ended.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn take(asked: Option<&Path>) -> Result<Self, Shortfall> {
        let (folder, is_own) = match asked {
            Some(folder) => (folder.to_path_buf(), false),
            None => delegated()?,
        };
        divide(&folder, is_own).map_err(|error| {
            let folder = folder.display();
            let busy = error.raw_os_error() == Some(Errno::EBUSY as i32);
            Shortfall::why(match busy {
                true => format!("other processes are in this one's control group, {folder}"),
                false => format!("the control group {folder} can not be divided: {error}"),
            })
        })
    }

    /// What those of runs do.
    pub(crate) fn does(&self) -> Cgroup {
        self.does
    }

    /// Where one more supervisor makes those of its runs.
    pub(crate) fn place(&self) -> PathBuf {
        self.folder.join(format!("{RUN}{}", self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Kills all that is in one.
///
/// # Errors
/// As the kernel refuses it (before Linux 5.14 it has no such file).
pub(crate) fn kill(folder: &Path) -> io::Result<()> {
    write(&folder.join("cgroup.kill"), "1")
}

/// Removes one in which no process is, with those that have been made in it.
///
/// # Errors
/// As the kernel refuses it, mostly since there are processes.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

/// Ends all that is in one, and then it: what is left of a supervisor or a server that was killed.
pub(crate) fn end(folder: &Path) {
    let deadline = Instant::now() + Duration::from_millis(LEFT_MS);
    let _ = kill(folder);
    while let Err(error) = remove(folder) {
        if error.kind() == io::ErrorKind::NotFound {
            return;
        }
        if Instant::now() > deadline {
            tracing::warn!(folder = %folder.display(), %error, "a control group was not removed");
            return;
        }
        thread::sleep(Duration::from_millis(LOOK_MS));
    }
}

/// Writes into a file that is there.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    fs::OpenOptions::new().write(true).open(file)?.write_all(text.as_bytes())
}

/// The one that has been left to this process, and whether it is itself in it.
fn delegated() -> Result<(PathBuf, bool), Shortfall> {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let place = place(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"));
    let own = place.ok_or_else(|| Shortfall::why("there are no control groups of version 2"))?;
    // Where systemd was told to put the process into a subgroup, the one above is what has been left to it.
    for (folder, is_own) in [(Some(own.folder.as_path()), true), (own.folder.parent(), false)] {
        if let Some(folder) = folder.filter(|folder| sys::attribute(folder, DELEGATED).is_some_and(|it| it == b"1")) {
            return Ok((folder.to_path_buf(), is_own));
        }
    }
    // The top of a container's, if it may write there; the top of the machine's own has no type.
    let is_containers = own.is_top && own.folder.join("cgroup.type").exists();
    if is_containers && access(&own.folder, AccessFlags::W_OK).is_ok() {
        return Ok((own.folder, true));
    }
    Err(Shortfall::new("no control group is left to this process", "Delegate=memory pids in its unit of systemd"))
}

/// This process's own.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    folder: PathBuf,
    /// It is the topmost that can be seen.
    is_top: bool,
}

/// Reads where it is from the lists of `/proc/self`.
fn place(cgroups: &str, mounts: &str) -> Option<Place> {
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mount = mounts::read(mounts).into_iter().find(|mount| mount.kind == "cgroup2" && mount.is_whole)?;
    Some(Place { folder: mount.point.join(path), is_top: path.is_empty() })
}

fn divide(folder: &Path, is_own: bool) -> io::Result<Cgroups> {
    let lock = Flock::lock(File::open(folder)?, FlockArg::LockExclusiveNonblock);
    let lock = lock.map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => io::Error::other("another server has it"),
        errno => errno.into(),
    })?;
    if is_own {
        let own = folder.join(OWN);
        match fs::create_dir(&own) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => write(&own.join("cgroup.procs"), "0")?,
        }
    }
    let does = enable(folder)?;
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(RUN)) {
            end(&entry.path());
        }
    }
    Ok(Cgroups { folder: folder.to_path_buf(), does, next: AtomicU64::new(0), _lock: lock })
}

/// Switches on what there is of what is wanted.
fn enable(folder: &Path) -> io::Result<Cgroup> {
    let there = fs::read_to_string(folder.join("cgroup.controllers"))?;
    let has = |name: &str| there.split_whitespace().any(|it| it == name);
    let does = Cgroup { memory: has("memory"), processes: has("pids") };
    let wanted: Vec<_> =
        ["memory", "pids"].into_iter().filter(|name| has(name)).map(|name| format!("+{name}")).collect();
    if !wanted.is_empty() {
        write(&folder.join("cgroup.subtree_control"), &wanted.join(" "))?;
    }
    Ok(does)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::fresh;

    const MOUNTS: &str = "1 2 0:2 / /proc rw - proc proc rw\n3 4 0:3 /x /sys/fs/part rw - cgroup2 cgroup2 rw\n\
        5 6 0:4 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_own_control_group_is_found() {
        let at = |folder: &str, is_top| Some(Place { folder: folder.into(), is_top });
        let unit = "/sys/fs/cgroup/system.slice/inhouse.service";
        for (cgroups, mounts, expected) in [
            ("0::/system.slice/inhouse.service\n", MOUNTS, at(unit, false)),
            ("12:pids:/a\n0::/\n", MOUNTS, at("/sys/fs/cgroup/", true)),
            ("12:pids:/a\n", MOUNTS, None),
            ("0::/a\n", "1 2 0:2 / /proc rw - proc proc rw\n", None),
            ("", "", None),
        ] {
            assert_eq!(place(cgroups, mounts), expected, "{cgroups}");
        }
    }

    #[test]
    fn what_is_there_is_switched_on() {
        let folder = fresh(&std::env::temp_dir()).unwrap();
        for (there, switched, memory, processes) in [
            ("cpuset cpu io memory hugetlb pids\n", "+memory +pids", true, true),
            ("pids\n", "+pids", false, true),
            ("memory_x\n", "", false, false),
            ("\n", "", false, false),
        ] {
            fs::write(folder.join("cgroup.controllers"), there).unwrap();
            fs::write(folder.join("cgroup.subtree_control"), "").unwrap();
            assert_eq!(enable(&folder).unwrap(), Cgroup { memory, processes }, "{there}");
            assert_eq!(fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap(), switched);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
