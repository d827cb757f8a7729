//! Strict runs: a program of ours that fences itself, and then becomes the agent. The files that it may touch and the TCP ports that it may
//! connect to are listed, and all others refused; so are system calls by which others have left such fences. What the kernel has no rules
//! for stays open: UDP, sockets in the file system. Agents' own sandboxes do not work inside.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use inhouse_trust::LaunchPlan;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, NetPort, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetError, path_beneath_rules,
};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::runner::{Shortfall, Strict};
use crate::{CONFINE_ARG, folder};

/// What has rules for TCP: Linux 6.7.
const RULES: ABI = ABI::V4;
/// What every program needs to read, and run.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix/store",
    "/proc",
    "/sys",
    "/run/systemd/resolve",
    "/run/resolvconf",
];
/// Devices that are nobody's.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// What is refused, whatever its arguments: mounts and namespaces; others' memory; keys; programs for the kernel; and an interface by which
/// system calls are made without being seen.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_open_by_handle_at,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// What `clone` makes with these flags is refused.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The start of a strict run: our own program, with what it may touch, and the agent behind that.
pub(crate) struct Start {
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    home: PathBuf,
}

impl Start {
    /// With a new home, which is the run's alone.
    pub(crate) fn new(plan: &LaunchPlan, strict: &Strict) -> io::Result<Self> {
        let home = folder::fresh(&folder::room()?)?;
        let ports: Vec<_> = strict.ports.iter().map(u16::to_string).collect();
        let own = [home.as_path(), plan.directory()].map(OsString::from);
        let may = strict.reads.iter().map(OsString::from);
        let end = || ["--".into()];
        let args = [CONFINE_ARG.into()].into_iter().chain(own).chain(end());
        let args = args.chain([ports.join(",").into()]).chain(may).chain(end());
        let args = args.chain([plan.program().into()]).chain(plan.args().iter().map(OsString::from)).collect();
        // What the server's user has in such places is not for it.
        let kept = plan.env().filter(|(name, _)| !name.as_encoded_bytes().starts_with(b"XDG_"));
        let mut env: BTreeMap<OsString, OsString> = kept.map(|(name, value)| (name.into(), value.into())).collect();
        env.extend(["HOME", "TMPDIR"].map(|name| (name.into(), home.clone().into())));
        Ok(Self { args, env, home })
    }

    pub(crate) fn args(&self) -> impl ExactSizeIterator<Item = &OsStr> {
        self.args.iter().map(OsString::as_os_str)
    }

    pub(crate) fn env(&self) -> impl ExactSizeIterator<Item = (&OsStr, &OsStr)> {
        self.env.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// To be dropped when the run is gone.
impl Drop for Start {
    fn drop(&mut self) {
        folder::remove(std::mem::take(&mut self.home));
    }
}

/// Whether this kernel has what a strict run needs.
///
/// # Errors
/// What is missing.
pub(crate) fn available() -> Result<(), Shortfall> {
    if rules().is_err() {
        let cure = "use Linux 6.7 or later with Landlock (lsm=landlock,… on the kernel's command line)";
        return Err(Shortfall::new("this kernel has no Landlock with rules for TCP", cure));
    }
    filters()
        .map(drop)
        .map_err(|error| Shortfall::why(format!("there is no filter for this machine's system calls ({error})")))
}

/// Fences this process, and becomes the agent. To be called before there is any other thread.
///
/// The words behind [`CONFINE_ARG`]: the folders that are its own, `--`, the ports and what it may read, `--`, and the program with its
/// arguments.
pub fn confine() -> ! {
    let mut words = std::env::args_os().skip(2);
    let mut until = || words.by_ref().take_while(|word| word != "--").collect::<Vec<_>>();
    let (own, may) = (until(), until());
    let command: Vec<_> = words.collect();
    let error = match command.split_first() {
        Some((program, args)) => fence(&own, &may, Path::new(program)).err().unwrap_or_else(|| run(program, args)),
        None => io::Error::other("no program is named"),
    };
    eprintln!("inhouse: the agent can not be started in a strict run: {error}");
    std::process::exit(127)
}

#[expect(clippy::disallowed_methods, reason = "this is where a strict run becomes its agent")]
fn run(program: &OsString, args: &[OsString]) -> io::Error {
    Command::new(program).args(args).exec()
}

fn fence(own: &[OsString], may: &[OsString], program: &Path) -> io::Result<()> {
    let (ports, reads) = may.split_first().ok_or_else(|| io::Error::other("no ports are named"))?;
    let ports = ports.to_str().unwrap_or_default().split(',').filter(|port| !port.is_empty());
    let ports = ports.map(|port| port.parse::<u16>().map_err(io::Error::other)).collect::<io::Result<Vec<_>>>()?;
    // What is run by its name is read where it really is.
    let program = program.canonicalize()?;
    let reads = reads.iter().map(PathBuf::from).chain(SYSTEM.iter().map(PathBuf::from)).chain([program]);
    let landlock = || {
        let ports = ports.iter().map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp)));
        let all = AccessFs::from_all(RULES);
        rules()?
            .add_rules(path_beneath_rules(reads, AccessFs::from_read(RULES)))?
            .add_rules(path_beneath_rules(own.iter().map(PathBuf::from), all))?
            .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
            .add_rules(ports)?
            .restrict_self()
    };
    landlock().map_err(io::Error::other)?;
    for filter in filters().map_err(io::Error::other)? {
        seccompiler::apply_filter(&filter).map_err(io::Error::other)?;
    }
    Ok(())
}

/// All that can be ruled, and nothing that is allowed yet.
fn rules() -> Result<RulesetCreated, RulesetError> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let ruleset = ruleset.handle_access(AccessFs::from_all(RULES))?;
    ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?.create()
}

/// Two, since each refuses in its own way: where `clone3` is not there programs take `clone`, whose flags can be seen.
fn filters() -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let mut refused: BTreeMap<_, Vec<SeccompRule>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let flagged = |flag: libc::c_int| {
        let flag = u64::from(flag.cast_unsigned());
        let has = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
        SeccompRule::new(vec![has])
    };
    refused.insert(libc::SYS_clone, NAMESPACES.into_iter().map(flagged).collect::<Result<_, _>>()?);
    let missing = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let filter = |calls, errno: libc::c_int| {
        let arch = std::env::consts::ARCH.try_into()?;
        let refuse = SeccompAction::Errno(errno.cast_unsigned());
        SeccompFilter::new(calls, SeccompAction::Allow, refuse, arch)?.try_into()
    };
    Ok([filter(refused, libc::EPERM)?, filter(missing, libc::ENOSYS)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_filters() {
        let [refused, missing] = filters().unwrap();
        assert!(refused.len() > REFUSED.len() && !missing.is_empty());
    }
}
