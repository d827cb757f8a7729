//! What an agent may spend in a day, of all its callers together and of each of them. Counted is what agents tell of their usage;
//! days are those of UTC. The sums live as long as the server.

use std::collections::HashMap;
use std::sync::Mutex;

use inhouse_trust::AgentName;

use crate::agent::Usage;
use crate::engine::lock;
use crate::store::Owner;
use crate::witness::UsedToday;

const DAY_MS: i64 = 86_400_000;

/// The most that may be spent in a day; nothing stands for no bound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Budget {
    /// Tokens, read and written.
    pub tokens_per_day_max: Option<u64>,
    /// US dollars.
    pub usd_per_day_max: Option<f64>,
}

/// The budgets of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Budgets {
    /// Of all callers together.
    pub agent: Budget,
    /// Of each caller.
    pub caller: Budget,
}

impl Budgets {
    /// What the configuration calls the bounds, in tokens and in dollars: of all callers together, and of each.
    pub const KEYS: [(&'static str, &'static str); 2] =
        [("tokens_per_day_max", "usd_per_day_max"), ("tokens_per_caller_day_max", "usd_per_caller_day_max")];
}

/// What was spent today. There are as many entries as callers and agents.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Day>);

#[derive(Debug, Default)]
struct Day {
    number: i64,
    agents: HashMap<AgentName, UsedToday>,
    callers: HashMap<Owner, UsedToday>,
}

/// A budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Which one, as the configuration calls it.
    pub(crate) budget: &'static str,
    /// Until the next day, in seconds.
    pub(crate) retry_s: u64,
}

impl Ledger {
    /// Counts what a turn has used since it last said so.
    pub(crate) fn add(&self, owner: &Owner, before: Option<Usage>, now: Usage, now_ms: i64) {
        let before = UsedToday::of(before.unwrap_or_default());
        let now = UsedToday::of(now);
        let more = UsedToday { tokens: now.tokens.saturating_sub(before.tokens), usd: (now.usd - before.usd).max(0.0) };
        let mut day = lock(&self.0);
        day.turn(now_ms);
        day.agents.entry(owner.agent.clone()).or_default().add(more);
        day.callers.entry(owner.clone()).or_default().add(more);
    }

    /// What each agent has used so far today, of those that tell.
    pub(crate) fn used_today(&self, now_ms: i64) -> Vec<(AgentName, UsedToday)> {
        let mut day = lock(&self.0);
        day.turn(now_ms);
        day.agents.iter().map(|(agent, used)| (agent.clone(), *used)).collect()
    }

    /// Whether the caller may still spend something of the agent.
    pub(crate) fn check(&self, owner: &Owner, budgets: &Budgets, now_ms: i64) -> Result<(), Spent> {
        if *budgets == Budgets::default() {
            return Ok(());
        }
        let mut day = lock(&self.0);
        day.turn(now_ms);
        let of_agent = day.agents.get(&owner.agent).copied().unwrap_or_default();
        let of_caller = day.callers.get(owner).copied().unwrap_or_default();
        let sums = [(of_agent, budgets.agent), (of_caller, budgets.caller)];
        let mut rows = Budgets::KEYS.into_iter().zip(sums).flat_map(|((tokens, usd), (sum, budget))| {
            [(tokens, sum.has_all_tokens(budget)), (usd, sum.has_all_money(budget))]
        });
        let rest_ms = DAY_MS - now_ms.rem_euclid(DAY_MS);
        let retry_s = u64::try_from(rest_ms).unwrap_or_default().div_ceil(1000);
        match rows.find(|(_, spent)| *spent) {
            Some((budget, _)) => Err(Spent { budget, retry_s }),
            None => Ok(()),
        }
    }
}

impl Day {
    fn turn(&mut self, now_ms: i64) {
        let number = now_ms.div_euclid(DAY_MS);
        if self.number != number {
            *self = Self { number, ..Self::default() };
        }
    }
}

impl UsedToday {
    fn of(usage: Usage) -> Self {
        let tokens = usage.input_tokens.unwrap_or_default().saturating_add(usage.output_tokens.unwrap_or_default());
        // What an agent tells is not always a number that can be added.
        let usd = usage.cost_usd.filter(|usd| usd.is_finite() && *usd > 0.0).unwrap_or_default();
        Self { tokens, usd }
    }

    fn add(&mut self, more: Self) {
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.usd += more.usd;
    }

    fn has_all_tokens(self, budget: Budget) -> bool {
        budget.tokens_per_day_max.is_some_and(|max| self.tokens >= max)
    }

    fn has_all_money(self, budget: Budget) -> bool {
        budget.usd_per_day_max.is_some_and(|max| self.usd >= max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inhouse_trust::Principal;

    fn owner(principal: &str, agent: &str) -> Owner {
        Owner { principal: Principal::new(principal).unwrap(), agent: AgentName::new(agent).unwrap() }
    }

    fn used(tokens: u64, usd: f64) -> Usage {
        Usage { input_tokens: Some(tokens), output_tokens: None, cost_usd: Some(usd) }
    }

    #[test]
    fn each_bound_is_the_last_that_is_spent() {
        let none = Budget::default();
        let tokens = Budget { tokens_per_day_max: Some(100), ..none };
        let money = Budget { usd_per_day_max: Some(1.0), ..none };
        let (ann, bob) = (owner("ann", "a"), owner("bob", "a"));
        #[rustfmt::skip]
        let rows = [
            (Budgets::default(), used(u64::MAX, 1e9), None, None),
            (Budgets { agent: tokens, caller: none }, used(99, 5.0), None, None),
            (Budgets { agent: tokens, caller: none }, used(100, 0.0), Some("tokens_per_day_max"), Some("tokens_per_day_max")),
            (Budgets { agent: money, caller: none }, used(500, 1.0), Some("usd_per_day_max"), Some("usd_per_day_max")),
            (Budgets { agent: none, caller: tokens }, used(100, 0.0), Some("tokens_per_caller_day_max"), None),
            (Budgets { agent: none, caller: money }, used(1, 1.5), Some("usd_per_caller_day_max"), None),
            (Budgets { agent: money, caller: none }, used(1, f64::NAN), None, None),
        ];
        for (budgets, usage, of_ann, of_bob) in rows {
            let ledger = Ledger::default();
            ledger.add(&ann, None, usage, 5);
            let check = |owner| ledger.check(owner, &budgets, 10).err().map(|spent| spent.budget);
            assert_eq!((check(&ann), check(&bob)), (of_ann, of_bob), "{budgets:?} {usage:?}");
            assert_eq!(ledger.check(&owner("ann", "b"), &budgets, 10), Ok(()), "another agent's is its own");
        }
    }

    #[test]
    fn a_turn_is_counted_once_however_often_it_tells_and_a_day_ends() {
        let ledger = Ledger::default();
        let ann = owner("ann", "a");
        let caller = Budget { tokens_per_day_max: Some(30), usd_per_day_max: None };
        let budgets = Budgets { caller, ..Budgets::default() };
        ledger.add(&ann, None, used(10, 0.1), 0);
        ledger.add(&ann, Some(used(10, 0.1)), used(29, 0.2), 1);
        assert_eq!(ledger.check(&ann, &budgets, 2), Ok(()));
        ledger.add(&ann, Some(used(29, 0.2)), used(30, 0.2), 3);
        let spent = Spent { budget: "tokens_per_caller_day_max", retry_s: 86_400 };
        assert_eq!(ledger.check(&ann, &budgets, 4), Err(spent));
        assert_eq!(ledger.check(&ann, &budgets, DAY_MS - 1500).unwrap_err().retry_s, 2);
        assert_eq!(ledger.check(&ann, &budgets, DAY_MS), Ok(()));
    }
}
