//! When a process is not kept, and when one that was kept ends.

use std::sync::Arc;

use inhouse_agents::{Workspace, WorkspaceLimits, WorkspaceSpec, Workspaces};
use inhouse_engine::agent::{End, Failure, Reason};
use inhouse_engine::cancel::CancelSource;
use inhouse_run::Tier;
use inhouse_trust::HostEnv;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::house::{Case, House, eventually, limits, run, runner, turn_of};
use crate::support::{Collected, permit};

pub(crate) const CASES: &[Case] = &[
    ("a turn that was canceled, failed, wrote too much or fell silent keeps no process", || run(not_well())),
    ("a process that works on beside its turn is not kept", || run(works_on())),
    ("a process that acts between turns ends at once", || run(acts())),
    ("a process that floods its pipes between turns ends", || run(floods())),
    ("a process that ends by itself is forgotten, and the next turn begins anew", || run(dies_idle())),
    ("a process that ends instead of beginning a turn costs that turn nothing", || run(dies_at_once())),
    ("a process ends when its time is over", || run(idle_time())),
    ("a workspace that is removed has no process any more", || run(removed_workspace())),
    ("an agent that is dropped leaves no process", || run(dropped())),
    ("a runner that is shut down leaves no process", || run(shut_down())),
];

async fn not_well() {
    let house = House::new(limits(|limits| limits.idle_ms = Some(1_500)));
    // Of a process of its own, and of one that was kept.
    for kept in [false, true] {
        for word in ["fails", "hangs", "canceled hangs", "canceled at its end", "fills"] {
            if kept {
                house.said("c1", "hi").await;
            }
            let (source, cancel) = CancelSource::new();
            let mut output = Collected::default();
            match word {
                "canceled hangs" => output.cancel_at = Some(("begun", source)),
                "canceled at its end" => output.cancel_at = Some(("--", source)),
                "fills" => output.text_bytes_max = Some(1_000),
                _ => {}
            }
            let end = house.take_into(&turn_of("ann", "c1", word, cancel), &mut output).await;
            match word {
                "hangs" => assert!(matches!(end, End::Failed(Failure { reason: Reason::Timeout, .. })), "{end:?}"),
                "fails" => assert!(matches!(end, End::Failed(Failure { reason: Reason::AgentFailed, .. })), "{end:?}"),
                // It may have been done already; the engine calls it canceled all the same.
                "canceled at its end" => assert!(matches!(end, End::Canceled(_) | End::Completed(_)), "{end:?}"),
                _ => assert!(matches!(end, End::Canceled(_)), "{end:?}"),
            }
            assert_eq!(house.alive(), [0; 0], "{word} {kept}");
        }
    }
    house.runner.shutdown().await;
}

async fn works_on() {
    let house = House::new(limits(|_| {}));
    house.said("c1", "works").await;
    assert_eq!(house.alive(), [0; 0]);
    house.runner.shutdown().await;
}

async fn acts() {
    let house = House::new(limits(|_| {}));
    for word in ["acts", "wants", "closes"] {
        house.said("c1", word).await;
        house.is_empty().await;
        assert_eq!(house.said("c1", word).await.turns, 1, "{word}");
        house.is_empty().await;
    }
    house.runner.shutdown().await;
}

async fn floods() {
    let house = House::new(limits(|limits| limits.line_bytes_max = 100_000));
    house.said("c1", "floods").await;
    house.is_empty().await;
    house.runner.shutdown().await;
}

async fn dies_idle() {
    let house = House::new(limits(|_| {}));
    for ends in [false, true] {
        let first = house.said("c1", if ends { "leaves" } else { "hi" }).await;
        if !ends {
            kill(Pid::from_raw(first.pid as i32), Signal::SIGKILL).unwrap();
        }
        house.is_empty().await;
        let next = house.said("c1", "hi").await;
        assert_eq!((next.turns, next.option.as_str()), (1, "--resume"));
        assert!(next.pid != first.pid && house.has(next.pid));
    }
    house.runner.shutdown().await;
}

async fn dies_at_once() {
    let house = House::new(limits(|_| {}));
    let first = house.said("c1", "hi").await;
    let (output, end) = house.take("ann", "c1", "dies").await;
    // The new one dies of it, too: that is the turn's own failure.
    assert!(matches!(end, End::Failed(Failure { reason: Reason::AgentProtocol, .. })), "{end:?}");
    assert_eq!(output.events, []);
    let next = house.said("c1", "hi").await;
    assert!(next.pid != first.pid && next.option == "--resume");
    // One that is stopped, so that it is found dead only when the turn has begun.
    let stopped = Pid::from_raw(next.pid as i32);
    kill(stopped, Signal::SIGSTOP).unwrap();
    let (last, ()) = tokio::join!(house.said("c1", "hi"), async {
        eventually("it has a turn", || std::fs::read_to_string(format!("/proc/{stopped}/stat")).is_ok()).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        kill(stopped, Signal::SIGKILL).unwrap();
    });
    assert_eq!((last.turns, last.option.as_str()), (1, "--resume"));
    house.runner.shutdown().await;
}

async fn idle_time() {
    let house = House::new(limits(|limits| limits.warm_ms_max = 300));
    let first = house.said("c1", "hi").await;
    house.is_empty().await;
    let next = house.said("c1", "hi").await;
    assert_eq!((next.turns, next.option.as_str()), (1, "--resume"));
    assert_ne!(next.pid, first.pid);
    house.is_empty().await;
    house.runner.shutdown().await;
}

async fn removed_workspace() {
    let folder = std::env::temp_dir().join(format!("inhouse-warm-{}", std::process::id()));
    let project = folder.join("project");
    std::fs::create_dir_all(&project).unwrap();
    let runner = runner(Tier::Reaper);
    let workspace = Workspace::Temporary { report: false };
    let limits = WorkspaceLimits {
        git_ms_max: 30_000,
        idle_ms: 3_600_000,
        per_agent_max: 1,
        per_caller_max: 1,
        changed_files_max: 20,
        changed_bytes_max: 100_000,
        changed_listed_max: 100,
        patch_bytes_max: 100_000,
        looked_files_max: 1_000,
        looked_bytes_max: 1_000_000,
    };
    let spec = WorkspaceSpec { workspace, project: project.clone(), folder: folder.join("workspaces"), limits };
    let opened = Workspaces::open(spec, &permit(), &runner, &HostEnv::new(std::env::vars_os())).await.unwrap();
    let house = House::with(runner, |spec| {
        spec.command.directory = project;
        spec.workspaces = Some(opened);
    });
    let first = house.said("c1", "puts").await;
    let place = std::fs::read_link(format!("/proc/{}/cwd", first.pid)).unwrap();
    assert!(place.join("put").exists());
    assert_eq!(house.said("c1", "hi").await.pid, first.pid);
    let second = house.said("c2", "hi").await;
    assert!(!house.has(first.pid) && !place.exists());
    let other = std::fs::read_link(format!("/proc/{}/cwd", second.pid)).unwrap();
    std::fs::remove_dir_all(&other).unwrap();
    let again = house.said("c2", "puts").await;
    assert!(again.pid != second.pid && other.join("put").exists(), "no process works in a folder that is no more");
    house.runner.shutdown().await;
    let _ = std::fs::remove_dir_all(folder);
}

async fn dropped() {
    let House { agent, runner, mark } = House::new(limits(|_| {}));
    let house = House { agent, runner, mark };
    house.said("c1", "hi").await;
    let House { agent, runner, mark } = house;
    assert_eq!(Arc::strong_count(&agent), 1);
    drop(agent);
    let house = House { agent: House::new(limits(|_| {})).agent, runner, mark };
    house.is_empty().await;
    house.runner.shutdown().await;
}

async fn shut_down() {
    let house = House::new(limits(|_| {}));
    for context in ["c1", "c2", "c3"] {
        house.said(context, "hi").await;
    }
    let begun = std::time::Instant::now();
    house.runner.shutdown().await;
    assert_eq!(house.alive(), [0; 0]);
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
}
