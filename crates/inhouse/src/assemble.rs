//! From the configuration to the parts of the server: each part's own options, in its own words. No decision is made here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use inhouse_agents::{AgentSpec, Protocol, Workspace};
use inhouse_engine::{AgentEntry, Engine, EngineLimits, Idempotency, QueueLimits, Takes, WindowOptions};
use inhouse_run::{Options, Runner, Tier};
use inhouse_serve::{
    Admin, AdminFacts, AuditLog, Capabilities, CardInfo, CardOptions, Copies, Endpoint, Metrics, Observer, Provider,
    Proxies, Push, PushLimits, Route, Routes, Scheme, ServedAgent,
};
use inhouse_store::{MemoryLimits, MemoryStore};
use inhouse_trust::{HostEnv, HostRule, OriginRule, Policy, Redactor};
use tokio::sync::watch;

use crate::config::{
    AgentConfig, Agents, Config, Containment, IdempotencyChoice, JwtConfig, Limits, PublicUrl, Server, Setting, tables,
};
use crate::containment::hidden;
use crate::listen::{machine_names, without_brackets};

/// How runs are held, of agents that work in `places`.
pub(crate) fn runner<A>(config: &Config<A>, host: &HostEnv, places: &[&Path]) -> Options {
    Options {
        tier: match config.server.containment.value {
            Containment::Auto if config.server.require_sandbox.value => Some(Tier::Namespace),
            Containment::Auto => None,
            Containment::Namespace => Some(Tier::Namespace),
            Containment::Reaper => Some(Tier::Reaper),
            Containment::Group => Some(Tier::Group),
        },
        hidden: hidden(config, host, places),
        supervisors_idle_max: size(&config.limits.supervisors_idle_max),
        kill_grace_ms: config.limits.kill_grace_ms.value,
        ..Options::default()
    }
}

fn engine(config: &Config, runner: &Runner, host: &HostEnv, observer: Observer) -> Engine {
    let entry = |agent: &AgentConfig| {
        let entry = AgentEntry {
            agent: inhouse_agents::build(agent.spec.clone(), runner, host),
            turn_ms_max: agent.timeout_ms,
            takes: takes(agent),
            accepts: agent.card.input_modes.clone(),
            // What an agent can say that speaks our own protocol is known to its operator alone.
            gives: if native(agent) { agent.card.output_modes.clone() } else { output_modes(agent) },
            // What a turn changed belongs to a task.
            answers_directly: native(agent) && !reports(agent),
            budgets: agent.budgets,
            shows_reasoning: agent.reasoning,
        };
        (agent.name.clone(), entry)
    };
    let agents: HashMap<_, _> = config.agents.list.iter().map(entry).collect();
    let store = MemoryStore::new(store_limits(&config.limits));
    let limits = engine_limits(&config.limits, config.server.idempotency.value);
    Engine::new(Arc::new(store), agents, limits, Arc::new(observer))
}

fn store_limits(limits: &Limits) -> MemoryLimits {
    MemoryLimits {
        finished_s_max: limits.finished_s_max.value,
        finished_tasks_max: size(&limits.finished_tasks_max),
        finished_bytes_max: size(&limits.finished_bytes_max),
        waiting_s_max: limits.waiting_s_max.value,
        push_configs_per_task_max: size(&limits.push_configs_per_task_max),
    }
}

fn engine_limits(limits: &Limits, idempotency: IdempotencyChoice) -> EngineLimits {
    EngineLimits {
        queue: QueueLimits {
            running_per_agent_max: size(&limits.running_per_agent_max),
            running_per_caller_max: size(&limits.running_per_caller_max),
            queued_per_agent_max: size(&limits.queued_per_agent_max),
            queued_per_caller_max: size(&limits.queued_per_caller_max),
            asking_per_agent_max: size(&limits.asking_per_agent_max),
            asking_per_caller_max: size(&limits.asking_per_caller_max),
        },
        output_bytes_max: size(&limits.output_bytes_max),
        stop_grace_ms: limits.stop_grace_ms.value,
        shutdown_grace_ms: limits.shutdown_grace_ms.value,
        starts: WindowOptions { starts_max: count(&limits.rate_limit_rpm), ..WindowOptions::default() },
        ask_ms_max: limits.ask_ms_max.value,
        queue_retry_s: limits.queue_retry_s.value,
        idempotency: match idempotency {
            IdempotencyChoice::Auto => Idempotency::Auto,
            IdempotencyChoice::Always => Idempotency::Always,
            IdempotencyChoice::Off => Idempotency::Off,
        },
        ..EngineLimits::default()
    }
}

/// What the front door takes. Requests under way get as long at shutdown as the turns that they wait for.
pub(crate) fn door_limits(limits: &Limits) -> inhouse_serve::Limits {
    inhouse_serve::Limits {
        connections_max: size(&limits.connections_max),
        connections_per_source_max: size(&limits.connections_per_source_max),
        streams_per_connection_max: count(&limits.streams_per_connection_max),
        header_read_ms_max: limits.header_read_ms_max.value,
        tls_handshake_ms_max: limits.tls_handshake_ms_max.value,
        idle_ms_max: limits.idle_ms_max.value,
        write_stall_ms_max: limits.write_stall_ms_max.value,
        headers_max: size(&limits.headers_max),
        header_bytes_max: size(&limits.header_bytes_max),
        uri_bytes_max: size(&limits.uri_bytes_max),
        body_bytes_max: size(&limits.body_bytes_max),
        body_read_ms_max: limits.body_read_ms_max.value,
        body_bytes_per_s_min: limits.body_bytes_per_s_min.value,
        body_lag_ms_max: limits.body_lag_ms_max.value,
        linger_ms_max: limits.linger_ms_max.value,
        linger_bytes_max: size(&limits.linger_bytes_max),
        failures_per_minute_max: count(&limits.failures_per_minute_max),
        shutdown_grace_ms: limits.shutdown_grace_ms.value + limits.stop_grace_ms.value,
    }
}

/// The names under which requests may address the server.
pub(crate) fn host_rule(server: &Server) -> HostRule {
    let allowed = server.allowed_hosts.value.iter().map(String::as_str).chain([without_brackets(&server.host.value)]);
    let public = server.public_url.value.as_ref().map(|url| url.host.as_str());
    HostRule::new(allowed, public, machine_names().iter().map(String::as_str))
}

/// The web pages that may call: those of `allowed_origins`, and the console, under whatever name it was asked for. Where a proxy speaks
/// TLS in the server's place, that is its public address.
pub(crate) fn origin_rule(server: &Server) -> OriginRule {
    let allowed = server.allowed_origins.value.iter().map(String::as_str);
    if !server.console.value {
        return OriginRule::new(allowed);
    }
    let public = server.public_url.value.as_ref().map(PublicUrl::origin);
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    OriginRule::new(allowed.chain(public.as_deref())).with_own_pages(scheme)
}

/// The proxies that are trusted; the configuration has read them already.
pub(crate) fn proxies(server: &Server) -> Proxies {
    Proxies::new(server.trusted_proxies.value.iter().map(String::as_str)).unwrap_or_default()
}

fn push(config: &Config, metrics: &Metrics) -> Option<Push> {
    let limits = &config.limits;
    let limits = PushLimits {
        followed_max: size(&limits.push_followed_max),
        followed_per_caller_max: size(&limits.push_followed_per_caller_max),
        lookups_max: size(&limits.push_lookups_max),
        lookups_per_caller_max: size(&limits.push_lookups_per_caller_max),
        timeout_ms: limits.push_timeout_ms.value,
        attempts_max: count(&limits.push_attempts_max),
        backoff_ms: limits.push_backoff_ms.value,
        backoff_ms_max: limits.push_backoff_ms_max.value,
        breaker_failures: count(&limits.push_breaker_failures),
        breaker_ms: limits.push_breaker_ms.value,
        shutdown_grace_ms: limits.push_shutdown_grace_ms.value,
    };
    let mut rule = config.push.rule.clone();
    if let Some(url) = &config.server.public_url.value {
        rule.refuse(&url.host);
    }
    config.push.enabled.value.then(|| Push::new(rule, limits, metrics.clone()))
}

/// What stands behind the front door.
pub(crate) struct Behind {
    pub(crate) engine: Engine,
    pub(crate) push: Option<Push>,
    pub(crate) audit: AuditLog,
    pub(crate) metrics: Metrics,
    pub(crate) copies: Copies,
    pub(crate) admin: Admin,
    /// Knows the secrets of the server's environment.
    redactor: Redactor,
    /// Turns `true` when the server wants no more work, and when open streams have to end.
    pub(crate) draining: watch::Sender<bool>,
    pub(crate) closing: watch::Sender<bool>,
}

impl Behind {
    /// The engine with its store and all agents, and what tells webhooks.
    pub(crate) fn new(config: &Config, runner: &Runner, host: &HostEnv, audit: AuditLog) -> Self {
        let (draining, closing) = (watch::Sender::new(false), watch::Sender::new(false));
        let limits = config.limits.iter().map(|(key, limit)| (key, limit.value));
        let metrics = Metrics::new(&runner.tier().to_string(), limits);
        let engine = engine(config, runner, host, Observer::new(audit.clone(), metrics.clone()));
        let copies = Copies::new(size(&config.limits.copied_bytes_max));
        let redactor = Redactor::new(host.iter());
        let shortfall = runner.shortfall().map(ToString::to_string);
        let admin = Admin::new(runner.tier().to_string(), shortfall, config.server.tls.is_some());
        Self { engine, push: push(config, &metrics), audit, metrics, copies, admin, redactor, draining, closing }
    }
}

/// The server's paths, the default agent first.
pub(crate) fn routes(config: &mut Config, behind: &Behind) -> Routes {
    let Behind { engine, push, audit, metrics, copies, admin, redactor, draining, closing } = behind;
    let cards = CardOptions {
        legacy: config.cards.legacy.value,
        grpc: config.cards.grpc.value,
        grpc_port: config.server.grpc_port.value,
        max_age_s: config.cards.max_age_s.value,
        is_tls: config.server.tls.is_some(),
        schemes: schemes(config),
        signer: config.cards.signer.take(),
    };
    let capabilities =
        Capabilities { streaming: config.cards.streaming.value, extended_card: config.cards.extended.value };
    let extensions: Arc<[_]> = config.cards.extensions.clone().into();
    let provider = config.cards.provider.as_ref().map(|provider| provider.value.clone());
    let policy = Arc::new(policy(&config.agents));
    let route = |agent: &AgentConfig| Route {
        endpoint: Endpoint {
            agent: agent.name.clone(),
            engine: engine.clone(),
            policy: Arc::clone(&policy),
            keep_alive: Duration::from_millis(config.limits.keep_alive_ms.value),
            copies: copies.clone(),
            closing: closing.subscribe(),
            push: push.clone(),
            capabilities,
            hops_max: config.limits.hops_max.value.try_into().unwrap_or(u8::MAX),
            extensions: Arc::clone(&extensions),
        },
        card: card(agent, provider.as_ref()),
    };
    let default = config.agents.default();
    let others = config.agents.list.iter().filter(|agent| agent.name != default.name);
    let routes = [default].into_iter().chain(others).map(route).collect();
    let public_url = config.server.public_url.value.as_ref().map(|url| url.text.clone());
    let routes = Routes::new(routes, public_url, cards, audit.clone(), metrics.clone(), draining.subscribe());
    let routes = routes.with_console(config.server.console.value);
    routes.with_admin(admin.clone(), facts(config, redactor))
}

/// What the operator is told of the configuration.
fn facts(config: &Config, redactor: &Redactor) -> AdminFacts {
    let limits = &config.limits;
    let (running_max, waiting_max) = (limits.running_per_agent_max.value, limits.queued_per_agent_max.value);
    let served = |agent: &AgentConfig| ServedAgent {
        name: agent.name.clone(),
        driver: protocol(agent).map_or("demo".to_owned(), |protocol| format!("{protocol:?}").to_lowercase()),
        running_max,
        waiting_max,
        budgets: agent.budgets,
    };
    let mut tables = tables(config);
    // An operator who writes a secret into a command shows it to whoever looks at processes, but not to all who look at this.
    let settings = tables.iter_mut().flat_map(|table| &mut table.settings);
    for word in
        settings.filter(|setting| setting.key == "command").filter_map(|setting| setting.value.as_array_mut()).flatten()
    {
        *word = word.as_str().map(|text| redactor.line(text)).into();
    }
    AdminFacts {
        agents: config.agents.list.iter().map(served).collect(),
        limits: limits.iter().map(|(key, limit)| (key, limit.value)).collect(),
        config: serde_json::to_value(tables).unwrap_or_default(),
    }
}

/// How callers can prove who they are.
fn schemes(config: &Config) -> Vec<Scheme> {
    let told = |issuer: &JwtConfig| {
        let url = issuer.discovery()?.to_owned();
        Some(Scheme::OpenId { name: issuer.rules.name.clone(), url })
    };
    let others = config.jwt.iter().any(|issuer| issuer.discovery().is_none());
    let known = [Scheme::Bearer].into_iter().chain(others.then_some(Scheme::Jwt));
    let clients =
        config.server.clients.as_ref().map(|clients| Scheme::Certificate { required: clients.value.required });
    known.chain(config.jwt.iter().filter_map(told)).chain(clients).collect()
}

fn policy(agents: &Agents) -> Policy {
    let mut policy = Policy::default();
    for agent in agents.list.iter().filter(|agent| !agent.callers.is_empty()) {
        policy.reserve(agent.name.clone(), agent.callers.iter().cloned());
    }
    for agent in agents.list.iter().filter(|agent| !agent.approvers.is_empty()) {
        policy.appoint(agent.name.clone(), agent.approvers.iter().cloned());
    }
    policy
}

fn card(agent: &AgentConfig, provider: Option<&Provider>) -> CardInfo {
    CardInfo {
        name: agent.title.clone(),
        description: agent.description.clone(),
        // Known before the first card is asked for; an agent's own version is not.
        version: agent.card.version.clone().unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        input_modes: if agent.card.input_modes.is_empty() {
            takes(agent).media_types().into_iter().map(str::to_owned).collect()
        } else {
            agent.card.input_modes.clone()
        },
        output_modes: output_modes(agent),
        skills: agent.skills.clone(),
        provider: provider.cloned(),
        documentation_url: agent.card.documentation_url.clone(),
        icon_url: agent.card.icon_url.clone(),
    }
}

/// What an agent answers with, as far as it is known before.
fn output_modes(agent: &AgentConfig) -> Vec<String> {
    if !agent.card.output_modes.is_empty() {
        return agent.card.output_modes.clone();
    }
    let modes: &[&str] = if native(agent) { &["text/plain", "application/json"] } else { &["text/plain"] };
    let has_git = !matches!(&agent.workspace, Some(Setting { value: Workspace::Temporary { .. }, .. }));
    let patch = (reports(agent) && has_git).then_some(&"text/x-diff");
    modes.iter().chain(patch).map(|media_type| (*media_type).to_owned()).collect()
}

fn native(agent: &AgentConfig) -> bool {
    protocol(agent) == Some(Protocol::Native)
}

/// Whether what a turn changes is told.
fn reports(agent: &AgentConfig) -> bool {
    agent.workspace.as_ref().is_some_and(|workspace| workspace.value.reports())
}

/// Which parts of a message the agent takes; its card says the same.
fn takes(agent: &AgentConfig) -> Takes {
    match &agent.spec {
        // A strict run does not reach files that are not its own.
        AgentSpec::Program(spec) if spec.strict.is_some() => Takes::Text,
        _ => protocol(agent).map_or(Takes::Text, Protocol::takes),
    }
}

fn protocol(agent: &AgentConfig) -> Option<Protocol> {
    match &agent.spec {
        AgentSpec::Program(spec) => Some(spec.protocol),
        AgentSpec::Demo => None,
    }
}

/// A bound as the machine counts. On a small machine a larger one is as good as none.
pub(crate) fn size(setting: &Setting<u64>) -> usize {
    usize::try_from(setting.value).unwrap_or(usize::MAX)
}

fn count(setting: &Setting<u64>) -> u32 {
    u32::try_from(setting.value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::ServeArgs;
    use crate::testing::Folder;

    #[test]
    fn a_card_promises_the_files_that_the_engine_lets_pass() {
        let folder = Folder::new();
        folder.file("bin/claude", 0o755);
        folder.file("bin/node", 0o755);
        let text = "[agents.claude]\n[agents.bot]\ncommand = [\"node\"]\n[agents.json]\ncommand = [\"node\"]\ninput = \"json\"\n\
            [agents.demo]\n";
        std::fs::write(folder.path().join("inhouse.toml"), text).unwrap();
        let environment = HostEnv::new([("PATH".into(), folder.path().join("bin").into_os_string())]);
        let config = crate::config::load(&ServeArgs::default(), &environment, folder.path()).unwrap();
        let agent = |name: &str| config.agents.list.iter().find(|agent| agent.name.as_str() == name).unwrap();
        let shown = |name: &str| card(agent(name), None).input_modes.join(" ");
        assert_eq!(shown("demo"), "text/plain application/json");
        for name in ["bot", "json"] {
            assert_eq!(shown(name), "text/plain application/json */*");
        }
        let Takes::Files(types) = takes(agent("claude")) else { panic!() };
        assert!(types.contains(&"application/pdf") && types.iter().all(|word| !word.starts_with("text/")));
        assert_eq!(shown("claude"), format!("text/plain application/json {} */*", types.join(" ")));
        assert_eq!(takes(agent("json")), Takes::Any);
    }
}
