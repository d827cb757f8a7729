//! Trees that go on, and are swept: what was marked stays, and of the rest nothing does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use inhouse_run::{Run, Runner, Tier};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;

use crate::shapes::CHAIN;
use crate::support::{Case, Mark, case, eventually, ready, runner, runtime, script, tier_named};

/// The argument that makes this program a server with a swept run, to be killed.
pub(crate) const SERVER_ARG: &str = "__swept_server";

/// What an agent starts after the mark.
const SHAPES: &[(&str, &str)] = &[
    ("a child", "sleep 300 &"),
    ("a setsid child", "setsid -f sleep 300"),
    ("a double fork", "(setsid sh -c 'sleep 300 & exit' &)"),
    ("a daemon without pipes", "(setsid sleep 300 </dev/null >/dev/null 2>&1 &)"),
    ("a setsid child that ignores TERM and stops", "setsid -f sh -c 'trap \"\" TERM; kill -STOP $$; sleep 300'"),
    ("a deep tree", "sh -c 'setsid sh -c \"sh -c \\\"sleep 300 & sleep 300\\\" & sleep 300\" & sleep 300' &"),
    ("many sessions", "for i in $(seq 50); do setsid -f sleep 300; done"),
    ("a child of a helper", "kill -USR1 $helper"),
];

/// The same, where no look at `/proc` finds what it has started.
const UNSEEN: &[(&str, &str)] = &[
    ("a fork chain", "python3 -c \"$CHAIN\" '' </dev/null >/dev/null"),
    ("a fork chain of sessions", "python3 -c \"$CHAIN\" setsid </dev/null >/dev/null"),
    ("a process whose first thread has ended", "python3 -c \"$THREAD\" & until grep -q Z /proc/$!/stat; do :; done"),
];

/// Its first thread ends, and another one goes on.
const THREAD: &str = "
import ctypes, os, platform, threading, time
threading.Thread(target=lambda: time.sleep(300)).start()
ctypes.CDLL(None).syscall(93 if platform.machine() == 'aarch64' else 60, 0)
";

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    let mut cases = Vec::new();
    for tier in supervised.iter().copied() {
        let mut add = |name: &str, case: Case| cases.push(Case { name: format!("{name} ({tier})"), ..case });
        for (name, shape) in SHAPES.iter().chain(UNSEEN) {
            add(&format!("a sweep spares what was marked, and not: {name}"), case("", move || spares(tier, shape)));
            add(
                &format!("nothing survives of a swept tree: {name}, SIGKILL of the server"),
                case("", move || server_killed(tier, shape)),
            );
        }
        add("a sweep does not wait for an agent that reaps nothing", case("", move || unreaped(tier)));
        add("what was not marked again is swept", case("", move || marked_again(tier)));
        add("a sweep without a mark ends the run", case("", move || unmarked(tier)));
        add("a sweep of a run that has ended is not done", case("", move || ended(tier)));
        add("a stopped supervisor sweeps nothing, and its tree ends", case("", move || stopped(tier)));
        add("a tree that can not be seen is killed instead of swept", case("", move || unseen(tier)));
    }
    cases.push(case("the group tier marks and sweeps nothing", group_tier));
    cases
}

/// An agent with helpers of two kinds. It starts `shape` when it gets a line, and then gives back each line.
fn agent(mark: &Mark, shape: &str) -> inhouse_trust::LaunchPlan {
    let quoted = |text: &str| text.replace('\'', "'\\''");
    let (chain, thread) = (quoted(CHAIN), quoted(THREAD));
    let text = format!(
        "CHAIN='{chain}'; THREAD='{thread}'
        sh -c 'trap \"sleep 300 &\" USR1; sleep 300 & while :; do wait $!; done' &
        helper=$!; setsid -f sleep 300
        echo ready; read _; {shape}
        echo ready $!; while read -r line; do echo \"ready $line\"; done"
    );
    script(mark, &text)
}

/// A run that is marked and has then started the shape: what it had, its supervisor, and the last child in the background while it lives.
async fn stand(runner: &Runner, mark: &Mark, shape: &str) -> (Run, Vec<u32>, Pid, Option<u32>) {
    let mut run = runner.spawn(&agent(mark, shape)).await.unwrap();
    ready(&mut run).await;
    // The agent, the helper and what that one waits for, the daemon.
    let helpers = mark.see(4).await;
    let supervisor = mark.supervisor();
    assert!(run.mark().await);
    say(&mut run, "go").await;
    let last = mark.outside(ready(&mut run).await[0].parse().unwrap());
    if !UNSEEN.iter().any(|(_, unseen)| *unseen == shape) {
        eventually("the shape stands", || mark.alive().len() > helpers.len()).await;
    }
    (run, helpers, supervisor, last)
}

async fn say(run: &mut Run, line: &str) {
    run.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).await.unwrap();
}

async fn spares(tier: Tier, shape: &'static str) {
    let (runner, mark) = (runner(tier), Mark::new());
    let (mut run, helpers, supervisor, last) = stand(&runner, &mark, shape).await;
    assert!(run.sweep().await.is_some_and(|killed| killed > 0));
    let children = std::fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    let mut children = children.split_whitespace().map(|pid| pid.parse().unwrap());
    assert!(children.all(|pid| helpers.contains(&pid)), "not even one that is never seen");
    mark.are_alive(&helpers).await;
    assert!(last.is_none_or(|last| helpers.contains(&last) || threads(last) <= 1));
    assert_eq!(run.sweep().await, Some(0), "a clean tree is swept, too");
    mark.are_alive(&helpers).await;
    say(&mut run, "again").await;
    assert_eq!(ready(&mut run).await, ["again"], "the agent has noticed nothing");
    drop(run.stdin.take());
    assert_eq!(run.gone().await.code, Some(0));
    assert_eq!(mark.alive(), [0; 0]);
    runner.shutdown().await;
}

/// A process that has ended, and was not reaped, has one.
fn threads(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

async fn server_killed(tier: Tier, shape: &'static str) {
    let mark = Mark::new();
    let words = [SERVER_ARG, &tier.to_string(), &mark.0, shape];
    let mut server = Command::new("/proc/self/exe").args(words).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    let stood = mark.alive().len();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(stood, 4, "the helpers stood");
    mark.none_alive().await;
}

/// A server with one run, swept, which waits to be killed.
pub(crate) fn be_a_server(args: &[String]) -> ! {
    let [tier, mark, shape] = args else { panic!("a tier, a mark and a shape, not {args:?}") };
    runtime().block_on(async {
        let runner = runner(tier_named(tier));
        let (mut run, ..) = stand(&runner, &Mark(mark.clone()), shape).await;
        assert!(run.sweep().await.is_some());
        println!("swept");
        std::io::stdout().flush().unwrap();
        std::future::pending().await
    })
}

async fn unreaped(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let source = "import subprocess,sys; print('ready',flush=True); sys.stdin.readline(); \
        kept=[subprocess.Popen(['sleep','300'],start_new_session=True) for _ in range(5)]; print('ready',flush=True); sys.stdin.read()";
    let mut run = runner.spawn(&script(&mark, &format!("exec python3 -c \"{source}\""))).await.unwrap();
    ready(&mut run).await;
    assert!(run.mark().await);
    say(&mut run, "go").await;
    ready(&mut run).await;
    mark.see(6).await;
    assert!(run.sweep().await.is_some());
    mark.are_alive(&mark.outside(run.pid()).into_iter().collect::<Vec<_>>()).await;
    runner.shutdown().await;
}

async fn marked_again(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let (mut run, helpers, ..) = stand(&runner, &mark, "setsid -f sleep 300").await;
    let later = mark.see(helpers.len() + 1).await;
    assert!(run.mark().await);
    assert_eq!(run.sweep().await, Some(0));
    mark.are_alive(&later).await;
    runner.shutdown().await;
}

async fn unmarked(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut run = runner.spawn(&script(&mark, "setsid -f sleep 300; echo ready; read _")).await.unwrap();
    ready(&mut run).await;
    assert_eq!(run.sweep().await, None);
    assert_eq!(run.gone().await.signal, Some(9));
    assert_eq!(mark.alive(), [0; 0]);
    runner.shutdown().await;
}

async fn ended(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut run = runner.spawn(&script(&mark, "exit 3")).await.unwrap();
    run.exited().await;
    assert!(!run.mark().await && run.sweep().await.is_none());
    assert_eq!(run.gone().await.code, Some(3));
    let mut run = runner.spawn(&script(&mark, "echo ready; read _; exit 4")).await.unwrap();
    ready(&mut run).await;
    assert!(run.mark().await);
    drop(run.stdin.take());
    // Done or not, in a moment in which it ends: an answer comes.
    run.sweep().await;
    assert_eq!(run.gone().await.code, Some(4));
    // The supervisor is in step: it serves the next run.
    assert!(runner.spawn(&script(&mark, "exit 0")).await.unwrap().gone().await.success());
    runner.shutdown().await;
}

async fn stopped(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let (mut run, _, supervisor, _) = stand(&runner, &mark, "setsid -f sleep 300").await;
    kill(supervisor, Signal::SIGSTOP).unwrap();
    assert_eq!(run.sweep().await, None);
    assert!(run.gone().await.supervisor_lost);
    assert_eq!(mark.alive(), [0; 0], "gone means gone");
    runner.shutdown().await;
}

async fn unseen(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let blinds = "import os,resource; resource.prlimit(int(os.environ['SUPERVISOR']),resource.RLIMIT_NOFILE,(0,0))";
    let shape = format!("setsid -f sleep 300; SUPERVISOR=$PPID python3 -c \"{blinds}\"");
    let (mut run, ..) = stand(&runner, &mark, &shape).await;
    assert_eq!(run.sweep().await, None);
    run.gone().await;
    assert_eq!(mark.alive(), [0; 0], "gone means gone");
    runner.shutdown().await;
}

async fn group_tier() {
    let (runner, mark) = (runner(Tier::Group), Mark::new());
    let mut run = runner.spawn(&script(&mark, "sleep 300 & echo ready; read _")).await.unwrap();
    ready(&mut run).await;
    assert!(!run.mark().await && run.sweep().await.is_none());
    assert_eq!(mark.alive().len(), 2, "it goes on as it was");
    runner.shutdown().await;
}
