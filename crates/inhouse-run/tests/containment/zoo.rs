//! The zoo: agents built to survive, each ended in every way there is. None of them may.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use inhouse_run::{Run, Tier};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::shapes::{ESCAPES, STAYS, agent};
use crate::support::{Case, Mark, case, children, eventually, lives, ready, runner, runtime, script, tier_named};

/// The argument that makes this program a server to be killed.
pub(crate) const SERVER_ARG: &str = "__server";

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Done,
    Terminate,
    Kill,
    Drop,
}

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (tier, (name, shape)) in
        supervised.iter().flat_map(|tier| STAYS.iter().chain(&ESCAPES).map(move |shape| (*tier, shape)))
    {
        let mut add = |how: &str, case: Case| {
            cases.push(Case { name: format!("nothing survives in the {tier} tier: {name}, {how}"), ..case });
        };
        for end in [End::Done, End::Terminate, End::Kill, End::Drop] {
            add(&format!("{end:?}"), case("", move || ends(tier, shape, end)));
        }
        add("SIGKILL of the server", case("", move || server_killed(tier, shape)));
        add("SIGKILL of the supervisor", case("", move || supervisor_killed(tier, shape)));
        add("SIGKILL of the server's child", case("", move || child_killed(tier, shape)));
        add("a stopped supervisor", case("", move || supervisor_stopped(tier, shape)));
    }
    for (name, shape) in STAYS {
        for end in [End::Done, End::Terminate, End::Kill, End::Drop] {
            let title = format!("nothing survives in the group tier: {name}, {end:?}");
            cases.push(case(title, move || ends(Tier::Group, shape, end)));
        }
    }
    for tier in supervised.iter().copied() {
        cases.push(case(format!("an agent that stops itself ends when asked to ({tier})"), move || {
            ends_when_asked(tier, "echo ready; kill -STOP $$; sleep 300")
        }));
        cases.push(case(format!("an agent that hears TERM may clean up ({tier})"), move || {
            ends_when_asked(tier, "trap 'echo bye >&2; exit 5' TERM; echo ready; while :; do sleep 0.01; done")
        }));
    }
    cases
}

async fn ends(tier: Tier, shape: &str, end: End) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut run = runner.spawn(&script(&mark, &agent(shape))).await.unwrap();
    ready(&mut run).await;
    assert!(!mark.alive().is_empty(), "the tree stands");
    match end {
        End::Done => {
            drop(run.stdin.take());
            assert!(run.exited().await.code.is_some());
        }
        End::Terminate => run.terminate(),
        End::Kill => run.kill(),
        End::Drop => {
            drop(run);
            mark.none_alive().await;
            return runner.shutdown().await;
        }
    }
    let exit = run.gone().await;
    assert_eq!(mark.alive(), [0; 0], "gone means gone");
    assert!(!exit.supervisor_lost);
    if end != End::Done {
        assert!(exit.signal.is_some(), "{exit}");
    }
    runner.shutdown().await;
}

async fn ends_when_asked(tier: Tier, shape: &str) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut run = runner.spawn(&script(&mark, shape)).await.unwrap();
    ready(&mut run).await;
    run.terminate();
    let exit = run.gone().await;
    assert!(exit.signal == Some(Signal::SIGTERM as i32) || exit.code == Some(5), "{exit}");
    assert_eq!(mark.alive(), [0; 0]);
    runner.shutdown().await;
}

/// The supervisor's pid, once the tree of a new run stands.
async fn stand(run: &mut Run, mark: &Mark) -> Pid {
    ready(run).await;
    mark.supervisor()
}

async fn supervisor_killed(tier: Tier, shape: &str) {
    let (runner, mark, other_mark) = (runner(tier), Mark::new(), Mark::new());
    let mut other = runner.spawn(&script(&other_mark, "echo ready; read x; exit $x")).await.unwrap();
    ready(&mut other).await;
    let mut run = runner.spawn(&script(&mark, &agent(shape))).await.unwrap();
    let supervisor = stand(&mut run, &mark).await;
    kill(supervisor, Signal::SIGKILL).unwrap();
    let exit = run.gone().await;
    assert_eq!((exit.signal, exit.supervisor_lost), (Some(9), true));
    assert_eq!(mark.alive(), [0; 0], "gone means gone");
    assert!(!lives(supervisor.as_raw() as u32));
    // The run beside it did not notice, and there will be others.
    let mut stdin = other.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"6\n").await.unwrap();
    assert_eq!(other.gone().await.code, Some(6));
    assert!(runner.spawn(&script(&mark, "exit 0")).await.unwrap().gone().await.success());
    runner.shutdown().await;
}

/// In the namespace tier it is another process than the supervisor.
async fn child_killed(tier: Tier, shape: &str) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut run = runner.spawn(&script(&mark, &agent(shape))).await.unwrap();
    stand(&mut run, &mark).await;
    children().into_iter().for_each(|pid| kill(Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap());
    assert!(run.gone().await.supervisor_lost);
    assert_eq!(mark.alive(), [0; 0], "gone means gone");
    runner.shutdown().await;
    assert_eq!(children(), [0; 0]);
}

async fn supervisor_stopped(tier: Tier, shape: &str) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut run = runner.spawn(&script(&mark, &agent(shape))).await.unwrap();
    let supervisor = stand(&mut run, &mark).await;
    kill(supervisor, Signal::SIGSTOP).unwrap();
    run.kill();
    run.gone().await;
    assert_eq!(mark.alive(), [0; 0], "gone means gone");
    runner.shutdown().await;
}

async fn server_killed(tier: Tier, shape: &str) {
    let mark = Mark::new();
    let mut server = Command::new("/proc/self/exe")
        .args([SERVER_ARG, &tier.to_string(), &mark.0, &agent(shape)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let supervisor: u32 = line.trim().parse().unwrap();
    assert!(!mark.alive().is_empty() && lives(supervisor), "the tree stands");
    server.kill().unwrap();
    server.wait().unwrap();
    mark.none_alive().await;
    eventually("the supervisor is gone", || !lives(supervisor)).await;
}

/// A server with one run, which waits to be killed.
pub(crate) fn be_a_server(args: &[String]) -> ! {
    let [tier, mark, shape] = args else { panic!("a tier, a mark and a shape, not {args:?}") };
    runtime().block_on(async {
        let (runner, mark) = (runner(tier_named(tier)), Mark(mark.clone()));
        let mut run = runner.spawn(&script(&mark, shape)).await.unwrap();
        let supervisor = stand(&mut run, &mark).await;
        println!("{supervisor}");
        std::io::stdout().flush().unwrap();
        std::future::pending().await
    })
}
