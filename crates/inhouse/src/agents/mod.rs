//! `inhouse agents`: which agents are here, what they say of themselves, and which of them `serve` would serve, and why.

mod report;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use inhouse_run::Runner;
use inhouse_trust::HostEnv;
use tokio::task::JoinSet;

use crate::access;
use crate::args::ServeArgs;
use crate::assemble;
use crate::cli::{Exit, Interrupt, Output, Problem};
use crate::config::{AgentConfig, Config, Survey, Surveyed};
use crate::exit::Failure;
use crate::probe::{Probe, Unknown};
use report::{Row, Status};

/// See which agents are installed, and which of them would be served
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse agents
  inhouse agents --json | jq -r 'select(.status == \"found\").name'
  inhouse agents --config team.toml            those of another configuration
  inhouse agents -- node my-bot.js             what `inhouse serve -- node my-bot.js` would serve

Each known program is asked for its version, and Claude Code and Codex for their login, by their own commands. No model is
called, no browser opened, no credential read.

With --json each agent is an object on a line of its own, with these members; what is not known is null:
  name, default              the agent, and whether it answers when no agent is named
  status                     served: `inhouse serve` with the same flags serves it; found: it is on PATH;
                             broken: it can not be started; missing: a known agent that is not there
  version, version_unknown   as its program tells it, or why that is not known
  logged_in, login_unknown   true or false, or why that is not known
  driver, protocol           how it would be spoken to: claude, codex, acp, command, native, mapped or demo;
                             claude, codex, acp, text, json or mapped
  protocol_why, why          who or what decides so, and why it is served or not
  program                    its absolute path
  error, hint                why it can not be served, and what to do

The exit code is 0 when there is an agent beside the demo that can be served, else 1.")]
pub(crate) struct AgentsArgs {
    /// Print each agent as a JSON object, one a line
    #[arg(long)]
    json: bool,
    /// How long a program may take to answer a question, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
    /// The flags of `serve`.
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What was found out about an agent by asking its program.
struct Answers {
    version: Result<String, Unknown>,
    logged_in: Result<bool, Unknown>,
}

/// Asks all programs at the same time, and prints what they and the configuration say.
///
/// # Errors
/// [`Failure`] when the system starts nothing.
pub(crate) async fn run(args: AgentsArgs, config: Config<Survey>) -> Result<ExitCode, Failure> {
    let host = access::without_tokens(env::vars_os(), &config.callers);
    let runner = Runner::new(assemble::runner(&config, &host, &[]))?;
    let asked = Interrupt::ctrl_c().or(rows(config.agents, &runner, host, args.timeout_ms)).await;
    runner.shutdown().await;
    let mut output = Output::new();
    let outcome = match asked {
        Some(rows) => print(&rows, args.json, &mut output),
        None => Ok(Exit::Interrupted),
    };
    Ok(output.finish(outcome))
}

/// A row for each agent: those that would be served first, then the others that are there, then those that are not.
async fn rows(survey: Survey, runner: &Runner, host: HostEnv, timeout_ms: u64) -> Vec<Row> {
    let Survey { served, default, choice, others } = survey;
    let count = served.len();
    let host = Arc::new(host);
    let mut asking = JoinSet::new();
    for (index, surveyed) in served.into_iter().chain(others).enumerate() {
        let (runner, host) = (runner.clone(), Arc::clone(&host));
        let timeout = Duration::from_millis(timeout_ms);
        asking.spawn(async move {
            let Surveyed { name, origin, agent } = surveyed;
            let found = match agent {
                Ok(agent) => {
                    let answers = ask(&agent, Probe { runner: &runner, host: &host, timeout }).await;
                    Ok((agent, answers))
                }
                Err(error) => Err(error),
            };
            let served = (index < count).then_some(choice);
            (index, Row::new(name, &origin, found, served, index == default))
        });
    }
    let mut asked = asking.join_all().await;
    asked.sort_by_key(|(index, _)| *index);
    let mut rows: Vec<Row> = asked.into_iter().map(|(_, row)| row).collect();
    rows.sort_by_key(|row| row.status == Status::Missing);
    rows
}

async fn ask(agent: &AgentConfig, probe: Probe<'_>) -> Answers {
    let version = probe.version(agent).await;
    let logged_in = probe.logged_in(agent, version.as_deref().ok()).await;
    Answers { version, logged_in }
}

fn print(rows: &[Row], json: bool, output: &mut Output) -> Result<Exit, Problem> {
    if json {
        rows.iter().try_for_each(|row| output.result(&row.json()))?;
    } else {
        output.result(&report::text(rows))?;
    }
    if rows.iter().any(Row::can_be_served) {
        return Ok(Exit::Done);
    }
    let install = rows.iter().find(|row| row.status == Status::Missing).and_then(|row| row.hint.as_deref());
    let problem = Problem::new(Exit::Failed, "no agent can be served but the demo, which only repeats");
    let problem = install.into_iter().fold(problem, |problem, install| problem.hint(format!("install one: {install}")));
    Err(problem.hint("or serve any program: inhouse serve -- COMMAND"))
}
