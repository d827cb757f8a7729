//! What an agent starts with: its bytes, its environment, its signals, and nothing else of ours; or why it did not
//! start.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use inhouse_run::{Exit, RunError, Runner, Tier};
use inhouse_trust::LaunchPlan;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Case, Directory, Mark, case, output, plan, runner, script};

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    let mut cases = Vec::new();
    for tier in supervised.iter().copied().chain([Tier::Group]) {
        let mut add = |name: &str, case: fn(&str, Tier) -> Case| cases.push(case(&format!("{name} ({tier})"), tier));
        add("200 KB of input come back as they were", |name, tier| case(name, move || round_trip(tier)));
        add("exit codes and signals are reported", |name, tier| case(name, move || exits(tier)));
        add("a refused start names program and reason", |name, tier| case(name, move || refused(tier)));
        add("a missing directory is named", |name, tier| case(name, move || no_directory(tier)));
        add("the environment is exactly the plan's", |name, tier| case(name, move || environment(tier)));
        add("an agent inherits no descriptor", |name, tier| case(name, move || descriptors(tier)));
        add("nothing leaves a core", |name, tier| case(name, move || cores(tier)));
        add("arguments and directory are the plan's", |name, tier| case(name, move || arguments(tier)));
    }
    for tier in supervised.iter().copied() {
        cases.push(case(format!("an agent inherits no signal setting ({tier})"), move || signals(tier)));
    }
    cases
}

async fn spawned(runner: &Runner, plan: &LaunchPlan) -> (String, Exit) {
    let mut run = runner.spawn(plan).await.unwrap();
    let text = output(&mut run).await;
    (text, run.gone().await)
}

async fn round_trip(tier: Tier) {
    let text = "0123456789 äöü € 𝄞\n".repeat(200_000 / 24 + 1);
    assert!(text.len() >= 200_000);
    let runner = runner(tier);
    let mut run = runner.spawn(&plan(Path::new("/bin/cat"), &[], vec![], Path::new("/"))).await.unwrap();
    let mut stdin = run.stdin.take().unwrap();
    let mut stdout = run.stdout.take().unwrap();
    let write = async {
        stdin.write_all(text.as_bytes()).await.unwrap();
        drop(stdin);
    };
    let mut back = String::new();
    let read = stdout.read_to_string(&mut back);
    let (_, read) = tokio::join!(write, read);
    read.unwrap();
    assert!(back == text, "{} bytes came back of {}", back.len(), text.len());
    assert!(run.gone().await.success());
    runner.shutdown().await;
}

async fn exits(tier: Tier) {
    let runner = runner(tier);
    for (ending, code, signal) in [
        ("exit 0", Some(0), None),
        ("exit 7", Some(7), None),
        ("exit 255", Some(255), None),
        ("kill -TERM $$", None, Some(15)),
        ("kill -KILL $$", None, Some(9)),
        ("kill -40 $$", None, Some(40)),
    ] {
        let mut run = runner.spawn(&script(&Mark::new(), ending)).await.unwrap();
        let exit = run.exited().await;
        assert_eq!((exit.code, exit.signal, exit.supervisor_lost), (code, signal, false), "{ending}");
        assert_eq!(run.gone().await, exit);
    }
    runner.shutdown().await;
}

async fn refused(tier: Tier) {
    let (runner, directory) = (runner(tier), Directory::new());
    let not_executable = directory.0.join("agent.sh");
    std::fs::write(&not_executable, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&not_executable, std::fs::Permissions::from_mode(0o644)).unwrap();
    let cases = [(Path::new("/no/such/agent"), ErrorKind::NotFound), (&not_executable, ErrorKind::PermissionDenied)];
    for (program, kind) in cases {
        let error = runner.spawn(&plan(program, &[], vec![], Path::new("/"))).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("can not start {}: ", program.display())), "{error}");
        assert!(matches!(error, RunError::Start { ref source, .. } if source.kind() == kind), "{error}");
    }
    let huge = (0..40).map(|i| (format!("V{i}"), "x".repeat(100_000))).collect();
    let error = runner.spawn(&plan(Path::new("/bin/true"), &[], huge, Path::new("/"))).await.unwrap_err();
    assert!(matches!(error, RunError::Start { ref source, .. } if source.raw_os_error() == Some(7)), "{error}");
    assert!(spawned(&runner, &script(&Mark::new(), "exit 0")).await.1.success(), "the runner still works");
    runner.shutdown().await;
}

async fn no_directory(tier: Tier) {
    let runner = runner(tier);
    let error = runner.spawn(&plan(Path::new("/bin/true"), &[], vec![], Path::new("/no/such"))).await.unwrap_err();
    assert!(matches!(&error, RunError::Directory { directory, .. } if directory == Path::new("/no/such")), "{error}");
    runner.shutdown().await;
}

async fn environment(tier: Tier) {
    let runner = runner(tier);
    let mut env: Vec<_> = (0..3).map(|i| (format!("LARGE{i}"), "ä=\n".repeat(12_500))).collect();
    env.push(("EMPTY".into(), String::new()));
    let plan = plan(Path::new("/usr/bin/env"), &["-0"], env, Path::new("/"));
    let (text, _) = spawned(&runner, &plan).await;
    let seen: BTreeSet<&str> = text.split_terminator('\0').collect();
    let expected: Vec<String> =
        plan.env().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
    assert!(text.len() > 150_000);
    assert_eq!(seen, expected.iter().map(String::as_str).collect());
    runner.shutdown().await;
}

async fn descriptors(tier: Tier) {
    // Like what a careless parent leaves open: not marked to be closed.
    let inherited = std::fs::File::open("/dev/null").unwrap();
    nix::fcntl::fcntl(&inherited, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let runner = runner(tier);
    let list = plan(Path::new("/bin/ls"), &["/proc/self/fd"], vec![], Path::new("/"));
    let (text, _) = spawned(&runner, &list).await;
    assert_eq!(text, "0\n1\n2\n3\n", "3 is the listing itself");
    runner.shutdown().await;
}

async fn signals(tier: Tier) {
    let runner = runner(tier);
    let (text, _) =
        spawned(&runner, &plan(Path::new("/bin/cat"), &["/proc/self/status"], vec![], Path::new("/"))).await;
    for field in ["SigBlk:", "SigIgn:", "SigCgt:"] {
        let value = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        // The C library keeps 32 and 33 for itself, and what a parent set there passes through.
        let standard = u64::from_str_radix(value.trim(), 16).unwrap() & 0x7fff_ffff;
        assert_eq!(standard, 0, "{field}");
    }
    runner.shutdown().await;
}

async fn cores(tier: Tier) {
    let runner = runner(tier);
    assert_eq!(spawned(&runner, &script(&Mark::new(), "ulimit -Sc; ulimit -Hc")).await.0, "0\n0\n");
    runner.shutdown().await;
}

async fn arguments(tier: Tier) {
    let (runner, directory) = (runner(tier), Directory::new());
    let args = ["-c", "pwd; printf '[%s]' \"$@\"", "name", "", "a b", "ä\n'\"", "--", "-x"];
    let (text, _) = spawned(&runner, &plan(Path::new("/bin/sh"), &args, vec![], &directory.0)).await;
    assert_eq!(text, format!("{}\n[][a b][ä\n'\"][--][-x]", directory.0.display()));
    runner.shutdown().await;
}
