//! The command line: every command and every flag, with its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::agents;
use crate::audit;
use crate::cli;
use crate::config::{Containment, InputChoice, LogChoice, TlsChoice};
use crate::doctor;
use crate::init;
use crate::manual;
use crate::service;
use crate::tokens;

const EXAMPLES: &str = "\
Examples:
  inhouse                                  serve the first of claude, codex, gemini, opencode, qwen on PATH
  inhouse serve --agent codex              serve this one
  inhouse serve -- claude --model opus     serve it with arguments of your own
  inhouse serve -- node my-bot.js          serve any program
  API_TOKEN=… inhouse serve --host 0.0.0.0 let teammates in, who have this token
  inhouse init                             write an inhouse.toml for the agents that are there
  inhouse agents                           see which agents are there, and which would be served, and why
  inhouse doctor                           see whether this machine is fit to serve them, and what to mend
  inhouse token new ann                    a token for a teammate; revoke it while the server runs
  inhouse status                           see how a running server stands
  inhouse send \"what does this repository do?\"

In inhouse.toml an agent can have a git worktree for each conversation, or report what it changed on disk: workspace, report_changes.
Flags win over the environment, the environment over inhouse.toml. Environment: HOST PORT API_TOKEN AGENT_CMD AGENT_NAME
AGENT_DESCRIPTION AGENT_PROJECT AGENT_INPUT REQUEST_TIMEOUT_MS RATE_LIMIT_RPM MAX_BODY_BYTES INHOUSE_LOG
INHOUSE_CONSOLE.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 the agent asks, 4 authentication, 5 unreachable, 130 interrupted.";

/// What `inhouse exit-codes` says, and `inhouse help exit-codes`.
pub(crate) const EXIT_CODES: &str = "\
What an exit code tells a script:

  0    it did what was asked
  1    it did not; or the task failed, was rejected or canceled; or what was checked is wrong
  2    the command line, the environment or a file is wrong
  3    the task waits for its caller: for an answer or for a credential
  4    the server wants a token, or another one
  5    there is no server, or it does not answer
  130  Ctrl-C

A server that cannot start ends with 1 or 2. Whoever closes the pipe that is written to, as `| head` does, is no error.";

/// Serve the command-line agents you already run as A2A endpoints, inside your own network
#[derive(Parser)]
#[command(name = "inhouse", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The flags of `serve`.
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve agents; what `inhouse` alone does
    #[command(after_help = EXAMPLES)]
    Serve(Box<ServeArgs>),
    Init(Box<init::InitArgs>),
    Service(Box<service::ServiceArgs>),
    Agents(Box<agents::AgentsArgs>),
    Doctor(Box<doctor::DoctorArgs>),
    Token(Box<tokens::TokenArgs>),
    Audit(Box<audit::AuditArgs>),
    Send(Box<cli::send::SendArgs>),
    Chat(Box<cli::chat::ChatArgs>),
    Task(Box<cli::task::TaskArgs>),
    Push(Box<cli::push::PushArgs>),
    Card(Box<cli::card::CardArgs>),
    Status(Box<cli::status::StatusArgs>),
    Reload(Box<cli::reload::ReloadArgs>),
    Inspect(Box<cli::inspect::InspectArgs>),
    Mcp(Box<cli::mcp::McpArgs>),
    /// Look at the configuration
    Config(ConfigArgs),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
    /// What the exit codes mean
    #[command(hide = true, long_about = EXIT_CODES)]
    ExitCodes,
}

/// Flags of `config`.
#[derive(Args)]
pub(crate) struct ConfigArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

/// What to do with the configuration.
#[derive(Subcommand)]
pub(crate) enum ConfigVerb {
    /// Say whether `serve` with the same flags would take the configuration, and what is wrong where it would not
    Check {
        /// The flags of `serve`.
        #[command(flatten)]
        serve: Box<ServeArgs>,
    },
    /// Print what inhouse.toml may hold, as a JSON Schema for editors
    #[command(after_help = "\
Examples:
  inhouse config schema > inhouse.schema.json

With this as its first line, editors that know TOML check the file and explain its keys:
  #:schema ./inhouse.schema.json")]
    Schema,
    /// Print every setting as `serve` with the same flags would use it
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
        /// The flags of `serve`.
        #[command(flatten)]
        serve: Box<ServeArgs>,
    },
}

/// Flags of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// The agent that answers: a name of the configuration file, or claude, codex, gemini, opencode, qwen, demo
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    pub(crate) agent: Option<String>,
    /// The name or address to listen on [default: HOST, else 127.0.0.1]
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// The port to listen on, 0 for a free one [default: PORT, else 8080]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// The folder that the agent works in [default: AGENT_PROJECT, else this one]
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<String>,
    /// The configuration file [default: inhouse.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The agent's name on its card [default: AGENT_NAME]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What the agent does, on its card [default: AGENT_DESCRIPTION]
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// How a message reaches the program [default: AGENT_INPUT, else both stdin and argument for a program not known here]
    #[arg(long, value_enum)]
    pub(crate) input: Option<InputChoice>,
    /// The address by which callers reach the server, when it is not the one it listens on
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Serve no console at /console/ [default: INHOUSE_CONSOLE, else it is there]
    #[arg(long)]
    pub(crate) no_console: bool,
    /// Speak TLS with certificates of an authority of the server's own, which it makes once and keeps
    #[arg(long, value_enum)]
    pub(crate) tls: Option<TlsChoice>,
    /// The certificate to speak TLS with, and those above it, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// How firmly an agent's processes are held [default: auto]
    #[arg(long, value_enum)]
    pub(crate) containment: Option<Containment>,
    /// Start only where agents can have namespaces of their own
    #[arg(long)]
    pub(crate) require_sandbox: bool,
    /// Started as root, become this user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// This machine is a container: root may serve [default: whether the variable `container` is set]
    #[arg(long)]
    pub(crate) container: bool,
    /// Refuse what is otherwise only warned of: weak tokens, root, and plain HTTP off this machine
    #[arg(long)]
    pub(crate) hardened: bool,
    /// How much the log on stderr says [default: INHOUSE_LOG, else info]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) log: Option<LogChoice>,
    /// The program to serve, with its arguments [default: AGENT_CMD]
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn serve(words: &[&str]) -> ServeArgs {
        let arguments = Arguments::try_parse_from(["inhouse"].iter().chain(words)).unwrap();
        match arguments.command {
            Some(Command::Serve(serve)) => *serve,
            None => arguments.serve,
            Some(_) => panic!("another command"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_of_serve_names_every_variable_and_has_examples() {
        let mut command = Arguments::command();
        let serve = command.find_subcommand_mut("serve").unwrap();
        for (id, variable) in [
            ("host", "HOST"),
            ("port", "PORT"),
            ("project", "AGENT_PROJECT"),
            ("name", "AGENT_NAME"),
            ("description", "AGENT_DESCRIPTION"),
            ("input", "AGENT_INPUT"),
            ("log", "INHOUSE_LOG"),
            ("no_console", "INHOUSE_CONSOLE"),
            ("command", "AGENT_CMD"),
        ] {
            let flag = serve.get_arguments().find(|flag| flag.get_id() == id).unwrap();
            assert!(flag.get_help().unwrap().to_string().contains(&format!("[default: {variable}")), "{id}");
        }
        let help = serve.render_long_help().to_string();
        assert!(help.contains("Examples:\n  inhouse "));
        let limits = crate::config::LIMITS.iter().filter_map(|limit| limit.environment);
        for variable in limits.chain(["API_TOKEN", "AGENT_CMD", "INHOUSE_LOG"]) {
            assert!(
                help.split(|c: char| !c.is_ascii_uppercase() && c != '_').any(|word| word == variable),
                "{variable}"
            );
        }
    }

    #[test]
    fn serve_may_be_left_out() {
        for words in [&[][..], &["serve"]] {
            assert!(serve(words).port.is_none(), "{words:?}");
        }
        for words in [&["--port", "1"][..], &["serve", "--port", "1"]] {
            assert_eq!(serve(words).port, Some(1), "{words:?}");
        }
        for words in [&["--", "node", "bot.js", "-v"][..], &["serve", "--", "node", "bot.js", "-v"]] {
            assert_eq!(serve(words).command, ["node", "bot.js", "-v"], "{words:?}");
        }
    }

    #[test]
    fn an_agent_and_a_command_exclude_each_other() {
        assert!(Arguments::try_parse_from(["inhouse", "serve", "--agent", "codex", "--", "node"]).is_err());
        assert!(Arguments::try_parse_from(["inhouse", "serve", "--port", "70000"]).is_err());
    }
}
