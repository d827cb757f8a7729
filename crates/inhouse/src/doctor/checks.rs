//! The checks, in the order of a start. Each does what the start does with the same function, as far as that changes nothing.

use std::env;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, SystemTime};

use inhouse_run::Runner;
use inhouse_trust::HostEnv;
use nix::unistd::{AccessFlags, access};

use super::Finding;
use crate::access::{self as entry, Access};
use crate::args::ServeArgs;
use crate::config::{self, AgentConfig, Callers, Config, JwtConfig, Tls, words::quote};
use crate::exit::Failure;
use crate::issuers::Keys;
use crate::probe::{Probe, Unknown, known};
use crate::{assemble, containment, entrants, listen, root, tls};

/// All of them; the first that fails may be the last that makes sense.
pub(super) async fn all(flags: &ServeArgs, environment: &HostEnv, directory: &Path, timeout_ms: u64) -> Vec<Finding> {
    let config = match config::load(flags, environment, directory) {
        Ok(config) => config,
        Err(error) => return vec![Finding::failed("configuration", error.to_string(), error.hint())],
    };
    let mut findings = vec![configuration(flags, directory)];
    let (runner, held) = contained(&config, environment);
    if let Some(runner) = &runner {
        let host = entry::without_tokens(env::vars_os(), &config.callers);
        let probe = Probe { runner, host: &host, timeout: Duration::from_millis(timeout_ms) };
        for agent in &config.agents.list {
            findings.extend(answers(agent, probe).await);
        }
        runner.shutdown().await;
    }
    findings.extend(config.agents.list.iter().filter(|agent| agent.program().is_some()).map(project));
    findings.extend(reached(&config));
    let issuers = Keys::new(&config.limits);
    for issuer in &config.jwt {
        findings.push(keys(issuer, &issuers).await);
    }
    findings.extend(held);
    findings.extend(containment::linked(&config).map(|warning| Finding::warning("protect", warning, None)));
    findings.extend(kept(&config, environment));
    findings.push(clock());
    findings
}

fn configuration(flags: &ServeArgs, directory: &Path) -> Finding {
    let file = flags.config.clone().unwrap_or_else(|| directory.join(config::FILE_NAME));
    match file.exists() {
        true => Finding::ok("configuration", file.display().to_string()),
        false => Finding::ok("configuration", "no inhouse.toml here: defaults, the environment and the flags"),
    }
}

/// What holds runs, and how firmly.
fn contained(config: &Config, environment: &HostEnv) -> (Option<Runner>, Vec<Finding>) {
    let area = "containment";
    match Runner::new(assemble::runner(config, environment, &containment::places(config))) {
        Ok(runner) => {
            let held = containment::held(&runner);
            let finding = match runner.shortfall() {
                Some(shortfall) => Finding::warning(area, held, shortfall.cure.clone()),
                None => Finding::ok(area, held),
            };
            let bounded = match containment::bounded(&runner) {
                Ok(by) => Finding::ok("resources", by),
                Err(lack) => Finding::warning("resources", lack, None),
            };
            let strict = containment::strict(config, &runner).err().map(|error| Finding::of("strict", &error.into()));
            (Some(runner), [finding, bounded].into_iter().chain(strict).collect())
        }
        Err(error) => (None, vec![Finding::of(area, &error.into())]),
    }
}

async fn answers(agent: &AgentConfig, probe: Probe<'_>) -> Vec<Finding> {
    let area = format!("agent {}", agent.name);
    let Some(program) = agent.program() else {
        let fix = "install one of claude, codex, gemini, opencode, qwen, or: inhouse serve -- COMMAND".to_owned();
        return vec![Finding::warning(area, "the demo agent, which only repeats what it is told", fix)];
    };
    let program = program.display();
    let version = probe.version(agent).await;
    let found = match &version {
        Ok(version) => Finding::ok(&area, format!("{program}, version {version}")),
        Err(Unknown::NotAsked(_)) => Finding::ok(&area, program.to_string()),
        Err(Unknown::NotStarted(why)) => {
            let fix = format!("see that it runs: {} --version", quote(&program.to_string()));
            return vec![Finding::failed(area, format!("{program} can not be started: {why}"), fix)];
        }
        Err(Unknown::NoAnswer(why)) => Finding::warning(&area, format!("{program}, version not known: {why}"), None),
    };
    let cure = known(agent).and_then(|known| known.login.as_ref()).map(|login| login.cure.to_owned());
    let login = match probe.logged_in(agent, version.as_deref().ok()).await {
        Ok(true) => Some(Finding::ok(&area, "logged in")),
        Ok(false) => Some(Finding::failed(&area, "not logged in", cure)),
        Err(Unknown::NotAsked(_)) => None,
        Err(Unknown::NotStarted(why) | Unknown::NoAnswer(why)) => {
            Some(Finding::warning(&area, format!("login not known: {why}"), cure))
        }
    };
    [Some(found), login].into_iter().flatten().collect()
}

fn project(agent: &AgentConfig) -> Finding {
    let (area, folder) = (format!("project of {}", agent.name), &agent.project);
    let shown = folder.display();
    match access(folder, AccessFlags::R_OK | AccessFlags::X_OK) {
        Ok(()) => Finding::ok(area, shown.to_string()),
        Err(error) => Finding::failed(area, format!("{shown}: {error}"), "name another one: --project DIR".to_owned()),
    }
}

/// Where it listens, by what it proves itself, and who may come in.
fn reached(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let address = match listen::address(&config.server.host.value, config.server.port.value) {
        Ok(address) => address,
        Err(failure) => return vec![Finding::of("address", &failure)],
    };
    let also = config.server.grpc_port.value.map(|port| SocketAddr::new(address.ip(), port));
    findings.extend([address].into_iter().chain(also).map(free));
    findings.push(match admitted(config, address) {
        Err(failure) => Finding::of("callers", &failure),
        Ok(Some(warning)) => Finding::warning("callers", warning, None),
        Ok(None) => Finding::ok("callers", callers(config)),
    });
    findings.extend(match root::check(&config.server, address) {
        Err(failure) => Some(Finding::of("user", &failure)),
        Ok(Some(warning)) => Some(Finding::warning("user", warning, None)),
        Ok(None) => None,
    });
    findings.push(encrypted(config, address));
    findings
}

/// What the start says of those who may come in.
fn admitted(config: &Config, address: SocketAddr) -> Result<Option<String>, Failure> {
    let access = Access::new(&config.callers)?;
    entrants::issued(&config.issued, config.jwt.iter()).map_err(|why| Failure::usage(why, None))?;
    access.weak.check(&config.server, address)
}

/// Whether an issuer's keys can be had.
async fn keys(issuer: &JwtConfig, keys: &Keys) -> Finding {
    let area = format!("issuer {}", issuer.rules.name);
    match keys.get(issuer).await {
        Ok(_) => Finding::ok(area, "its keys are there"),
        Err(why) => {
            Finding::failed(area, why, "jwks_file, jwks_url, or an issuer that tells where its keys are".to_owned())
        }
    }
}

fn free(address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("address", format!("{address} is free")),
        Err(error) => {
            Finding::of("address", &listen::refused(address, &error, &["inhouse".to_owned(), "serve".to_owned()]))
        }
    }
}

fn callers(config: &Config) -> String {
    let issued = config.issued.tokens.len();
    match &config.callers {
        Callers::Generated(_) => "nobody is named: a token is made at each start".to_owned(),
        Callers::Configured(list) => format!("{} configured, {issued} tokens issued", list.len()),
    }
}

fn encrypted(config: &Config, address: SocketAddr) -> Finding {
    match &config.server.tls {
        None if address.ip().is_loopback() => Finding::ok("TLS", "none, on this machine alone"),
        None => {
            let fix = "--tls auto, or --tls-cert and --tls-key".to_owned();
            Finding::warning("TLS", "none: what goes over the network can be read there", fix)
        }
        Some(setting) => match (&setting.value, tls::look(config, address)) {
            (_, Err(failure)) => Finding::of("TLS", &failure),
            (_, Ok(Some(warning))) => Finding::warning("TLS", warning, None),
            (Tls::Auto(_), Ok(None)) => Finding::ok("TLS", "by an authority of the server's own"),
            (Tls::Files(files), Ok(None)) => Finding::ok("TLS", files.cert.display().to_string()),
        },
    }
}

/// What is kept on disk, and what is not.
fn kept(config: &Config, environment: &HostEnv) -> Vec<Finding> {
    let server = &config.server;
    let file = |file: &Option<std::path::PathBuf>| file.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let mut folders: Vec<_> =
        [file(&server.tokens_file.value), server.workspaces_dir.value.clone(), file(&config.audit.file.value)]
            .into_iter()
            .flatten()
            .collect();
    folders.sort();
    folders.dedup();
    let mut findings: Vec<_> = folders.iter().map(|folder| writable(folder)).collect();
    findings
        .extend(containment::open_tokens(config, environment).map(|warning| Finding::warning("state", warning, None)));
    findings.push(Finding::ok("tasks", "are kept in memory: a restart forgets them"));
    findings
}

/// A folder that is not there yet is made below the first one that is.
fn writable(folder: &Path) -> Finding {
    let there = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(folder);
    let shown = folder.display();
    match access(there, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) if there == folder => Finding::ok("state", shown.to_string()),
        Ok(()) => Finding::ok("state", format!("{shown}, which is made when it is needed")),
        Err(error) => Finding::warning(
            "state",
            format!("{}: {error}", there.display()),
            format!("a folder of this user's own: install -d -m 700 {}", quote(&shown.to_string())),
        ),
    }
}

/// Tokens, certificates and retries have an end: a clock that is behind the file of this program is wrong.
fn clock() -> Finding {
    let made = env::current_exe().and_then(fs::metadata).and_then(|found| found.modified());
    let now = SystemTime::now();
    match made {
        Ok(made) if now + Duration::from_secs(86_400) < made => {
            let fix = "timedatectl set-ntp true".to_owned();
            Finding::warning("clock", "it is behind the day on which this program was installed", fix)
        }
        _ => Finding::ok("clock", "is not behind this program's file"),
    }
}
