//! A whole A2A server around one command, on the crates that the binary is made of.
//!
//! `cargo run --example one_file -- /bin/cat` serves it at http://127.0.0.1:8080/a2a for the token `a-token-for-trying-it-out`.

#![allow(clippy::print_stdout, reason = "it has a user at a terminal")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use inhouse_agents::{AgentSpec, ProgramSpec, Protocol, build};
use inhouse_engine::{AgentEntry, Engine, EngineLimits};
use inhouse_run::{Options, Runner};
use inhouse_serve::{
    AuditBounds, AuditLog, CardInfo, CardOptions, Endpoint, Limits, Metrics, Observer, Proxies, Route, Routes, Server,
    ServerOptions, Skill,
};
use inhouse_store::{MemoryLimits, MemoryStore};
use inhouse_trust::{
    AgentCommand, AgentName, HostEnv, HostRule, Input, OriginRule, Principal, Secret, TokenDigest, Tokens,
};
use tokio::sync::watch;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A run's supervisor is this program again.
    if std::env::args().nth(1).as_deref() == Some(inhouse_run::SUPERVISE_ARG) {
        inhouse_run::supervise();
    }
    tokio::runtime::Runtime::new()?.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let host = HostEnv::new(std::env::vars_os());
    let runner = Runner::new(Options::default())?;
    let name = AgentName::new("mine")?;
    let protocol = Protocol::Text;
    let spec = AgentSpec::Program(Box::new(ProgramSpec::new(command()?, protocol)));
    let agent = build(spec, &runner, &host);
    let entry = AgentEntry::new(agent, protocol.takes());
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
    let server = Server::bind(ServerOptions {
        listen: ([127, 0, 0, 1], 8080).into(),
        listen_too: vec![],
        tls: None,
        limits: Limits::default(),
        hosts: HostRule::new([], None, []),
        origins: OriginRule::new([]),
        proxies: Proxies::default(),
        tokens: watch::Sender::new(Arc::new(tokens)).subscribe(),
        service: Arc::new(Routes::new(
            vec![Route { endpoint, card: card() }],
            None,
            CardOptions::default(),
            audit.clone(),
            metrics.clone(),
            closing.subscribe(),
        )),
        audit,
        metrics,
        closing,
    })?;
    println!("http://{}{}", server.local_addr(), inhouse_serve::ENDPOINT);
    let forgotten = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            engine.compact().await;
        }
    };
    // First the turns end, so that their readers hear how; then the connections; then what held the runs.
    let stopped = async {
        drop(tokio::signal::ctrl_c().await);
        engine.shutdown().await;
    };
    tokio::select! {
        () = server.run(stopped) => {}
        () = forgotten => {}
    }
    runner.shutdown().await;
    Ok(())
}

fn command() -> std::io::Result<AgentCommand> {
    let mut words = std::env::args().skip(1);
    Ok(AgentCommand {
        program: PathBuf::from(words.next().unwrap_or_else(|| "/bin/cat".to_owned())),
        args: words.collect(),
        input: Input::Stdin,
        env_pass: Vec::new(),
        env_set: Vec::new(),
        directory: std::env::current_dir()?,
    })
}

fn card() -> CardInfo {
    let words = |words: &str| vec![words.to_owned()];
    let (id, name, description) = ("answer".into(), "Answer".into(), "Answers a text with a text".into());
    let skills = vec![Skill { id, name, description, tags: words("text"), examples: Vec::new() }];
    let (name, description, version) = ("Mine".into(), "A command of mine".into(), "1".into());
    let (input_modes, output_modes) = (words("text/plain"), words("text/plain"));
    CardInfo { name, description, version, input_modes, output_modes, skills, ..CardInfo::default() }
}
