//! Asks an agent's program about itself, as it tells it: its version, and whether it is logged in. Some take seconds, so each
//! question has a time limit; whatever a program does, nothing of it is left running, and of what it prints only a version is
//! shown.

use std::fmt;
use std::time::Duration;

use inhouse_agents::AgentSpec;
use inhouse_agents::known::Known;
use inhouse_agents::presets::preset;
use inhouse_run::Runner;
use inhouse_trust::{AgentCommand, HostEnv, Input, LaunchPlan, launch};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::config::AgentConfig;
use crate::operator;

/// How much of a program's output is read, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;
/// How long a version may be.
const VERSION_CHARS_MAX: usize = 40;

/// Asks programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe<'a> {
    /// Starts them.
    pub(crate) runner: &'a Runner,
    /// The environment of which they get their part.
    pub(crate) host: &'a HostEnv,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
}

/// Why something is not known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// There is nothing to ask, for this reason.
    NotAsked(&'static str),
    /// The program can not be started, for this reason.
    NotStarted(String),
    /// It was asked, and this is how it went.
    NoAnswer(String),
}

/// What a program said.
struct Said {
    success: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// What is known of the program of an agent, by the program's name.
pub(crate) fn known(agent: &AgentConfig) -> Option<&'static Known> {
    Some(preset(agent.program()?)?.known)
}

impl Probe<'_> {
    /// The version of a known program. Another one is not asked: to know its version would mean to run it.
    pub(crate) async fn version(&self, agent: &AgentConfig) -> Result<String, Unknown> {
        let known = known(agent).ok_or(Unknown::NotAsked("not a program that is known here"))?;
        let said = self.ask(agent, known.version_args).await?;
        match find(&String::from_utf8_lossy(&said.stdout)) {
            Some(version) if said.success => Ok(version),
            Some(_) => Err(Unknown::NoAnswer("it failed".into())),
            None => Err(Unknown::NoAnswer("it tells none".into())),
        }
    }

    /// Whether a known program of this version is logged in, where it has a command that tells it.
    pub(crate) async fn logged_in(&self, agent: &AgentConfig, version: Option<&str>) -> Result<bool, Unknown> {
        let known = known(agent).ok_or(Unknown::NotAsked("not a program that is known here"))?;
        let login = known.login.as_ref().ok_or(Unknown::NotAsked("it has no command that tells it"))?;
        let version = version.ok_or(Unknown::NotAsked("its version is not known"))?;
        if !login.is_in(version) {
            return Err(Unknown::NotAsked("this version has no command that tells it"));
        }
        let said = self.ask(agent, login.args).await?;
        let told = login.told(said.success, &said.stdout, &said.stderr);
        let told = told.ok_or_else(|| Unknown::NoAnswer("its answer is not understood".into()))?;
        let is_set = |name: &&&str| self.host.get(name).is_some_and(|value| !value.is_empty());
        match login.instead.iter().find(is_set) {
            Some(name) if !told => Err(Unknown::NoAnswer(format!("no, but {name} is set"))),
            _ => Ok(told),
        }
    }

    async fn ask(&self, agent: &AgentConfig, args: &[&str]) -> Result<Said, Unknown> {
        let plan = plan(agent, args, self.host).ok_or(Unknown::NotAsked("there is no program"))?;
        let late = || Unknown::NoAnswer(format!("no answer in {}", Shown(self.timeout)));
        tokio::time::timeout(self.timeout, self.answer(&plan)).await.unwrap_or_else(|_| Err(late()))
    }

    /// Dropping the run, as every way out of here does, kills all of it.
    async fn answer(&self, plan: &LaunchPlan) -> Result<Said, Unknown> {
        let mut run = self.runner.spawn(plan).await.map_err(|error| Unknown::NotStarted(error.to_string()))?;
        drop(run.stdin.take());
        let (stdout, stderr) = tokio::try_join!(read(run.stdout.take()), read(run.stderr.take()))?;
        Ok(Said { success: run.gone().await.success(), stdout, stderr })
    }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Unknown> {
    let mut output = Vec::new();
    let Some(pipe) = pipe else { return Ok(output) };
    match pipe.take(OUTPUT_BYTES_MAX + 1).read_to_end(&mut output).await {
        Ok(count) if count as u64 > OUTPUT_BYTES_MAX => {
            Err(Unknown::NoAnswer(format!("more than {OUTPUT_BYTES_MAX} bytes of output")))
        }
        Ok(_) => Ok(output),
        Err(error) => Err(Unknown::NoAnswer(error.to_string())),
    }
}

/// The agent's program as its turns are run, but with these arguments and no input.
fn plan(agent: &AgentConfig, args: &[&str], host: &HostEnv) -> Option<LaunchPlan> {
    let AgentSpec::Program(spec) = &agent.spec else { return None };
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let command = AgentCommand { args, input: Input::Protocol, ..spec.command.clone() };
    launch(&operator::permit(&agent.name)?, &command, "", &[], host).ok()
}

/// A time in the unit that a person would choose.
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 => write!(f, "{} s", self.0.as_secs()),
            _ => write!(f, "{} ms", self.0.as_millis()),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked(why) => f.write_str(why),
            Self::NotStarted(why) | Self::NoAnswer(why) => f.write_str(why),
        }
    }
}

/// The first word that begins with digits, a dot and a digit.
fn find(output: &str) -> Option<String> {
    let is_version = |word: &&str| {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let mut after = rest.chars();
        rest.len() < word.len() && after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit())
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-+_".contains(c);
    let words = output.split_whitespace().map(|word| word.strip_prefix('v').unwrap_or(word));
    let version: String =
        words.into_iter().find(is_version)?.chars().take_while(|c| allowed(*c)).take(VERSION_CHARS_MAX).collect();
    Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_programs_print() {
        for (output, version) in [
            ("2.1.330 (Claude Code)\n", Some("2.1.330")),
            ("codex-cli 0.169.0\n", Some("0.169.0")),
            ("0.61.0", Some("0.61.0")),
            ("v1.18.33-beta.1, built today", Some("1.18.33-beta.1")),
            ("1.2.3\u{1b}[31m", Some("1.2.3")),
            ("", None),
            ("usage: x [-v] 12", None),
        ] {
            assert_eq!(find(output).as_deref(), version, "{output}");
        }
    }
}
