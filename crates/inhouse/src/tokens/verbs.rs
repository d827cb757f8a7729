//! `inhouse token`: issues tokens, lists, revokes and renews them. A secret is printed once, on stdout, and its digest is kept.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use inhouse_proto::json::Timestamp;
use inhouse_trust::{AgentName, HostEnv, Principal, Rights, Scope};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::keyring::{Issued, Kept, Keyring, KeyringError};
use crate::cli::{one_line, table};
use crate::config;
use crate::exit::Failure;
use crate::token;

/// How long the earlier secret of a token goes on, where nothing is said.
const OVERLAP: &str = "24h";

/// Issue, list, revoke and renew tokens, also while the server runs
#[derive(Args)]
#[command(after_help = "\
Examples:
  inhouse token new ci --scope send,read --expires 90d     print a new token for the caller ci, who may send and read
  inhouse token new ann-laptop --caller ann                a second token of the caller ann
  inhouse token new bot --agent docs --running 1           for one agent, one turn at a time
  inhouse token list
  inhouse token rotate ci                                  print a new secret; the old one goes on for 24 hours
  inhouse token revoke ann-laptop                          its streams end, and nobody comes in with it any more

The tokens stand in tokens_file of [server], by default ~/.local/state/inhouse/tokens.json, and only as digests. A server that
is running sees a change within a second (files_reload_ms).")]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    verb: Verb,
    /// The configuration file, which may name the tokens file [default: inhouse.toml, when it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Verb {
    /// Issue a token and print it, once
    New(Box<New>),
    /// List the tokens; never their secrets
    List {
        /// Print each token as a JSON object, one a line
        #[arg(long)]
        json: bool,
    },
    /// Make a token good for nothing, at once
    Revoke {
        /// The token's name
        name: String,
    },
    /// Print a new secret for a token; the one before goes on for a while
    Rotate {
        /// The token's name
        name: String,
        /// For how long the one before goes on: such as 30m, 24h or 7d; 0s ends it now
        #[arg(long, value_name = "TIME", default_value = OVERLAP, value_parser = seconds)]
        keep: u64,
    },
}

#[derive(Args)]
struct New {
    /// The token's name
    name: String,
    /// Whose tasks it opens [default: the token's name]
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// What it is good for: send, read, cancel, push, approve, admin [default: all but admin]
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<String>,
    /// The agents that it is good for [default: all]
    #[arg(long, value_name = "AGENT", value_delimiter = ',')]
    agent: Vec<String>,
    /// For how long: such as 12h or 90d [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    expires: Option<u64>,
    /// Turns that its caller may start in a minute, where that is less than all may
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    starts_per_minute: Option<u32>,
    /// Turns of one agent that may run at the same time
    #[arg(long, value_name = "N")]
    running: Option<usize>,
    /// Turns that may wait for one agent
    #[arg(long, value_name = "N")]
    queued: Option<usize>,
}

/// Does it.
///
/// # Errors
/// [`Failure`], and then nothing has changed.
pub(crate) fn run(args: TokenArgs) -> Result<ExitCode, Failure> {
    let directory = env::current_dir().map_err(|error| Failure::usage(error.to_string(), None))?;
    let path = config::tokens_file(args.config.as_deref(), &HostEnv::new(env::vars_os()), &directory)?;
    match args.verb {
        Verb::New(new) => issue(&path, *new),
        Verb::List { json } => list(&path, json),
        Verb::Revoke { name } => revoke(&path, &name),
        Verb::Rotate { name, keep } => rotate(&path, &name, keep),
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        let hint = error.hint();
        Self::usage(error.to_string(), hint)
    }
}

/// A new secret: what is printed of it, and what is kept.
fn secret() -> Result<(inhouse_trust::Secret, Kept), Failure> {
    let secret = token::generate().map_err(|error| Failure::failed(error.to_string(), None))?;
    let digest = Sha256::digest(secret.expose().as_bytes());
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((secret, Kept { sha256, until: None }))
}

fn issue(path: &Path, new: New) -> Result<ExitCode, Failure> {
    let (secret, kept) = secret()?;
    let issued = new.issued(kept)?;
    let said = format!("token {} of caller {} may {}", issued.name, issued.caller, issued.scopes.join(", "));
    let until = issued.until.map_or_else(String::new, |until| format!(" until {until}"));
    Keyring::change(path, |keyring| {
        if keyring.tokens.iter().any(|token| token.name == issued.name) {
            let hint = format!("inhouse token rotate {0}, or inhouse token revoke {0}", issued.name);
            return Err(Failure::usage(format!("there is a token {} already", issued.name), Some(hint)));
        }
        keyring.tokens.push(issued);
        Ok(())
    })?;
    print_secret(&secret, &format!("{said}{until}; it is shown this once"));
    Ok(ExitCode::SUCCESS)
}

impl New {
    fn issued(self, kept: Kept) -> Result<Issued, Failure> {
        let wrong = |error: inhouse_trust::NameError| Failure::usage(error.to_string(), None);
        Principal::new(&self.name).map_err(wrong)?;
        let caller = self.caller.unwrap_or_else(|| self.name.clone());
        Principal::new(&caller).map_err(wrong)?;
        self.agent.iter().try_for_each(|name| AgentName::new(name).map(drop)).map_err(wrong)?;
        let known = || Scope::ALL.map(Scope::name).join(", ");
        if let Some(unknown) = self.scope.iter().find(|name| Scope::named(name).is_none()) {
            return Err(Failure::usage(format!("there is no scope {unknown:?}"), Some(format!("scopes: {}", known()))));
        }
        let all = || Rights::default().scopes.into_iter().map(|scope| scope.name().to_owned()).collect();
        let now = now();
        Ok(Issued {
            name: self.name,
            caller,
            secrets: vec![kept],
            scopes: if self.scope.is_empty() { all() } else { self.scope },
            agents: (!self.agent.is_empty()).then_some(self.agent),
            issued: now,
            until: self.expires.map(|seconds| after(now, seconds)),
            starts_per_minute_max: self.starts_per_minute,
            running_max: self.running,
            queued_max: self.queued,
        })
    }
}

fn list(path: &Path, json: bool) -> Result<ExitCode, Failure> {
    let keyring = Keyring::read(path)?;
    let mut out = String::new();
    if json {
        for token in &keyring.tokens {
            let live = live(token).count();
            let shown = json!({
                "name": token.name, "caller": token.caller, "scopes": token.scopes, "agents": token.agents,
                "issued": token.issued, "until": token.until, "secrets": live,
                "startsPerMinuteMax": token.starts_per_minute_max, "runningMax": token.running_max,
                "queuedMax": token.queued_max,
            });
            out += &format!("{shown}\n");
        }
    } else if keyring.tokens.is_empty() {
        eprintln!("no tokens in {}: inhouse token new NAME issues one", path.display());
    } else {
        let head = ["NAME", "CALLER", "SCOPES", "AGENTS", "UNTIL", "SECRETS"].map(str::to_owned);
        let row = |token: &Issued| {
            let agents = token.agents.as_ref().map_or_else(|| "all".to_owned(), |names| names.join(","));
            let until = token.until.map_or_else(|| "revoked".to_owned(), |until| until.to_string());
            let cells = [token.name.clone(), token.caller.clone(), token.scopes.join(","), agents, until];
            let [name, caller, scopes, agents, until] = cells.map(|cell| one_line(&cell).into_owned());
            [name, caller, scopes, agents, until, live(token).count().to_string()]
        };
        out = table(&std::iter::once(head).chain(keyring.tokens.iter().map(row)).map(Vec::from).collect::<Vec<_>>());
    }
    crate::print(&out);
    Ok(ExitCode::SUCCESS)
}

/// The secrets that are still good.
fn live(token: &Issued) -> impl Iterator<Item = &Kept> {
    let now = now();
    let ended = move |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
    token.secrets.iter().filter(move |kept| !ended(kept.until) && !ended(token.until))
}

fn revoke(path: &Path, name: &str) -> Result<ExitCode, Failure> {
    Keyring::change(path, |keyring| {
        let before = keyring.tokens.len();
        keyring.tokens.retain(|token| token.name != name);
        if keyring.tokens.len() == before { Err(unknown(keyring, name)) } else { Ok(()) }
    })?;
    eprintln!("token {name} is revoked");
    Ok(ExitCode::SUCCESS)
}

fn rotate(path: &Path, name: &str, keep_s: u64) -> Result<ExitCode, Failure> {
    let (secret, kept) = secret()?;
    let until = after(now(), keep_s);
    Keyring::change(path, |keyring| {
        let Some(token) = keyring.tokens.iter_mut().find(|token| token.name == name) else {
            return Err(unknown(keyring, name));
        };
        // Never more than two: one that was on its way out already is out.
        let last = token.secrets.pop();
        token.secrets = last.into_iter().map(|last| Kept { until: Some(until), ..last }).collect();
        token.secrets.push(kept);
        Ok(())
    })?;
    print_secret(&secret, &format!("token {name} has a new secret, shown this once; the one before ends at {until}"));
    Ok(ExitCode::SUCCESS)
}

fn unknown(keyring: &Keyring, name: &str) -> Failure {
    let names: Vec<_> = keyring.tokens.iter().map(|token| token.name.as_str()).collect();
    let hint = if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) };
    Failure::usage(format!("there is no token {name:?}"), Some(hint))
}

/// The secret is the whole of stdout, so that it can be caught there; what is to be said of it goes to stderr.
fn print_secret(secret: &inhouse_trust::Secret, said: &str) {
    eprintln!("{said}");
    crate::print(&format!("{}\n", secret.expose()));
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp { millis: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX) }
}

fn after(time: Timestamp, seconds: u64) -> Timestamp {
    let millis = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
    Timestamp { millis: time.millis.saturating_add(millis) }
}

/// Reads `30m`, `24h`, `90d` and the like.
fn seconds(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err("a time is a number and s, m, h, d or w, such as 90d".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "a time is a number and s, m, h, d or w, such as 90d".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        let read = |text| seconds(text).ok();
        assert_eq!(["0s", "30m", "24h", "90d", "2w"].map(read), [0, 1_800, 86_400, 7_776_000, 1_209_600].map(Some));
        assert_eq!(["", "90", "d", "-1d", "1 d", "1y", "1.5h", "99999999999999999d"].map(read), [None; 8]);
    }
}
