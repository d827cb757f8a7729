//! `inhouse serve`: brings the parts up, prints the first output, and takes everything down again.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use inhouse_engine::Engine;
use inhouse_run::{Options, Runner};
use inhouse_serve::{CARD, CONSOLE, ENDPOINT, Latest, LiveTlsKeys, Routes, ServeError, Server, ServerOptions};
use inhouse_trust::{HostEnv, Tokens};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::access::{Access, Known, Weak};
use crate::assemble::{self, Behind};
use crate::audit;
use crate::banner::{Banner, TokenShown};
use crate::config::Config;
use crate::containment;
use crate::entrants::Entrants;
use crate::exit::Failure;
use crate::listen;
use crate::log;
use crate::probe::Probe;
use crate::reload::Reload;
use crate::renewal::Renewal;
use crate::root;
use crate::signals::Signals;
use crate::tls;
use crate::token::TokenFile;
use crate::workspaces;

/// How long the last audit lines may take to be written at the end.
const AUDIT_FLUSH: Duration = Duration::from_secs(2);
/// How long the first output waits for the agent's version. Requests are answered in the meantime.
const VERSION_WAIT: Duration = Duration::from_millis(300);
/// How long an agent may take to tell its version at all.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How often finished tasks that are over their time are forgotten.
const COMPACT_EVERY: Duration = Duration::from_secs(1);

/// Serves until a signal ends it: 0 after an orderly end, 130 after a second signal. Agents get their part of `for_agents`. On SIGHUP
/// what `load` reads is taken over.
///
/// # Errors
/// [`Failure`] when it can not start.
pub(crate) async fn serve(
    mut config: Config,
    load: impl Fn() -> Result<Config, Failure>,
    host: HostEnv,
    for_agents: HostEnv,
) -> Result<ExitCode, Failure> {
    keep_memory_private();
    let access = Access::new(&config.callers)?;
    let entrants = Arc::new(Entrants::new(&config, &access)?);
    let address = listen::address(&config.server.host.value, config.server.port.value)?;
    let mut signals = Signals::new().map_err(nothing_left)?;
    let every = Duration::from_millis(config.limits.files_reload_ms.value);
    let mut reload = Reload::new(every).map_err(nothing_left)?;
    let warnings = warnings(&config, &access.weak, &host, address)?;
    let tls = tls::open(&config, address, &mut reload)?;
    let held = assemble::runner(&config, &host, &containment::places(&config));
    let runner = Runner::new(Options { guarded: containment::guarded(&config), ..held })?;
    containment::strict(&config, &runner)?;
    let opened = audit::open(&config)?;
    workspaces::open(&mut config, &runner, &for_agents).await?;
    let (behind, wishes) = Behind::new(&config, &runner, &for_agents, opened.log.clone());
    let routes = watch::Sender::new(Arc::new(assemble::routes(&mut config, &behind)));
    let door = Door { address, tls, tokens: entrants.subscribe(), routes: routes.subscribe() };
    let server = Server::bind(door.options(&config, &behind))
        .map_err(|ServeError::Listen { address, source }| listen::refused(address, &source, &command_line()))?;
    warnings.iter().for_each(|warning| log::say(&format!("warning: {warning}")));
    containment::tell(&runner, &opened);
    let bound = server.local_addr();
    behind.admin.listens(server.local_addrs());
    let rules = server.rules();
    let stop = watch::Sender::new(false);
    let mut stopped = stop.subscribe();
    let serving = tokio::spawn(server.run(async move { drop(stopped.wait_for(|stop| *stop).await) }));
    let compacting = tokio::spawn(compact(behind.engine.clone()));
    reload.tokens(Arc::clone(&entrants)).map_err(nothing_left)?;
    reload.issuers(&entrants).map_err(nothing_left)?;
    let renewal = Renewal {
        load,
        address,
        host: &host,
        runner: &runner,
        behind: &behind,
        routes: &routes,
        rules,
        entrants: &entrants,
        reload,
    };
    // Held to the end: dropping it removes the file.
    let file = token_file(&access.known, &host)?;
    tokio::select! {
        () = greet(&config, &runner, &for_agents, bound, shown(&access.known, file.as_ref(), &host)) => {
            renewal.until_stopped(&mut config, &mut signals, wishes).await;
        }
        () = signals.stop() => {}
    }
    let ended = tokio::select! {
        () = stop_all(&config, &behind, &runner, &stop, serving) => ExitCode::SUCCESS,
        () = signals.stop() => ExitCode::from(130),
    };
    compacting.abort();
    // After a second signal there are turns that are not written down.
    if ended == ExitCode::SUCCESS {
        behind.audit.end(AUDIT_FLUSH)
    } else {
        behind.audit.flush(AUDIT_FLUSH)
    };
    Ok(ended)
}

/// What the operator should know before others come.
///
/// # Errors
/// [`Failure`] for what keeps the server from listening there.
fn warnings(config: &Config, weak: &Weak, host: &HostEnv, address: SocketAddr) -> Result<Vec<String>, Failure> {
    let server = &config.server;
    let warnings =
        [weak.check(server, address)?, root::check(server, address)?, containment::keep_tokens(config, host)];
    Ok(warnings.into_iter().flatten().chain(containment::linked(config)).collect())
}

/// The front door, but for what the configuration says of it.
struct Door {
    address: SocketAddr,
    tls: Option<LiveTlsKeys>,
    tokens: watch::Receiver<Arc<Tokens>>,
    routes: watch::Receiver<Arc<Routes>>,
}

impl Door {
    fn options(self, config: &Config, behind: &Behind) -> ServerOptions {
        let Self { address, tls, tokens, routes } = self;
        let also = config.server.grpc_port.value.map(|port| SocketAddr::new(address.ip(), port));
        ServerOptions {
            listen: address,
            listen_too: also.into_iter().collect(),
            tls,
            limits: assemble::door_limits(&config.limits),
            hosts: assemble::host_rule(&config.server),
            origins: assemble::origin_rule(&config.server),
            proxies: assemble::proxies(&config.server),
            tokens,
            service: Arc::new(Latest::new(routes)),
            audit: behind.audit.clone(),
            metrics: behind.metrics.clone(),
            closing: behind.closing.clone(),
        }
    }
}

/// What the operator reads at the end.
fn stopping(drain_ms: u64, grace_ms: u64) -> String {
    let drain = match drain_ms.div_ceil(1000) {
        0 => String::new(),
        drain_s => format!("work is taken for {drain_s} s more, then "),
    };
    format!("stopping: {drain}running turns have {} s, a second signal ends them now", grace_ms.div_ceil(1000))
}

/// First readiness goes, while work is still taken; then the turns end, so that their readers hear how; then webhooks, streams and
/// connections; then the supervisors.
async fn stop_all(
    config: &Config,
    behind: &Behind,
    runner: &Runner,
    stop: &watch::Sender<bool>,
    serving: JoinHandle<()>,
) {
    behind.draining.send_replace(true);
    let (drain_ms, grace_ms) = (config.limits.drain_ms.value, config.limits.shutdown_grace_ms.value);
    log::say(&stopping(drain_ms, grace_ms));
    tokio::time::sleep(Duration::from_millis(drain_ms)).await;
    behind.engine.shutdown().await;
    behind.push.shutdown().await;
    stop.send_replace(true);
    let _ = serving.await;
    runner.shutdown().await;
}

async fn compact(engine: Engine) {
    let mut every = tokio::time::interval(COMPACT_EVERY);
    loop {
        every.tick().await;
        engine.compact().await;
    }
}

/// Without a terminal a generated token is written where only its owner reads it.
fn token_file(known: &Known, host: &HostEnv) -> Result<Option<TokenFile>, Failure> {
    match known {
        Known::Generated(token) if !io::stdout().is_terminal() => {
            let runtime = host.get("XDG_RUNTIME_DIR").map(Path::new);
            let written = TokenFile::write(token, runtime, &env::temp_dir());
            let cure = "export API_TOKEN=$(openssl rand -hex 32); inhouse".to_owned();
            written.map(Some).map_err(|error| Failure::failed(error.to_string(), Some(cure)))
        }
        _ => Ok(None),
    }
}

/// How the pasted command gets its token. An operator's own token is shown on the operator's own screen alone.
fn shown<'a>(known: &'a Known, file: Option<&'a TokenFile>, host: &'a HostEnv) -> TokenShown<'a> {
    match (known, file) {
        (Known::Generated(_), Some(file)) => TokenShown::File(file.path()),
        (Known::Generated(token), None) => TokenShown::Plain(token.expose()),
        (Known::Variable(name), _) => match host.get(name).filter(|_| io::stdout().is_terminal()) {
            Some(token) => TokenShown::Plain(token),
            None => TokenShown::Variable(name),
        },
        (Known::Digests, _) => TokenShown::Unknown,
    }
}

/// Prints the first output. A known agent's version is waited for, but not for long: a late one goes to the log.
async fn greet(config: &Config, runner: &Runner, for_agents: &HostEnv, bound: SocketAddr, token: TokenShown<'_>) {
    let agent = config.agents.default();
    let probe = Probe { runner, host: for_agents, timeout: VERSION_TIMEOUT };
    let mut asked = pin!(probe.version(agent));
    let quick = timeout(VERSION_WAIT, &mut asked).await;
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from("inhouse"));
    let here = if bound.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bound.ip().to_string() };
    let is_tls = config.server.tls.is_some();
    let authority = config.server.tls.as_ref().and_then(|tls| tls.value.authority());
    let public_url = config.server.public_url.value.as_ref().map(|url| url.text.clone());
    let banner = Banner {
        agents: &config.agents,
        agent_version: quick.as_ref().ok().and_then(|version| version.as_deref().ok()),
        public_url: &public_url.unwrap_or_else(|| listen::url(is_tls, &config.server.host.value, bound)),
        authority: authority.as_deref(),
        local_url: &listen::url(is_tls, &here, bound),
        endpoint_path: ENDPOINT,
        card_path: CARD,
        console_path: config.server.console.value.then_some(CONSOLE),
        containment: &containment::held(runner),
        program: &program,
        token,
    };
    let text = banner.lines().into_iter().map(|line| line + "\n").collect::<String>();
    // Whoever has closed stdout does not want it.
    let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    if quick.is_err()
        && let Ok(version) = asked.await
    {
        tracing::info!("{} is version {version}", agent.title);
    }
}

/// Other processes of this user, agents among them, can not read the tokens in this one's memory and environment.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!("this process can be read by others of the same user: {error}");
    }
}

fn command_line() -> Vec<String> {
    env::args().collect()
}

pub(crate) fn nothing_left(error: io::Error) -> Failure {
    Failure::failed(format!("the system gives no threads or no signals: {error}"), None)
}
