//! The `inhouse` program: serves command-line agents over A2A, and talks to such servers. Reading order: `args`, `config`,
//! `serve` and what it uses, `agents`, then `cli`, the verbs of a client.

mod access;
mod agents;
mod args;
mod assemble;
mod audit;
mod banner;
mod cli;
mod config;
mod detect;
mod doctor;
mod entrants;
mod entries;
mod containment;
mod exit;
mod holder;
mod issuers;
mod init;
mod listen;
mod log;
mod manual;
mod operator;
mod presets;
mod probe;
mod reload;
mod renewal;
mod reread;
mod root;
mod serve;
mod service;
mod signals;
#[cfg(test)]
mod testing;
mod tls;
mod token;
mod tokens;
mod whole;
mod workspaces;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, io, thread};

use clap::Parser as _;
use inhouse_trust::HostEnv;

use args::{Arguments, Command, ConfigArgs, ConfigVerb, ServeArgs};
use exit::Failure;

fn main() -> ExitCode {
    // A supervisor is this program again. It has one thread and nothing of the server, so this stands before all else.
    if env::args_os().nth(1).is_some_and(|word| word == inhouse_run::SUPERVISE_ARG) {
        inhouse_run::supervise();
    }
    // And so is what becomes the agent of a strict run.
    if env::args_os().nth(1).is_some_and(|word| word == inhouse_run::CONFINE_ARG) {
        inhouse_run::confine();
    }
    let Arguments { command, serve } = Arguments::parse();
    let ended = match command.unwrap_or_else(|| Command::Serve(Box::new(serve))) {
        Command::Serve(flags) => serve_until_stopped(&flags),
        Command::ExitCodes => {
            print(&format!("{}\n", args::EXIT_CODES));
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigArgs { verb: ConfigVerb::Show { origin, serve } }) => show(&serve, origin),
        Command::Config(ConfigArgs { verb: ConfigVerb::Check { serve } }) => check(&serve),
        Command::Config(ConfigArgs { verb: ConfigVerb::Schema }) => schema(),
        Command::Init(args) => directory().and_then(|here| init::run(&args, &HostEnv::new(env::vars_os()), &here)),
        Command::Service(args) => {
            directory().and_then(|here| service::run(&args, &HostEnv::new(env::vars_os()), &here))
        }
        Command::Completions(args) => Ok(manual::completions(&args)),
        Command::Man(args) => manual::man(&args),
        Command::Token(args) => tokens::run(*args),
        Command::Audit(args) => audit::run(*args),
        Command::Agents(args) => survey(*args),
        Command::Doctor(args) => directory().and_then(|directory| doctor::run(&args, &directory)),
        Command::Send(args) => run(cli::send::run(*args)),
        Command::Chat(args) => run(cli::chat::run(*args)),
        Command::Task(args) => run(cli::task::run(*args)),
        Command::Push(args) => run(cli::push::run(*args)),
        Command::Status(args) => run(cli::status::run(*args)),
        Command::Reload(args) => run(cli::reload::run(*args)),
        Command::Inspect(args) => run(cli::inspect::run(*args)),
        Command::Card(args) => run(cli::card::run(*args)),
        Command::Mcp(args) => run(cli::mcp::run(*args)),
    };
    ended.unwrap_or_else(|failure| failure.report())
}

fn serve_until_stopped(flags: &ServeArgs) -> Result<ExitCode, Failure> {
    let environment = HostEnv::new(env::vars_os());
    let config = load(flags, &environment)?;
    root::leave(&config.server)?;
    log::start(config.log.value);
    let for_agents = access::without_tokens(env::vars_os(), &config.callers);
    let runtime = runtime()?;
    let again = || load(flags, &environment);
    let ended = runtime.block_on(serve::serve(config, again, environment.clone(), for_agents));
    // Whatever a name server has not answered yet is not waited for.
    runtime.shutdown_background();
    ended
}

fn show(flags: &ServeArgs, origin: bool) -> Result<ExitCode, Failure> {
    let config = load(flags, &HostEnv::new(env::vars_os()))?;
    print(&config::show(&config, origin));
    Ok(ExitCode::SUCCESS)
}

fn check(flags: &ServeArgs) -> Result<ExitCode, Failure> {
    print(&config::summary(&load(flags, &HostEnv::new(env::vars_os()))?));
    Ok(ExitCode::SUCCESS)
}

fn schema() -> Result<ExitCode, Failure> {
    print(&format!("{:#}\n", config::schema()?));
    Ok(ExitCode::SUCCESS)
}

fn survey(args: agents::AgentsArgs) -> Result<ExitCode, Failure> {
    let config = config::survey(&args.serve, &HostEnv::new(env::vars_os()), &directory()?)?;
    let runtime = runtime()?;
    runtime.block_on(agents::run(args, config))
}

/// Writes to stdout. Whoever has closed it does not want the rest.
fn print(text: &str) {
    let _ = io::Write::write_all(&mut io::stdout(), text.as_bytes());
}

fn load(flags: &ServeArgs, environment: &HostEnv) -> Result<config::Config, Failure> {
    Ok(config::load(flags, environment, &directory()?)?)
}

fn directory() -> Result<PathBuf, Failure> {
    env::current_dir()
        .map_err(|error| Failure::usage(format!("the current folder can not be used: {error}"), Some("cd /".into())))
}

fn run(verb: impl Future<Output = ExitCode>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_runtime)?;
    Ok(runtime.block_on(verb))
}

/// At least two workers: one that is busy must not hold up the other connections.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let workers = thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().map_err(no_runtime)
}

fn no_runtime(error: io::Error) -> Failure {
    Failure::failed(format!("the system gives no threads or no event queue: {error}"), None)
}
