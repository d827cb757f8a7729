//! Runs in control groups of their own. Where this user may make one, it is made, divided and removed again; what its controllers do is
//! shown where the machine's are there for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use inhouse_run::{Bounds, Cgroup, Options, Resource, Runner, Tier};

use crate::support::{CGROUP, Case, Mark, case, eventually, lives, options, output, ready, runner, script};

/// A control group of a test's own; dropping it removes it.
pub(crate) struct Base(PathBuf);

impl Base {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        // What a failed case has left in it is for whoever looks into that.
        let _ = fs::remove_dir(&self.0);
    }
}

/// One in the hierarchy of version 2, where there can be one; else a case that says so.
pub(crate) fn here() -> (Option<Base>, Option<Case>) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = |line: &str| line.contains(" - cgroup2 ").then(|| line.split(' ').nth(4).map(PathBuf::from)).flatten();
    let made = mounts.lines().find_map(point).ok_or("there is no hierarchy of version 2".to_owned()).and_then(|top| {
        let base = top.join(format!("inhouse-test-{}", std::process::id()));
        // Where the machine's controllers are there for what is below, they are.
        fs::create_dir(&base)
            .map(|()| Base(base))
            .map_err(|error| format!("none can be made in {}: {error}", top.display()))
    });
    match made {
        Ok(base) => (Some(base), None),
        Err(why) => (None, Some(Case::untested("everything in control groups", why))),
    }
}

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &tier in supervised {
        let mut add =
            |name: &str, case: Case| cases.push(Case { name: format!("{tier}: control groups: {name}"), ..case });
        add("each run has its own, and takes it along", case("", move || own(tier)));
        add("it is removed when its supervisor is killed", case("", move || supervisor_killed(tier)));
        add("what a killed server has left in one is ended", case("", move || left(tier)));
        add("where none can be had, runs have none, and it is told", case("", move || refused(tier)));
        match controllers() {
            true => {
                add(
                    "the kernel bounds memory",
                    case("", move || held(tier, "head -c 200M /dev/zero | tail", Resource::Memory)),
                );
                let forks = "i=0; while [ $i -lt 300 ]; do sleep 300 & i=$((i+1)); done; wait";
                add("the kernel bounds processes", case("", move || held(tier, forks, Resource::Processes)));
            }
            false => {
                let name = format!("{tier}: control groups: the kernel bounds memory and processes");
                cases.push(Case::untested(
                    name,
                    "the controllers memory and pids are not there for a control group here",
                ));
            }
        }
    }
    if supervised.contains(&Tier::Namespace) {
        cases.push(case("namespace: control groups: an agent sees none but its own, and changes no bound", confined));
    }
    cases
}

fn base() -> PathBuf {
    std::env::var_os(CGROUP).map(PathBuf::from).unwrap_or_default()
}

fn controllers() -> bool {
    let there = fs::read_to_string(base().join("cgroup.controllers")).unwrap_or_default();
    ["memory", "pids"].iter().all(|name| there.split_whitespace().any(|it| it == *name))
}

/// The control groups of runs that there are now.
fn there() -> Vec<String> {
    let folders = fs::read_dir(base()).unwrap().flatten().filter(|it| it.path().is_dir());
    folders.filter_map(|it| it.file_name().into_string().ok()).collect()
}

async fn own(tier: Tier) {
    let runner = runner(tier);
    let controllers = controllers();
    assert_eq!(runner.cgroup(), Ok(Cgroup { memory: controllers, processes: controllers }));
    assert_eq!(there(), [""; 0], "nothing is left of trying it out");
    let text = "grep ^0:: /proc/self/cgroup; setsid sh -c 'grep ^0:: /proc/self/cgroup'; (setsid sleep 300 &) ; echo ready; read _";
    for _ in 0..3 {
        let mark = Mark::new();
        let mut first = runner.spawn(&script(&mark, "echo ready; read _")).await.unwrap();
        ready(&mut first).await;
        let mut run = runner.spawn(&script(&mark, text)).await.unwrap();
        mark.see(3).await;
        let [one, other] = there().try_into().unwrap();
        drop((first.stdin.take(), run.stdin.take()));
        let said = output(&mut run).await;
        let places: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("0::")).collect();
        assert!(matches!(places.as_slice(), [one, other] if one == other && one.ends_with("/tree")), "{said}");
        assert!(places[0].contains("/run-") && one != other, "{said}");
        first.gone().await;
        run.gone().await;
        eventually("they are removed", || there().is_empty()).await;
    }
    runner.shutdown().await;
}

async fn supervisor_killed(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut run = runner.spawn(&script(&mark, "setsid -f sleep 300; echo ready; read _")).await.unwrap();
    ready(&mut run).await;
    assert_eq!(there().len(), 1);
    nix::sys::signal::kill(mark.supervisor(), nix::sys::signal::Signal::SIGKILL).unwrap();
    assert!(run.gone().await.supervisor_lost);
    mark.none_alive().await;
    assert_eq!(there(), [""; 0]);
    runner.shutdown().await;
}

async fn left(tier: Tier) {
    let tree = base().join("run-7/tree");
    fs::create_dir_all(&tree).unwrap();
    let mut stray = Command::new("/bin/sleep").arg("300").stdin(Stdio::null()).spawn().unwrap();
    fs::write(tree.join("cgroup.procs"), stray.id().to_string()).unwrap();
    let waits = std::thread::spawn(move || (stray.id(), stray.wait()));
    let runner = runner(tier);
    assert!(runner.cgroup().is_ok());
    assert_eq!(there(), [""; 0]);
    let (pid, status) = waits.join().unwrap();
    assert!(!status.unwrap().success() && !lives(pid));
    runner.shutdown().await;
}

async fn refused(tier: Tier) {
    let runner = Runner::new(Options { cgroup: Some(base().join("none")), ..options(tier) }).unwrap();
    let why = runner.cgroup().unwrap_err().to_string();
    assert!(why.contains("none can not be divided: No such file"), "{why}");
    let mut run = runner.spawn(&script(&Mark::new(), "echo well")).await.unwrap();
    assert_eq!(output(&mut run).await, "well\n");
    // The first server keeps it.
    let (first, second) = (crate::support::runner(tier), crate::support::runner(tier));
    assert!(first.cgroup().is_ok());
    let why = second.cgroup().unwrap_err().to_string();
    assert!(why.contains("another server has it"), "{why}");
}

async fn held(tier: Tier, bomb: &str, resource: Resource) {
    let bounds = Bounds { memory_bytes_max: Some(64 << 20), processes_max: Some(50) };
    let mut run = runner(tier).bounded(bounds).spawn(&script(&Mark::new(), bomb)).await.unwrap();
    assert_eq!(run.gone().await.over, Some(resource));
}

async fn confined() {
    let runner = runner(Tier::Namespace);
    let text = format!(
        "exec 2>&1; echo $$ > {0}/cgroup.procs || echo no; mkdir {0}/mine || echo no
         unshare -UrCm sh -c 'mount -t cgroup2 none /mnt && cat /proc/self/cgroup /mnt/cgroup.max.descendants; ls -d /mnt/run*'",
        base().display()
    );
    let mut run = runner.spawn(&script(&Mark::new(), &text)).await.unwrap();
    let said = output(&mut run).await;
    assert_eq!(said.matches("no\n").count(), 2, "{said}");
    assert!(said.contains("0::/\n") && said.contains("\nmax\n") && !said.contains("/mnt/run-"), "{said}");
    assert_eq!(run.gone().await.over, None);
}
