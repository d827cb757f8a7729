//! A driver of one's own in one file, and a server around it: copy it, and change what the lines mean.
//!
//! The program reads the text on standard input and writes a word a line with its matter: `do NAME` for a tool that it uses, `say TEXT`
//! for a line of the answer, `ask TEXT` for a question that its turn ends with, `ok` when it is done, `no WHY` when it can not be.
//! `cargo run --example custom_agent -- /bin/sh my-agent.sh` serves it at http://127.0.0.1:8080/a2a for the token
//! `a-token-for-trying-it-out`.

#![allow(clippy::print_stdout, reason = "it has a user at a terminal")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, AgentEvent, End, Failure, Note, Output, Reason, Turn};
use inhouse_engine::{Activity, AgentEntry, Engine, EngineLimits, Takes};
use inhouse_run::{Options, Run, Runner};
use inhouse_serve::{
    AuditBounds, AuditLog, CardInfo, CardOptions, Endpoint, Limits, Metrics, Observer, Proxies, Route, Routes, Server,
    ServerOptions, Skill,
};
use inhouse_store::{MemoryLimits, MemoryStore};
use inhouse_trust::{
    AgentCommand, AgentName, HostEnv, HostRule, Input, OriginRule, Principal, Secret, TokenDigest, Tokens, launch,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::watch;

/// What the program may write in a turn, in bytes. A line is kept until it ends.
const OUTPUT_BYTES_MAX: u64 = 16 << 20;

/// The driver.
pub struct Teller {
    /// What to start.
    pub command: AgentCommand,
    /// What starts it, and ends it.
    pub runner: Runner,
}

#[async_trait]
impl Agent for Teller {
    /// One turn is one process. Whatever happens here, the task gets one end; dropping the run kills what the process started.
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        let host = HostEnv::new(std::env::vars_os());
        let Ok(plan) = launch(&turn.permit, &self.command, "", &[], &host) else {
            return failed(Reason::StartFailed, "the agent can not be started as it is configured");
        };
        let Ok(mut run) = self.runner.spawn(&plan).await else {
            return failed(Reason::StartFailed, "the agent can not be started");
        };
        let end = tokio::select! {
            end = converse(&mut run, turn.text(), output) => end,
            _ = turn.cancel.requested() => End::Canceled(Note::default()),
        };
        run.terminate();
        run.gone().await;
        end
    }
}

/// Input, output and errors flow at the same time, so that no order in which the program reads and writes can block it.
async fn converse(run: &mut Run, text: String, output: &mut dyn Output) -> End {
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) = (run.stdin.take(), run.stdout.take(), run.stderr.take())
    else {
        return failed(Reason::Internal, "a run has three pipes");
    };
    let feed = async move { stdin.write_all(text.as_bytes()).await };
    // Read, so that the program can write them; yours may go to a log.
    let errors = async move { tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await };
    let read = async {
        let mut lines = BufReader::new(stdout.take(OUTPUT_BYTES_MAX)).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let said = match word {
                "say" => AgentEvent::Text(format!("{rest}\n")),
                "do" => AgentEvent::Active(Activity::Tool { name: rest.to_owned() }),
                "ask" => return End::InputRequired(Note { text: Some(rest.to_owned()), data: None }),
                "ok" => return End::Completed(Note::default()),
                "no" => return failed(Reason::AgentFailed, rest),
                _ => continue,
            };
            // The task takes nothing more: it is full, or was canceled.
            if output.emit(said).await.is_err() {
                return End::Canceled(Note::default());
            }
        }
        // An exit code is no success: only the word is.
        failed(Reason::AgentProtocol, "the agent ended without a word on how it went")
    };
    let beside = async { tokio::join!(feed, errors) };
    tokio::pin!(read);
    tokio::select! {
        end = &mut read => end,
        _ = beside => read.await,
    }
}

fn failed(reason: Reason, why: &str) -> End {
    End::Failed(Failure::new(reason, why))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A run's supervisor is this program again.
    if std::env::args().nth(1).as_deref() == Some(inhouse_run::SUPERVISE_ARG) {
        inhouse_run::supervise();
    }
    let mut words = std::env::args().skip(1);
    let command = AgentCommand {
        program: PathBuf::from(words.next().ok_or("which program?")?),
        args: words.collect(),
        input: Input::Protocol,
        env_pass: Vec::new(),
        env_set: Vec::new(),
        directory: std::env::current_dir()?,
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let agent = Teller { command, runner: Runner::new(Options::default())? };
        let (server, engine) = server(([127, 0, 0, 1], 8080).into(), agent)?;
        println!("http://{}{}", server.local_addr(), inhouse_serve::ENDPOINT);
        let stopped = async {
            drop(tokio::signal::ctrl_c().await);
            engine.shutdown().await;
        };
        server.run(stopped).await;
        Ok(())
    })
}

/// A server of one agent, on an address of this machine.
pub fn server(listen: SocketAddr, agent: impl Agent) -> Result<(Server, Engine), Box<dyn std::error::Error>> {
    let name = AgentName::new("teller")?;
    let entry = AgentEntry::new(Arc::new(agent), Takes::Text);
    let store = Arc::new(MemoryStore::new(MemoryLimits::default()));
    let audit = AuditLog::new(AuditBounds::default(), std::io::stderr())?;
    let metrics = Metrics::new("auto", []);
    let observer = Observer::new(audit.clone(), metrics.clone());
    let agents = HashMap::from([(name.clone(), entry)]);
    let engine = Engine::new(store, agents, EngineLimits::default(), Arc::new(observer));
    let closing = watch::Sender::new(false);
    let endpoint = Endpoint::new(name, engine.clone(), closing.subscribe());
    let token = Secret::new("a-token-for-trying-it-out".to_owned());
    let tokens = Tokens::new([(Principal::new("me")?, TokenDigest::of(&token))]);
    let (routes, cards) = (vec![Route { endpoint, card: card() }], CardOptions::default());
    let routes = Routes::new(routes, None, cards, audit.clone(), metrics.clone(), closing.subscribe());
    let server = Server::bind(ServerOptions {
        listen,
        listen_too: vec![],
        tls: None,
        limits: Limits::default(),
        hosts: HostRule::new([], None, []),
        origins: OriginRule::new([]),
        proxies: Proxies::default(),
        tokens: watch::Sender::new(Arc::new(tokens)).subscribe(),
        service: Arc::new(routes),
        audit,
        metrics,
        closing,
    })?;
    Ok((server, engine))
}

fn card() -> CardInfo {
    let words = |words: &str| vec![words.to_owned()];
    let (id, name, description) = ("tell".into(), "Tell".into(), "Answers a text with a text".into());
    let skills = vec![Skill { id, name, description, tags: words("text"), examples: Vec::new() }];
    let (name, description, version) = ("Teller".into(), "An agent with a driver of its own".into(), "1".into());
    let (input_modes, output_modes) = (words("text/plain"), words("text/plain"));
    CardInfo { name, description, version, input_modes, output_modes, skills, ..CardInfo::default() }
}
