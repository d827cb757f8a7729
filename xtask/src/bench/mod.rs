//! `cargo xtask bench`: the server against a floor, measured in one run, in turn, so that a noisy machine disturbs all alike.
//!
//! The floor is the least that a server around the same agent can do. Ratios to it say what this server costs; absolute
//! numbers say more about the machine. Answers are checked to the byte, times are only reported.

mod a2a;
mod bindings;
mod client;
mod error;
mod floor;
mod load;
mod memory;
mod report;
mod script;
mod start;
mod store;
mod stream;
mod target;
mod unary;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

pub(crate) use error::BenchError;
use error::{During, Result};
use report::Report;
use target::{Kind, Place, Target};

/// The names that `--only` takes, in the order in which they run.
const MEASURES: [&str; 10] =
    ["start", "idle", "unary", "delay", "bulk", "many", "store", "bindings", "large", "readers"];
/// The last one: its servers may leave the machine in need of a rest.
const FLOOD: &str = "flood";
/// Descriptors that 4,000 readers and their server's limit need.
const DESCRIPTORS: u64 = 16_384;

/// The floor is this program too. It comes before anything else, because its start is measured.
pub(crate) fn child() -> Option<ExitCode> {
    (std::env::args_os().nth(1)? == "__floor").then(floor::run)
}

/// What is done, and how long.
struct Plan {
    only: Option<String>,
    rounds: usize,
    load_time: Duration,
    ticks: u64,
    fill_time: Duration,
    flood_bytes: u64,
    /// After this time nothing is repeated.
    until: Instant,
}

impl Plan {
    fn new(quick: bool, only: Option<String>) -> Self {
        let now = Instant::now();
        if quick {
            let (load_time, fill_time) = (Duration::from_millis(400), Duration::from_secs(4));
            return Self {
                only,
                rounds: 2,
                load_time,
                ticks: 800,
                fill_time,
                flood_bytes: 1_000_000_000,
                until: now + Duration::from_secs(40),
            };
        }
        let (load_time, fill_time) = (Duration::from_millis(1200), Duration::from_secs(20));
        let until = now + Duration::from_secs(240);
        Self { only, rounds: 5, load_time, ticks: 2500, fill_time, flood_bytes: 10_000_000_000, until }
    }

    /// The rounds of a measure: fewer, but one, when time is short.
    fn rounds(&self) -> impl Iterator<Item = usize> + use<> {
        let (rounds, until) = (self.rounds, self.until);
        (0..rounds).take_while(move |round| *round == 0 || Instant::now() < until)
    }

    fn includes(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}

/// A benchmark under way.
struct Bench {
    place: Place,
    plan: Plan,
    /// The floor first.
    targets: Vec<Target>,
    report: Report,
}

impl Bench {
    /// The places of the targets, in another order each round.
    fn in_turn(&self, round: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.targets.len();
        (0..count).map(move |at| (at + round) % count)
    }

    fn kinds(&self) -> Vec<Kind> {
        self.targets.iter().map(|target| target.kind).collect()
    }
}

/// Runs the benchmark with these words of the command line.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let mut quick = false;
    let (mut only, mut server, mut log) = (None, None, false);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| BenchError::Usage(format!("{word} needs a value")));
        match *word {
            "--quick" => quick = true,
            "--log" => log = true,
            "--only" => only = Some((*value()?).to_owned()),
            "--server" => server = Some(PathBuf::from(value()?)),
            unknown => return Err(BenchError::Usage(format!("unknown word {unknown}"))),
        }
    }
    if let Some(name) = only.as_deref().filter(|name| *name != FLOOD && !MEASURES.contains(name)) {
        return Err(BenchError::Usage(format!("no measure {name}: there are {} and {FLOOD}", MEASURES.join(", "))));
    }
    if cfg!(debug_assertions) {
        return optimized(words);
    }
    let this = std::env::current_exe().during("find this program")?;
    let beside = |name: &str| this.with_file_name(name);
    let folder = beside("../bench");
    std::fs::create_dir_all(&folder).during(format!("make {}", folder.display()))?;
    let folder = folder.canonicalize().during("find the folder of results")?;
    let server = server.unwrap_or_else(|| beside("inhouse"));
    let place = Place { server, agent: beside("bench-agent"), this, folder, log };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().during("start a runtime")?;
    runtime.block_on(bench(place, Plan::new(quick, only)))
}

/// Debug builds measure nothing worth knowing: builds all three programs for release and runs this one again.
fn optimized(words: &[&str]) -> Result<()> {
    let need = |what: &str, done: bool| if done { Ok(()) } else { Err(BenchError::Wrong(format!("{what} failed"))) };
    // For itself, as a user builds it: a build together with this program would add features that this one needs.
    need("the build of the server", cargo(&["build", "--release", "-p", "inhouse"])?)?;
    // Without the dynamic linker an agent starts in half the time, and what servers add to that shows more clearly.
    let agent = ["--release", "-p", "xtask", "--bin", "bench-agent"];
    let static_libc = ["--", "-C", "target-feature=+crt-static", "-C", "relocation-model=static"];
    if !cargo(&[&["rustc"], &agent[..], &static_libc].concat())? {
        need("the build of the agent", cargo(&[&["build"], &agent[..]].concat())?)?;
    }
    // This builds nothing but this program, so the agent stays as it is.
    need("the benchmark", cargo(&[&["run", "--quiet", "--release", "-p", "xtask", "--", "bench"], words].concat())?)
}

#[expect(clippy::disallowed_methods, reason = "cargo builds what is measured")]
fn cargo(words: &[&str]) -> Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Ok(Command::new(cargo).args(words).status().during("run cargo")?.success())
}

async fn bench(place: Place, plan: Plan) -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).during("read the limit of descriptors")?;
    setrlimit(Resource::RLIMIT_NOFILE, most.min(DESCRIPTORS), most).during("raise the limit of descriptors")?;
    let mut report = Report::new(&place);
    let mut kinds = vec![Kind::Floor];
    if place.server.is_file() {
        kinds.extend([Kind::Inhouse("group"), Kind::Inhouse("reaper")]);
    } else {
        report.note(format!("only the floor: there is no {}", place.server.display()));
    }
    let targets = kinds.into_iter().map(|kind| place.start(kind)).collect::<Result<_>>()?;
    let mut bench = Bench { place, plan, targets, report };
    for name in MEASURES.into_iter().chain([FLOOD]) {
        if bench.plan.includes(name) {
            eprint!("{name} … ");
            let began = Instant::now();
            measure(&mut bench, name).await?;
            eprintln!("{:.1} s", began.elapsed().as_secs_f64());
        }
    }
    bench.report.publish(&bench.place)
}

async fn measure(bench: &mut Bench, name: &str) -> Result<()> {
    match name {
        "start" => start::measure(bench).await,
        "idle" => memory::measure_idle(bench).await,
        "unary" => unary::measure(bench).await,
        "delay" => stream::measure_delay(bench).await,
        "bulk" => stream::measure_bulk(bench).await,
        "many" => stream::measure_many(bench).await,
        "store" => store::measure(bench).await,
        "bindings" => bindings::measure(bench).await,
        "large" => store::measure_large(bench).await,
        "readers" => memory::measure_readers(bench).await,
        _ => memory::measure_flood(bench).await,
    }
}
