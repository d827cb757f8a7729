//! `inhouse doctor`: what a start with the same flags would find, looked at in the way of the start, and what to do where something is
//! wrong. It starts no agent's turn, and changes nothing.

mod checks;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use inhouse_trust::HostEnv;
use serde::Serialize;

use crate::args::ServeArgs;
use crate::cli::{Exit, Output, Problem, one_line, table};
use crate::exit::Failure;

/// Look whether this machine is fit to serve agents, and what to do where it is not
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse doctor
  inhouse doctor --config team.toml            the server of another configuration
  inhouse doctor --json | jq -r 'select(.state == \"failed\")'

Each line names what was looked at: the configuration, each agent (its program, version and login), its project, the address, who may
come in, TLS, containment, what is kept on disk, and the clock. No model is called and nothing is changed.

With --json each finding is an object on a line of its own:
  area, state, text, fix     what was looked at; ok, warning or failed; what was found; what to do, or null

The exit code is 0 when nothing is failed, else 1.")]
pub(crate) struct DoctorArgs {
    /// Print each finding as a JSON object, one a line
    #[arg(long)]
    json: bool,
    /// How long a program may take to answer a question, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
    /// The flags of `serve`.
    #[command(flatten)]
    serve: ServeArgs,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// A server starts all the same.
    Warning,
    /// A server does not start, or its agents can not work.
    Failed,
}

/// One thing that was looked at. The names of its members are those of the JSON.
#[derive(Debug, Serialize)]
struct Finding {
    area: String,
    state: State,
    text: String,
    fix: Option<String>,
}

impl Finding {
    fn ok(area: impl Into<String>, text: impl Into<String>) -> Self {
        Self { area: area.into(), state: State::Ok, text: text.into(), fix: None }
    }

    fn warning(area: impl Into<String>, text: impl Into<String>, fix: impl Into<Option<String>>) -> Self {
        Self { area: area.into(), state: State::Warning, text: text.into(), fix: fix.into() }
    }

    fn failed(area: impl Into<String>, text: impl Into<String>, fix: impl Into<Option<String>>) -> Self {
        Self { area: area.into(), state: State::Failed, text: text.into(), fix: fix.into() }
    }

    fn of(area: impl Into<String>, failure: &Failure) -> Self {
        Self::failed(area, failure.message(), failure.hint().map(str::to_owned))
    }

    fn row(&self) -> Vec<String> {
        let mark = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "FAILED",
        };
        vec![mark.to_owned(), one_line(&self.area).into_owned(), one_line(&self.text).into_owned()]
    }
}

/// Looks at everything and prints it.
///
/// # Errors
/// [`Failure`] when the system gives no threads.
pub(crate) fn run(args: &DoctorArgs, directory: &Path) -> Result<ExitCode, Failure> {
    let environment = HostEnv::new(env::vars_os());
    let runtime = crate::runtime()?;
    let findings = runtime.block_on(checks::all(&args.serve, &environment, directory, args.timeout_ms));
    let mut output = Output::new();
    let outcome = print(&findings, args.json, &mut output);
    Ok(output.finish(outcome))
}

fn print(findings: &[Finding], json: bool, output: &mut Output) -> Result<Exit, Problem> {
    if json {
        for finding in findings {
            output.result(&format!("{}\n", serde_json::to_string(finding).unwrap_or_default()))?;
        }
    } else {
        output.result(&text(findings))?;
    }
    match findings.iter().filter(|finding| finding.state == State::Failed).count() {
        0 => Ok(Exit::Done),
        1 => Err(Problem::new(Exit::Failed, "one thing has to be mended before a server can serve")),
        count => Err(Problem::new(Exit::Failed, format!("{count} things have to be mended before a server can serve"))),
    }
}

/// A line for each finding, and below it what to do.
fn text(findings: &[Finding]) -> String {
    let rows = table(&findings.iter().map(Finding::row).collect::<Vec<_>>());
    let mut text = String::new();
    for (row, finding) in rows.lines().zip(findings) {
        text.push_str(&format!("{row}\n"));
        if let Some(fix) = &finding.fix {
            text.push_str(&format!("         fix: {}\n", one_line(fix)));
        }
    }
    text
}
