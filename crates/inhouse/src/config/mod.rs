//! The configuration: flags over environment over file over defaults, each value with its origin. [`load`] returns it whole
//! and decided, or one error that says what, where and what to do. Reading order: `model`, `layer`, the three layers, `agents`.

mod agents;
mod budget;
mod callers;
mod choices;
pub(crate) mod document;
mod confined;
mod environment;
mod error;
mod file;
mod flags;
mod jwt;
mod language;
mod layer;
mod limits;
mod mapping;
mod exits;
mod model;
mod nearest;
mod origin;
mod protected;
mod renew;
mod resolve;
mod schema;
mod show;
mod tables;
mod tls;
mod urls;
pub(crate) mod words;
mod workspace;

use std::path::{Path, PathBuf};

use inhouse_trust::{HostEnv, Principal};

use crate::args::ServeArgs;
use crate::detect::Finder;
use crate::tokens::Keyring;
use agents::Situation;
use layer::{AgentWords, Draft, Layer};
use protected::PROTECTED;

pub(crate) use choices::{AuditTo, Containment, IdempotencyChoice, InputChoice, LogChoice, TlsChoice};
pub(crate) use error::ConfigError;
pub(crate) use file::FILE_NAME;
pub(crate) use jwt::{JwtConfig, KeysAt};
pub(crate) use layer::owner;
#[cfg(test)]
pub(crate) use limits::LIMITS;
pub(crate) use limits::Limits;
pub(crate) use model::{
    AgentChoice, AgentConfig, Agents, Audit, CallerConfig, CallerToken, Callers, Config, PublicUrl, Server, Survey,
    Surveyed,
};
pub(crate) use origin::{Origin, Setting};
pub(crate) use schema::schema;
pub(crate) use show::{show, summary, tables};
pub(crate) use tls::{Clients, Tls, TlsFiles};

/// The tokens that were issued, in the folder of what this program keeps.
const TOKENS_FILE: &str = "tokens.json";

/// Reads everything that decides how the server runs. Looks at the environment as it is passed, at the file, at PATH and at
/// project folders; changes nothing.
///
/// # Errors
/// [`ConfigError`], the first one found.
pub(crate) fn load(flags: &ServeArgs, environment: &HostEnv, directory: &Path) -> Result<Config, ConfigError> {
    decide(flags, environment, directory, agents::agents)
}

/// The same, but with every agent that there could be, and why those that can not be served can not.
///
/// # Errors
/// [`ConfigError`], the first one found that is not an agent's own.
pub(crate) fn survey(
    flags: &ServeArgs,
    environment: &HostEnv,
    directory: &Path,
) -> Result<Config<Survey>, ConfigError> {
    decide(flags, environment, directory, agents::survey)
}

/// The file of the tokens that were issued, as `serve` with this configuration file would find it; the rest of it is not looked at.
///
/// # Errors
/// [`ConfigError`] for a file that can not be read, and where there is no folder for it.
pub(crate) fn tokens_file(
    named: Option<&Path>,
    environment: &HostEnv,
    directory: &Path,
) -> Result<PathBuf, ConfigError> {
    let default = || Some(workspace::state_folder(environment)?.join(TOKENS_FILE));
    file::tokens_file(named, directory)?.or_else(default).ok_or_else(|| ConfigError::Conflict {
        origin: Origin::Default,
        problem: "tokens need a file, and the environment has no HOME".into(),
        hint: "name one in [server]: tokens_file = \"/var/lib/inhouse/tokens.json\"".into(),
    })
}

/// The file of the audit, as `serve` with this configuration file would write it, if it would; the rest of it is not looked at.
///
/// # Errors
/// [`ConfigError`] for a file that can not be read.
pub(crate) fn audit_file(named: Option<&Path>, directory: &Path) -> Result<Option<PathBuf>, ConfigError> {
    let audit = file::audit(named, directory)?;
    Ok(audit.file.value.filter(|_| audit.to.value != AuditTo::Stderr))
}

fn decide<A>(
    flags: &ServeArgs,
    environment: &HostEnv,
    directory: &Path,
    agents: impl FnOnce(AgentWords, Vec<Draft>, &Situation<'_>) -> Result<A, ConfigError>,
) -> Result<Config<A>, ConfigError> {
    let from_file = file::read(flags.config.as_deref(), directory, environment)?;
    let layers = [flags::layer(flags)?, environment::layer(environment)?, from_file.layer];
    let (layer, words) = merge(layers)?;
    let limits =
        Limits::choose(|limit| layer.limits.get(limit.key).cloned().unwrap_or_else(|| Setting::default(limit.default)));
    check_graces(&limits)?;
    let state = workspace::state_folder(environment);
    let kept = |name: &str| Setting::default(state.as_ref().map(|folder| folder.join(name)));
    let tokens_file = layer.tokens_file.map_or_else(|| kept(TOKENS_FILE), |file| optional(Some(file)));
    let issued = tokens_file.value.as_deref().map_or_else(|| Ok(Keyring::default()), Keyring::read)?;
    let jwt = from_file.jwt;
    let callers = match layer.callers.is_empty() && issued.tokens.is_empty() && jwt.is_empty() {
        true => Callers::Generated(owner()),
        false => Callers::Configured(layer.callers),
    };
    apart(&callers, &jwt)?;
    let tls_words = tls::Words { choice: layer.tls, cert: layer.tls_cert, key: layer.tls_key };
    let tls = tls::tls(tls_words, state.as_deref())?;
    let clients = tls::clients(layer.client_ca, layer.client_auth, tls.is_some(), &callers)?;
    let workspaces_dir = layer.workspaces_dir.map_or_else(|| kept("workspaces"), |folder| optional(Some(folder)));
    let situation = Situation {
        finder: &Finder::new(environment.get("PATH"), directory),
        directory,
        limits: &limits,
        callers: &names(&callers, &issued),
        issuers: &jwt,
        environment,
        workspaces_dir: workspaces_dir.value.as_deref(),
    };
    let agents = agents(words, from_file.agents, &situation)?;
    let hardened = layer.hardened.unwrap_or_else(|| Setting::default(false));
    let sandbox = if hardened.value { hardened.clone() } else { Setting::default(false) };
    let server = Server {
        host: layer.host.unwrap_or_else(|| Setting::default("127.0.0.1".into())),
        port: layer.port.unwrap_or_else(|| Setting::default(8080)),
        grpc_port: optional(layer.grpc_port),
        public_url: optional(layer.public_url),
        allowed_hosts: layer.allowed_hosts.unwrap_or_else(|| Setting::default(Vec::new())),
        allowed_origins: layer.allowed_origins.unwrap_or_else(|| Setting::default(Vec::new())),
        console: layer.console.unwrap_or_else(|| Setting::default(true)),
        trusted_proxies: layer.trusted_proxies.unwrap_or_else(|| Setting::default(Vec::new())),
        hardened,
        user: optional(layer.user),
        container: layer.container.unwrap_or_else(|| Setting::default(false)),
        containment: layer.containment.unwrap_or_else(|| Setting::default(Containment::Auto)),
        require_sandbox: layer.require_sandbox.unwrap_or(sandbox),
        protect: layer.protect.unwrap_or_else(|| Setting::default(PROTECTED.map(str::to_owned).to_vec())),
        idempotency: layer.idempotency.unwrap_or_else(|| Setting::default(IdempotencyChoice::Auto)),
        workspaces_dir,
        tls,
        clients,
        tokens_file,
    };
    check_sandbox(&server)?;
    let mut audit = from_file.audit;
    if audit.key.value.is_none() {
        audit.key = kept("audit-key.pem");
    }
    let log = layer.log.unwrap_or_else(|| Setting::default(LogChoice::Info));
    let (push, cards) = (from_file.push, from_file.cards);
    Ok(Config { server, push, cards, audit, limits, callers, issued, jwt, agents, log })
}

/// Puts the layers over each other, strongest first. Callers add up: each of them may ask.
fn merge(layers: [Layer; 3]) -> Result<(Layer, AgentWords), ConfigError> {
    let mut merged = Layer::default();
    for layer in layers {
        let Layer { host, port, public_url, allowed_hosts, allowed_origins, .. } = layer;
        merged.host = merged.host.or(host);
        merged.port = merged.port.or(port);
        merged.grpc_port = merged.grpc_port.or(layer.grpc_port);
        merged.public_url = merged.public_url.or(public_url);
        merged.allowed_hosts = merged.allowed_hosts.or(allowed_hosts);
        merged.allowed_origins = merged.allowed_origins.or(allowed_origins);
        merged.console = merged.console.or(layer.console);
        merged.trusted_proxies = merged.trusted_proxies.or(layer.trusted_proxies);
        merged.hardened = merged.hardened.or(layer.hardened);
        merged.user = merged.user.or(layer.user);
        merged.container = merged.container.or(layer.container);
        merged.containment = merged.containment.or(layer.containment);
        merged.require_sandbox = merged.require_sandbox.or(layer.require_sandbox);
        merged.protect = merged.protect.or(layer.protect);
        merged.idempotency = merged.idempotency.or(layer.idempotency);
        merged.workspaces_dir = merged.workspaces_dir.or(layer.workspaces_dir);
        merged.tokens_file = merged.tokens_file.or(layer.tokens_file);
        merged.tls = merged.tls.or(layer.tls);
        merged.tls_cert = merged.tls_cert.or(layer.tls_cert);
        merged.tls_key = merged.tls_key.or(layer.tls_key);
        merged.client_ca = merged.client_ca.or(layer.client_ca);
        merged.client_auth = merged.client_auth.or(layer.client_auth);
        merged.log = merged.log.or(layer.log);
        for (key, limit) in layer.limits {
            merged.limits.entry(key).or_insert(limit);
        }
        merged.callers.extend(layer.callers);
        let AgentWords { choice, title, description, project, input } = layer.agent;
        let agent = &mut merged.agent;
        agent.choice = agent.choice.take().or(choice);
        agent.title = agent.title.take().or(title);
        agent.description = agent.description.take().or(description);
        agent.project = agent.project.take().or(project);
        agent.input = agent.input.take().or(input);
    }
    let words = std::mem::take(&mut merged.agent);
    Ok((merged, words))
}

/// A setting that need not be there.
fn optional<T>(setting: Option<Setting<T>>) -> Setting<Option<T>> {
    match setting {
        Some(Setting { value, origin }) => Setting { value: Some(value), origin },
        None => Setting::default(None),
    }
}

/// A turn must have ended by its own means before the engine drops it.
fn check_graces(limits: &Limits) -> Result<(), ConfigError> {
    let (kill, stop) = (&limits.kill_grace_ms, &limits.stop_grace_ms);
    if kill.value < stop.value {
        return Ok(());
    }
    let origin = if kill.origin == Origin::Default { &stop.origin } else { &kill.origin };
    Err(ConfigError::Conflict {
        origin: origin.clone(),
        problem: format!("kill_grace_ms ({}) must be less than stop_grace_ms ({})", kill.value, stop.value),
        hint: format!("stop_grace_ms = {}", kill.value + 1_000),
    })
}

/// A tier without namespaces can not be what is required.
fn check_sandbox(server: &Server) -> Result<(), ConfigError> {
    let Server { containment, require_sandbox, .. } = server;
    if !require_sandbox.value || matches!(containment.value, Containment::Auto | Containment::Namespace) {
        return Ok(());
    }
    Err(ConfigError::Conflict {
        origin: containment.origin.clone(),
        problem: "require_sandbox wants namespaces, and this containment has none".into(),
        hint: "containment = \"namespace\", or leave it out".into(),
    })
}

/// Nobody has a name that an issuer could give to somebody else.
///
/// # Errors
/// [`ConfigError`] for one who has.
pub(crate) fn apart(callers: &Callers, issuers: &[JwtConfig]) -> Result<(), ConfigError> {
    let Callers::Configured(list) = callers else { return Ok(()) };
    let collision = |caller: &CallerConfig| {
        let problem = issuers.iter().find_map(|issuer| issuer.collision(&caller.name))?;
        let hint = "give the caller, or the issuer, another name".into();
        Some(ConfigError::Conflict { origin: caller.origin.clone(), problem, hint })
    };
    list.iter().find_map(collision).map_or(Ok(()), Err)
}

fn names(callers: &Callers, issued: &Keyring) -> Vec<Principal> {
    let named = match callers {
        Callers::Generated(owner) => vec![owner.clone()],
        Callers::Configured(list) => list.iter().map(|caller| caller.name.clone()).collect(),
    };
    named.into_iter().chain(issued.callers()).collect()
}

#[cfg(test)]
mod tests;
