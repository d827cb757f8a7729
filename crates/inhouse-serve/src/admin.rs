//! What the server tells those who run it, beside what it counts: how it stands (`/admin/status`) and what was written down last
//! (`/admin/audit`). Nothing here is kept for it: both are a look at what there is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use inhouse_engine::{Budgets, Engine, Occupancy};
use inhouse_proto::json::Timestamp;
use inhouse_trust::AgentName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::audit_log::now_ms;
use crate::audit_tail::AuditPage;
use crate::bindings::Endpoint;
use crate::{AuditLog, Metrics};

/// Wishes for another look at the configuration that may wait; each is answered by the look that follows it.
const RELOADS_MAX: usize = 16;

/// What a reload changes, by table and key, as `limits.hops_max`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// In force now.
    pub taken: Vec<String>,
    /// In force from the next start on.
    pub later: Vec<String>,
}

/// A wish that the configuration is read again, and whom to tell what came of it: what has changed, or why it can not be used.
pub type ReloadWish = oneshot::Sender<Result<Reloaded, String>>;

/// Lines of the audit in an answer, where nothing is said, and the most.
const LINES: usize = 100;
const LINES_MAX: usize = 1_000;

/// What does not change while the server runs. Clones are the same.
#[derive(Debug, Clone)]
pub struct Admin(Arc<Known>);

#[derive(Debug)]
struct Known {
    started: Timestamp,
    begun: Instant,
    containment: Containment,
    tls: bool,
    listening: OnceLock<Vec<SocketAddr>>,
    reloads: mpsc::Sender<ReloadWish>,
}

#[derive(Debug, Serialize)]
struct Containment {
    tier: String,
    /// Why no better one.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortfall: Option<String>,
}

/// What the configuration says, which may be another one later.
#[derive(Debug, Clone)]
pub struct AdminFacts {
    /// The agents, the default one first.
    pub agents: Vec<ServedAgent>,
    /// The bounds in force, by their names in the configuration.
    pub limits: Vec<(&'static str, u64)>,
    /// The whole configuration as it is in force, with the origin of each value and without secrets.
    pub config: Value,
}

/// An agent, as its operator sees it.
#[derive(Debug, Clone)]
pub struct ServedAgent {
    /// Its name.
    pub name: AgentName,
    /// How its program is spoken to.
    pub driver: String,
    /// How many of its turns may run at the same time.
    pub running_max: u64,
    /// How many of its turns may wait.
    pub waiting_max: u64,
    /// What it may spend in a day.
    pub budgets: Budgets,
}

/// How the server stands.
#[derive(Debug, Serialize)]
pub(crate) struct Status<'a> {
    version: &'static str,
    started: Timestamp,
    uptime_s: u64,
    containment: &'a Containment,
    tls: bool,
    listening: &'a [SocketAddr],
    agents: Vec<AgentNow<'a>>,
    tasks: Tasks,
    /// Open streams of events.
    readers: u64,
    connections: u64,
    /// Nothing, where there are no push notifications.
    push: Option<PushNow>,
    limits: Vec<Limit>,
    config: &'a Value,
}

#[derive(Debug, Serialize)]
struct AgentNow<'a> {
    name: &'a str,
    driver: &'a str,
    running: usize,
    running_max: u64,
    waiting: usize,
    waiting_max: u64,
    /// Turns that wait for somebody's answer.
    asking: usize,
    /// What was used since midnight UTC, as the agent tells, and how much of it may be.
    today: Today,
}

#[derive(Debug, Serialize)]
struct Today {
    tokens: u64,
    usd: f64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    budgets: BTreeMap<&'static str, f64>,
}

#[derive(Debug, Serialize)]
struct Tasks {
    /// By the protocol's names of states.
    states: BTreeMap<&'static str, usize>,
    /// Those that nobody works at, and the room that they take.
    kept: usize,
    kept_bytes: usize,
}

#[derive(Debug, Serialize)]
struct PushNow {
    /// Configs that are told of their tasks, and those of them that have not been told all there is.
    following: usize,
    behind: usize,
}

#[derive(Debug, Serialize)]
struct Limit {
    name: &'static str,
    value: u64,
    /// How much of it is taken now, where one number says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
}

impl Admin {
    /// Of a server that starts now, and the wishes for a reload that come by it. `tier`: how firmly agents are held; `shortfall`: why no
    /// firmer.
    pub fn new(tier: String, shortfall: Option<String>, tls: bool) -> (Self, mpsc::Receiver<ReloadWish>) {
        let started = Timestamp { millis: now_ms().try_into().unwrap_or(i64::MAX) };
        let containment = Containment { tier, shortfall };
        let (reloads, wishes) = mpsc::channel(RELOADS_MAX);
        let known = Known { started, begun: Instant::now(), containment, tls, listening: OnceLock::new(), reloads };
        (Self(Arc::new(known)), wishes)
    }

    /// Where it listens, once that is known.
    pub fn listens(&self, addresses: Vec<SocketAddr>) {
        // There is one time to say it.
        let _ = self.0.listening.set(addresses);
    }

    /// Has the configuration read again: what has changed, or why it can not be used. Nothing where nobody reads it, or too many wait.
    pub(crate) async fn reload(&self) -> Option<Result<Reloaded, String>> {
        let (wish, told) = oneshot::channel();
        self.0.reloads.try_send(wish).ok()?;
        told.await.ok()
    }

    /// How the server stands now.
    pub(crate) async fn status<'a>(
        &'a self,
        facts: &'a AdminFacts,
        endpoint: &Endpoint,
        metrics: &Metrics,
        audit: &AuditLog,
    ) -> Status<'a> {
        let (known, engine) = (&*self.0, &endpoint.engine);
        let push = match &endpoint.push {
            Some(push) => Some(PushNow { following: push.following(), behind: push.behind().await }),
            None => None,
        };
        let kept = engine.kept();
        let states = engine.states().into_iter().map(|(state, tasks)| (state.as_str_name(), tasks)).collect();
        let used = |name: &str| {
            let used = match name {
                "connections_max" => return Some(metrics.connections()),
                "finished_tasks_max" => kept.tasks,
                "finished_bytes_max" => kept.bytes,
                "push_followed_max" => push.as_ref()?.following,
                "copied_bytes_max" => endpoint.copies.used(),
                "audit_bytes_max" => audit.unwritten(),
                _ => return None,
            };
            u64::try_from(used).ok()
        };
        Status {
            version: env!("CARGO_PKG_VERSION"),
            started: known.started,
            uptime_s: known.begun.elapsed().as_secs(),
            containment: &known.containment,
            tls: known.tls,
            listening: known.listening.get().map(Vec::as_slice).unwrap_or_default(),
            agents: agents(facts, engine),
            tasks: Tasks { states, kept: kept.tasks, kept_bytes: kept.bytes },
            readers: metrics.streams(),
            connections: metrics.connections(),
            limits: facts.limits.iter().map(|(name, value)| Limit { name, value: *value, used: used(name) }).collect(),
            push,
            config: &facts.config,
        }
    }
}

fn agents<'a>(facts: &'a AdminFacts, engine: &Engine) -> Vec<AgentNow<'a>> {
    let (now, used) = (engine.occupancy(), engine.used_today());
    let agent = |served: &'a ServedAgent| {
        let is_it = |(name, _): &&(AgentName, _)| *name == served.name;
        let Occupancy { running, waiting, asking } = now.iter().find(is_it).map(|(_, now)| *now).unwrap_or_default();
        let used = used.iter().find(|(name, _)| *name == served.name).map(|(_, used)| *used).unwrap_or_default();
        AgentNow {
            name: served.name.as_str(),
            driver: &served.driver,
            running,
            running_max: served.running_max,
            waiting,
            waiting_max: served.waiting_max,
            asking,
            today: Today { tokens: used.tokens, usd: used.usd, budgets: bounds(&served.budgets) },
        }
    };
    facts.agents.iter().map(agent).collect()
}

/// The budgets that there are, by their names in the configuration.
fn bounds(budgets: &Budgets) -> BTreeMap<&'static str, f64> {
    let both = Budgets::KEYS.into_iter().zip([budgets.agent, budgets.caller]);
    let bound = both.flat_map(|((tokens, usd), budget)| {
        [(tokens, budget.tokens_per_day_max.map(|max| max as f64)), (usd, budget.usd_per_day_max)]
    });
    bound.filter_map(|(key, max)| Some((key, max?))).collect()
}

/// Lines of the audit, as the query wishes: `after` the number of one, `limit` at most.
///
/// # Errors
/// One line on what is wrong with the query.
pub(crate) fn audit(log: &AuditLog, query: Option<&str>) -> Result<AuditPage, String> {
    let (mut after, mut limit) = (None, LINES);
    for (name, text) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let number = || text.parse::<u64>().map_err(|_| format!("{name} must be a whole number, not {text:?}"));
        match &*name {
            "after" => after = Some(number()?),
            "limit" => limit = usize::try_from(number()?).unwrap_or(usize::MAX),
            _ => {}
        }
    }
    if (1..=LINES_MAX).contains(&limit) {
        Ok(log.tail().page(after, limit))
    } else {
        Err(format!("limit must be 1 to {LINES_MAX}, not {limit}"))
    }
}
