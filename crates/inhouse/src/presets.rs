//! What people are told about the agents that are known by name, and about the others; how they are run stands in
//! `inhouse_agents::presets`.

use inhouse_agents::presets::PRESETS;

/// The name of the built-in agent.
pub(crate) const DEMO: &str = "demo";

/// Words about an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct About {
    /// Its name for people.
    pub(crate) title: &'static str,
    /// What it does.
    pub(crate) description: &'static str,
    /// The command that installs it.
    pub(crate) install: Option<&'static str>,
}

/// What people are told about the agent of this name; something general when it is none of ours.
pub(crate) fn about(name: &str) -> About {
    let known = PRESETS.iter().map(|preset| preset.known).find(|known| known.name == name);
    let (title, description, install) = match known {
        Some(known) => (known.title, CODING, Some(known.install)),
        None if name == DEMO => ("Demo", "Repeats what it is told; for trying the protocol without a model", None),
        None => ("", "A command-line agent that takes a text and answers with a text", None),
    };
    About { title, description, install }
}

const CODING: &str = "A coding agent that reads, explains and changes the files of its project";

/// All names that `--agent` takes without a configuration file.
pub(crate) fn names() -> Vec<&'static str> {
    PRESETS.iter().map(|preset| preset.name()).chain([DEMO]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_agent_has_a_title_and_a_way_to_get_it() {
        for name in names() {
            assert!(!about(name).title.is_empty(), "{name}");
            assert_eq!(about(name).install.is_some(), name != DEMO, "{name}");
        }
        assert_eq!(about("my-bot").title, "");
    }
}
