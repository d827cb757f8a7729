//! The supervisor's own namespaces: of users, processes, mounts and System V objects. In them a supervisor is the first
//! process. What it starts sees nothing outside, can not signal it, and ends with it.
//!
//! Two processes stay. The one that the server started remains outside, waits, and takes the first process with it if
//! it dies; the first process is the supervisor. It alone keeps the right to mount: programs that it starts as root
//! lack that capability, and all others lack every one. They get them all in user namespaces that they make themselves,
//! where none of this can be undone, and so their own sandboxes work.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getegid, geteuid, pipe, setsid};

use super::covers::Covers;
use super::guards::Guards;
use super::owned;
use crate::mounts::{self, Mount};
use crate::namespace::{Refusal, Step};
use crate::sights::{Guarded, Hidden};
use crate::sys;

/// What programs started here never have: mounting, entering namespaces; and reading the supervisor's memory. The
/// numbers of `linux/capability.h`.
const CAPABILITIES_DROPPED: [libc::c_ulong; 2] = [CAP_SYS_PTRACE, CAP_SYS_ADMIN];
const CAP_SYS_PTRACE: libc::c_ulong = 19;
const CAP_SYS_ADMIN: libc::c_ulong = 21;

/// Makes the namespaces, and returns as their first process. The process that called it waits for that one's end and
/// ends likewise.
///
/// # Errors
/// [`Refusal`], in either of the two.
pub(super) fn enter(hidden: Vec<Hidden>, guarded: Vec<Guarded>) -> Result<(Covers, Guards), Refusal> {
    let failed = Refusal::at(Step::Process);
    // Both outlive what asks a process to end.
    sys::default_signals().map_err(|_| failed(Errno::EINVAL))?;
    separate()?;
    prctl::set_dumpable(false).map_err(&failed)?;
    match sys::fork().map_err(&failed)? {
        ForkResult::Parent { child } => stay_outside(child),
        ForkResult::Child => {}
    }
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(&failed)?;
    setsid().map_err(&failed)?;
    own_mounts()?;
    if !geteuid().is_root() {
        owned::copy().map_err(Refusal::at(Step::Mounts))?;
    }
    for capability in CAPABILITIES_DROPPED {
        sys::drop_capability(capability).map_err(&failed)?;
    }
    let (guards, mut covers) = (Guards::new(guarded), Covers::new(hidden));
    // What is hidden may be below what is guarded, and is pinned on its own.
    guards.put().map_err(Refusal::at(Step::Guarded))?;
    covers.put().map_err(Refusal::at(Step::Hidden))?;
    Ok((covers, guards))
}

/// Moves this process into new namespaces, and the next one that it starts into a new one of processes. Ids are mapped
/// by a process that stays behind: it may map more of them.
fn separate() -> Result<(), Refusal> {
    let (namespaces, ids) = (Refusal::at(Step::Namespaces), Refusal::at(Step::Ids));
    let this = Pid::this();
    let (told, tell) = pipe().map_err(Refusal::at(Step::Process))?;
    let mapper = match sys::fork().map_err(Refusal::at(Step::Process))? {
        ForkResult::Child => {
            drop(tell);
            std::process::exit(map_when_told(told, this))
        }
        ForkResult::Parent { child } => child,
    };
    drop(told);
    let parts = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    let unshared = unshare(parts | CloneFlags::CLONE_NEWIPC);
    if unshared.is_ok() {
        fs::File::from(tell).write_all(&[1]).map_err(|_| ids(Errno::EPIPE))?;
    } else {
        drop(tell);
    }
    let mapped = waitpid(mapper, None).map_err(&ids)?;
    unshared.map_err(namespaces)?;
    match mapped {
        WaitStatus::Exited(_, 0) => Ok(()),
        WaitStatus::Exited(_, code) => Err(ids(Errno::from_raw(code))),
        _ => Err(ids(Errno::ECHILD)),
    }
}

/// The process that maps the ids of `other`, when its namespace is there. Its exit code: an errno, which fits.
fn map_when_told(told: OwnedFd, other: Pid) -> i32 {
    match fs::File::from(told).read_exact(&mut [0]) {
        Ok(()) => map_ids(other).err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EINVAL)),
        Err(_) => 0,
    }
}

/// Maps every id that there is to itself, which root may; or else the one that we have.
fn map_ids(other: Pid) -> std::io::Result<()> {
    let write = |file: &str, text: &str| fs::write(format!("/proc/{other}/{file}"), text);
    if write("gid_map", &every_id("gid")).is_err() {
        // Without it a group that denies its members something could be left.
        write("setgroups", "deny")?;
        write("gid_map", &format!("{0} {0} 1", getegid()))?;
    }
    write("uid_map", &every_id("uid")).or_else(|_| write("uid_map", &format!("{0} {0} 1", geteuid())))
}

/// The ids that this process's namespace has, each mapped to itself.
fn every_id(kind: &str) -> String {
    let own = fs::read_to_string(format!("/proc/self/{kind}_map")).unwrap_or_default();
    let numbers = own.lines().map(|line| line.split_ascii_whitespace());
    let ranges = numbers.filter_map(|mut numbers| Some((numbers.next()?, numbers.nth(1)?)));
    ranges.map(|(first, count)| format!("{first} {first} {count}\n")).collect()
}

/// The life of the process outside.
fn stay_outside(first: Pid) -> ! {
    // Else the server would not see the first process's end of it close.
    drop(sys::control_socket());
    let code = loop {
        match waitpid(first, None) {
            Err(Errno::EINTR) => {}
            Ok(WaitStatus::Exited(_, code)) => break code,
            Ok(_) | Err(_) => break 1,
        }
    };
    std::process::exit(code)
}

/// Makes the mounts ours: a `/proc` of the new namespace, also where there was another one, and no way to move or
/// freeze processes.
fn own_mounts() -> Result<(), Refusal> {
    let (mounts, proc) = (Refusal::at(Step::Mounts), Refusal::at(Step::Proc));
    // What the host mounts later is seen here, and not the other way round.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>).map_err(&mounts)?;
    let table = mounts::table().map_err(&mounts)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>).map_err(&proc)?;
    for Mount { point, kind, is_whole, flags } in table {
        if kind == "proc" && is_whole && !point.starts_with("/proc") {
            let bound = mount(Some("/proc"), &point, None::<&str>, MsFlags::MS_BIND, None::<&str>);
            mounts::unless_out_of_reach(bound).map_err(&proc)?;
        }
        if kind.starts_with("cgroup") {
            let flags = flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
            let remounted = mount(None::<&str>, &point, None::<&str>, flags, None::<&str>);
            mounts::unless_out_of_reach(remounted).map_err(&mounts)?;
        }
    }
    Ok(())
}
