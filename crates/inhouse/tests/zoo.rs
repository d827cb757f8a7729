//! The zoo over the real binary, as a table: each way to survive, times each ending of a turn, times each tier. Nothing is left of any of
//! them after the time that SECURITY.md says; how long it took is printed (`cargo test -p inhouse --test zoo -- --nocapture`).

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

#[path = "../../inhouse-run/tests/containment/shapes.rs"]
mod shapes;
mod support;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use serde_json::json;
use shapes::{ESCAPES, STAYS};
use support::{Launch, Server, processes_with, reason_of, scratch, signal, state_of, text_of, untested, wait};

/// What is promised after the end of a turn, and after a SIGKILL of the server.
const GONE: Duration = Duration::from_secs(2);
const GONE_WITH_THE_SERVER: Duration = Duration::from_secs(1);
/// Long enough for the slowest of them to stand.
const TURN: Duration = Duration::from_secs(4);
/// Gets a mark, which all of its tree has in its environment, the pipe that it reads from then on, and its shape.
const AGENT: &str = "read -r mark gate shape\nexec env ZOO=$mark sh $shape <$gate\n";

/// How a turn ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    Done,
    Cancel,
    Timeout,
    Crash,
    ServerKilled,
    SupervisorKilled,
}

/// Each with the state in which it leaves its task, and the reason.
const ENDINGS: [(Ending, &str, &str); 6] = [
    (Ending::Done, "COMPLETED", ""),
    (Ending::Cancel, "CANCELED", ""),
    (Ending::Timeout, "FAILED", "timeout"),
    (Ending::Crash, "FAILED", "agent_failed"),
    (Ending::ServerKilled, "", ""),
    (Ending::SupervisorKilled, "FAILED", "agent_failed"),
];

const TIERS: [&str; 3] = ["namespace", "reaper", "group"];

/// How many of the shapes a tier promises to end.
fn promised(tier: &str, ending: Ending) -> usize {
    match (tier, ending) {
        // A group has no supervisor, and nobody ends it when the server is killed.
        ("group", Ending::ServerKilled | Ending::SupervisorKilled) => 0,
        ("group", _) => STAYS.len(),
        _ => STAYS.len() + ESCAPES.len(),
    }
}

/// The agents' folder: a program for each shape, and the pipes.
struct House {
    folder: PathBuf,
}

impl House {
    fn new() -> Self {
        let folder = scratch("zoo");
        for (number, (_, shape)) in STAYS.iter().chain(&ESCAPES).enumerate() {
            fs::write(folder.join(number.to_string()), shapes::agent(shape)).unwrap();
        }
        fs::write(folder.join("agent"), AGENT).unwrap();
        let agent = format!("command = [\"/bin/sh\", \"{}\"]\ninput = \"stdin\"\n", folder.join("agent").display());
        let limits = format!("[limits]\nrunning_per_caller_max = {}\n", STAYS.len() + ESCAPES.len());
        let hasty = format!("[agents.hasty]\n{agent}timeout_ms = {}\n", TURN.as_millis());
        let text = format!("{limits}[agents.zoo]\n{agent}{hasty}");
        fs::write(folder.join("inhouse.toml"), text).unwrap();
        Self { folder }
    }

    fn server(&self, tier: &str, ending: Ending) -> Server {
        let agent = if ending == Ending::Timeout { "hasty" } else { "zoo" };
        Launch::new(&["serve", "--containment", tier, "--agent", agent]).directory(&self.folder).start()
    }
}

/// One turn, and the tree of its agent.
struct Beast {
    name: &'static str,
    mark: String,
    task: String,
    /// The other end of what it reads.
    gate: File,
    began: Instant,
}

impl Beast {
    fn start(house: &Path, server: &Server, number: usize) -> Self {
        let (name, _) = STAYS.iter().chain(&ESCAPES).nth(number).unwrap();
        let mark = format!("zoo-{}", uuid::Uuid::new_v4().simple());
        let gate = house.join(format!("gate-{mark}"));
        nix::unistd::mkfifo(&gate, Mode::S_IRWXU).unwrap();
        let began = Instant::now();
        let task =
            server.start_task(&format!("{mark} {} {}", gate.display(), house.join(number.to_string()).display()));
        // Both ways, so that it waits for nobody.
        let gate = OpenOptions::new().read(true).write(true).open(gate).unwrap();
        Self { name, mark, task, gate, began }
    }

    fn stands(&self, server: &Server) {
        server.wait_for(&self.task, |task| text_of(task) == "ready\n");
        assert!(!processes_with(&self.mark).is_empty(), "{}", self.name);
    }

    /// Ends the turn, and says since when nothing of it should be left.
    fn end(&mut self, server: &mut Server, ending: Ending) -> Instant {
        let now = Instant::now();
        match ending {
            Ending::Done => self.gate.write_all(b"done\n").unwrap(),
            Ending::Crash => self.gate.write_all(b"crash\n").unwrap(),
            Ending::Timeout => return self.began + TURN,
            Ending::Cancel => drop(server.result("CancelTask", json!({"id": self.task}))),
            Ending::ServerKilled => server.signal("KILL"),
            Ending::SupervisorKilled => signal(supervisor(&self.mark), "KILL"),
        }
        now
    }
}

/// The supervisor above a run.
fn supervisor(mark: &str) -> u32 {
    let stat = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let parent = |pid: &u32| stat(*pid).rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok();
    let mut above = std::iter::successors(processes_with(mark).first().copied(), parent);
    above.find(|pid| stat(*pid).contains("(inhouse-run)")).expect("a run has a supervisor")
}

/// Ends these shapes at once: for each, how long it took until nothing was left.
fn end_all(house: &House, server: &mut Server, ending: Ending, shapes: &[usize]) -> Vec<(&'static str, Duration)> {
    let (_, state, reason) = ENDINGS.into_iter().find(|(it, ..)| *it == ending).unwrap();
    let mut beasts: Vec<_> = shapes.iter().map(|number| Beast::start(&house.folder, server, *number)).collect();
    beasts.iter().for_each(|beast| beast.stands(server));
    let since: Vec<_> = beasts.iter_mut().map(|beast| beast.end(server, ending)).collect();
    let mut gone = vec![None; beasts.len()];
    wait(&format!("shapes {shapes:?} to be gone, {ending:?}"), || {
        for (beast, gone) in beasts.iter().zip(&mut gone).filter(|(_, gone)| gone.is_none()) {
            *gone = processes_with(&beast.mark).is_empty().then(Instant::now);
        }
        gone.iter().copied().collect::<Option<Vec<_>>>()
    });
    for beast in beasts.iter().filter(|_| ending != Ending::ServerKilled) {
        let task = server.wait_for(&beast.task, |task| state_of(task) != "WORKING");
        assert_eq!((state_of(&task), reason_of(&task)), (state, reason), "{}, {ending:?}", beast.name);
    }
    let took = since.into_iter().zip(gone).map(|(since, gone)| gone.unwrap().saturating_duration_since(since));
    beasts.iter().map(|beast| beast.name).zip(took).collect()
}

#[test]
fn nothing_survives_whatever_it_is_and_however_its_turn_ends() {
    let house = House::new();
    let has_namespaces = Command::new("unshare").args(["-Urpfm", "--mount-proc", "true"]).status();
    let mut late = Vec::new();
    for tier in TIERS {
        if tier == "namespace" && !has_namespaces.as_ref().is_ok_and(ExitStatus::success) {
            untested("what survives in the namespace tier, which is not there");
            continue;
        }
        for (ending, ..) in ENDINGS.into_iter().filter(|(ending, ..)| promised(tier, *ending) > 0) {
            let shapes = promised(tier, ending);
            let within = if ending == Ending::ServerKilled { GONE_WITH_THE_SERVER } else { GONE };
            // The time of a turn passes for all of them at once.
            let together = if ending == Ending::Timeout { shapes } else { 1 };
            let mut server = house.server(tier, ending);
            for some in (0..shapes).collect::<Vec<_>>().chunks(together) {
                for (name, took) in end_all(&house, &mut server, ending, some) {
                    let row =
                        format!("{tier:<9} | {name:<42} | {:<16} | {:>5} ms", format!("{ending:?}"), took.as_millis());
                    eprintln!("figure | {row} | {} ms", within.as_millis());
                    late.extend((took > within).then_some(row));
                }
                if ending == Ending::ServerKilled {
                    server = house.server(tier, ending);
                }
            }
        }
    }
    assert!(late.is_empty(), "later than promised: {late:#?}");
}
