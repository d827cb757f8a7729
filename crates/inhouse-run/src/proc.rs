//! Who is whose child, read from `/proc`. A list may miss a process while others are reaped: callers repeat until it is
//! empty.

use std::fs;
use std::io::{self, Read as _, Seek as _};
use std::sync::{Mutex, PoisonError};

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
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads.flatten().filter_map(|thread| Some(read(thread.path().join("children").to_str()?))).flatten().collect()
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

fn read(path: &str) -> Vec<Pid> {
    pids(&fs::read_to_string(path).unwrap_or_default())
}

fn pids(text: &str) -> Vec<Pid> {
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
