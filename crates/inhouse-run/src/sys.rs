//! The few calls for which the compiler can not vouch. Every `unsafe` block of the workspace is here, with its reason.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::unistd::Pid;

#[cfg(target_os = "linux")]
pub(crate) use linux::{attribute, control_socket, default_signals, drop_capability, fork, fork_into, receive};

/// The file descriptors of this process, a directory that lists them.
const DESCRIPTORS: &str = "/dev/fd";

/// Marks every descriptor but the standard ones, so that no program started later gets what we inherited ourselves.
pub(crate) fn close_on_exec() -> io::Result<()> {
    // Collected first: the listing itself has a descriptor, which is closed before the marks are set.
    let listed: Vec<RawFd> = std::fs::read_dir(DESCRIPTORS)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in listed {
        // SAFETY: borrowed for this one call, which neither reads, writes nor closes. The number is not -1, and should
        // it have been closed since, or be another file by now, then the call fails or sets a mark that all our
        // descriptors have.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        match fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
            Ok(_) | Err(nix::errno::Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What [`reap`] found.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) enum Ended {
    /// This child had ended, and is now forgotten by the kernel.
    Child(Pid, ExitStatus),
    /// There are children, and all of them live.
    None,
    /// There are no children.
    Childless,
}

/// Collects one child that has ended, without waiting: the given one, or any. (The wrapper in nix loses the pid of a
/// child that a real-time signal ended.)
pub(crate) fn reap(child: Option<Pid>) -> Ended {
    let mut status = 0;
    let pid = child.map_or(-1, Pid::as_raw);
    // SAFETY: `status` is a valid place for an int during the call, the only pointer that it takes.
    match unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } {
        0 => Ended::None,
        -1 => Ended::Childless,
        pid => Ended::Child(Pid::from_raw(pid), ExitStatus::from_raw(status)),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CString;
    use std::io::{self, IoSliceMut};
    use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    use nix::unistd::{ForkResult, Pid};

    /// Of linux/sched.h; it does not fit into the type that others give it.
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

    /// Takes the socket that the server put at descriptor 0 of its supervisor. Called once, first thing in that
    /// process.
    pub(crate) fn control_socket() -> OwnedFd {
        // SAFETY: descriptor 0 is open (the runtime opens it before main if it is not), and nothing else in a
        // supervisor's process uses standard input, so this value is its only owner.
        unsafe { OwnedFd::from_raw_fd(0) }
    }

    /// Receives bytes and the descriptors that came with them; 0 bytes when the other end is closed.
    pub(crate) fn receive(
        socket: BorrowedFd<'_>,
        buffer: &mut [u8],
        descriptors: &mut Vec<OwnedFd>,
    ) -> io::Result<usize> {
        let mut control = nix::cmsg_space!([RawFd; 3]);
        let mut slices = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = loop {
            match recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags) {
                Err(Errno::EINTR) => {}
                received => break received?,
            }
        };
        for part in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(received) = part {
                // SAFETY: the kernel has just made these descriptors for us, and nothing else knows their numbers.
                descriptors.extend(received.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        Ok(message.bytes)
    }

    /// Goes on in two processes. To be called by a supervisor alone, which has one thread.
    pub(crate) fn fork() -> nix::Result<ForkResult> {
        // SAFETY: a process with one thread leaves no lock behind that another thread holds, so its child may do all
        // that it could do itself.
        unsafe { nix::unistd::fork() }
    }

    /// The same, but the new process begins in a control group: moving it there would make it wait for all others of the machine.
    pub(crate) fn fork_into(cgroup: BorrowedFd<'_>) -> nix::Result<ForkResult> {
        // Of `struct clone_args` in linux/sched.h: the first member, the fifth and the eleventh.
        let mut args = [0_u64; 11];
        args[0] = CLONE_INTO_CGROUP;
        args[4] = u64::from(libc::SIGCHLD.cast_unsigned());
        args[10] = u64::from(cgroup.as_raw_fd().cast_unsigned());
        // SAFETY: the arguments are what the kernel reads, as long as it is told, and it writes nothing. Without shared memory the
        // new process is a copy, like one of `fork`, and with the same reason it may do all that this one could.
        let pid = Errno::result(unsafe { libc::syscall(libc::SYS_clone3, args.as_ptr(), size_of_val(&args)) })?;
        Ok(match i32::try_from(pid) {
            Ok(0) => ForkResult::Child,
            pid => ForkResult::Parent { child: Pid::from_raw(pid.map_err(|_| Errno::EOVERFLOW)?) },
        })
    }

    /// An extended attribute of a file, if it has one that is short.
    pub(crate) fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        let name = CString::new(name).ok()?;
        let mut value = [0_u8; 64];
        // SAFETY: both strings end with a NUL, and the kernel writes no more than there is room for.
        let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
        value.get(..usize::try_from(length).ok()?).map(<[u8]>::to_vec)
    }

    /// No program that this process starts from here on gets this capability, nor can it be had back but in a user
    /// namespace of its own.
    pub(crate) fn drop_capability(number: libc::c_ulong) -> nix::Result<()> {
        // SAFETY: takes numbers only.
        Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) }).map(drop)
    }

    extern "C" fn nothing(_: libc::c_int) {}

    /// Makes this process survive the signals that ask a process to end, and gives what it executes the default
    /// actions.
    ///
    /// A handler that does nothing is needed for that: an ignored signal would stay ignored in the agent.
    pub(crate) fn default_signals() -> io::Result<()> {
        let survive = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        let asking =
            [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];
        for signal in asking {
            // SAFETY: the handler does nothing, which is safe at any moment.
            unsafe { sigaction(signal, &survive) }?;
        }
        // SAFETY: the default action of SIGCHLD is to do nothing.
        unsafe { sigaction(Signal::SIGCHLD, &default) }?;
        Ok(())
    }
}
