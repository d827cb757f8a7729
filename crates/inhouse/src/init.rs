//! `inhouse init`: writes an inhouse.toml for the agents that are there. It is the commented reference with what was found filled in,
//! so that whoever opens it sees everything that can be said.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use inhouse_agents::presets::PRESETS;
use inhouse_trust::HostEnv;

use crate::cli::{Exit, Output, Problem};
use crate::config::FILE_NAME;
use crate::detect::Finder;
use crate::exit::Failure;
use crate::presets::{DEMO, about};
use crate::whole;

/// Every key, commented out.
const REFERENCE: &str = include_str!("../../../inhouse.toml.example");
/// Tables of which there is one each: they are there even when nothing is said in them, so that a key need only be uncommented.
const TABLES: [&str; 5] = ["[server]", "[card]", "[audit]", "[push]", "[limits]"];
/// Before this line of the reference the agents are put.
const BEFORE_AGENTS: &str = "# [agents.shop]";
/// Of the file, before the umask.
const MODE: u32 = 0o666;
/// How often a question is asked again before its default is taken.
const ASKED_MAX: usize = 3;

/// Write an inhouse.toml for the agents that are on PATH
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse init                             what is found, for this machine alone
  inhouse init --agent codex --team        codex answers by default; teammates come in by TLS
  inhouse init --output /etc/inhouse/inhouse.toml

On a terminal it asks what is not said; elsewhere it asks nothing. A file that is there is never touched.")]
pub(crate) struct InitArgs {
    /// The agent that answers by default: claude, codex, gemini, opencode, qwen, demo [default: the first one on PATH]
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Listen on all addresses of this machine, with TLS by an authority of the server's own
    #[arg(long)]
    team: bool,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    output: PathBuf,
}

/// What goes into the file.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// Those that are there, the default one first.
    agents: Vec<&'static str>,
    is_for_team: bool,
}

/// Looks, asks and writes.
///
/// # Errors
/// [`Failure`] for an agent that is not known or not there, and for a file that is there or can not be written.
pub(crate) fn run(args: &InitArgs, environment: &HostEnv, directory: &Path) -> Result<ExitCode, Failure> {
    let path = directory.join(&args.output);
    if path.symlink_metadata().is_ok() {
        return Err(exists(&args.output));
    }
    let finder = Finder::new(environment.get("PATH"), directory);
    let known = PRESETS.iter().map(|preset| preset.name());
    let found: Vec<_> = known.filter(|name| finder.find(name, directory).is_ok()).collect();
    let mut terminal = Terminal::of_this_process();
    let default = default(args.agent.as_deref(), &found, terminal.as_mut())?;
    let is_for_team = args.team || terminal.as_mut().is_some_and(Terminal::asks_for_team);
    let others = found.iter().copied().filter(|name| *name != default);
    let plan = Plan { agents: [default].into_iter().chain(others).collect(), is_for_team };
    whole::put(&path, MODE, &plan.text()).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(&args.output),
        _ => Failure::failed(format!("{} can not be written: {error}", args.output.display()), None),
    })?;
    let mut output = Output::new();
    let outcome = plan.tell(&args.output, &mut output);
    Ok(output.finish(outcome))
}

/// Which agent answers by default.
fn default(
    named: Option<&str>,
    found: &[&'static str],
    terminal: Option<&mut Terminal>,
) -> Result<&'static str, Failure> {
    match (named, found) {
        (Some(DEMO), _) | (None, []) => Ok(DEMO),
        (Some(name), _) => found.iter().copied().find(|found| *found == name).ok_or_else(|| missing(name)),
        (None, [only]) => Ok(only),
        (None, [first, ..]) => Ok(terminal.and_then(|terminal| terminal.choice(found)).unwrap_or(first)),
    }
}

fn missing(name: &str) -> Failure {
    let preset = PRESETS.iter().find(|preset| preset.name() == name);
    match preset.and_then(|preset| about(preset.name()).install) {
        Some(install) => Failure::usage(format!("{name} is not on PATH"), Some(install.to_owned())),
        None => {
            let names = crate::presets::names().join(", ");
            Failure::usage(format!("there is no agent {name:?}"), Some(format!("agents: {names}")))
        }
    }
}

fn exists(path: &Path) -> Failure {
    let hint = "inhouse config check, or name another one with --output".to_owned();
    Failure::usage(format!("{} is there already, and stays as it is", path.display()), Some(hint))
}

impl Plan {
    /// The file.
    fn text(&self) -> String {
        let mut text = String::from(
            "## The configuration of this inhouse: `inhouse config check` looks at it, `inhouse` serves by it.\n",
        );
        for line in REFERENCE.lines().skip(1) {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            if line == BEFORE_AGENTS {
                text.push_str(&self.tables());
            }
            let line = match bare {
                _ if TABLES.contains(&bare) => bare,
                "host = \"127.0.0.1\"" if self.is_for_team => "host = \"0.0.0.0\"",
                "tls = \"auto\"" if self.is_for_team => bare,
                _ => line,
            };
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn tables(&self) -> String {
        let table = |(at, name): (usize, &&str)| {
            format!("[agents.{name}]\n{}\n", if at == 0 { "default = true\n" } else { "" })
        };
        self.agents.iter().enumerate().map(table).collect()
    }

    /// What was written, and what comes next.
    fn tell(&self, path: &Path, output: &mut Output) -> Result<Exit, Problem> {
        let mut text = format!("wrote {}: {}", path.display(), self.agents.join(", "));
        text.push_str(if self.agents.len() > 1 { "; the first one answers by default\n" } else { "\n" });
        if self.agents == [DEMO] {
            text.push_str(
                "no agent is on PATH: the demo repeats what it is told, until you install one (inhouse agents)\n",
            );
        }
        let named = if path == Path::new(FILE_NAME) { String::new() } else { format!(" --config {}", path.display()) };
        let mut next = vec![format!("inhouse doctor{named}"), format!("inhouse serve{named}")];
        if self.is_for_team {
            next.insert(1, format!("inhouse token{named} new NAME"));
        }
        text.push_str(&format!("next: {}\n", next.join(", then ")));
        output.result(&text).map(|()| Exit::Done)
    }
}

/// Where there is somebody who can be asked.
struct Terminal;

impl Terminal {
    fn of_this_process() -> Option<Self> {
        (io::stdin().is_terminal() && io::stderr().is_terminal()).then_some(Self)
    }

    fn choice(&mut self, found: &[&'static str]) -> Option<&'static str> {
        for _ in 0..ASKED_MAX {
            let answer = self.ask(&format!("Which agent answers by default? {} [{}]", found.join(", "), found[0]))?;
            let chosen = found.iter().copied().find(|name| *name == answer);
            if answer.is_empty() || chosen.is_some() {
                return chosen;
            }
        }
        None
    }

    fn asks_for_team(&mut self) -> bool {
        let answer = self.ask("Shall teammates come in over the network, by TLS? y or n [n]");
        answer.is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// A line; nothing at the end of input.
    fn ask(&mut self, question: &str) -> Option<String> {
        let mut err = io::stderr();
        let _ = err.write_all(format!("{question} ").as_bytes()).and_then(|()| err.flush());
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::ServeArgs;
    use crate::testing::Folder;

    fn folder(agents: &[&str]) -> (Folder, HostEnv) {
        let folder = Folder::new();
        agents.iter().for_each(|agent| folder.file(&format!("bin/{agent}"), 0o755));
        let path = folder.path().join("bin").into_os_string();
        (folder, HostEnv::new([("PATH".into(), path), ("HOME".into(), "/nowhere".into())]))
    }

    #[test]
    fn what_is_written_is_a_configuration_that_serves_what_was_found() {
        for (agents, is_for_team) in [(vec![DEMO], false), (vec!["codex", "claude"], true)] {
            let (folder, environment) = folder(&agents);
            let plan = Plan { agents: agents.clone(), is_for_team };
            std::fs::write(folder.path().join(FILE_NAME), plan.text()).unwrap();
            let config = crate::config::load(&ServeArgs::default(), &environment, folder.path()).unwrap();
            let served: Vec<_> = config.agents.list.iter().map(|agent| agent.name.as_str()).collect();
            assert_eq!((served, config.agents.default().name.as_str()), (agents.clone(), agents[0]));
            assert_eq!(config.server.host.value, if is_for_team { "0.0.0.0" } else { "127.0.0.1" });
            assert_eq!(config.server.tls.is_some(), is_for_team);
        }
    }

    #[test]
    fn a_key_need_only_be_uncommented() {
        let (folder, environment) = folder(&[]);
        let text = Plan { agents: vec![DEMO], is_for_team: false }.text();
        let text = text.replace("# port = 8080", "port = 1234").replace("# sync = false", "sync = true");
        std::fs::write(folder.path().join(FILE_NAME), text.replace("# rate_limit_rpm = 30", "rate_limit_rpm = 7"))
            .unwrap();
        let config = crate::config::load(&ServeArgs::default(), &environment, folder.path()).unwrap();
        assert_eq!((config.server.port.value, config.limits.rate_limit_rpm.value), (1234, 7));
        assert!(config.audit.sync.value);
    }

    #[test]
    fn the_default_agent_is_one_that_is_there() {
        assert_eq!(default(None, &["codex", "qwen"], None), Ok("codex"));
        assert_eq!(default(Some("qwen"), &["codex", "qwen"], None), Ok("qwen"));
        assert_eq!(default(None, &[], None), Ok(DEMO));
        assert_eq!(default(Some(DEMO), &["codex"], None), Ok(DEMO));
        assert_eq!(default(Some("claude"), &["codex"], None).unwrap_err().message(), "claude is not on PATH");
        let unknown = default(Some("clod"), &["codex"], None).unwrap_err();
        assert_eq!(unknown.hint(), Some("agents: claude, codex, gemini, opencode, qwen, demo"));
    }
}
