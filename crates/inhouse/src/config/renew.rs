//! A configuration that takes the place of another while the server runs: what needs no new start is taken over, and the rest is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::model::{AgentConfig, Config};
use super::show::{Shown, ShownTable, tables};

impl Config {
    /// Takes over who may come in, whom agents serve and obey, and what cards say. The settings that differ all the same, as
    /// `limits.finished_s_max`: they need a new start.
    pub(crate) fn take_over(&mut self, new: Config) -> Vec<String> {
        let wanted = settings(&new);
        (self.callers, self.issued, self.cards) = (new.callers, new.issued, new.cards);
        for agent in new.agents.list {
            if let Some(known) = self.agents.list.iter_mut().find(|known| known.name == agent.name) {
                take_over(known, agent);
            }
        }
        let now = settings(self);
        let differs = |key: &String| now.get(key) != wanted.get(key);
        now.keys()
            .chain(wanted.keys())
            .filter(|key| differs(key))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
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

fn take_over(known: &mut AgentConfig, new: AgentConfig) {
    (known.title, known.description, known.skills) = (new.title, new.description, new.skills);
    (known.callers, known.approvers) = (new.callers, new.approvers);
    (known.card.version, known.card.documentation_url, known.card.icon_url) =
        (new.card.version, new.card.documentation_url, new.card.icon_url);
}
