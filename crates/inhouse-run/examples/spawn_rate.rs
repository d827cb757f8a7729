//! What containment costs: starts of `/bin/true` a second in each tier, against a bare spawn with the same pipes, in
//! one run. `cargo run --release -p inhouse-run --example spawn_rate`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use inhouse_run::{Options, Runner, Tier};
use inhouse_trust::{
    AgentCommand, AgentName, HostEnv, Input, LaunchPlan, Operation, Policy, Principal, Secret, TokenDigest, Tokens,
};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::task::JoinSet;

const ROUNDS: usize = 7;
const RUNS: usize = 800;

#[derive(Clone)]
enum Way {
    Bare(LaunchPlan),
    Contained(Runner, LaunchPlan),
}

impl Way {
    /// Starts one agent, reads all that it writes, and waits for its end.
    async fn run(&self) {
        let mut text = Vec::new();
        match self {
            Self::Bare(plan) => {
                let mut child = Command::new(plan.program())
                    .args(plan.args())
                    .env_clear()
                    .envs(plan.env())
                    .current_dir(plan.directory())
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                child.stdout.take().unwrap().read_to_end(&mut text).await.unwrap();
                assert!(child.wait().await.unwrap().success());
            }
            Self::Contained(runner, plan) => {
                let mut run = runner.spawn(plan).await.unwrap();
                run.stdout.take().unwrap().read_to_end(&mut text).await.unwrap();
                assert!(run.exited().await.success());
            }
        }
    }

    /// Runs a second, with so many at once.
    async fn rate(&self, at_once: usize) -> f64 {
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..at_once {
            let way = self.clone();
            tasks.spawn(async move {
                for _ in 0..RUNS / at_once {
                    way.run().await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
        RUNS as f64 / begun.elapsed().as_secs_f64()
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some(inhouse_run::SUPERVISE_ARG) {
        inhouse_run::supervise();
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(measure());
}

async fn measure() {
    let runner = |tier| Runner::new(Options { tier: Some(tier), ..Options::default() }).unwrap();
    let (reaper, group) = (runner(Tier::Reaper), runner(Tier::Group));
    let ways = [
        ("bare", Way::Bare(plan())),
        ("group", Way::Contained(group.clone(), plan())),
        ("reaper", Way::Contained(reaper.clone(), plan())),
    ];
    for at_once in [1, 16] {
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for ((_, way), rates) in ways.iter().zip(&mut rates) {
                rates.push(way.rate(at_once).await);
            }
        }
        let medians = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[ROUNDS / 2]
        });
        for ((name, _), median) in ways.iter().zip(medians) {
            println!("{at_once:2} at once  {name:6}  {median:6.0} runs/s  {:.2} of bare", median / medians[0]);
        }
    }
    reaper.shutdown().await;
    group.shutdown().await;
}

fn plan() -> LaunchPlan {
    let secret = || Secret::new("token".into());
    let tokens = Tokens::new([(Principal::new("ann").unwrap(), TokenDigest::of(&secret()))]);
    let caller = tokens.caller(&[b"Bearer token"]).unwrap();
    let permit =
        inhouse_trust::grants(&caller, Operation::Send, &AgentName::new("true").unwrap(), &Policy::default()).unwrap();
    let command = AgentCommand {
        program: PathBuf::from("/bin/true"),
        args: Vec::new(),
        input: Input::Stdin,
        env_pass: Vec::new(),
        env_set: Vec::new(),
        directory: Path::new("/").to_path_buf(),
    };
    let host = HostEnv::new([(OsString::from("PATH"), OsString::from("/usr/bin:/bin"))]);
    inhouse_trust::launch(&permit, &command, "", &[], &host).unwrap()
}
