//! `inhouse mcp`: a server of the Model Context Protocol on stdin and stdout, by which its client (Claude Code, Codex …) uses
//! A2A agents. stdout holds nothing but the protocol; what a server answers wrongly is told as a tool's error, and ends nothing.
//!
//! In reading order: `tools` (what can be called), `bridge` (a call, from its arguments to its result), `directory` (which
//! agents there are), `watch` (a task while it works), `report` (what is told of it), `stdin`.

mod bridge;
mod directory;
mod report;
mod stdin;
mod tools;
mod watch;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;

use self::bridge::Bridge;
use self::directory::Directory;
use self::stdin::Stdin;
use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;
use crate::config::LogChoice;
use crate::log;

/// The longest line of the client.
const LINE_BYTES_MAX: usize = 16 << 20;

const EXAMPLES: &str = "\
Examples:
  claude mcp add inhouse -- inhouse mcp http://build-host:8080
  claude mcp add inhouse --env INHOUSE_TOKEN_FILE=/home/ann/token -- inhouse mcp http://one:8080 http://two:8080
  codex mcp add inhouse -- inhouse mcp http://build-host:8080

The client gets the tools list_agents, send, answer, get_task and cancel_task. While a task works, its progress is told. When the
client cancels a call of send or answer, the task is canceled; when it ends, its tasks go on.";

/// Let an MCP client, such as Claude Code or Codex, use A2A agents
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct McpArgs {
    /// The servers, each of which gets the token [default: as for other commands, or else those of all profiles]
    #[arg(value_name = "URL", conflicts_with_all = ["url", "profile"])]
    servers: Vec<String>,
    /// How long a call waits for its task, in seconds, unless it says so itself; the task goes on after that
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(..=tools::WAIT_S_MAX))]
    wait_s: u64,
    /// The most that a result tells of an answer, in bytes
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    answer_bytes_max: usize,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the verb.
pub(crate) async fn run(args: McpArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = serve(args, &mut output).await;
    output.finish(outcome)
}

async fn serve(args: McpArgs, output: &mut Output) -> Result<Exit, Problem> {
    let directory = Directory::new(args.servers, args.connection)?;
    log::start(LogChoice::Info);
    if std::io::stdin().is_terminal() {
        output.say(
            "this speaks MCP with a program on stdin and stdout, not with people; add it to one, for example with:",
        );
        output.say("  claude mcp add inhouse -- inhouse mcp URL");
    }
    let (stdin, over) = Stdin::new();
    let bridge = Bridge::new(directory, Duration::from_secs(args.wait_s), args.answer_bytes_max, over);
    let transport = AsyncRwTransport::new(stdin, tokio::io::stdout()).with_max_line_length(LINE_BYTES_MAX);
    let failed = |why: String| Problem::new(Exit::Failed, format!("no MCP: {why}"));
    match bridge.serve(transport).await {
        Ok(running) => running.waiting().await.map(|_| Exit::Done).map_err(|error| failed(error.to_string())),
        // Whoever asks nothing is done at once.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(Exit::Done),
        Err(error) => Err(failed(error.to_string())),
    }
}
