//! `inhouse config show`: every setting as it is used, in the form of the file, and on request where each comes from. Tokens
//! are not shown.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};

use inhouse_agents::{AgentSpec, ProgramSpec, Workspace};
use inhouse_run::{Bounds, Strict};
use inhouse_trust::{Principal, Scope};

use super::budget;
use super::jwt::{JwtConfig, KeysAt};
use super::limits::Limits;
use super::model::{AgentConfig, Audit, CallerToken, Callers, CardWords, Cards, Config, Push, Server};
use super::origin::{Origin, Setting};
use super::tls::{Tls, TlsFiles};

/// The text, with a line end after each line.
pub(crate) fn show(config: &Config, origins: bool) -> String {
    let mut lines = Lines { text: String::new(), origins };
    lines.server(&config.server);
    lines.setting("log", &config.log, |log| format!("{:?}", word(log)));
    lines.push(&config.push);
    lines.cards(&config.cards);
    lines.limits(&config.limits);
    lines.audit(&config.audit);
    lines.callers(&config.callers);
    config.jwt.iter().for_each(|issuer| lines.jwt(issuer));
    let default = config.agents.default();
    for agent in &config.agents.list {
        lines.agent(agent, agent.name == default.name);
    }
    lines.text
}

/// A configuration that can be served, in a line.
pub(crate) fn summary(config: &Config) -> String {
    let default = config.agents.default();
    let others = config.agents.list.iter().filter(|agent| agent.name != default.name);
    let others: String = others.map(|agent| format!(", {}", agent.name)).collect();
    let Server { host, port, .. } = &config.server;
    format!("good: serves {} (by default){others} at {}, port {}\n", default.name, host.value, port.value)
}

struct Lines {
    text: String,
    origins: bool,
}

impl Lines {
    fn heading(&mut self, name: impl Display) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        self.text.push_str(&format!("{gap}{name}\n"));
    }

    fn line(&mut self, key: &str, value: &str, origin: &Origin) {
        let line = format!("{key} = {value}");
        match self.origins {
            true => self.text.push_str(&format!("{line:<48} # {origin}\n")),
            false => self.text.push_str(&format!("{line}\n")),
        }
    }

    fn setting<T>(&mut self, key: &str, setting: &Setting<T>, value: impl FnOnce(&T) -> String) {
        self.line(key, &value(&setting.value), &setting.origin);
    }

    fn server(&mut self, server: &Server) {
        self.heading("[server]");
        self.setting("host", &server.host, |host| format!("{host:?}"));
        self.setting("port", &server.port, u16::to_string);
        if let Some(port) = &server.grpc_port.value {
            self.line("grpc_port", &port.to_string(), &server.grpc_port.origin);
        }
        if let Some(url) = &server.public_url.value {
            self.line("public_url", &format!("{:?}", url.text), &server.public_url.origin);
        }
        self.setting("allowed_hosts", &server.allowed_hosts, |hosts| format!("{hosts:?}"));
        self.setting("allowed_origins", &server.allowed_origins, |origins| format!("{origins:?}"));
        self.setting("console", &server.console, bool::to_string);
        self.setting("trusted_proxies", &server.trusted_proxies, |proxies| format!("{proxies:?}"));
        self.setting("hardened", &server.hardened, bool::to_string);
        if let Some(user) = &server.user.value {
            self.line("user", &format!("{user:?}"), &server.user.origin);
        }
        self.setting("container", &server.container, bool::to_string);
        self.setting("containment", &server.containment, |tier| format!("{:?}", word(tier)));
        self.setting("require_sandbox", &server.require_sandbox, bool::to_string);
        self.setting("protect", &server.protect, |names| format!("{names:?}"));
        self.setting("idempotency", &server.idempotency, |rule| format!("{:?}", word(rule)));
        if let Some(folder) = &server.workspaces_dir.value {
            self.line("workspaces_dir", &format!("{folder:?}"), &server.workspaces_dir.origin);
        }
        match &server.tls {
            Some(Setting { value: Tls::Files(TlsFiles { cert, key }), origin }) => {
                self.line("tls_cert", &format!("{cert:?}"), origin);
                self.line("tls_key", &format!("{key:?}"), origin);
            }
            Some(Setting { value: Tls::Auto(_), origin }) => self.line("tls", "\"auto\"", origin),
            None => {}
        }
        if let Some(Setting { value: clients, origin }) = &server.clients {
            self.line("client_ca", &format!("{:?}", clients.ca), origin);
            self.line("client_auth", if clients.required { "\"required\"" } else { "\"optional\"" }, origin);
        }
        if let Some(file) = &server.tokens_file.value {
            self.line("tokens_file", &format!("{file:?}"), &server.tokens_file.origin);
        }
    }

    fn push(&mut self, push: &Push) {
        self.heading("[push]");
        self.setting("enabled", &push.enabled, bool::to_string);
        self.setting("allow", &push.allow, |entries| format!("{entries:?}"));
    }

    fn cards(&mut self, cards: &Cards) {
        self.heading("[card]");
        self.setting("legacy", &cards.legacy, bool::to_string);
        self.setting("grpc", &cards.grpc, bool::to_string);
        self.setting("max_age_s", &cards.max_age_s, u64::to_string);
        self.setting("streaming", &cards.streaming, bool::to_string);
        self.setting("extended", &cards.extended, bool::to_string);
        if let Some(provider) = &cards.provider {
            self.setting("provider", provider, |provider| format!("{:?}", provider.organization));
            self.setting("provider_url", provider, |provider| format!("{:?}", provider.url));
        }
        for (key, text) in [("signing_key", &cards.signing_key), ("key_id", &cards.key_id)] {
            text.iter().for_each(|text| self.setting(key, text, |text| format!("{text:?}")));
        }
    }

    fn audit(&mut self, audit: &Audit) {
        self.heading("[audit]");
        self.setting("to", &audit.to, |to| format!("{:?}", word(to)));
        for (key, path) in [("file", &audit.file), ("key", &audit.key)] {
            path.value.iter().for_each(|file| self.line(key, &format!("{file:?}"), &path.origin));
        }
        self.setting("sync", &audit.sync, bool::to_string);
    }

    fn limits(&mut self, limits: &Limits) {
        self.heading("[limits]");
        for (key, limit) in limits.iter() {
            self.setting(key, limit, u64::to_string);
        }
    }

    fn callers(&mut self, callers: &Callers) {
        match callers {
            Callers::Generated(owner) => {
                self.heading("[[callers]]");
                self.line("name", &format!("{:?}", owner.as_str()), &Origin::Default);
            }
            Callers::Configured(list) => {
                for caller in list {
                    self.heading("[[callers]]");
                    self.line("name", &format!("{:?}", caller.name.as_str()), &caller.origin);
                    match &caller.token {
                        CallerToken::Variable { name, .. } => {
                            self.line("token_env", &format!("{name:?}"), &caller.origin)
                        }
                        CallerToken::Certificate(name) => {
                            self.line("certificate", &format!("{name:?}"), &caller.origin)
                        }
                        CallerToken::Digest(_) => {}
                    }
                }
            }
        }
    }

    fn jwt(&mut self, jwt: &JwtConfig) {
        self.heading("[[jwt]]");
        let (rules, mut line) = (&jwt.rules, |key: &str, value: String| self.line(key, &value, &jwt.origin));
        for (key, text) in [("name", &rules.name), ("issuer", &rules.issuer), ("audience", &rules.audience)] {
            line(key, format!("{text:?}"));
        }
        match &jwt.keys {
            KeysAt::File(file) => line("jwks_file", format!("{file:?}")),
            KeysAt::Url(url) => line("jwks_url", format!("{url:?}")),
            KeysAt::Issuer(_) => {}
        }
        line("algorithms", format!("{:?}", rules.algorithms.iter().map(|one| one.name()).collect::<Vec<_>>()));
        line("principal_claim", format!("{:?}", rules.principal_claim));
        for (key, claim) in [("scope_claim", &rules.scope_claim), ("agents_claim", &rules.agents_claim)] {
            claim.iter().for_each(|claim| line(key, format!("{claim:?}")));
        }
        if let Some(scopes) = &rules.scopes {
            let names = |scopes: &BTreeSet<Scope>| scopes.iter().map(|one| one.name()).collect::<Vec<_>>().join(" ");
            let given = scopes.iter().map(|(word, scopes)| format!("{word:?} = {:?}", names(scopes)));
            line("scopes", format!("{{ {} }}", given.collect::<Vec<_>>().join(", ")));
        }
        line("leeway_s", rules.leeway_s.to_string());
    }

    fn agent(&mut self, agent: &AgentConfig, default: bool) {
        self.heading(format_args!("[agents.{}]", agent.name));
        let mut line = |key: &str, value: String| self.line(key, &value, &agent.origin);
        line("default", default.to_string());
        line("title", format!("{:?}", agent.title));
        line("description", format!("{:?}", agent.description));
        line("project", format!("{:?}", agent.project));
        let workspace = agent.workspace.as_ref().map(|workspace| &workspace.value);
        let kind = match workspace {
            None | Some(Workspace::Shared { .. }) => "shared",
            Some(Workspace::Worktree { .. }) => "worktree",
            Some(Workspace::Temporary { .. }) => "temporary",
        };
        line("workspace", format!("{kind:?}"));
        line("report_changes", workspace.is_some_and(Workspace::reports).to_string());
        line("timeout_ms", agent.timeout_ms.to_string());
        line("reasoning", agent.reasoning.to_string());
        budget::lines(&agent.budgets).for_each(|(key, max)| line(key, max));
        let CardWords { version, documentation_url, icon_url, input_modes, output_modes } = &agent.card;
        for (key, modes) in [("input_modes", input_modes), ("output_modes", output_modes)] {
            if !modes.is_empty() {
                line(key, format!("{modes:?}"));
            }
        }
        for (key, text) in [("version", version), ("documentation_url", documentation_url), ("icon_url", icon_url)] {
            text.iter().for_each(|text| line(key, format!("{text:?}")));
        }
        for (key, who) in [("callers", &agent.callers), ("approvers", &agent.approvers)] {
            let names: Vec<_> = who.iter().map(Principal::as_str).collect();
            if !names.is_empty() {
                line(key, format!("{names:?}"));
            }
        }
        agent.rules.texts.iter().for_each(|(key, rules)| line(key, format!("{rules:?}")));
        if let AgentSpec::Program(spec) = &agent.spec {
            let ProgramSpec { command, protocol, .. } = &**spec;
            let words: Vec<_> =
                [command.program.display().to_string()].into_iter().chain(command.args.clone()).collect();
            line("command", format!("{words:?}"));
            for (key, limit) in [("first_event_ms", spec.limits.first_event_ms), ("idle_ms", spec.limits.idle_ms)] {
                limit.iter().for_each(|limit| line(key, limit.to_string()));
            }
            let Bounds { memory_bytes_max, processes_max } = spec.bounds;
            for (key, max) in [("memory_bytes_max", memory_bytes_max), ("processes_max", processes_max.map(u64::from))]
            {
                max.iter().for_each(|max| line(key, max.to_string()));
            }
            line("strict", spec.strict.is_some().to_string());
            if let Some(Strict { ports, reads }) = &spec.strict {
                let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
                line("strict_ports", format!("{ports:?}"));
                line("strict_reads", format!("{reads:?}"));
            }
            line("input", format!("{:?}", word(&command.input)));
            line("protocol", format!("{:?}", word(protocol)));
        }
    }
}

/// A variant's name as the file writes it.
fn word(value: &impl Debug) -> String {
    format!("{value:?}").to_lowercase()
}
