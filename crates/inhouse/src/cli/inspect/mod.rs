//! `inhouse inspect`: calls every method of a server, and judges what comes back by the specification.
//!
//! Only what the specification demands is judged; where an agent says that it does not offer something, the refusal is. `probe`
//! is how it is called, `checks` what is asked and expected.

mod checks;
mod probe;

use std::collections::BTreeSet;
use std::process::ExitCode;

use inhouse_client::Binding;
use serde_json::json;

use self::probe::{Finding, Probe};
use super::connection::{BindingChoice, Connection, ConnectionArgs, ServerArgs};
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;
use super::text::{one_line, table};

/// What the agent is told, when nothing else is.
const TEXT: &str = "Say hello.";

/// Call every method of an A2A server, by each of its bindings, and judge it by the specification
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse inspect http://build-host:8080
  inhouse inspect http://build-host:8080 --binding jsonrpc
  inhouse inspect http://build-host:8080 --json | jq -r 'select(.verdict == \"wrong\")'

A2A 1.0 over JSON-RPC and HTTP+JSON, side by side. The agent is sent two short messages by each; what has not ended by itself is canceled.
The exit code is 1 when something is wrong.")]
pub(crate) struct InspectArgs {
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
    server: ServerArgs,
}

/// Runs the verb.
pub(crate) async fn run(args: InspectArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = inspect(args, &mut output).await;
    output.finish(outcome)
}

/// What one binding has shown.
struct Judged {
    binding: Binding,
    findings: Vec<Finding>,
}

async fn inspect(args: InspectArgs, output: &mut Output) -> Result<Exit, Problem> {
    let wanted = ConnectionArgs::from(args.server);
    let (bindings, others) = bindings(&wanted).await?;
    let mut judged = Vec::new();
    for choice in bindings {
        let binding = Binding::from(choice);
        output.pass(&format!("{}: its methods are called", binding.name()));
        let connection = Connection::new(ConnectionArgs { binding: Some(choice), ..wanted.clone() })?;
        let probe = Probe::new(&connection, binding).await?;
        let findings = checks::all(&probe, &args.text, args.webhook.as_deref()).await;
        judged.push(Judged { binding, findings });
    }
    if args.json {
        output.result(&judged.iter().flat_map(lines).collect::<String>())?;
    } else {
        output.result(&table(&rows(&judged)))?;
    }
    for other in others {
        output.say(&format!("{} is offered too, and is not tried", one_line(&other)));
    }
    let all = judged.iter().map(|judged| judged.findings.len()).sum::<usize>();
    let wrong = judged.iter().flat_map(|judged| &judged.findings).filter(|finding| finding.is_wrong()).count();
    if wrong == 0 {
        return Ok(Exit::Done);
    }
    let url = Connection::new(wanted)?.url;
    Err(Problem::new(Exit::Failed, format!("{wrong} of {all} checks say that {url} is wrong")))
}

/// The bindings that are judged, the one that is wanted or those of the card, and the names of those that can not be.
async fn bindings(wanted: &ConnectionArgs) -> Result<(Vec<BindingChoice>, Vec<String>), Problem> {
    if let Some(binding) = wanted.binding {
        return Ok((vec![binding], Vec::new()));
    }
    let connection = Connection::new(wanted.clone())?;
    let card = connection.client.card().await.map_err(|error| Problem::of(&error, &connection))?.value;
    let name = |choice: BindingChoice| Binding::from(choice).name();
    let offered: BTreeSet<_> = card.supported_interfaces.into_iter().map(|at| at.protocol_binding).collect();
    let spoken = [BindingChoice::Jsonrpc, BindingChoice::HttpJson];
    let others =
        offered.iter().filter(|other| !spoken.iter().any(|choice| name(*choice) == **other)).cloned().collect();
    let judged: Vec<_> = spoken.into_iter().filter(|choice| offered.contains(name(*choice))).collect();
    // One that offers neither is told so by the first call.
    Ok((if judged.is_empty() { vec![BindingChoice::Jsonrpc] } else { judged }, others))
}

fn lines(judged: &Judged) -> impl Iterator<Item = String> {
    let binding = judged.binding.name();
    judged.findings.iter().map(move |finding| {
        let (verdict, detail) = finding.verdict.words();
        let Finding { check, section, .. } = finding;
        json!({"binding": binding, "check": check, "section": section, "verdict": verdict, "detail": detail})
            .to_string()
            + "\n"
    })
}

/// A row for each check, with a verdict of each binding; a check that a binding does not have is left blank there.
fn rows(judged: &[Judged]) -> Vec<Vec<String>> {
    let mut checks: Vec<&str> = Vec::new();
    for finding in judged.iter().flat_map(|judged| &judged.findings) {
        if !checks.contains(&finding.check) {
            checks.push(finding.check);
        }
    }
    let names = judged.iter().map(|judged| judged.binding.name());
    let head = ["CHECK", "SPEC"].into_iter().chain(names).chain(["DETAIL"]).map(str::to_owned).collect();
    std::iter::once(head).chain(checks.into_iter().map(|check| row(judged, check))).collect()
}

fn row(judged: &[Judged], check: &str) -> Vec<String> {
    let of = |judged: &'_ Judged| judged.findings.iter().position(|finding| finding.check == check);
    let found: Vec<_> =
        judged.iter().map(|judged| (judged.binding, of(judged).map(|at| &judged.findings[at]))).collect();
    let sections: BTreeSet<_> = found.iter().filter_map(|(_, finding)| Some(finding.as_ref()?.section)).collect();
    let sections = sections.into_iter().rev().collect::<Vec<_>>().join(", ");
    let verdicts = found.iter().map(|(_, finding)| finding.map_or("", |finding| finding.verdict.words().0));
    let mut row: Vec<_> = [check, &sections].into_iter().chain(verdicts).map(str::to_owned).collect();
    row.push(details(&found));
    row
}

/// What there is to tell of a check: once, where each binding tells the same.
fn details(found: &[(Binding, Option<&Finding>)]) -> String {
    let told: Vec<_> =
        found.iter().filter_map(|(binding, finding)| Some((binding, finding.as_ref()?.verdict.words().1))).collect();
    match told.as_slice() {
        [(_, first), rest @ ..] if rest.iter().all(|(_, detail)| detail == first) => one_line(first).into_owned(),
        told => {
            let said = told.iter().filter(|(_, detail)| !detail.is_empty());
            said.map(|(binding, detail)| format!("{}: {}", binding.name(), one_line(detail)))
                .collect::<Vec<_>>()
                .join("; ")
        }
    }
}
