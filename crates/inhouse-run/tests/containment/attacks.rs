//! What an agent can try against its server and other runs, and in which tier it gets what it wants. The group tier is
//! there to show that each attack works where nothing stands in its way.

use std::io::{Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use inhouse_run::{Hidden, Options, Runner, Tier};
use landlock::{CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, Scope};
use tokio::signal::unix::{SignalKind, signal};

use crate::support::{Case, Directory, Mark, case, options, output, plan, ready, script};

/// What it says when it has got it.
const GOT: &str = "got it";

/// Finds `wanted` by what follows. It stands in no process of the tests but the server; here it is in two halves.
const COMMON: &str = "
import ctypes, os, re, signal, sys
server, descriptor, state, wanted = int(sys.argv[1]), sys.argv[2], sys.argv[3], (sys.argv[4] + sys.argv[5]).encode()
def others():
    return [server] + [int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()]
def read(path):
    try:
        with open(path, 'rb') as file: return file.read()
    except OSError: return b''
def memory(pid):
    for line in read(f'/proc/{pid}/maps').decode().splitlines():
        start, end, rights = re.match('([0-9a-f]+)-([0-9a-f]+) (....)', line).groups()
        if rights[:2] != 'rw' or int(end, 16) - int(start, 16) > 1 << 26: continue
        try:
            with open(f'/proc/{pid}/mem', 'rb', buffering=0) as file:
                file.seek(int(start, 16))
                yield file.read(int(end, 16) - int(start, 16))
        except OSError: pass
def got(found):
    if found: print('got it')
";

/// An attack.
struct Attack {
    name: &'static str,
    /// What it does, in Python.
    source: &'static str,
    /// The tiers in which it works.
    works: &'static [Tier],
    /// It is one that Yama forbids everywhere, where it is switched on.
    is_attaching: bool,
}

const ATTACKS: [Attack; 8] = [
    Attack {
        name: "read the server's environment",
        source: "got(any(wanted in read(f'/proc/{pid}/environ') for pid in others()))",
        works: &[Tier::Group],
        is_attaching: false,
    },
    Attack {
        name: "read the server's memory",
        source: "got(any(wanted in part for pid in others() for part in memory(pid)))",
        works: &[Tier::Group],
        is_attaching: true,
    },
    Attack {
        name: "read the server's files that are open",
        source: "got(any(wanted in read(f'/proc/{pid}/fd/{descriptor}') for pid in others()))",
        works: &[Tier::Group],
        is_attaching: false,
    },
    Attack {
        name: "attach to the server",
        source: "got(ctypes.CDLL(None).ptrace(0x4206, server, None, None) == 0)",
        works: &[Tier::Group],
        is_attaching: true,
    },
    Attack {
        name: "signal the server",
        // The server says whether it has heard it.
        source: "os.kill(server, signal.SIGUSR2)",
        works: &[Tier::Group],
        is_attaching: false,
    },
    Attack {
        name: "read the server's state",
        source: "got(wanted in read(f'{state}/secret'))",
        works: &[Tier::Group, Tier::Reaper],
        is_attaching: false,
    },
    Attack {
        name: "write the server's state",
        source: "open(f'{state}/planted', 'w').close()",
        works: &[Tier::Group, Tier::Reaper],
        is_attaching: false,
    },
    Attack {
        name: "see the processes of another run",
        source: "got(any(wanted in read(f'/proc/{pid}/cmdline') for pid in others() if pid != server))",
        works: &[Tier::Group, Tier::Reaper],
        is_attaching: false,
    },
];

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    let mut cases = Vec::new();
    let (fence, is_root) = (has_fence(), nix::unistd::geteuid().is_root());
    for tier in supervised.iter().copied().chain([Tier::Group]) {
        for attack in ATTACKS {
            let works = attack.works.contains(&tier);
            let word = if works { "can" } else { "can not" };
            let name = format!("an agent {word} {} ({tier})", attack.name);
            cases.push(match tier {
                Tier::Reaper if !works && !fence => Case::untested(name, "this kernel has no scopes of Landlock"),
                // By a capability of its own (CAP_PERFMON), which newer kernels ask for before Landlock.
                Tier::Reaper if !works && is_root && name.contains("environment") => Case::untested(name, "root may"),
                _ => case(name, move || tried(tier, attack)),
            });
        }
    }
    cases
}

/// Whether the kernel can keep an agent of the reaper tier from signals.
fn has_fence() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.scope(Scope::Signal).and_then(Ruleset::create).is_ok()
}

async fn tried(tier: Tier, attack: Attack) {
    let (folder, other) = (Directory::new(), Mark::new());
    let state = folder.0.join("state");
    std::fs::create_dir(&state).unwrap();
    let mut file = std::fs::File::create_new(state.join("secret")).unwrap();
    // It is in this process's environment, and so in its memory.
    let secret = std::env::var(crate::SECRET).unwrap();
    let (first, second) = secret.split_at(secret.len() / 2);
    file.write_all(secret.as_bytes()).unwrap();
    let mut open_file = tempfile_without_name(&folder.0);
    open_file.write_all(secret.as_bytes()).and_then(|()| open_file.rewind()).unwrap();
    let mut heard = signal(SignalKind::user_defined2()).unwrap();

    let hidden = vec![Hidden::all(state.clone())];
    let runner = Runner::new(Options { hidden, ..options(tier) }).unwrap();
    let mut beside = runner.spawn(&script(&other, &format!("echo ready; read _ # {secret}"))).await.unwrap();
    ready(&mut beside).await;
    let (server, descriptor) = (std::process::id().to_string(), open_file.as_raw_fd().to_string());
    let source = format!("{COMMON}{}", attack.source);
    let args = ["-c", &source, &server, &descriptor, state.to_str().unwrap(), first, second];
    let mut run = runner.spawn(&plan(Path::new("/usr/bin/python3"), &args, vec![], Path::new("/"))).await.unwrap();
    let said = output(&mut run).await;
    run.gone().await;

    let told = std::time::Duration::from_millis(if attack.name.starts_with("signal") { 500 } else { 0 });
    let signalled = tokio::time::timeout(told, heard.recv()).await.is_ok();
    let got = said.contains(GOT) || signalled || state.join("planted").exists();
    let yama = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").is_ok_and(|scope| scope.trim() != "0");
    let works = attack.works.contains(&tier) && !(attack.is_attaching && yama);
    assert_eq!(got, works, "{said}");
    drop(beside);
    runner.shutdown().await;
}

/// A file that only its descriptor leads to.
fn tempfile_without_name(folder: &Path) -> std::fs::File {
    let path = folder.join("open");
    let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}
