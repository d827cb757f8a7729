//! From the configuration to the parts of the server: each part's own options, in its own words. No decision is made here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use inhouse_engine::{AgentEntry, Engine, EngineLimits, Idempotency, QueueLimits, WindowOptions};
use inhouse_run::{Options, Runner, Tier};
use inhouse_serve::{
    Admin, AdminFacts, AuditLog, Capabilities, CardOptions, Copies, Endpoint, Metrics, Observer, Proxies, Push,
    PushLimits, ReloadWish, Route, Routes, Scheme, ServedAgent, WebhookRule,
};
use inhouse_store::{MemoryLimits, MemoryStore};
use inhouse_trust::{AgentName, HostEnv, HostRule, OriginRule, Policy, Redactor};
use tokio::sync::{mpsc, watch};

use crate::config::{
    AgentConfig, Agents, Config, Containment, IdempotencyChoice, JwtConfig, Limits, PublicUrl, Server, Setting, tables,
};
use crate::containment::hidden;
use crate::entries::{self, Adapters};
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

/// The engine over an empty store.
fn engine(config: &Config, agents: HashMap<AgentName, AgentEntry>, observer: Observer) -> Engine {
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

fn push_limits(limits: &Limits) -> PushLimits {
    PushLimits {
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
    }
}

/// Which webhooks may be called: not this server itself.
fn webhook_rule(config: &Config) -> WebhookRule {
    let mut rule = config.push.rule.clone();
    if let Some(url) = &config.server.public_url.value {
        rule.refuse(&url.host);
    }
    rule
}

/// What stands behind the front door.
pub(crate) struct Behind {
    pub(crate) engine: Engine,
    pub(crate) push: Push,
    pub(crate) audit: AuditLog,
    pub(crate) metrics: Metrics,
    pub(crate) copies: Copies,
    pub(crate) admin: Admin,
    adapters: Adapters,
    /// Knows the secrets of the server's environment.
    redactor: Redactor,
    /// Turns `true` when the server wants no more work, and when open streams have to end.
    pub(crate) draining: watch::Sender<bool>,
    pub(crate) closing: watch::Sender<bool>,
}

impl Behind {
    /// The engine with its store and all agents, and what tells webhooks; and the wishes for a reload that come to it.
    pub(crate) fn new(
        config: &Config,
        runner: &Runner,
        host: &HostEnv,
        audit: AuditLog,
    ) -> (Self, mpsc::Receiver<ReloadWish>) {
        let metrics = Metrics::new(&runner.tier().to_string(), in_force(&config.limits));
        let adapters = Adapters::default();
        let observer = Observer::new(audit.clone(), metrics.clone());
        let shortfall = runner.shortfall().map(ToString::to_string);
        let (admin, wishes) = Admin::new(runner.tier().to_string(), shortfall, config.server.tls.is_some());
        let behind = Self {
            engine: engine(config, adapters.entries(config, runner, host), observer),
            push: Push::new(webhook_rule(config), push_limits(&config.limits), metrics.clone()),
            audit,
            metrics,
            copies: Copies::new(size(&config.limits.copied_bytes_max)),
            admin,
            adapters,
            redactor: Redactor::new(host.iter()),
            draining: watch::Sender::new(false),
            closing: watch::Sender::new(false),
        };
        (behind, wishes)
    }

    /// Has the agents, the bounds and the rules of another configuration.
    pub(crate) fn renew(&self, config: &Config, runner: &Runner, host: &HostEnv) {
        let limits = engine_limits(&config.limits, config.server.idempotency.value);
        self.engine.renew(self.adapters.entries(config, runner, host), limits);
        self.push.renew(webhook_rule(config));
        if !config.push.enabled.value {
            self.push.stop_all();
        }
        self.metrics.renew(in_force(&config.limits));
    }
}

fn in_force(limits: &Limits) -> impl Iterator<Item = (&'static str, u64)> {
    limits.iter().map(|(key, limit)| (key, limit.value))
}

/// The server's paths, the default agent first.
pub(crate) fn routes(config: &mut Config, behind: &Behind) -> Routes {
    let Behind { engine, push, audit, metrics, copies, admin, redactor, draining, closing, .. } = behind;
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
            push: config.push.enabled.value.then(|| push.clone()),
            capabilities,
            hops_max: config.limits.hops_max.value.try_into().unwrap_or(u8::MAX),
            extensions: Arc::clone(&extensions),
        },
        card: entries::card(agent, provider.as_ref()),
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
        driver: entries::protocol(agent).map_or("demo".to_owned(), |protocol| format!("{protocol:?}").to_lowercase()),
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
        limits: in_force(limits).collect(),
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

/// A bound as the machine counts. On a small machine a larger one is as good as none.
pub(crate) fn size(setting: &Setting<u64>) -> usize {
    usize::try_from(setting.value).unwrap_or(usize::MAX)
}

fn count(setting: &Setting<u64>) -> u32 {
    u32::try_from(setting.value).unwrap_or(u32::MAX)
}
