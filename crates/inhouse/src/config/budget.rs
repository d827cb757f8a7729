//! What an agent may spend in a day, as the file says it.

use inhouse_engine::{Budget, Budgets};

use serde_json::{Value, json};

use super::ConfigError;
use super::document::Table;

/// Reads the budgets of an agent.
pub(super) fn budgets(table: &mut Table<'_>) -> Result<Budgets, ConfigError> {
    let mut budget = |(tokens, usd)| -> Result<Budget, ConfigError> {
        let tokens_per_day_max = table.number(tokens, 1..=u64::MAX >> 1)?.map(|tokens| tokens.value);
        let usd_per_day_max = table.amount(usd)?.map(|usd| usd.value);
        Ok(Budget { tokens_per_day_max, usd_per_day_max })
    };
    let [agent, caller] = Budgets::KEYS;
    Ok(Budgets { agent: budget(agent)?, caller: budget(caller)? })
}

/// The bounds that there are, by their keys.
pub(super) fn lines(budgets: &Budgets) -> impl Iterator<Item = (&'static str, Value)> {
    let both = Budgets::KEYS.into_iter().zip([budgets.agent, budgets.caller]);
    both.flat_map(|((tokens, usd), budget)| {
        let tokens = budget.tokens_per_day_max.map(|max| (tokens, json!(max)));
        tokens.into_iter().chain(budget.usd_per_day_max.map(|max| (usd, json!(max))))
    })
}
