//! `inhouse config show`: every setting as it is used, in the form of the file, and on request where each comes from. Tokens
//! are not shown.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};

use inhouse_agents::{AgentSpec, ProgramSpec, Workspace};
use inhouse_run::{Bounds, Strict};
use inhouse_trust::{Principal, Scope};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::budget;
use super::jwt::{JwtConfig, KeysAt};
use super::limits::Limits;
use super::model::{AgentConfig, Audit, CallerToken, Callers, CardWords, Cards, Config, Push, Server};
use super::origin::{Origin, Setting};
use super::tls::{Tls, TlsFiles};

/// A table of the configuration, as the file would have it.
#[derive(Debug, Serialize)]
pub(crate) struct ShownTable {
    /// Its name, without brackets.
    pub(crate) table: String,
    /// Whether there may be several of it.
    #[serde(skip)]
    is_one_of_many: bool,
    pub(crate) settings: Vec<Shown>,
}

/// A setting as it is used.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) key: String,
    pub(crate) value: Value,
    /// Where it comes from.
    #[serde(serialize_with = "as_text")]
    pub(crate) origin: Origin,
}

/// The text, with a line end after each line.
pub(crate) fn show(config: &Config, origins: bool) -> String {
    let mut text = String::new();
    for ShownTable { table, is_one_of_many, settings } in tables(config) {
        let gap = if text.is_empty() { "" } else { "\n" };
        let (open, close) = if is_one_of_many { ("[[", "]]") } else { ("[", "]") };
        text.push_str(&format!("{gap}{open}{table}{close}\n"));
        for Shown { key, value, origin } in settings {
            let line = format!("{key} = {}", toml(&value));
            match origins {
                true => text.push_str(&format!("{line:<48} # {origin}\n")),
                false => text.push_str(&format!("{line}\n")),
            }
        }
    }
    text
}

/// Every setting as it is used, by its table.
pub(crate) fn tables(config: &Config) -> Vec<ShownTable> {
    let mut tables = Tables(Vec::new());
    tables.server(&config.server);
    tables.setting("log", &config.log, word);
    tables.push(&config.push);
    tables.cards(&config.cards);
    tables.limits(&config.limits);
    tables.audit(&config.audit);
    tables.callers(&config.callers);
    config.jwt.iter().for_each(|issuer| tables.jwt(issuer));
    let default = config.agents.default();
    for agent in &config.agents.list {
        tables.agent(agent, agent.name == default.name);
    }
    tables.0
}

/// A configuration that can be served, in a line.
pub(crate) fn summary(config: &Config) -> String {
    let default = config.agents.default();
    let others = config.agents.list.iter().filter(|agent| agent.name != default.name);
    let others: String = others.map(|agent| format!(", {}", agent.name)).collect();
    let Server { host, port, .. } = &config.server;
    format!("good: serves {} (by default){others} at {}, port {}\n", default.name, host.value, port.value)
}

struct Tables(Vec<ShownTable>);

impl Tables {
    fn begin(&mut self, table: impl Display, is_one_of_many: bool) {
        self.0.push(ShownTable { table: table.to_string(), is_one_of_many, settings: Vec::new() });
    }

    fn line(&mut self, key: &str, value: impl Serialize, origin: &Origin) {
        // All but a path that is no text becomes JSON.
        let (Some(table), Ok(value)) = (self.0.last_mut(), serde_json::to_value(value)) else { return };
        table.settings.push(Shown { key: key.to_owned(), value, origin: origin.clone() });
    }

    fn setting<T, V: Serialize>(&mut self, key: &str, setting: &Setting<T>, value: impl FnOnce(&T) -> V) {
        self.line(key, value(&setting.value), &setting.origin);
    }

    /// A setting that is shown as it is.
    fn plain<T: Serialize>(&mut self, key: &str, setting: &Setting<T>) {
        self.line(key, &setting.value, &setting.origin);
    }

    /// A setting that need not be there.
    fn given<T: Serialize>(&mut self, key: &str, setting: &Setting<Option<T>>) {
        setting.value.iter().for_each(|value| self.line(key, value, &setting.origin));
    }

    fn server(&mut self, server: &Server) {
        self.begin("server", false);
        self.plain("host", &server.host);
        self.plain("port", &server.port);
        self.given("grpc_port", &server.grpc_port);
        if let Some(url) = &server.public_url.value {
            self.line("public_url", &url.text, &server.public_url.origin);
        }
        self.plain("allowed_hosts", &server.allowed_hosts);
        self.plain("allowed_origins", &server.allowed_origins);
        self.plain("console", &server.console);
        self.plain("trusted_proxies", &server.trusted_proxies);
        self.plain("hardened", &server.hardened);
        self.given("user", &server.user);
        self.plain("container", &server.container);
        self.setting("containment", &server.containment, word);
        self.plain("require_sandbox", &server.require_sandbox);
        self.plain("protect", &server.protect);
        self.setting("idempotency", &server.idempotency, word);
        self.given("workspaces_dir", &server.workspaces_dir);
        match &server.tls {
            Some(Setting { value: Tls::Files(TlsFiles { cert, key }), origin }) => {
                self.line("tls_cert", cert, origin);
                self.line("tls_key", key, origin);
            }
            Some(Setting { value: Tls::Auto(_), origin }) => self.line("tls", "auto", origin),
            None => {}
        }
        if let Some(Setting { value: clients, origin }) = &server.clients {
            self.line("client_ca", &clients.ca, origin);
            self.line("client_auth", if clients.required { "required" } else { "optional" }, origin);
        }
        self.given("tokens_file", &server.tokens_file);
    }

    fn push(&mut self, push: &Push) {
        self.begin("push", false);
        self.plain("enabled", &push.enabled);
        self.plain("allow", &push.allow);
    }

    fn cards(&mut self, cards: &Cards) {
        self.begin("card", false);
        self.plain("legacy", &cards.legacy);
        self.plain("grpc", &cards.grpc);
        self.plain("max_age_s", &cards.max_age_s);
        self.plain("streaming", &cards.streaming);
        self.plain("extended", &cards.extended);
        if let Some(provider) = &cards.provider {
            self.setting("provider", provider, |provider| provider.organization.clone());
            self.setting("provider_url", provider, |provider| provider.url.clone());
        }
        for (key, text) in [("signing_key", &cards.signing_key), ("key_id", &cards.key_id)] {
            text.iter().for_each(|text| self.plain(key, text));
        }
    }

    fn audit(&mut self, audit: &Audit) {
        self.begin("audit", false);
        self.setting("to", &audit.to, word);
        for (key, path) in [("file", &audit.file), ("key", &audit.key)] {
            self.given(key, path);
        }
        self.plain("sync", &audit.sync);
    }

    fn limits(&mut self, limits: &Limits) {
        self.begin("limits", false);
        for (key, limit) in limits.iter() {
            self.plain(key, limit);
        }
    }

    fn callers(&mut self, callers: &Callers) {
        match callers {
            Callers::Generated(owner) => {
                self.begin("callers", true);
                self.line("name", owner.as_str(), &Origin::Default);
            }
            Callers::Configured(list) => {
                for caller in list {
                    self.begin("callers", true);
                    self.line("name", caller.name.as_str(), &caller.origin);
                    match &caller.token {
                        CallerToken::Variable { name, .. } => self.line("token_env", name, &caller.origin),
                        CallerToken::Certificate(name) => self.line("certificate", name, &caller.origin),
                        CallerToken::Digest(_) => {}
                    }
                    self.line("admin", caller.admin, &caller.origin);
                }
            }
        }
    }

    fn jwt(&mut self, jwt: &JwtConfig) {
        self.begin("jwt", true);
        let (rules, mut line) = (&jwt.rules, |key: &str, value: Value| self.line(key, &value, &jwt.origin));
        for (key, text) in [("name", &rules.name), ("issuer", &rules.issuer), ("audience", &rules.audience)] {
            line(key, json!(text));
        }
        match &jwt.keys {
            KeysAt::File(file) => line("jwks_file", json!(file.display().to_string())),
            KeysAt::Url(url) => line("jwks_url", json!(url)),
            KeysAt::Issuer(_) => {}
        }
        line("algorithms", json!(rules.algorithms.iter().map(|one| one.name()).collect::<Vec<_>>()));
        line("principal_claim", json!(rules.principal_claim));
        for (key, claim) in [("scope_claim", &rules.scope_claim), ("agents_claim", &rules.agents_claim)] {
            claim.iter().for_each(|claim| line(key, json!(claim)));
        }
        if let Some(scopes) = &rules.scopes {
            let names = |scopes: &BTreeSet<Scope>| scopes.iter().map(|one| one.name()).collect::<Vec<_>>().join(" ");
            line("scopes", scopes.iter().map(|(word, scopes)| (word.clone(), names(scopes))).collect());
        }
        line("leeway_s", json!(rules.leeway_s));
    }

    fn agent(&mut self, agent: &AgentConfig, default: bool) {
        self.begin(format_args!("agents.{}", agent.name), false);
        let mut line = |key: &str, value: Value| self.line(key, &value, &agent.origin);
        line("default", json!(default));
        line("title", json!(agent.title));
        line("description", json!(agent.description));
        line("project", json!(agent.project.display().to_string()));
        let workspace = agent.workspace.as_ref().map(|workspace| &workspace.value);
        let kind = match workspace {
            None | Some(Workspace::Shared { .. }) => "shared",
            Some(Workspace::Worktree { .. }) => "worktree",
            Some(Workspace::Temporary { .. }) => "temporary",
        };
        line("workspace", json!(kind));
        line("report_changes", json!(workspace.is_some_and(Workspace::reports)));
        line("timeout_ms", json!(agent.timeout_ms));
        line("reasoning", json!(agent.reasoning));
        budget::lines(&agent.budgets).for_each(|(key, max)| line(key, max));
        let CardWords { version, documentation_url, icon_url, input_modes, output_modes } = &agent.card;
        for (key, modes) in [("input_modes", input_modes), ("output_modes", output_modes)] {
            if !modes.is_empty() {
                line(key, json!(modes));
            }
        }
        for (key, text) in [("version", version), ("documentation_url", documentation_url), ("icon_url", icon_url)] {
            text.iter().for_each(|text| line(key, json!(text)));
        }
        for (key, who) in [("callers", &agent.callers), ("approvers", &agent.approvers)] {
            let names: Vec<_> = who.iter().map(Principal::as_str).collect();
            if !names.is_empty() {
                line(key, json!(names));
            }
        }
        agent.rules.texts.iter().for_each(|(key, rules)| line(key, json!(rules)));
        if let AgentSpec::Program(spec) = &agent.spec {
            let ProgramSpec { command, protocol, .. } = &**spec;
            let words: Vec<_> =
                [command.program.display().to_string()].into_iter().chain(command.args.clone()).collect();
            line("command", json!(words));
            if let Some(text) = &spec.prefix_line {
                line("prefix_line", json!(text));
            }
            if !command.env_pass.is_empty() {
                line("env", json!(command.env_pass));
            }
            if !command.env_set.is_empty() {
                // Values may be secret.
                line("env_set", command.env_set.iter().map(|(name, _)| (name.clone(), "[hidden]")).collect());
            }
            for (key, limit) in [("first_event_ms", spec.limits.first_event_ms), ("idle_ms", spec.limits.idle_ms)] {
                limit.iter().for_each(|limit| line(key, json!(limit)));
            }
            let Bounds { memory_bytes_max, processes_max } = spec.bounds;
            for (key, max) in [("memory_bytes_max", memory_bytes_max), ("processes_max", processes_max.map(u64::from))]
            {
                max.iter().for_each(|max| line(key, json!(max)));
            }
            line("strict", json!(spec.strict.is_some()));
            if let Some(Strict { ports, reads }) = &spec.strict {
                line("strict_ports", json!(ports));
                line("strict_reads", json!(reads.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()));
            }
            line("input", json!(word(&command.input)));
            line("protocol", json!(word(protocol)));
        }
    }
}

/// A value as the file writes it.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{} = {}", json!(name), toml(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        // Strings, numbers and switches are the same in both.
        plain => plain.to_string(),
    }
}

fn as_text<S: Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(origin)
}

/// A variant's name as the file writes it.
fn word(value: &impl Debug) -> String {
    format!("{value:?}").to_lowercase()
}
