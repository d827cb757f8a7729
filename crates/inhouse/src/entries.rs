//! An agent as the engine serves it, and as its card shows it. Another configuration has the same adapter for an agent about which nothing
//! has changed: what it remembers, and the processes that it keeps, stay.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use inhouse_agents::{AgentSpec, Protocol, Workspace};
use inhouse_engine::agent::Agent;
use inhouse_engine::{AgentEntry, Takes};
use inhouse_run::Runner;
use inhouse_serve::{CardInfo, Provider};
use inhouse_trust::{AgentName, HostEnv};

use crate::config::{AgentConfig, Config, Setting};

/// The adapters of the agents, each with what it was made of.
#[derive(Default)]
pub(crate) struct Adapters(Mutex<Known>);

#[derive(Default)]
struct Known {
    host: HostEnv,
    adapters: HashMap<AgentName, (AgentSpec, Arc<dyn Agent>)>,
}

impl Adapters {
    /// The agents of a configuration, which get their part of `host`.
    pub(crate) fn entries(&self, config: &Config, runner: &Runner, host: &HostEnv) -> HashMap<AgentName, AgentEntry> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        if before.host != *host {
            before.adapters.clear();
        }
        known.host = host.clone();
        let entry = |agent: &AgentConfig| {
            let adapter = match before.adapters.remove(&agent.name) {
                Some((spec, adapter)) if spec == agent.spec => adapter,
                _ => inhouse_agents::build(agent.spec.clone(), runner, host),
            };
            known.adapters.insert(agent.name.clone(), (agent.spec.clone(), Arc::clone(&adapter)));
            (agent.name.clone(), entry(agent, adapter))
        };
        config.agents.list.iter().map(entry).collect()
    }
}

fn entry(agent: &AgentConfig, adapter: Arc<dyn Agent>) -> AgentEntry {
    AgentEntry {
        agent: adapter,
        turn_ms_max: agent.timeout_ms,
        takes: takes(agent),
        accepts: agent.card.input_modes.clone(),
        // What an agent can say that speaks our own protocol is known to its operator alone.
        gives: if native(agent) { agent.card.output_modes.clone() } else { output_modes(agent) },
        // What a turn changed belongs to a task.
        answers_directly: native(agent) && !reports(agent),
        budgets: agent.budgets,
        shows_reasoning: agent.reasoning,
    }
}

/// What its card says.
pub(crate) fn card(agent: &AgentConfig, provider: Option<&Provider>) -> CardInfo {
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

/// What it speaks; the demo agent has no program.
pub(crate) fn protocol(agent: &AgentConfig) -> Option<Protocol> {
    match &agent.spec {
        AgentSpec::Program(spec) => Some(spec.protocol),
        AgentSpec::Demo => None,
    }
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
