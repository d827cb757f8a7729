//! Whether supervisors can have namespaces and control groups of their own here: found out by making some, and told in a sentence with
//! the cure where not.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::life::{Life, Mode};
use crate::runner::{Options, Shortfall};

/// How long the attempt may take.
const ATTEMPT: Duration = Duration::from_millis(5_000);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256;
/// The answer when all of it went well. No other program says it.
pub(crate) const DONE: &str = "inhouse supervisor ok";

/// A step on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Making the namespaces.
    Namespaces,
    /// Mapping user and group ids to themselves.
    Ids,
    /// Starting their first process.
    Process,
    /// Taking the mounts away from the host's.
    Mounts,
    /// Mounting their own `/proc`.
    Proc,
    /// Making read only what is guarded.
    Guarded,
    /// Covering what is hidden.
    Hidden,
    /// Starting a process in a control group of its own, and ending it.
    Cgroup,
}

const STEPS: [(Step, &str); 8] = [
    (Step::Namespaces, "namespaces"),
    (Step::Ids, "ids"),
    (Step::Process, "process"),
    (Step::Mounts, "mounts"),
    (Step::Proc, "proc"),
    (Step::Guarded, "guarded"),
    (Step::Hidden, "hidden"),
    (Step::Cgroup, "cgroup"),
];

/// What stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.word(), .errno.desc())]
pub(crate) struct Refusal {
    pub(crate) step: Step,
    pub(crate) errno: Errno,
}

impl Refusal {
    /// For `map_err`.
    pub(crate) fn at(step: Step) -> impl Fn(Errno) -> Self {
        move |errno| Self { step, errno }
    }

    fn word(&self) -> &'static str {
        STEPS.iter().find(|(step, _)| *step == self.step).map_or("", |(_, word)| word)
    }

    /// The line that an attempt answers with.
    pub(crate) fn line(&self) -> String {
        format!("refused {} {}", self.word(), self.errno as i32)
    }

    fn read(line: &str) -> Option<Self> {
        let (word, errno) = line.strip_prefix("refused ")?.split_once(' ')?;
        let (step, _) = STEPS.iter().find(|(_, name)| *name == word)?;
        Some(Self { step: *step, errno: Errno::from_raw(errno.parse().ok()?) })
    }
}

/// Sets a supervisor up that serves nobody, with what is hidden and guarded, or with a control group.
///
/// # Errors
/// Why it can not be had.
pub(crate) fn attempt(options: &Options, mode: Mode, cgroup: Option<PathBuf>) -> Result<(), Shortfall> {
    // It starts nothing that opens files.
    let life = Life {
        open_files_max: 0,
        mode,
        is_attempt: true,
        cgroup,
        hidden: options.hidden(),
        guarded: options.guarded(),
    };
    let answer =
        answer(options, &life).map_err(|error| Shortfall::why(format!("the attempt could not be made: {error}")))?;
    match (answer.as_deref(), answer.as_deref().and_then(Refusal::read)) {
        (Some(DONE), _) => Ok(()),
        (_, Some(refusal)) => Err(shortfall(refusal, |knob| fs::read_to_string(format!("/proc/sys/{knob}")).ok())),
        (None, _) => Err(Shortfall::why(format!("the attempt took longer than {} ms", ATTEMPT.as_millis()))),
        (Some(_), None) => Err(Shortfall::why("the attempt ended without an answer")),
    }
}

/// What the attempt says; none when it is not there in time.
#[expect(clippy::disallowed_methods, reason = "a supervisor is this program itself")]
fn answer(options: &Options, life: &Life) -> io::Result<Option<String>> {
    let mut child = Command::new(&options.supervisor)
        .arg(crate::SUPERVISE_ARG)
        .args(life.words())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let answer = read(&mut child, Instant::now() + ATTEMPT);
    if !matches!(answer, Ok(Some(_))) {
        // Its namespaces end with it.
        child.kill()?;
    }
    child.wait()?;
    answer
}

/// All that it says until its processes have ended; nothing when that takes too long.
fn read(child: &mut Child, deadline: Instant) -> io::Result<Option<String>> {
    let Some(mut stdout) = child.stdout.take() else { return Ok(None) };
    let mut said = Vec::new();
    let mut bytes = [0; ANSWER_BYTES_MAX];
    while said.len() < ANSWER_BYTES_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => return Ok(None),
            Err(Errno::EINTR) => continue,
            polled => polled?,
        };
        match stdout.read(&mut bytes)? {
            0 => break,
            read => said.extend_from_slice(&bytes[..read]),
        }
    }
    Ok(Some(String::from_utf8_lossy(&said).trim_end().to_owned()))
}

/// What a refusal means here, and what helps. `knob` reads a file below `/proc/sys`.
fn shortfall(refusal: Refusal, knob: impl Fn(&str) -> Option<String>) -> Shortfall {
    let is = |name: &str, value: &str| knob(name).is_some_and(|found| found.trim() == value);
    let Refusal { step, errno } = refusal;
    let denied = matches!(errno, Errno::EPERM | Errno::EACCES);
    match step {
        Step::Cgroup => Shortfall::why(format!("{}: {} ({errno:?})", what(step), errno.desc().to_lowercase())),
        _ if is("user/max_user_namespaces", "0") => Shortfall::new(
            "user namespaces are switched off (user.max_user_namespaces=0)",
            "sysctl user.max_user_namespaces=15000",
        ),
        _ if denied && is("kernel/unprivileged_userns_clone", "0") => Shortfall::new(
            "user namespaces are kept for root (kernel.unprivileged_userns_clone=0)",
            "sysctl kernel.unprivileged_userns_clone=1",
        ),
        _ if denied && is("kernel/apparmor_restrict_unprivileged_userns", "1") => Shortfall::new(
            "AppArmor keeps user namespaces from this program (kernel.apparmor_restrict_unprivileged_userns=1)",
            "give it an AppArmor profile with the rule userns, or: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        Step::Namespaces if denied => Shortfall::new(
            "something around this program forbids user namespaces, mostly a container's seccomp profile",
            "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined",
        ),
        Step::Namespaces if errno == Errno::ENOSPC => Shortfall::new(
            "there are too many namespaces, one in the other or in all",
            "sysctl user.max_user_namespaces=15000, and likewise max_pid_, max_mnt_ and max_ipc_namespaces",
        ),
        Step::Namespaces if matches!(errno, Errno::EINVAL | Errno::ENOSYS) => {
            Shortfall::new("this kernel has no user namespaces", "use a kernel that was built with CONFIG_USER_NS")
        }
        Step::Proc if denied => Shortfall::new(
            "parts of /proc are covered here, as in most containers, and so it can not be mounted anew",
            "docker run --security-opt systempaths=unconfined",
        ),
        _ => Shortfall::why(format!("{}: {} ({errno:?})", what(step), errno.desc().to_lowercase())),
    }
}

fn what(step: Step) -> &'static str {
    match step {
        Step::Namespaces => "namespaces can not be made",
        Step::Ids => "the user and group can not be taken into a user namespace",
        Step::Process => "a process can not be started in a new pid namespace",
        Step::Mounts => "the mounts can not be changed in a mount namespace",
        Step::Proc => "/proc can not be mounted in a new pid namespace",
        Step::Guarded => "what is protected in the projects can not be made read only",
        Step::Hidden => "the server's own files can not be covered",
        Step::Cgroup => "a process can not be started and ended in a control group of its own",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_as_it_was_said() {
        for (step, _) in STEPS {
            let refusal = Refusal { step, errno: Errno::ENOSPC };
            assert_eq!(Refusal::read(&refusal.line()), Some(refusal));
        }
        for line in ["", DONE, "refused proc", "refused x 1", "running 0 tests"] {
            assert_eq!(Refusal::read(line), None, "{line}");
        }
    }

    #[test]
    fn a_refusal_is_told_with_what_helps() {
        let apparmor = "kernel/apparmor_restrict_unprivileged_userns";
        for (step, errno, knob, part) in [
            (Step::Namespaces, Errno::ENOSPC, ("user/max_user_namespaces", "0\n"), "user.max_user_namespaces=15000"),
            (Step::Namespaces, Errno::ENOSPC, ("user/max_user_namespaces", "100"), "too many namespaces"),
            (Step::Namespaces, Errno::EPERM, ("kernel/unprivileged_userns_clone", "0"), "userns_clone=1"),
            (Step::Namespaces, Errno::EPERM, (apparmor, "1"), "apparmor_restrict_unprivileged_userns=0"),
            (Step::Mounts, Errno::EACCES, (apparmor, "1\n"), "apparmor_restrict_unprivileged_userns=0"),
            (Step::Mounts, Errno::EACCES, (apparmor, "0"), "the mounts can not be changed"),
            (Step::Namespaces, Errno::EPERM, ("", ""), "seccomp"),
            (Step::Namespaces, Errno::EINVAL, ("", ""), "CONFIG_USER_NS"),
            (Step::Proc, Errno::EPERM, ("", ""), "systempaths=unconfined"),
            (Step::Ids, Errno::EPERM, ("", ""), "user and group"),
            (Step::Hidden, Errno::EIO, ("", ""), "EIO"),
            (Step::Cgroup, Errno::EACCES, (apparmor, "1"), "control group of its own: permission denied (EACCES)"),
        ] {
            let told = shortfall(Refusal { step, errno }, |name| (name == knob.0).then(|| knob.1.to_owned()));
            let told = told.to_string();
            assert!(told.contains(part), "{step:?} {errno}: {told}");
            assert!(!told.contains('\n') && !told.contains("  "), "{told}");
        }
    }
}
