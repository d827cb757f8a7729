//! A configuration that takes the place of another while the server runs: what needs a new start stays as it is, and is named.

use std::collections::{BTreeMap, BTreeSet};

use inhouse_agents::AgentSpec;
use inhouse_serve::Reloaded;
use serde_json::Value;

use super::model::{AgentConfig, CallerConfig, CallerToken, Callers, Config, Server};
use super::show::{Shown, ShownTable, tables};
use super::tls::Tls;

/// Bounds of what is made at the start: files, keys, supervisors, the store, workspaces, webhooks.
const MADE_AT_START: &[&str] = &[
    "finished_s_max",
    "finished_tasks_max",
    "finished_bytes_max",
    "waiting_s_max",
    "supervisors_idle_max",
    "copied_bytes_max",
    "kill_grace_ms",
    "stop_grace_ms",
    "files_reload_ms",
    "jwks_refresh_ms",
    "jwks_retry_ms",
    "jwks_fetch_ms_max",
    "jwks_bytes_max",
    "tls_auto_s",
    "workspace_idle_ms",
    "workspaces_per_agent_max",
    "workspaces_per_caller_max",
    "git_ms_max",
    "changed_files_max",
    "changed_bytes_max",
    "changed_listed_max",
    "patch_bytes_max",
    "looked_files_max",
    "looked_bytes_max",
    "audit_bytes_max",
    "audit_wait_ms_max",
    "audit_file_bytes_max",
    "audit_files_max",
    "audit_head_lines",
    "audit_head_ms",
    "audit_shown_max",
    "push_configs_per_task_max",
    "push_followed_max",
    "push_followed_per_caller_max",
    "push_lookups_max",
    "push_lookups_per_caller_max",
    "push_timeout_ms",
    "push_attempts_max",
    "push_backoff_ms",
    "push_backoff_ms_max",
    "push_breaker_failures",
    "push_breaker_ms",
    "push_shutdown_grace_ms",
];

impl Config {
    /// What is in force once another configuration is read, and what of it that changes.
    pub(crate) fn renewed(&self, mut new: Config) -> (Config, Reloaded) {
        let wanted = settings(&new);
        let Server { public_url, allowed_hosts, allowed_origins, console, trusted_proxies, idempotency, .. } =
            new.server;
        let start = self.server.clone();
        new.server =
            Server { public_url, allowed_hosts, allowed_origins, console, trusted_proxies, idempotency, ..start };
        new.audit = self.audit.clone();
        new.limits.keep(MADE_AT_START, &self.limits);
        for agent in &mut new.agents.list {
            if let AgentSpec::Program(program) = &mut agent.spec {
                program.limits.stop_ms_max = self.limits.kill_grace_ms.value;
            }
            if let Some(known) = self.agents.list.iter().find(|known| known.name == agent.name) {
                keep_workspaces(known, agent);
            }
        }
        let (before, now) = (settings(self), settings(&new));
        let mut changes = Reloaded { taken: differing(&before, &now), later: differing(&now, &wanted) };
        let come_and_gone = names(self).symmetric_difference(&names(&new)).cloned().collect::<Vec<_>>();
        for agent in come_and_gone {
            changes.taken.retain(|key| !key.starts_with(&format!("{agent}.")));
            changes.taken.push(agent);
        }
        changes.taken.extend(untold(self, &new));
        changes.later.extend(self.names_in_certificate(&new));
        (new, changes)
    }

    /// What our own authority signs is for the names that the server had at its start.
    fn names_in_certificate(&self, new: &Self) -> Option<String> {
        let (now, new) = (&self.server, &new.server);
        let are_same =
            now.allowed_hosts.value == new.allowed_hosts.value && now.public_url.value == new.public_url.value;
        let is_ours = matches!(now.tls.as_ref().map(|tls| &tls.value), Some(Tls::Auto(_)));
        (is_ours && !are_same).then(|| "server.tls (the names in its certificate)".to_owned())
    }
}

/// The workspaces of an agent in a project are there once, so they stay those of the start.
fn keep_workspaces(known: &AgentConfig, new: &mut AgentConfig) {
    let (Some(before), Some(now)) = (&known.workspace, &mut new.workspace) else { return };
    let (AgentSpec::Program(program), AgentSpec::Program(renewed)) = (&known.spec, &mut new.spec) else { return };
    if known.project != new.project {
        return;
    }
    if before.value.is_kept() && now.value.is_kept() {
        now.value = before.value.clone();
    }
    if before.value == now.value {
        renewed.workspaces = program.workspaces.clone();
    }
}

/// Every setting as it is shown, by its table and key. Tables of a list have their values behind one another.
fn settings(config: &Config) -> BTreeMap<String, Vec<Value>> {
    let mut settings = BTreeMap::<_, Vec<_>>::new();
    for ShownTable { table, settings: shown, .. } in tables(config) {
        shown
            .into_iter()
            .for_each(|Shown { key, value, .. }| settings.entry(format!("{table}.{key}")).or_default().push(value));
    }
    settings
}

/// The agents, as their tables are called.
fn names(config: &Config) -> BTreeSet<String> {
    config.agents.list.iter().map(|agent| format!("agents.{}", agent.name)).collect()
}

fn differing(one: &BTreeMap<String, Vec<Value>>, other: &BTreeMap<String, Vec<Value>>) -> Vec<String> {
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).cloned().collect()
}

/// What has changed and is not shown.
fn untold(before: &Config, now: &Config) -> Vec<String> {
    let pairs = now.agents.list.iter().filter_map(|agent| {
        let known = before.agents.list.iter().find(|known| known.name == agent.name)?;
        Some((agent, known))
    });
    let agents = pairs.flat_map(|(agent, known)| {
        let mut changed = Vec::new();
        if let (AgentSpec::Program(now), AgentSpec::Program(before)) = (&agent.spec, &known.spec) {
            let of_set = |set: &[(String, String)], other: &[(String, String)]| {
                // The names are shown.
                set != other && set.iter().map(|(name, _)| name).eq(other.iter().map(|(name, _)| name))
            };
            changed.extend(of_set(&now.command.env_set, &before.command.env_set).then_some("env_set"));
            changed.extend((now.mapping != before.mapping).then_some("lines"));
            changed.extend((now.exits != before.exits).then_some("exit"));
        }
        changed.extend((agent.skills != known.skills).then_some("skills"));
        changed.into_iter().map(|key| format!("agents.{}.{key}", agent.name)).collect::<Vec<_>>()
    });
    let tokens = (tokens(&before.callers) != tokens(&now.callers)).then(|| "callers.token".to_owned());
    agents.chain(tokens).collect()
}

fn tokens(callers: &Callers) -> Vec<[u8; 32]> {
    let Callers::Configured(list) = callers else { return Vec::new() };
    let digest = |caller: &CallerConfig| match caller.token {
        CallerToken::Digest(digest) => Some(digest),
        // What a variable holds stays as it is, and the others are shown.
        CallerToken::Variable { .. } | CallerToken::Certificate(_) => None,
    };
    list.iter().filter_map(digest).collect()
}

#[cfg(test)]
mod tests {
    use super::super::limits::LIMITS;
    use super::*;

    #[test]
    fn what_is_made_at_the_start_is_bounded_by_bounds_that_there_are() {
        let unknown: Vec<_> =
            MADE_AT_START.iter().filter(|key| !LIMITS.iter().any(|limit| limit.key == **key)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
