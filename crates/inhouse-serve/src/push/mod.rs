//! Push notifications (spec 4.3, 13.2): webhooks are told of a task's events. What is told comes from a cursor on the log, so
//! a receiver that is slow, wrong or gone costs its own deliveries, and the task nothing.
//!
//! Reading order: `delivery` is one config's life, `notification` what it says, `lookup` to whom, `call` how, `breaker` when not.

mod breaker;
mod call;
mod delivery;
mod lookup;
mod notification;
mod room;
pub(crate) mod webhook;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inhouse_engine::Engine;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::v1;
use inhouse_trust::{AgentName, Permit, Principal};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use self::breaker::Breaker;
use self::delivery::Delivery;
use self::lookup::{Lookups, NoDial};
pub(crate) use self::room::Room;
use self::room::Rooms;
use self::webhook::{Webhook, WebhookError, WebhookRule};
use crate::Metrics;
use crate::bindings::checked::is_id;

/// The longest token of a config, and the longest credentials, in bytes.
const SECRET_BYTES_MAX: usize = 8_192;
/// How often a server that stops looks whether everything is told.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The bounds of the deliveries.
#[derive(Debug, Clone, Copy)]
pub struct PushLimits {
    /// Configs that are followed at the same time, in all.
    pub followed_max: usize,
    /// The same of one caller.
    pub followed_per_caller_max: usize,
    /// Receivers' names that are looked up at the same time, in all.
    pub lookups_max: usize,
    /// The same for one caller.
    pub lookups_per_caller_max: usize,
    /// For a receiver's name to be resolved, and again for its answer to come, in milliseconds.
    pub timeout_ms: u64,
    /// How often one notification is tried before its config is given up.
    pub attempts_max: u32,
    /// The pause after the first failure, in milliseconds; each further one doubles it.
    pub backoff_ms: u64,
    /// The longest pause, in milliseconds.
    pub backoff_ms_max: u64,
    /// A receiver that fails so often in a row rests.
    pub breaker_failures: u32,
    /// How long it rests, in milliseconds.
    pub breaker_ms: u64,
    /// How long a server that stops goes on telling what has happened, in milliseconds.
    pub shutdown_grace_ms: u64,
}

impl Default for PushLimits {
    fn default() -> Self {
        Self {
            followed_max: 1_000,
            followed_per_caller_max: 256,
            lookups_max: 64,
            lookups_per_caller_max: 4,
            timeout_ms: 10_000,
            attempts_max: 10,
            backoff_ms: 500,
            backoff_ms_max: 60_000,
            breaker_failures: 5,
            breaker_ms: 30_000,
            shutdown_grace_ms: 2_000,
        }
    }
}

impl PushLimits {
    /// The pause after a failure: it doubles, and a random part of it is left out, so that many do not come at once.
    fn pause_after(&self, attempt: u32) -> Duration {
        let doubled = self.backoff_ms.saturating_mul(1_u64.checked_shl(attempt - 1).unwrap_or(u64::MAX));
        let longest = doubled.min(self.backoff_ms_max);
        let random = uuid::Uuid::new_v4().as_u64_pair().0;
        Duration::from_millis(longest / 2 + random % (longest / 2 + 1))
    }
}

/// Tells webhooks. Clones are the same.
#[derive(Clone)]
pub struct Push(Arc<Shared>);

struct Shared {
    metrics: Metrics,
    /// May be another one later.
    rule: Mutex<Arc<WebhookRule>>,
    limits: PushLimits,
    breaker: Breaker,
    lookups: Lookups,
    rooms: Rooms,
    followed: Mutex<HashMap<Followed, Following>>,
    serial: AtomicU64,
}

/// A config, as it is known among all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Followed {
    caller: Principal,
    agent: AgentName,
    task: String,
    config: Arc<str>,
}

/// A delivery under way.
struct Following {
    /// Tells it from the one whose place it took.
    serial: u64,
    engine: Engine,
    permit: Permit,
    room: Room,
    _delivery: Stopping,
}

/// Ends a delivery with its entry.
struct Stopping(AbortHandle);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Push {
    /// Webhooks that `rule` allows; their calls are counted.
    pub fn new(rule: WebhookRule, limits: PushLimits, metrics: Metrics) -> Self {
        let breaker = Breaker::new(limits.breaker_failures, Duration::from_millis(limits.breaker_ms));
        let lookups = Lookups::new(limits.lookups_max, limits.lookups_per_caller_max, limits.timeout_ms);
        let rooms = Rooms::new(limits.followed_max, limits.followed_per_caller_max);
        let (followed, serial) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(Shared {
            metrics,
            rule: Mutex::new(Arc::new(rule)),
            limits,
            breaker,
            lookups,
            rooms,
            followed,
            serial,
        }))
    }

    /// Calls what this rule allows from now on, and nothing else.
    pub fn renew(&self, rule: WebhookRule) {
        *lock(&self.0.rule) = Arc::new(rule);
    }

    /// Whether a config may be made: its fields, its address, and whether there is room for one more.
    ///
    /// # Errors
    /// Invalid parameters with the field (`within` stands before it), resource exhausted.
    pub(crate) async fn check(
        &self,
        permit: &Permit,
        config: &v1::TaskPushNotificationConfig,
        within: &str,
    ) -> Result<Room, A2aError> {
        let invalid = |field: &str, what: &str| A2aError::invalid(format!("{within}{field}"), what);
        check_fields(config).map_err(|(field, what)| invalid(field, what))?;
        let webhook = Webhook::parse(&config.url).map_err(|error| invalid("url", &error.to_string()))?;
        let busy = |what| {
            let error = A2aError::new(ErrorKind::ResourceExhausted).with("cause", what);
            error.retry_after(self.0.limits.breaker_ms.div_ceil(1000))
        };
        let room = self.room(permit, config).ok_or_else(|| busy("too many push configs wait for events"))?;
        let rule = self.0.rule();
        let dial = self.0.lookups.dial(permit.principal(), &rule, &webhook);
        // Its own time, and the same for those before it.
        match timeout(Duration::from_millis(self.0.limits.timeout_ms.saturating_mul(2)), dial).await {
            Ok(Ok(_)) => Ok(room),
            Ok(Err(error)) => Err(invalid("url", &refusal(&error))),
            Err(_) => Err(busy("too many of your webhooks are being looked up")),
        }
    }

    /// Room for a config. One that is put in the place of another has that one's.
    fn room(&self, permit: &Permit, config: &v1::TaskPushNotificationConfig) -> Option<Room> {
        let id = if config.id.is_empty() { &config.task_id } else { &config.id };
        let before = self.followed().get(&followed(permit, &config.task_id, id)).map(|known| known.room.clone());
        before.or_else(|| self.0.rooms.enter(permit.principal()))
    }

    /// Tells a config that is in the store, in place of the one that had its id.
    pub(crate) fn follow(&self, engine: &Engine, permit: &Permit, task_id: &str, id: &str, room: Room) {
        let key = followed(permit, task_id, id);
        let serial = self.0.serial.fetch_add(1, Ordering::Relaxed);
        let (shared, own) = (Arc::clone(&self.0), key.clone());
        let (engine_of, permit_of) = (engine.clone(), permit.clone());
        // Held until the entry is there, so that a delivery which is over at once finds it.
        let mut all = self.followed();
        let run = async move {
            Delivery::run(&shared, engine_of, permit_of, &own.task, &own.config).await;
            let mut all = lock(&shared.followed);
            if all.get(&own).is_some_and(|following| following.serial == serial) {
                all.remove(&own);
            }
        };
        let _delivery = Stopping(tokio::spawn(run).abort_handle());
        all.insert(key, Following { serial, engine: engine.clone(), permit: permit.clone(), room, _delivery });
    }

    /// Tells a config nothing more, from now on.
    pub(crate) fn stop(&self, permit: &Permit, task_id: &str, id: &str) {
        self.followed().remove(&followed(permit, task_id, id));
    }

    /// Tells nobody anything more of what is followed now.
    pub fn stop_all(&self) {
        self.followed().clear();
    }

    /// Tells what has happened, for the grace at most, and ends all deliveries. Called once no task goes on.
    pub async fn shutdown(&self) {
        let grace = Duration::from_millis(self.0.limits.shutdown_grace_ms);
        let _ = timeout(grace, async {
            while self.behind().await > 0 {
                sleep(LOOK_AGAIN).await
            }
        })
        .await;
        self.followed().clear();
    }

    /// How many configs are told of their tasks.
    pub(crate) fn following(&self) -> usize {
        self.followed().len()
    }

    /// How many of them have not been told all there is.
    pub(crate) async fn behind(&self) -> usize {
        let mut behind = 0;
        let all: Vec<_> = self
            .followed()
            .iter()
            .map(|(key, following)| (key.clone(), following.engine.clone(), following.permit.clone()))
            .collect();
        for (key, engine, permit) in all {
            let task = engine.get(&permit, &key.task).await;
            let config = engine.push_config(&permit, &key.task, &key.config).await;
            if task.is_ok_and(|task| config.is_ok_and(|config| config.told < task.generation)) {
                behind += 1;
            }
        }
        behind
    }

    fn followed(&self) -> MutexGuard<'_, HashMap<Followed, Following>> {
        lock(&self.0.followed)
    }
}

impl Shared {
    /// Which webhooks may be called now.
    fn rule(&self) -> Arc<WebhookRule> {
        Arc::clone(&lock(&self.rule))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn followed(permit: &Permit, task_id: &str, id: &str) -> Followed {
    Followed {
        caller: permit.principal().clone(),
        agent: permit.agent().clone(),
        task: task_id.to_owned(),
        config: id.into(),
    }
}

/// Why an address is refused, in words that do not tell names of the inside from names that do not exist.
fn refusal(error: &NoDial) -> String {
    match error {
        NoDial::Refused(error) if *error != WebhookError::Inside => error.to_string(),
        _ => "may not be called: it has no public address, and the operator does not list it in push.allow".to_owned(),
    }
}

/// What of a config becomes a header or a key; the field that can not, and why.
fn check_fields(config: &v1::TaskPushNotificationConfig) -> Result<(), (&'static str, &'static str)> {
    let is_header =
        |text: &str| text.len() <= SECRET_BYTES_MAX && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let is_word = |text: &str| {
        text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    if !config.id.is_empty() && !is_id(&config.id) {
        return Err(("id", "must be 1 to 128 printable ASCII characters"));
    }
    if !is_header(&config.token) {
        return Err(("token", "must be at most 8,192 printable ASCII characters"));
    }
    let Some(info) = &config.authentication else { return Ok(()) };
    if !is_word(&info.scheme) {
        return Err(("authentication.scheme", "must be the name of an HTTP authentication scheme"));
    }
    if !is_header(&info.credentials) {
        return Err(("authentication.credentials", "must be at most 8,192 printable ASCII characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_none_is_under_half() {
        let limits = PushLimits { backoff_ms: 100, backoff_ms_max: 1_000, ..PushLimits::default() };
        for (attempt, longest) in [(1, 100), (2, 200), (4, 800), (5, 1_000), (64, 1_000), (1_000, 1_000)] {
            let pause = limits.pause_after(attempt).as_millis();
            assert!((longest / 2..=longest).contains(&pause), "{attempt}: {pause}");
        }
    }

    #[test]
    fn what_can_not_be_a_header_is_refused_with_its_field() {
        let config = |id: &str, token: &str, scheme: &str, credentials: &str| v1::TaskPushNotificationConfig {
            id: id.into(),
            token: token.into(),
            authentication: Some(v1::AuthenticationInfo { scheme: scheme.into(), credentials: credentials.into() }),
            ..Default::default()
        };
        assert_eq!(check_fields(&config("c-1", "to ken", "Bearer", "a=b c")), Ok(()));
        assert_eq!(check_fields(&config("", "", "", "")), Ok(()));
        let long = "x".repeat(SECRET_BYTES_MAX + 1);
        for (config, field) in [
            (config("a\nb", "", "", ""), "id"),
            (config("", "a\r\nb: c", "", ""), "token"),
            (config("", "ä", "", ""), "token"),
            (config("", &long, "", ""), "token"),
            (config("", "", "Bearer x", ""), "authentication.scheme"),
            (config("", "", "Bearer", "a\nb"), "authentication.credentials"),
            (config("", "", "Bearer", &long), "authentication.credentials"),
        ] {
            assert_eq!(check_fields(&config).unwrap_err().0, field);
        }
    }
}
