//! What the server counts, for Prometheus: one registry, filled as things happen, and by a look at the engine when it is asked for.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use inhouse_engine::{Ended, Engine};
use inhouse_trust::AgentName;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::Body;

/// What a page of metrics is.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Upper bounds for requests, in seconds. A request that waits for its turn is as long as the turn.
const REQUEST_S: [f64; 10] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 1_800.0];
/// Upper bounds for turns and for their waiting, in seconds.
const TURN_S: [f64; 10] = [0.01, 0.1, 0.5, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0];
/// Ticks in a second, in which Linux tells of the processor's time.
const TICKS_PER_S: f64 = 100.0;

/// What the server counts. Clones are the same.
#[derive(Clone)]
pub struct Metrics(Arc<Counted>);

struct Counted {
    registry: Registry,
    bounds: Family<Limit, Gauge<u64, AtomicU64>>,
    requests: Family<Request, Counter>,
    request_seconds: Family<Operation, Histogram>,
    connections: Gauge,
    streams: Gauge,
    begun: Family<OfAgent, Counter>,
    ended: Family<EndedTurn, Counter>,
    turn_seconds: Family<OfAgent, Histogram>,
    wait_seconds: Family<OfAgent, Histogram>,
    turns: Family<Turns, Gauge>,
    tasks: Gauge,
    kept: Gauge,
    tokens: Family<OfAgent, Gauge>,
    usd: Family<OfAgent, Gauge<f64, AtomicU64>>,
    webhook_calls: Family<Outcome, Counter>,
    cpu_seconds: Gauge<f64, AtomicU64>,
    resident: Gauge,
    open_fds: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAgent {
    agent: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndedTurn {
    agent: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Turns {
    agent: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limit {
    limit: &'static str,
}

/// Something that is open, and counted until it is dropped.
pub(crate) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Nothing counted yet. `tier`: how firmly agents are held. `limits`: the bounds in force, by their names in the configuration.
    pub fn new(tier: &str, limits: impl IntoIterator<Item = (&'static str, u64)>) -> Self {
        let mut registry = Registry::with_prefix("inhouse");
        let words = [("version", env!("CARGO_PKG_VERSION").to_owned()), ("containment", tier.to_owned())];
        registry.register("build", "The version, and how firmly agents are held", Info::new(words.to_vec()));
        let metrics = Self(Arc::new(Counted::new(registry)));
        metrics.renew(limits);
        metrics
    }

    /// These bounds are in force from now on.
    pub fn renew(&self, limits: impl IntoIterator<Item = (&'static str, u64)>) {
        for (limit, value) in limits {
            self.0.bounds.get_or_create(&Limit { limit }).set(value);
        }
    }

    /// A request was answered. `operation`: the protocol's method, or what else it was about.
    pub(crate) fn answered(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        self.0.requests.get_or_create(&Request { operation, outcome }).inc();
        self.0.request_seconds.get_or_create(&Operation { operation }).observe(took.as_secs_f64());
    }

    /// A connection, as long as what is returned lives.
    pub(crate) fn connection(&self) -> Open {
        opened(&self.0.connections)
    }

    /// A stream of events.
    pub(crate) fn stream(&self) -> Open {
        opened(&self.0.streams)
    }

    /// A turn begins to run.
    pub(crate) fn began(&self, agent: &AgentName) {
        self.0.begun.get_or_create(&of(agent)).inc();
    }

    /// A turn has ended.
    pub(crate) fn ended(&self, turn: &Ended<'_>) {
        let Ended { agent, outcome, waited, took, .. } = *turn;
        self.0.ended.get_or_create(&EndedTurn { agent: agent.to_string(), outcome }).inc();
        self.0.turn_seconds.get_or_create(&of(agent)).observe(took.as_secs_f64());
        self.0.wait_seconds.get_or_create(&of(agent)).observe(waited.as_secs_f64());
    }

    /// A webhook was called, or was not reached.
    pub(crate) fn called_webhook(&self, outcome: &'static str) {
        self.0.webhook_calls.get_or_create(&Outcome { outcome }).inc();
    }

    /// Connections that are open now.
    pub(crate) fn connections(&self) -> u64 {
        self.0.connections.get().try_into().unwrap_or_default()
    }

    /// Streams of events that are open now.
    pub(crate) fn streams(&self) -> u64 {
        self.0.streams.get().try_into().unwrap_or_default()
    }

    /// The page: what was counted, and how things stand in the engine and in this process.
    pub(crate) fn page(&self, engine: &Engine) -> Response<Body> {
        self.0.look(engine);
        let mut text = String::new();
        let mut response = match encode(&mut text, &self.0.registry) {
            Ok(()) => Response::new(Body::full(text)),
            Err(_) => {
                let mut response = Response::new(Body::full(""));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl Counted {
    /// All that is counted, each by its name and with what it means.
    fn new(mut all: Registry) -> Self {
        Self {
            bounds: counted(&mut all, "limit", "A bound in force, in the unit of its name"),
            requests: counted(&mut all, "requests", "Answered requests, by method and outcome"),
            request_seconds: counted_in(
                &mut all,
                Unit::Seconds,
                "request_duration",
                "Time to an answer, or to the head of a stream",
                Family::new_with_constructor(|| Histogram::new(REQUEST_S)),
            ),
            connections: counted(&mut all, "connections", "Open connections"),
            streams: counted(&mut all, "streams", "Open streams of events"),
            begun: counted(&mut all, "turns_begun", "Turns that began to run"),
            ended: counted(&mut all, "turns_ended", "Turns that ended, by state or reason code"),
            turn_seconds: counted_in(
                &mut all,
                Unit::Seconds,
                "turn_duration",
                "Time a turn ran",
                Family::new_with_constructor(|| Histogram::new(TURN_S)),
            ),
            wait_seconds: counted_in(
                &mut all,
                Unit::Seconds,
                "turn_wait",
                "Time a turn waited",
                Family::new_with_constructor(|| Histogram::new(TURN_S)),
            ),
            turns: counted(&mut all, "turns", "Turns now: running, waiting for a place, asking"),
            tasks: counted(&mut all, "tasks_kept", "Tasks kept that nobody works at"),
            kept: counted_in(&mut all, Unit::Bytes, "tasks_kept", "Room that they take", Gauge::default()),
            tokens: counted(&mut all, "tokens_today", "Tokens used since midnight UTC, as agents tell"),
            usd: counted(&mut all, "usd_today", "US dollars spent since midnight UTC, as agents tell"),
            webhook_calls: counted(&mut all, "webhook_calls", "Calls of webhooks, by outcome"),
            cpu_seconds: counted_in(
                &mut all,
                Unit::Seconds,
                "process_cpu",
                "Processor time of the server",
                Gauge::default(),
            ),
            resident: counted_in(&mut all, Unit::Bytes, "process_resident", "Memory of the server", Gauge::default()),
            open_fds: counted(&mut all, "process_open_fds", "Open file descriptors of the server"),
            registry: all,
        }
    }

    fn look(&self, engine: &Engine) {
        for (agent, now) in engine.occupancy() {
            for (state, count) in [("running", now.running), ("waiting", now.waiting), ("asking", now.asking)] {
                self.turns.get_or_create(&Turns { agent: agent.to_string(), state }).set(whole(count as u64));
            }
        }
        let kept = engine.kept();
        self.tasks.set(whole(kept.tasks as u64));
        self.kept.set(whole(kept.bytes as u64));
        // Of a new day those have said nothing yet whom the day before knew.
        self.tokens.clear();
        self.usd.clear();
        for (agent, spent) in engine.used_today() {
            self.tokens.get_or_create(&of(&agent)).set(whole(spent.tokens));
            self.usd.get_or_create(&of(&agent)).set(spent.usd);
        }
        // Elsewhere than on Linux there is nothing to read, and the values stay 0.
        self.cpu_seconds.set(cpu_seconds().unwrap_or_default());
        self.resident.set(whole(resident_bytes().unwrap_or_default()));
        self.open_fds.set(fs::read_dir("/proc/self/fd").map_or(0, |entries| whole(entries.count() as u64)));
    }
}

/// Something that is counted from now on, under this name.
fn counted<M: Metric + Clone + Default>(all: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    all.register(name, help, metric.clone());
    metric
}

/// The same in a unit, which stands behind its name.
fn counted_in<M: Metric + Clone>(all: &mut Registry, unit: Unit, name: &str, help: &str, metric: M) -> M {
    all.register_with_unit(name, help, unit, metric.clone());
    metric
}

fn of(agent: &AgentName) -> OfAgent {
    OfAgent { agent: agent.to_string() }
}

fn opened(gauge: &Gauge) -> Open {
    gauge.inc();
    Open(gauge.clone())
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The name of a program may hold blanks and brackets; what counts stands behind the last one (proc_pid_stat(5)).
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_S)
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}
