//! Runs that use more than they may, and what becomes of them: each is ended, whole, and told so.

use inhouse_run::{Bounds, Resource, Tier};

use crate::support::{Case, Mark, case, output, runner, script};

/// What a bomb may have, and what it takes: bounded, should nothing stop it.
const PROCESSES_MAX: u32 = 64;
const MEMORY_BYTES_MAX: u64 = 64 << 20;

/// Forks as shells do, as sessions of their own, and as a chain whose parents end.
const FORKS: [(&str, &str); 3] = [
    ("children", "i=0; while [ $i -lt 300 ]; do sleep 300 & i=$((i+1)); done; wait"),
    ("sessions", "i=0; while [ $i -lt 300 ]; do setsid sleep 300 & i=$((i+1)); done; wait"),
    ("orphans", "i=0; while [ $i -lt 300 ]; do (setsid sleep 300 &); i=$((i+1)); done; sleep 300"),
];

/// What nobody reads, or what has no line's end, is kept in memory; by one, or by many that are small each.
const HOARDS: [(&str, &str); 2] = [
    ("one process", "head -c 200M /dev/zero | tail | sleep 300"),
    ("many processes", "for i in 1 2 3 4 5 6 7 8 9 10; do head -c 20M /dev/zero | tail | sleep 300 & done; wait"),
];

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &tier in supervised {
        for (kind, bomb) in FORKS {
            let bounds = Bounds { processes_max: Some(PROCESSES_MAX), memory_bytes_max: None };
            cases.push(ends(tier, &format!("a bomb of {kind} is ended"), bomb, bounds, Resource::Processes));
        }
        for (kind, bomb) in HOARDS {
            let bounds = Bounds { processes_max: None, memory_bytes_max: Some(MEMORY_BYTES_MAX) };
            cases.push(ends(tier, &format!("memory of {kind} is bounded"), bomb, bounds, Resource::Memory));
        }
        cases.push(case(format!("{tier}: memory that processes share counts once"), move || shared(tier)));
        cases.push(case(format!("{tier}: the machine ends agents first, where it has no more memory"), move || {
            first(tier)
        }));
    }
    cases
}

fn ends(tier: Tier, name: &str, bomb: &'static str, bounds: Bounds, resource: Resource) -> Case {
    case(format!("{tier}: {name}"), move || async move {
        let runner = runner(tier);
        let mark = Mark::new();
        let mut run = runner.bounded(bounds).spawn(&script(&mark, bomb)).await.unwrap();
        let exit = run.gone().await;
        assert_eq!((exit.over, exit.success()), (Some(resource), false), "{exit}");
        mark.none_alive().await;
        // The supervisor is fit for the next run, to which this one's bounds are nothing.
        let mut next = runner.spawn(&script(&mark, "echo well")).await.unwrap();
        assert_eq!(output(&mut next).await, "well\n");
        assert_eq!(next.gone().await.over, None);
    })
}

/// A shell with some memory and others that have it from it: all see it as theirs, and it is there once.
async fn shared(tier: Tier) {
    let bounds = Bounds { processes_max: None, memory_bytes_max: Some(256 << 20) };
    let mark = Mark::new();
    let plan = script(
        &mark,
        "x=$(head -c 30000000 /dev/zero | tr '\\0' x); exec 3<&0
         for i in 1 2 3 4 5 6 7 8 9 10 11 12; do (read -r y <&3) & done
         sleep 1; echo ${#x}",
    );
    let runner = runner(tier);
    let mut run = runner.bounded(bounds).spawn(&plan).await.unwrap();
    assert_eq!(output(&mut run).await, "30000000\n");
    let exit = run.gone().await;
    assert!(exit.success(), "{exit}");
}

async fn first(tier: Tier) {
    let runner = runner(tier);
    let own: i32 = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim().parse().unwrap();
    let mut run = runner.spawn(&script(&Mark::new(), "cat /proc/self/oom_score_adj")).await.unwrap();
    assert_eq!(output(&mut run).await, format!("{}\n", (own + 500).min(1_000)));
}
