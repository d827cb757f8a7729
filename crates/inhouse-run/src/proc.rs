//! Who is whose child, read from `/proc`. A list may miss a process while others are reaped: callers repeat until it is
//! empty, or until nothing new is in it.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _, Seek as _};
use std::sync::{Mutex, PoisonError};

use nix::libc;
use nix::unistd::Pid;

/// A walk ends here, so that a fork bomb can not fill our memory. Those beyond are found by the next walk.
const DESCENDANTS_MAX: usize = 65_536;

/// Whether this system lists children at all.
pub(crate) fn available() -> io::Result<()> {
    fs::File::open("/proc/thread-self/children").map(drop)
}

/// The children of a process with one thread, which calls this first and for ever. The list is opened once: an agent can
/// take away the right to open more files.
pub(crate) fn own_children() -> Vec<Pid> {
    static LIST: Mutex<Option<fs::File>> = Mutex::new(None);
    let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    if list.is_none() {
        *list = fs::File::open("/proc/thread-self/children").ok();
    }
    let mut text = String::new();
    if let Some(file) = list.as_mut() {
        let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
    }
    pids(&text)
}

/// The children of every thread of a process; none when it is gone.
pub(crate) fn children(pid: Pid) -> Vec<Pid> {
    children_or_why(pid).unwrap_or_default()
}

/// The same, for callers who must know whether it could be read.
fn children_or_why(pid: Pid) -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    let Some(threads) = there(fs::read_dir(format!("/proc/{pid}/task")))? else { return Ok(found) };
    for thread in threads {
        let Some(thread) = there(thread)? else { continue };
        found.extend(pids(&there(fs::read_to_string(thread.path().join("children")))?.unwrap_or_default()));
    }
    Ok(found)
}

/// Nothing for a process that is gone: only what else stands in the way of reading is an error.
pub(crate) fn there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Everything below a process, parents before their children.
pub(crate) fn descendants(root: Pid) -> Vec<Pid> {
    let mut found = children(root);
    let mut next = 0;
    while next < found.len() && found.len() < DESCENDANTS_MAX {
        found.extend(children(found[next]));
        next += 1;
    }
    found
}

/// Everything below this process, which has one thread, parents before their children.
///
/// # Errors
/// What stands in the way of seeing all of it.
pub(crate) fn own_tree() -> io::Result<Vec<Process>> {
    let mut found = own_children();
    let mut next = 0;
    while next < found.len() && found.len() < DESCENDANTS_MAX {
        found.extend(children_or_why(found[next])?);
        next += 1;
    }
    let known: HashSet<_> = found.iter().copied().chain([Pid::this()]).collect();
    let mut tree = Vec::with_capacity(found.len());
    for pid in found {
        // A name need not be UTF-8.
        let Some(stat) = there(fs::read(format!("/proc/{pid}/stat")))? else { continue };
        let process = Process::read(pid, &String::from_utf8_lossy(&stat)).ok_or(io::ErrorKind::InvalidData)?;
        // One with another parent has the pid of one that has ended since.
        tree.extend(Some(process).filter(|process| known.contains(&process.parent)));
    }
    Ok(tree)
}

/// One process, as it was when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    /// When it began, in clock ticks since the system did. A pid is given to others again, but not with this.
    pub(crate) began: u64,
    pub(crate) parent: Pid,
    pub(crate) group: Pid,
    /// How many threads it has. One that has ended and was not reaped has a place still, like a thread.
    pub(crate) threads: u32,
    /// Nothing of it runs any more. A first thread can end before the others do.
    pub(crate) ended: bool,
}

impl Process {
    /// Reads the line of `/proc/<pid>/stat`, in which a name of any characters stands in parentheses.
    fn read(pid: Pid, stat: &str) -> Option<Self> {
        // The third field is the first one after the name.
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let a_pid = |number| field(number)?.parse().ok().map(Pid::from_raw);
        let ended = matches!(field(3)?, "Z" | "X") && matches!(field(20)?, "0" | "1");
        Some(Self {
            pid,
            began: field(22)?.parse().ok()?,
            parent: a_pid(4)?,
            group: a_pid(5)?,
            threads: field(20)?.parse::<u32>().ok()?.max(1),
            ended,
        })
    }
}

fn pids(text: &str) -> Vec<Pid> {
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        let line = |name: &str, state, threads| {
            format!("7 ({name}) {state} 3 5 6 0 -1 4194560 9 0 0 0 1 2 0 0 20 0 {threads} 0 777 9 9")
        };
        let pid = Pid::from_raw;
        let read = |line: &str| Process::read(pid(7), line);
        let expected = Process { pid: pid(7), began: 777, parent: pid(3), group: pid(5), threads: 1, ended: false };
        for name in ["sh", "a b", ") Z 1 1", "\n) ("] {
            assert_eq!(read(&line(name, "S", 1)), Some(expected), "{name}");
        }
        for threads in [0, 1] {
            let ended = Some(Process { ended: true, ..expected });
            assert_eq!(read(&line("sh", "Z", threads)), ended, "it takes a place until it is reaped");
        }
        assert_eq!(read(&line("sh", "Z", 2)), Some(Process { threads: 2, ..expected }), "its other threads go on");
        assert_eq!(read("7 (sh) S 3"), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the child is the thing under test")]
    fn a_child_and_its_child_are_listed_below_their_ancestor() {
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", "sleep 300 & echo ready; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 5]).unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        assert!(children(Pid::this()).contains(&pid));
        let below = descendants(pid);
        assert_eq!(below.len(), 1);
        assert!(!children(Pid::this()).contains(&below[0]));
        for pid in below {
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).ok();
        }
        child.wait().unwrap();
    }
}
