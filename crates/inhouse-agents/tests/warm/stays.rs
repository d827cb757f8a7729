//! What a process that is kept does for the next turn, and for whom.

use inhouse_engine::agent::{End, Note, Turn};
use inhouse_engine::cancel::CancelSource;
use inhouse_engine::{Ask, Effect, Reply};
use inhouse_proto::via::{TraceParent, Via};
use inhouse_run::Tier;

use crate::house::{Case, House, Said, eventually, limits, run, runner, turn_of};
use crate::support::Collected;

pub(crate) const CASES: &[Case] = &[
    ("the second turn of a context has the same process", || run(same_process())),
    ("no turn reaches the process of another caller or context", || run(own_process())),
    ("what a turn starts ends before the turn does, and the helpers of before its first text stay", || run(swept())),
    ("what a process says between turns goes nowhere", || run(noise())),
    ("a process that may be kept is told its context and nothing of one turn", || run(environment())),
    ("a process is kept for turns that have come the same way, whatever traces them", || run(ways())),
    ("asks are answered in each turn", || run(asks())),
    ("the agent's own errors reach the log of each turn and stop no process", || run(errors())),
    ("where a tree can not be swept no process is kept", || run(group_tier())),
    ("without a bound above 0 no process is kept", || run(bound_of_0())),
    ("beyond the bound the process that was unused for longest ends", || run(bounded())),
    ("a kept process gives way when the agent would have too many", || run(gives_way())),
];

async fn same_process() {
    let house = House::new(limits(|_| {}));
    let first = house.said("c1", "hi").await;
    assert_eq!((first.turns, first.option.as_str()), (1, "--session-id"));
    for turns in 2..5 {
        let next = house.said("c1", "hi").await;
        assert_eq!((next.pid, next.turns), (first.pid, turns));
    }
    house.runner.shutdown().await;
    house.is_empty().await;
}

async fn own_process() {
    let house = House::new(limits(|_| {}));
    let mut pids = Vec::new();
    for (caller, context) in [("ann", "c1"), ("bob", "c1"), ("ann", "c2")] {
        let said = house.said_to(caller, context, "hi").await;
        assert_eq!((said.turns, said.option.as_str()), (1, "--session-id"), "{caller} {context}");
        assert!(!pids.contains(&said.pid) && house.has(said.pid));
        pids.push(said.pid);
    }
    assert_eq!(house.said_to("bob", "c1", "hi").await.pid, pids[1]);
    house.runner.shutdown().await;
}

async fn swept() {
    let house = House::new(limits(|_| {}));
    let first = house.said("c1", "daemons").await;
    // The agent, its helper, and the one that it started while it was not ready.
    let kept = house.see(3).await;
    let second = house.said("c1", "daemons").await;
    assert_eq!((second.pid, house.see(3).await), (first.pid, kept));
    house.runner.shutdown().await;
    house.is_empty().await;
}

async fn noise() {
    let house = House::new(limits(|_| {}));
    let first = house.said("c1", "chatters").await;
    // What mumbles is woken by the sweep.
    for text in ["chatters", "mumbles", "hi"] {
        let (output, end) = house.take("ann", "c1", text).await;
        assert_eq!(end, End::Completed(Note::default()));
        assert!(output.text.starts_with(&format!("{} ", first.pid)), "{}", output.text);
        if text == "mumbles" {
            let file = std::env::temp_dir().join(format!("warm-{}", house.mark));
            eventually("it has mumbled", || std::fs::remove_file(&file).is_ok()).await;
        }
    }
    house.runner.shutdown().await;
}

async fn environment() {
    let house = House::new(limits(|_| {}));
    assert_eq!(house.said("c1", "env").await.more, "c1/1///");
    house.runner.shutdown().await;
    let house = House::new(limits(|limits| limits.warm_max = 0));
    assert_eq!(house.said("c1", "env").await.more, "c1/1/task-1/1/");
    house.runner.shutdown().await;
}

async fn ways() {
    let trace = |digit: &str| TraceParent::parse(&format!("00-{}-{}-01", digit.repeat(32), digit.repeat(16))).unwrap();
    let house = House::new(limits(|_| {}));
    let mut said = Vec::new();
    for (hops, digit) in [(0, "1"), (0, "2"), (2, "2"), (2, "3")] {
        let (_source, cancel) = CancelSource::new();
        let via = Via { hops, trace: Some(trace(digit)) };
        let mut output = Collected::default();
        let end = house.take_into(&Turn { via, ..turn_of("ann", "c1", "env", cancel) }, &mut output).await;
        assert_eq!(end, End::Completed(Note::default()));
        said.push(Said::read(&output.text));
    }
    assert_eq!([&said[0].pid, &said[2].pid], [&said[1].pid, &said[3].pid], "a trace makes no difference");
    assert_ne!(said[1].pid, said[2].pid, "another way is another start");
    assert_eq!(
        said.iter().map(|said| said.more.as_str()).collect::<Vec<_>>(),
        ["c1/1///", "c1/1///", "c1/3///", "c1/3///"]
    );
    house.runner.shutdown().await;
}

async fn asks() {
    let house = House::new(limits(|_| {}));
    let mut pids = Vec::new();
    for (reply, told) in [
        ((|ask: &Ask| ask.choose(Effect::Allow).unwrap()) as fn(&Ask) -> Reply, "may"),
        (|ask: &Ask| Reply::denied(&ask.id, "no"), "not"),
    ] {
        let (_source, cancel) = CancelSource::new();
        let mut output = Collected { replies: [reply].into(), ..Collected::default() };
        let end = house.take_into(&turn_of("ann", "c1", "asks", cancel), &mut output).await;
        assert_eq!(end, End::Completed(Note::default()));
        let said = crate::house::Said::read(&output.text);
        assert_eq!((said.more.as_str(), output.asked.len()), (told, 1));
        pids.push(said.pid);
    }
    assert_eq!(pids[0], pids[1]);
    house.runner.shutdown().await;
}

async fn errors() {
    let house = House::new(limits(|_| {}));
    let first = house.said("c1", "oops").await;
    assert_eq!(house.said("c1", "oops").await.pid, first.pid);
    house.runner.shutdown().await;
}

async fn group_tier() {
    let house = House::with(runner(Tier::Group), |_| {});
    let first = house.said("c1", "hi").await;
    assert!(!house.has(first.pid));
    let second = house.said("c1", "hi").await;
    assert_eq!((second.turns, second.option.as_str()), (1, "--resume"));
    house.runner.shutdown().await;
    // What this tier can not promise: helpers in sessions of their own.
    for pid in house.alive() {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
    }
}

async fn bound_of_0() {
    let house = House::new(limits(|limits| limits.warm_max = 0));
    house.said("c1", "hi").await;
    assert_eq!(house.alive(), [0; 0]);
    let second = house.said("c1", "hi").await;
    assert_eq!((second.turns, second.option.as_str()), (1, "--resume"));
    house.runner.shutdown().await;
}

async fn bounded() {
    let house = House::new(limits(|limits| limits.warm_max = 2));
    let first = house.said("c1", "hi").await;
    let second = house.said("c2", "hi").await;
    assert_eq!(house.said("c1", "hi").await.pid, first.pid, "it is now the one that was used last");
    let third = house.said("c3", "hi").await;
    eventually("the second one has ended", || !house.has(second.pid)).await;
    assert!(house.has(first.pid) && house.has(third.pid));
    let again = house.said("c2", "hi").await;
    assert_eq!((again.turns, again.option.as_str()), (1, "--resume"));
    house.runner.shutdown().await;
}

async fn gives_way() {
    let house = House::new(limits(|limits| limits.processes_max = 2));
    let first = house.said("c1", "hi").await;
    let second = house.said("c2", "hi").await;
    assert!(house.has(first.pid) && house.has(second.pid));
    let third = house.said("c3", "hi").await;
    assert!(!house.has(first.pid), "it was gone before the third began");
    assert!(house.has(second.pid) && house.has(third.pid));
    house.runner.shutdown().await;
}
