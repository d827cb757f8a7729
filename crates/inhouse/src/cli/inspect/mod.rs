//! `inhouse inspect`: calls every method of a server, and judges what comes back by the specification.
//!
//! Only what the specification demands is judged; where an agent says that it does not offer something, the refusal is. `probe`
//! is how it is called, `checks` what is asked and expected.

mod checks;
mod probe;

use std::process::ExitCode;

use serde_json::json;

use self::probe::{Finding, Probe, Verdict};
use super::connection::{BindingChoice, Connection, ConnectionArgs};
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;
use super::text::{one_line, table};

/// What the agent is told, when nothing else is.
const TEXT: &str = "Say hello.";

/// Call every method of an A2A server and judge it by the specification
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse inspect http://build-host:8080
  inhouse inspect http://build-host:8080 --json | jq -r 'select(.verdict == \"wrong\")'

A2A 1.0 over JSON-RPC. The agent is sent two short messages; what has not ended by itself is canceled. The exit code is 1 when something is wrong.")]
pub(crate) struct InspectArgs {
    /// The server; the same as --url
    #[arg(value_name = "URL", conflicts_with_all = ["url", "profile"])]
    server: Option<String>,
    /// What the agent is told
    #[arg(long, value_name = "TEXT", default_value = TEXT)]
    text: String,
    /// A webhook that the server may call: the configuration of push notifications is tried with it
    #[arg(long, value_name = "WEBHOOK")]
    webhook: Option<String>,
    /// Print each finding as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the verb.
pub(crate) async fn run(args: InspectArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = inspect(args, &mut output).await;
    output.finish(outcome)
}

async fn inspect(args: InspectArgs, output: &mut Output) -> Result<Exit, Problem> {
    if args.connection.binding == Some(BindingChoice::HttpJson) {
        return Err(Problem::usage("what is judged is JSON-RPC").hint("leave --binding out"));
    }
    let connection = ConnectionArgs { binding: Some(BindingChoice::Jsonrpc), ..args.connection.at(args.server) };
    let connection = Connection::new(connection)?;
    let probe = Probe::new(&connection).await?;
    let findings = checks::all(&probe, &args.text, args.webhook.as_deref()).await;
    if args.json {
        let line = |finding: &Finding| {
            let (verdict, detail) = finding.verdict.words();
            json!({"check": finding.check, "section": finding.section, "verdict": verdict, "detail": detail})
                .to_string()
                + "\n"
        };
        output.result(&findings.iter().map(line).collect::<String>())?;
    } else {
        output.result(&table(&rows(&findings)))?;
    }
    let wrong = findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Wrong(_))).count();
    if wrong == 0 {
        return Ok(Exit::Done);
    }
    Err(Problem::new(
        Exit::Failed,
        format!("{wrong} of {} checks say that {} is wrong", findings.len(), connection.url),
    ))
}

fn rows(findings: &[Finding]) -> Vec<Vec<String>> {
    let head = ["CHECK", "SPEC", "VERDICT", "DETAIL"].map(str::to_owned).to_vec();
    let row = |finding: &Finding| {
        let (verdict, detail) = finding.verdict.words();
        [finding.check, finding.section, verdict, &one_line(detail)].map(str::to_owned).to_vec()
    };
    std::iter::once(head).chain(findings.iter().map(row)).collect()
}
