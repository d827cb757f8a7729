//! The lives of runners, runs and supervisors: many at once, dropped anywhere, reused, lost, and shut down without a
//! trace.

use std::path::Path;
use std::time::{Duration, Instant};

use inhouse_run::{Options, RunError, Runner, Tier};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Case, Mark, case, children, eventually, options, output, plan, ready, runner, runtime, script};

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    let mut cases = Vec::new();
    for tier in supervised.iter().copied().chain([Tier::Group]) {
        let mut add = |name: &str, case: fn(&str, Tier) -> Case| cases.push(case(&format!("{name} ({tier})"), tier));
        add("1,000 runs in a row and 64 at once leave nothing", |name, tier| case(name, move || leaves_nothing(tier)));
        add("a start that is dropped anywhere leaves nothing", |name, tier| case(name, move || dropped_start(tier)));
        add("shutdown ends runs that nobody waits for", |name, tier| case(name, move || shutdown(tier)));
        add("a dropped runner kills its runs", |name, tier| case(name, move || dropped_runner(tier)));
        add("a dropped runtime kills its runs", |name, tier| Case {
            name: name.into(),
            run: Box::new(move || dropped_runtime(tier)),
            untested: None,
        });
    }
    for tier in supervised.iter().copied() {
        let mut add = |name: &str, case: fn(&str, Tier) -> Case| cases.push(case(&format!("{name} ({tier})"), tier));
        add("one supervisor serves runs in a row", |name, tier| case(name, move || reused(tier)));
        add("no more idle supervisors are kept than allowed", |name, tier| case(name, move || idle_max(tier)));
        add("a supervisor that dies while idle is replaced", |name, tier| case(name, move || idle_killed(tier)));
        add("a supervisor survives the signals that ask a process to end", |name, tier| {
            case(name, move || asked_signals(tier))
        });
    }
    cases.push(case("lost supervisors never take a fresh one with them", lost_beside_fresh));
    cases.push(case("the wrong program as supervisor is an error", wrong_supervisor));
    cases.push(case("exited does not wait for a pipe that a survivor holds (group)", held_pipe));
    cases
}

fn exit_0() -> inhouse_trust::LaunchPlan {
    plan(Path::new("/bin/true"), &[], vec![], Path::new("/"))
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

async fn leaves_nothing(tier: Tier) {
    // Once before counting, for what tokio opens at first use.
    let warm = runner(tier);
    warm.spawn(&exit_0()).await.unwrap().gone().await;
    warm.shutdown().await;
    let (descriptors_before, children_before) = (descriptors(), children());
    let runner = runner(tier);
    for _ in 0..1_000 {
        assert!(runner.spawn(&exit_0()).await.unwrap().gone().await.success());
    }
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let runner = runner.clone();
        together.spawn(async move { runner.spawn(&exit_0()).await.unwrap().gone().await });
    }
    while let Some(exit) = together.join_next().await {
        assert!(exit.unwrap().success());
    }
    runner.shutdown().await;
    assert_eq!(children(), children_before);
    eventually("all descriptors are closed", || descriptors() == descriptors_before).await;
}

async fn dropped_start(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let plan = script(&mark, "setsid -f sleep 300; sleep 300");
    for polls in 0..12 {
        let yields = async {
            for _ in 0..polls {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = yields => {}
            run = runner.spawn(&plan) => drop(run.unwrap()),
        }
    }
    if tier != Tier::Group {
        mark.none_alive().await;
        assert!(runner.spawn(&exit_0()).await.unwrap().gone().await.success());
    }
    runner.shutdown().await;
    mark.alive().into_iter().for_each(|pid| kill(Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap());
}

async fn shutdown(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut runs = Vec::new();
    for shape in ["echo ready; sleep 300", "trap '' TERM; sleep 300 & echo ready; read _", "echo ready; kill -STOP $$"]
    {
        let mut run = runner.spawn(&script(&mark, shape)).await.unwrap();
        ready(&mut run).await;
        runs.push(run);
    }
    let begun = Instant::now();
    runner.shutdown().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(mark.alive(), [0; 0]);
    assert_eq!(children(), [0; 0]);
    assert!(matches!(runner.spawn(&exit_0()).await, Err(RunError::Closed)));
    for run in &mut runs {
        assert!(run.gone().await.signal.is_some());
    }
}

async fn dropped_runner(tier: Tier) {
    let (runner, mark) = (runner(tier), Mark::new());
    let mut run = runner.spawn(&script(&mark, "sleep 300 & echo ready; read _")).await.unwrap();
    ready(&mut run).await;
    drop(runner);
    mark.none_alive().await;
    run.gone().await;
}

fn dropped_runtime(tier: Tier) {
    let (first, mark) = (runtime(), Mark::new());
    let held = first.block_on(async {
        let runner = runner(tier);
        let mut run = runner.spawn(&script(&mark, "sleep 300 & echo ready; read _")).await.unwrap();
        ready(&mut run).await;
        (runner, run)
    });
    drop(first);
    runtime().block_on(mark.none_alive());
    drop(held);
}

/// The supervisor of the next run.
async fn supervisor(runner: &Runner) -> Pid {
    let mark = Mark::new();
    let mut run = runner.spawn(&script(&mark, "echo ready; read _")).await.unwrap();
    ready(&mut run).await;
    let supervisor = mark.supervisor();
    drop(run.stdin.take());
    run.exited().await;
    supervisor
}

async fn reused(tier: Tier) {
    let runner = runner(tier);
    let first = supervisor(&runner).await;
    for _ in 0..20 {
        assert_eq!(supervisor(&runner).await, first);
    }
    let run = runner.spawn(&script(&Mark::new(), "sleep 300")).await.unwrap();
    assert_ne!(supervisor(&runner).await, first, "never for two runs at a time");
    drop(run);
    runner.shutdown().await;
}

async fn idle_max(tier: Tier) {
    let runner = Runner::new(Options { supervisors_idle_max: 2, ..options(tier) }).unwrap();
    let mut runs = Vec::new();
    for _ in 0..6 {
        runs.push(runner.spawn(&exit_0()).await.unwrap());
    }
    for mut run in runs {
        run.gone().await;
    }
    eventually("two supervisors are left", || children().len() == 2).await;
    runner.shutdown().await;
    assert_eq!(children(), [0; 0]);
}

async fn idle_killed(tier: Tier) {
    let runner = runner(tier);
    for _ in 0..20 {
        let idle = supervisor(&runner).await;
        let before = children();
        kill(idle, Signal::SIGKILL).unwrap();
        eventually("another serves", || !children().iter().any(|child| before.contains(child))).await;
        assert_ne!(supervisor(&runner).await, idle);
    }
    runner.shutdown().await;
    assert_eq!(children(), [0; 0]);
}

async fn lost_beside_fresh() {
    let runner = Runner::new(Options { supervisors_idle_max: 0, ..options(Tier::Reaper) }).unwrap();
    let mut together = tokio::task::JoinSet::new();
    for number in 0..60 {
        let (runner, kills) = (runner.clone(), number % 3 == 0);
        together.spawn(async move {
            let shape = if kills { "setsid -f sleep 300; kill -9 $PPID; sleep 300" } else { "exit 3" };
            match runner.spawn(&script(&Mark::new(), shape)).await {
                Ok(mut run) => assert_eq!(run.gone().await.code, (!kills).then_some(3)),
                // It was killed before it could say that the agent had started.
                Err(RunError::SupervisorLost { .. }) => assert!(kills),
                Err(error) => panic!("{error}"),
            }
        });
    }
    while let Some(ended) = together.join_next().await {
        ended.unwrap();
    }
    runner.shutdown().await;
    assert_eq!(children(), [0; 0]);
}

async fn asked_signals(tier: Tier) {
    let runner = runner(tier);
    let first = supervisor(&runner).await;
    // With the process that may stay outside of its namespaces.
    for process in children().into_iter().map(|pid| Pid::from_raw(pid as i32)).chain([first]) {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
            kill(process, signal).unwrap();
        }
    }
    assert_eq!(supervisor(&runner).await, first);
    runner.shutdown().await;
}

async fn wrong_supervisor() {
    let missing = Runner::new(Options { supervisor: "/no/such".into(), ..options(Tier::Reaper) });
    assert!(matches!(missing, Err(RunError::Supervisor { .. })));
    let wrong = Runner::new(Options { supervisor: "/bin/true".into(), ..options(Tier::Reaper) }).unwrap();
    assert!(matches!(wrong.spawn(&exit_0()).await, Err(RunError::SupervisorLost { .. })));
    wrong.shutdown().await;
    assert_eq!(children(), [0; 0]);
}

async fn held_pipe() {
    let (runner, mark) = (runner(Tier::Group), Mark::new());
    // The survivor is in its own session before the program ends: it says so itself.
    let survivor = "setsid -f sh -c 'echo ready; kill -USR1 '$$'; exec sleep 300'";
    let program = format!("trap 'exit 4' USR1; {survivor}; sleep 300 & wait");
    let mut run = runner.spawn(&script(&mark, &program)).await.unwrap();
    ready(&mut run).await;
    assert_eq!(run.exited().await.code, Some(4));
    assert_eq!(run.gone().await.code, Some(4));
    let survivors = mark.alive();
    assert_eq!(survivors.len(), 1, "what the group tier can not promise");
    kill(Pid::from_raw(survivors[0] as i32), Signal::SIGKILL).unwrap();
    assert_eq!(output(&mut run).await, "");
    runner.shutdown().await;
}
