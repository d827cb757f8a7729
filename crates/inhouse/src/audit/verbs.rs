//! `inhouse audit`: whether an audit is as it was written, and what stands in it.

use std::collections::VecDeque;
use std::env;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use inhouse_proto::json::Timestamp;
use serde_json::Value;

use super::read::parts;
use super::verify::{Broken, Report, verify};
use crate::cli::one_line;
use crate::config;
use crate::exit::Failure;

/// Read the audit, and find out whether somebody has changed it
#[derive(Args)]
#[command(after_help = "\
Examples:
  inhouse audit verify                                 the file of [audit], with those before it
  inhouse audit verify audit.jsonl --key 3q2-7w…       and no head counts that another key has signed
  journalctl -u inhouse -o cat | inhouse audit verify -
  inhouse audit tail -n 50
  inhouse audit query --who ann --outcome denied --since 2026-11-01T00:00:00Z

Each line carries the digest of the one before, and heads are signed now and then. `verify` finds any line that was changed, removed,
put in or moved, and says where; whether something was cut off behind the last head it can not know, but says that no server has stopped
there. Exit code 0: as it was written; 1: not.")]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    verb: Verb,
    /// The configuration file, which may name the audit's file [default: inhouse.toml, when it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Verb {
    /// Find out whether the audit is as it was written
    Verify {
        /// Files of the audit, - for standard input [default: the one of the configuration]
        files: Vec<PathBuf>,
        /// The public key that heads have to be signed by
        // It may begin with a dash.
        #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
        key: Option<String>,
        /// Fail as well where the audit does not begin with the first line of a chain, or does not end with an orderly stop
        #[arg(long)]
        whole: bool,
        /// Print nothing but the public key that has signed the last heads
        #[arg(long, conflicts_with = "json")]
        print_key: bool,
        /// Print what was found as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the last lines
    Tail {
        /// Files of the audit, - for standard input [default: the one of the configuration]
        files: Vec<PathBuf>,
        /// How many
        #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 10)]
        count: usize,
        /// Print JSON lines, also on a terminal
        #[arg(long)]
        json: bool,
    },
    /// Print the lines that fit
    Query(Box<Query>),
}

#[derive(Args)]
struct Query {
    /// Files of the audit, - for standard input [default: the one of the configuration]
    files: Vec<PathBuf>,
    /// Of this caller
    #[arg(long)]
    who: Option<String>,
    /// Of this agent
    #[arg(long)]
    agent: Option<String>,
    /// About this task
    #[arg(long)]
    task: Option<String>,
    /// Of this operation, such as SendMessage, decide, start
    #[arg(long)]
    operation: Option<String>,
    /// With this outcome, such as ok, denied, allow
    #[arg(long)]
    outcome: Option<String>,
    /// Not before this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Print JSON lines, also on a terminal
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
/// [`Failure`] for what can not be read.
pub(crate) fn run(args: AuditArgs) -> Result<ExitCode, Failure> {
    let AuditArgs { verb, config } = args;
    let named = |files: Vec<PathBuf>| if files.is_empty() { configured(config.as_ref()) } else { Ok(files) };
    match verb {
        Verb::Verify { files, key, whole, print_key, json } => {
            let report = verified(&named(files)?, key.as_deref())?;
            tell(&report, print_key, json)?;
            let is_good = report.broken.is_none() && (!whole || report.is_whole());
            Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Verb::Tail { files, count, json } => tail(&named(files)?, count, json),
        Verb::Query(mut query) => {
            let files = named(std::mem::take(&mut query.files))?;
            each(&files, |line, value| {
                if query.fits(value) {
                    print(line, value, query.json);
                }
            })
        }
    }
}

fn configured(named: Option<&PathBuf>) -> Result<Vec<PathBuf>, Failure> {
    let directory = env::current_dir().map_err(|error| Failure::usage(error.to_string(), None))?;
    let file = config::audit_file(named.map(PathBuf::as_path), &directory)?;
    let hint = "name a file, or - for what comes on standard input; [audit] of inhouse.toml can have one written";
    file.map(|file| vec![file])
        .ok_or_else(|| Failure::usage("the audit goes to stderr alone, so that there is no file", Some(hint.into())))
}

fn verified(files: &[PathBuf], key: Option<&str>) -> Result<Report, Failure> {
    let unread = |why: String| Failure::usage(why, None);
    let report = verify(parts(files).map_err(unread)?, key).map_err(unread)?;
    match report.lines == 0 && report.broken.is_none() {
        true => Err(Failure::failed("there is no line of an audit", None)),
        false => Ok(report),
    }
}

fn tell(report: &Report, print_key: bool, json: bool) -> Result<(), Failure> {
    if print_key {
        let key = report.key.as_ref().filter(|_| report.heads > 0 && report.broken.is_none());
        let key = key.ok_or_else(|| Failure::failed("the audit is broken, or no head of it is signed", None))?;
        crate::print(&format!("{key}\n"));
    } else if json {
        // Texts and numbers always become JSON.
        crate::print(&format!("{}\n", serde_json::to_string(report).unwrap_or_default()));
    } else {
        crate::print(&told(report));
    }
    Ok(())
}

fn told(report: &Report) -> String {
    let Report { lines, chains, unclean, heads, bare, key, begins_at, torn, lost, is_stopped, broken } = report;
    let mut text = String::new();
    let mut say = |line: String| text += &format!("{line}\n");
    if let Some(Broken { file, line, seq, why }) = broken {
        say(format!("broken at {}:{line}, where number {seq} belongs: {why}", one_line(file)));
        say(format!("{lines} lines before it hold"));
        return text;
    }
    say(format!("{lines} lines hold, in {chains} chain{}", if *chains == 1 { "" } else { "s" }));
    if let Some(number) = begins_at {
        say(format!("the first is number {number}: what was before is not here"));
    }
    if *torn > 0 {
        say(format!("{torn} torn by a crash, as the next start has found"));
    }
    if *unclean > 0 {
        say(format!(
            "{unclean} starts without an orderly stop before them: a server was killed, or lines before them were cut off"
        ));
    }
    if *lost > 0 {
        say(format!("{lost} lines about reads and refusals were lost while nothing could be written"));
    }
    match key {
        Some(key) => say(format!("{heads} heads are signed by {key}; {bare} lines are behind the last one")),
        None => say("no head is signed: nobody can tell whether lines are missing at the end".to_owned()),
    }
    if key.is_some() && !is_stopped {
        say("the end is no orderly stop: the server runs, or was killed, or the end was cut off".to_owned());
    }
    text
}

fn tail(files: &[PathBuf], count: usize, json: bool) -> Result<ExitCode, Failure> {
    let mut last = VecDeque::new();
    each(files, |line, value| {
        last.push_back((line.to_owned(), value.clone()));
        if last.len() > count {
            last.pop_front();
        }
    })?;
    last.iter().for_each(|(line, value)| print(line, value, json));
    Ok(ExitCode::SUCCESS)
}

/// Hands on each line that is one of an audit.
fn each(files: &[PathBuf], mut take: impl FnMut(&str, &Value)) -> Result<ExitCode, Failure> {
    let unread = |why: String| Failure::usage(why, None);
    for mut part in parts(files).map_err(unread)? {
        while let Some(line) = part.line().map_err(unread)? {
            if let Ok(text) = str::from_utf8(&line.bytes)
                && let Ok(value) = serde_json::from_str::<Value>(text)
                && value["time_ms"].is_u64()
            {
                take(text, &value);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Query {
    fn fits(&self, line: &Value) -> bool {
        let members = [
            ("who", &self.who),
            ("agent", &self.agent),
            ("task", &self.task),
            ("operation", &self.operation),
            ("outcome", &self.outcome),
        ];
        let time = line["time_ms"].as_i64().unwrap_or_default();
        members.into_iter().all(|(name, wanted)| wanted.as_deref().is_none_or(|wanted| line[name] == wanted))
            && self.since.is_none_or(|since| time >= since.millis)
            && self.until.is_none_or(|until| time < until.millis)
    }
}

/// As it stands for programs, in words for people.
fn print(line: &str, value: &Value, json: bool) {
    if json || !io::stdout().is_terminal() {
        return crate::print(&format!("{line}\n"));
    }
    let time = Timestamp { millis: value["time_ms"].as_i64().unwrap_or_default() };
    let names = ["who", "operation", "agent", "tool", "outcome", "by", "state", "task", "source"];
    let words = names.iter().filter_map(|name| value[*name].as_str()).map(one_line);
    crate::print(&format!("{time}  {}\n", words.collect::<Vec<_>>().join("  ")));
}
