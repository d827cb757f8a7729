//! The control group of the run at hand. What its processes may have in all is held there by the kernel, and one word ends all of them.
//!
//! The limits are on the outer of two: an agent can mount control groups in namespaces of its own, from the inner one on, where there is
//! nothing that it could lift.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid};

use crate::bounds::{Bounds, Resource};
use crate::cgroup::{kill, remove, write};
use crate::sys;

/// The inner one, in which the processes are.
const TREE: &str = "tree";
/// How many more there may be in it: agents' own, of which nobody else knows.
const DESCENDANTS_MAX: u32 = 256;

/// Where it is; there is one as long as there is a run.
pub(super) struct Cgroup {
    folder: PathBuf,
    /// Opened before the mounts were taken away from the host's: on our own, control groups are read only.
    _above: File,
}

impl Cgroup {
    /// None is made yet.
    pub(super) fn at(place: &Path) -> io::Result<Self> {
        let (above, name) = place.parent().zip(place.file_name()).ok_or(io::ErrorKind::InvalidInput)?;
        let above = folder(above)?;
        Ok(Self { folder: Path::new("/proc/self/fd").join(above.as_raw_fd().to_string()).join(name), _above: above })
    }

    /// Makes it for a run with these bounds. Those that are left for others to hold come back.
    pub(super) fn make(&self, bounds: Bounds) -> io::Result<Bounds> {
        fs::create_dir(&self.folder)?;
        fs::create_dir(self.folder.join(TREE))?;
        limit(&self.folder, bounds)
    }

    /// Starts a program in it.
    pub(super) fn spawn(&self, command: &mut Command) -> io::Result<Pid> {
        let tree = folder(&self.folder.join(TREE))?;
        let (mut told, mut tell) = io::pipe()?;
        match sys::fork_into(tree.as_fd())? {
            ForkResult::Child => {
                drop(told);
                let errno = command.exec().raw_os_error().unwrap_or(Errno::EINVAL as i32);
                // Without an answer the other end takes it for started, and ended.
                let _ = tell.write_all(&errno.to_le_bytes());
                std::process::exit(127)
            }
            ForkResult::Parent { child } => {
                drop(tell);
                let mut errno = [0; 4];
                match told.read_exact(&mut errno) {
                    // The pipe ends where the program begins.
                    Err(_) => Ok(child),
                    Ok(()) => {
                        waitpid(child, None)?;
                        Err(io::Error::from_raw_os_error(i32::from_le_bytes(errno)))
                    }
                }
            }
        }
    }

    /// What of its bounds has been reached.
    pub(super) fn over(&self) -> io::Result<Option<Resource>> {
        over(&self.folder)
    }

    /// Kills all that is in it.
    pub(super) fn kill(&self) -> io::Result<()> {
        kill(&self.folder)
    }

    /// Removes it, if it was made.
    pub(super) fn remove(&self) -> io::Result<()> {
        crate::proc::there(remove(&self.folder)).map(drop)
    }

    /// Does all of it once, with a program that would go on.
    #[expect(clippy::disallowed_methods, reason = "this is where runs are tried out")]
    pub(super) fn try_out(&self) -> io::Result<()> {
        let made = self.make(Bounds { memory_bytes_max: Some(1 << 30), processes_max: Some(64) });
        let tried = made.and_then(|_| self.spawn(Command::new("/bin/sleep").arg("60").env_clear())).and_then(|child| {
            let tried = self.over().and_then(|_| self.kill());
            if tried.is_err() {
                signal::kill(child, Signal::SIGKILL)?;
            }
            waitpid(child, None)?;
            tried
        });
        self.remove().and(tried)
    }
}

fn folder(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags((OFlag::O_PATH | OFlag::O_DIRECTORY).bits()).open(path)
}

/// Writes the bounds for which there are files. The others come back.
fn limit(folder: &Path, bounds: Bounds) -> io::Result<Bounds> {
    let set = |file: &str, value: String| match write(&folder.join(file), &value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        written => written.map(|()| true),
    };
    set("cgroup.max.descendants", DESCENDANTS_MAX.to_string())?;
    let mut left = bounds;
    if let Some(max) = bounds.memory_bytes_max
        && set("memory.max", max.to_string())?
    {
        left.memory_bytes_max = None;
        // Else what is swapped out would come on top.
        set("memory.swap.max", "0".to_owned())?;
        // None goes on without the others.
        set("memory.oom.group", "1".to_owned())?;
    }
    if let Some(max) = bounds.processes_max
        && set("pids.max", max.to_string())?
    {
        left.processes_max = None;
    }
    Ok(left)
}

/// What its files tell of the bounds that have stopped something.
fn over(folder: &Path) -> io::Result<Option<Resource>> {
    for (file, event, resource) in
        [("memory.events.local", "oom", Resource::Memory), ("pids.events", "max", Resource::Processes)]
    {
        let told = crate::proc::there(fs::read_to_string(folder.join(file)))?.unwrap_or_default();
        let mut counts = told.lines().filter_map(|line| line.split_once(' ')).filter(|(name, _)| *name == event);
        if counts.any(|(_, count)| count != "0") {
            return Ok(Some(resource));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::fresh;

    /// The files of a control group, those of its controllers, and what is in them after these bounds are written.
    #[test]
    fn bounds_are_written_where_there_are_files_and_the_others_come_back() {
        let bounds = |memory_bytes_max, processes_max| Bounds { memory_bytes_max, processes_max };
        let memory = ["memory.max", "memory.swap.max", "memory.oom.group"];
        let rows = [
            (vec!["pids.max"], bounds(Some(7), Some(5)), bounds(Some(7), None), vec![("pids.max", "5")]),
            (vec!["memory.max"], bounds(Some(7), Some(5)), bounds(None, Some(5)), vec![("memory.max", "7")]),
            (
                [&memory[..], &["pids.max"]].concat(),
                bounds(Some(7), Some(5)),
                bounds(None, None),
                vec![("memory.max", "7"), ("memory.swap.max", "0"), ("memory.oom.group", "1"), ("pids.max", "5")],
            ),
            (
                memory.to_vec(),
                bounds(None, Some(5)),
                bounds(None, Some(5)),
                vec![("memory.max", ""), ("memory.oom.group", "")],
            ),
            (vec![], bounds(Some(7), None), bounds(Some(7), None), vec![]),
        ];
        for (files, asked, left, written) in rows {
            let folder = fresh(&std::env::temp_dir()).unwrap();
            files.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
            assert_eq!(limit(&folder, asked).unwrap(), left, "{files:?}");
            for (file, text) in written {
                assert_eq!(fs::read_to_string(folder.join(file)).unwrap(), text, "{file} of {files:?}");
            }
            assert_eq!(fs::read_dir(&folder).unwrap().count(), files.len(), "nothing is made");
            fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn a_bound_that_has_stopped_something_is_told() {
        let quiet = "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n";
        for (memory, processes, expected) in [
            (Some(quiet), Some("max 0\n"), None),
            (Some("max 9\noom 1\noom_kill 3\n"), Some("max 0\n"), Some(Resource::Memory)),
            (Some(quiet), Some("max 1\n"), Some(Resource::Processes)),
            (None, Some("max 40\n"), Some(Resource::Processes)),
            // Ended by a bound above: the machine's, or that of all runs.
            (Some("max 0\noom 0\noom_kill 2\noom_group_kill 1\n"), None, None),
            (None, None, None),
        ] {
            let folder = fresh(&std::env::temp_dir()).unwrap();
            for (file, text) in [("memory.events.local", memory), ("pids.events", processes)] {
                text.into_iter().for_each(|text| fs::write(folder.join(file), text).unwrap());
            }
            assert_eq!(over(&folder).unwrap(), expected, "{memory:?} {processes:?}");
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
