//! What the cases share: plans, runners, and the search for survivors by a mark in their environment.

use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use inhouse_run::{Options, Run, Runner, Tier};
use inhouse_trust::{
    AgentCommand, AgentName, HostEnv, Input, LaunchPlan, Operation, Policy, Principal, Secret, TokenDigest, Tokens,
};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

/// Within this time nothing may be left of a run.
pub(crate) const GONE: Duration = Duration::from_secs(2);
/// No case takes longer.
const CASE: Duration = Duration::from_secs(60);
const MARK: &str = "CONTAINMENT_MARK";
/// The variable with a control group that is a case's to divide.
pub(crate) const CGROUP: &str = "CONTAINMENT_CGROUP";

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Box<dyn FnOnce()>,
    /// Why it shows nothing here. Such a case is not run, but counted and told.
    pub(crate) untested: Option<String>,
}

impl Case {
    pub(crate) fn untested(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), run: Box::new(|| {}), untested: Some(why.into()) }
    }
}

/// A case that runs in a fresh runtime.
pub(crate) fn case<F: Future<Output = ()>>(name: impl Into<String>, body: impl FnOnce() -> F + 'static) -> Case {
    let run = move || {
        let runtime = runtime();
        runtime.block_on(async { tokio::time::timeout(CASE, body()).await.expect("the case takes too long") });
    };
    Case { name: name.into(), run: Box::new(run), untested: None }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

pub(crate) fn options(tier: Tier) -> Options {
    let cgroup = std::env::var_os(CGROUP).map(PathBuf::from);
    Options { tier: Some(tier), cgroup, kill_grace_ms: 300, ..Options::default() }
}

pub(crate) fn runner(tier: Tier) -> Runner {
    Runner::new(options(tier)).unwrap()
}

/// Tries out which tiers with supervisors this system has; and for those that it has not, a case that says why.
pub(crate) fn supervised_here() -> (String, Vec<Case>) {
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for tier in [Tier::Namespace, Tier::Reaper] {
        match runtime().block_on(async { Runner::new(options(tier)) }) {
            Ok(_) => there.push(tier.to_string()),
            Err(error) => missing.push(Case::untested(format!("everything in the {tier} tier"), error.to_string())),
        }
    }
    (there.join(" "), missing)
}

/// A tier that was told to a program by its name.
pub(crate) fn tier_named(name: &str) -> Tier {
    [Tier::Namespace, Tier::Reaper, Tier::Group].into_iter().find(|tier| tier.to_string() == name).unwrap()
}

/// What marks the processes of one run.
#[derive(Clone)]
pub(crate) struct Mark(pub(crate) String);

impl Mark {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The living processes that have this mark in their environment.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let wanted = format!("{MARK}={}", self.0);
        let marked = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        };
        pids().filter(marked).collect()
    }

    /// Waits until so many live. One that executes another program at this moment shows no environment for a while.
    pub(crate) async fn see(&self, count: usize) -> Vec<u32> {
        let mut seen = Vec::new();
        eventually("the processes live", || {
            seen = self.alive();
            seen.len() == count
        })
        .await;
        seen
    }

    /// These live, and no others do.
    pub(crate) async fn are_alive(&self, pids: &[u32]) {
        let others: Vec<_> = self.alive().into_iter().filter(|pid| !pids.contains(pid)).collect();
        assert_eq!(others, [0; 0]);
        eventually("all of them live", || self.alive() == pids).await;
    }

    /// The supervisor of a run that has this mark: the nearest process of that name above one of them.
    pub(crate) fn supervisor(&self) -> Pid {
        let one = self.alive().into_iter().next().expect("a process of the run lives");
        let mut above = std::iter::successors(Some(one), |pid| status(*pid, "PPid:").first().copied());
        let supervisor = above.find(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "inhouse-run")
        });
        Pid::from_raw(supervisor.expect("the run has a supervisor").cast_signed())
    }

    /// What the process is called here that knows itself by this pid.
    pub(crate) fn outside(&self, inside: u32) -> Option<u32> {
        self.alive().into_iter().find(|pid| status(*pid, "NSpid:").last() == Some(&inside))
    }

    /// Waits until nothing with this mark lives, but not for long.
    pub(crate) async fn none_alive(&self) {
        eventually("no process of the run lives", || self.alive().is_empty()).await;
    }
}

fn pids() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The numbers of a line of a process's status.
fn status(pid: u32, field: &str) -> Vec<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    numbers.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// Waits for a condition, no longer than [`GONE`].
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + GONE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {GONE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process exists and is more than a zombie.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// All children of this process, zombies too.
pub(crate) fn children() -> Vec<u32> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let lists = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

/// A plan, made the only way there is.
pub(crate) fn plan(program: &Path, args: &[&str], env: Vec<(String, String)>, directory: &Path) -> LaunchPlan {
    let secret = || Secret::new("token".into());
    let tokens = Tokens::new([(Principal::new("ann").unwrap(), TokenDigest::of(&secret()))]);
    let caller = tokens.caller(&[b"Bearer token"], 0).unwrap();
    let agent = AgentName::new("zoo").unwrap();
    let permit = inhouse_trust::grants(&caller, Operation::Send, &agent, &Policy::default()).unwrap();
    let command = AgentCommand {
        program: program.to_path_buf(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        input: Input::Stdin,
        env_pass: Vec::new(),
        env_set: env,
        directory: directory.to_path_buf(),
    };
    let host = HostEnv::new([(OsString::from("PATH"), std::env::var_os("PATH").unwrap())]);
    inhouse_trust::launch(&permit, &command, "", &[], &host).unwrap()
}

/// A plan for a shell script whose processes all have the mark.
pub(crate) fn script(mark: &Mark, script: &str) -> LaunchPlan {
    let env = vec![(MARK.to_owned(), mark.0.clone())];
    plan(Path::new("/bin/sh"), &["-c", script], env, Path::new("/tmp"))
}

/// Everything that a run writes, until it and all that it left have closed their output.
pub(crate) async fn output(run: &mut Run) -> String {
    let mut text = String::new();
    run.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
    text
}

/// Waits for the line with which an agent says that it has built its tree, and gives back the words after `ready`.
pub(crate) async fn ready(run: &mut Run) -> Vec<String> {
    let mut line = String::new();
    BufReader::new(run.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    assert_eq!(words.next().as_deref(), Some("ready"), "the agent did not get ready: {line:?}");
    words.collect()
}

/// A directory that is removed at the end.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("containment-{}", Mark::new().0));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
