//! Asks a known agent for its version, as its own program tells it. Slow (some take seconds), so nobody waits for it.

use std::time::Duration;

use inhouse_run::Runner;
use inhouse_trust::{AgentCommand, HostEnv, Input, LaunchPlan, launch};
use tokio::io::AsyncReadExt as _;

use crate::config::AgentConfig;
use crate::operator;

/// How long a program may take.
const VERSION_MS_MAX: u64 = 10_000;
/// How much of its output is read.
const OUTPUT_BYTES_MAX: u64 = 4_096;
/// How long a version may be.
const VERSION_CHARS_MAX: usize = 40;

/// The version of an agent that comes from a preset. A plain command is not asked: to know its version would mean to run it.
pub(crate) async fn version(agent: &AgentConfig, runner: &Runner, host: &HostEnv) -> Option<String> {
    let plan = plan(agent, host)?;
    let asked = async {
        let mut run = runner.spawn(&plan).await.ok()?;
        drop(run.stdin.take());
        let mut output = Vec::new();
        run.stdout.take()?.take(OUTPUT_BYTES_MAX).read_to_end(&mut output).await.ok()?;
        run.kill();
        run.gone().await;
        find(&String::from_utf8_lossy(&output))
    };
    tokio::time::timeout(Duration::from_millis(VERSION_MS_MAX), asked).await.ok()?
}

fn plan(agent: &AgentConfig, host: &HostEnv) -> Option<LaunchPlan> {
    let command = AgentCommand {
        program: agent.program()?.to_path_buf(),
        args: agent.preset?.version_args.iter().map(|arg| (*arg).to_owned()).collect(),
        input: Input::Protocol,
        env_pass: Vec::new(),
        env_set: Vec::new(),
        directory: agent.project.clone(),
    };
    launch(&operator::permit(&agent.name)?, &command, "", &[], host).ok()
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
