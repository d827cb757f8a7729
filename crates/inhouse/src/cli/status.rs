//! `inhouse status`: how a running server stands, for those who may look at all of it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use inhouse_proto::v1::TaskState;
use serde::Deserialize;

use super::connection::{Connection, ServerArgs};
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;
use super::text::{one_line, state_name, table};

/// A bound is told when this much of it is taken, in percent.
const NEARLY_FULL: u64 = 80;

/// Show how a running server stands: its agents and their queues, tasks, what is open, what is nearly full
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse status
  inhouse status --profile build-host
  inhouse status --json | jq '.agents[] | {name, running, waiting}'
  inhouse status --json | jq -r '.config[].settings[] | select(.origin != \"default\") | .key'

The server's token does, or one with the scope admin: inhouse token new ops --scope admin")]
pub(crate) struct StatusArgs {
    /// Print what the server tells as it wrote it, with its whole configuration
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// What is read of it. What another version does not tell is left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    version: String,
    started: String,
    uptime_s: u64,
    containment: Containment,
    tls: bool,
    listening: Vec<String>,
    agents: Vec<Agent>,
    tasks: Tasks,
    readers: u64,
    connections: u64,
    push: Option<Push>,
    limits: Vec<Limit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Containment {
    tier: String,
    shortfall: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Agent {
    name: String,
    driver: String,
    running: u64,
    running_max: u64,
    waiting: u64,
    waiting_max: u64,
    asking: u64,
    today: Today,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Today {
    tokens: u64,
    usd: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tasks {
    states: BTreeMap<String, u64>,
    kept_bytes: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Push {
    following: u64,
    behind: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limit {
    name: String,
    value: u64,
    used: Option<u64>,
}

/// Runs the verb.
pub(crate) async fn run(args: StatusArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = status(args, &mut output).await;
    output.finish(outcome)
}

async fn status(args: StatusArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.server.into())?;
    let json = connection.client.server_status().await.map_err(|error| Problem::of(&error, &connection))?;
    output.told(&json, args.json, "status", text)?;
    Ok(Exit::Done)
}

fn text(status: &Status) -> String {
    let Status { containment, agents, tasks, push, limits, .. } = status;
    let rows = [
        ("version", format!("{}, up {}, since {}", status.version, lasted(status.uptime_s), status.started)),
        ("listening", format!("{} ({})", status.listening.join(", "), if status.tls { "TLS" } else { "plain HTTP" })),
        (
            "containment",
            match &containment.shortfall {
                Some(shortfall) => format!("{}, and no firmer: {shortfall}", containment.tier),
                None => containment.tier.clone(),
            },
        ),
        ("open", format!("{}, {} of events", many(status.connections, "connection"), many(status.readers, "stream"))),
        ("tasks", format!("{}; those at rest keep {} KiB", states(&tasks.states), tasks.kept_bytes.div_ceil(1024))),
        (
            "webhooks",
            match push {
                Some(push) => format!("{} told, {} behind", push.following, push.behind),
                None => "none: push notifications are off".to_owned(),
            },
        ),
    ];
    let full = limits.iter().filter_map(|limit| {
        let used = limit.used.filter(|used| used.saturating_mul(100) >= limit.value.saturating_mul(NEARLY_FULL))?;
        Some(("nearly full", format!("{}: {used} of {}", limit.name, limit.value)))
    });
    let rows = rows.into_iter().chain(full);
    let rows: Vec<_> = rows.map(|(name, words)| vec![name.to_owned(), one_line(&words).into_owned()]).collect();
    let head = ["AGENT", "DRIVER", "RUNNING", "WAITING", "ASKING", "TODAY"].map(str::to_owned).to_vec();
    let agents: Vec<_> = [head].into_iter().chain(agents.iter().map(agent)).collect();
    format!("{}\n{}", table(&rows), table(&agents))
}

fn agent(agent: &Agent) -> Vec<String> {
    let of = |count: u64, max: u64| format!("{count} of {max}");
    let Today { tokens, usd } = agent.today;
    let today = if tokens == 0 && usd == 0.0 { String::new() } else { format!("{tokens} tokens, ${usd:.2}") };
    let name = |text: &str| one_line(text).into_owned();
    vec![
        name(&agent.name),
        name(&agent.driver),
        of(agent.running, agent.running_max),
        of(agent.waiting, agent.waiting_max),
        agent.asking.to_string(),
        today,
    ]
}

/// How many are in each state, those that live first.
fn states(states: &BTreeMap<String, u64>) -> String {
    let order = [
        TaskState::Working,
        TaskState::Submitted,
        TaskState::InputRequired,
        TaskState::AuthRequired,
        TaskState::Completed,
        TaskState::Failed,
        TaskState::Canceled,
        TaskState::Rejected,
    ];
    let told = order.into_iter().filter_map(|state| {
        let count = states.get(state.as_str_name()).filter(|count| **count > 0)?;
        Some(format!("{count} {}", state_name(state)))
    });
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { "none".to_owned() } else { told }
}

fn many(count: u64, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// A time in its two largest units.
fn lasted(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_told_in_a_few_lines() {
        let agent = json!({"name": "claude\u{1b}", "driver": "claude", "running": 2, "running_max": 16, "waiting": 0, "waiting_max": 256,
            "asking": 1, "today": {"tokens": 1234, "usd": 0.5}});
        let quiet = json!({"name": "demo", "driver": "demo", "running_max": 16, "waiting_max": 256});
        let status = json!({
            "version": "0.1.0", "started": "2026-01-31T12:00:00.000Z", "uptime_s": 3_725, "tls": true,
            "containment": {"tier": "reaper", "shortfall": "no user namespaces"}, "listening": ["127.0.0.1:8080", "127.0.0.1:9090"],
            "agents": [agent, quiet],
            "tasks": {"states": {"TASK_STATE_COMPLETED": 7, "TASK_STATE_WORKING": 2, "TASK_STATE_FAILED": 0}, "kept_bytes": 2049},
            "connections": 1, "readers": 2, "push": {"following": 3, "behind": 1}, "config": [],
            "limits": [{"name": "connections_max", "value": 10, "used": 1}, {"name": "push_followed_max", "value": 5, "used": 4},
                {"name": "hops_max", "value": 4}],
        });
        let expected = "\
version      0.1.0, up 1 h 2 min, since 2026-01-31T12:00:00.000Z
listening    127.0.0.1:8080, 127.0.0.1:9090 (TLS)
containment  reaper, and no firmer: no user namespaces
open         1 connection, 2 streams of events
tasks        2 working, 7 completed; those at rest keep 3 KiB
webhooks     3 told, 1 behind
nearly full  push_followed_max: 4 of 5

AGENT         DRIVER  RUNNING  WAITING   ASKING  TODAY
claude\\u{1b}  claude  2 of 16  0 of 256  1       1234 tokens, $0.50
demo          demo    0 of 16  0 of 256  0
";
        assert_eq!(text(&serde_json::from_value(status).unwrap()), expected);
    }

    #[test]
    fn a_time_is_told_in_its_two_largest_units() {
        for (seconds, told) in [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_600, "1 h 0 min"), (190_800, "2 d 5 h")]
        {
            assert_eq!(lasted(seconds), told);
        }
    }
}
