//! Reading stored tasks: GetTask and ListTasks with many tasks in the store, and a task with a large result. The floor says
//! hello in as many bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::task::JoinSet;

use super::Bench;
use super::a2a::{Task, get, list, result, send, sent};
use super::client::Connection;
use super::error::{BenchError, Result, wrong};
use super::load::{Question, load};
use super::target::{Kind, Target};

const CALLERS: u64 = 16;
/// Of so many stored tasks, one is asked for.
const SAMPLE_EVERY: u64 = 200;
const LARGE_BYTES: usize = 4 << 20;
/// How often the large task is read in a round.
const LARGE_READS: u32 = 10;
/// Numbers of stored tasks, with the keys of what is measured with them.
const STORED: [(u64, &str, &str); 2] = [(10_000, "get_10k", "list_10k"), (100_000, "get_100k", "list_100k")];

/// GetTask and ListTasks. The built-in agent fills the store: no process is started, and the tier does not matter.
pub(super) async fn measure(bench: &mut Bench) -> Result<()> {
    if bench.targets.len() < 2 {
        return Ok(());
    }
    let server = bench.place.start(Kind::Demo)?;
    let before = server.resident_bytes()?;
    let (mut stored, mut ids) = (0, Vec::new());
    for (wanted, get_key, list_key) in STORED {
        let (more, more_ids) = fill(&server, stored, wanted, bench.plan.fill_time).await?;
        stored += more;
        ids.extend(more_ids);
        if stored < wanted {
            bench.report.note(format!("{get_key}, {list_key}: {stored} tasks were stored in the time there was"));
        }
        let gets = asked(&server, ids.iter().map(|id| get(id)).collect()).await?;
        let lists = asked(&server, pages(&server, stored).await?).await?;
        for _ in bench.plan.rounds() {
            for (key, question) in [(get_key, &gets), (list_key, &lists)] {
                let hello = Arc::new(question.hello(&bench.targets[0]));
                let floor = load(&bench.targets[0], CALLERS, bench.plan.load_time, hello).await?;
                bench.report.add(key, Kind::Floor, floor.per_second);
                let load = load(&server, CALLERS, bench.plan.load_time, Arc::<Fixed>::clone(question)).await?;
                bench.report.add(key, Kind::Demo, load.per_second);
            }
        }
    }
    bench.report.add(
        "stored_kb",
        Kind::Demo,
        (server.resident_bytes()?.saturating_sub(before)) as f64 / stored as f64 / 1e3,
    );
    Ok(())
}

/// Requests whose answers do not change, so each must be the same as the first time.
pub(super) struct Fixed {
    requests: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
}

impl Fixed {
    /// These requests with what they are answered now.
    pub(super) async fn ask(server: &Target, requests: Vec<Vec<u8>>) -> Result<Arc<Self>> {
        let mut connection = Connection::open(server.address).await?;
        let mut answers = Vec::new();
        for request in &requests {
            let mut answer = Vec::new();
            connection.exchange(request, &mut answer).await?;
            answers.push(answer);
        }
        Ok(Arc::new(Self { requests, answers }))
    }

    /// The floor's question with an answer as long.
    pub(super) fn hello(&self, floor: &Target) -> Self {
        let answers: Vec<Vec<u8>> = self.answers.iter().map(|answer| hello(answer.len())).collect();
        Self { requests: answers.iter().map(|answer| floor.post(&hello_path(answer.len()), "{}")).collect(), answers }
    }
}

impl Question for Fixed {
    fn request(&self, number: u64) -> Vec<u8> {
        self.requests[number as usize % self.requests.len()].clone()
    }

    fn check(&self, number: u64, body: &[u8]) -> Result<()> {
        let expected = &self.answers[number as usize % self.answers.len()];
        if body == expected { Ok(()) } else { Err(wrong("the same answer as the first time", body)) }
    }
}

fn hello_path(size: usize) -> String {
    format!("/hello/{size}")
}

fn hello(size: usize) -> Vec<u8> {
    super::script::PATTERN.iter().copied().cycle().take(size).collect()
}

/// Asks once, for the answers.
async fn asked(server: &Target, bodies: Vec<String>) -> Result<Arc<Fixed>> {
    let fixed = Fixed::ask(server, bodies.iter().map(|body| server.request(body)).collect()).await?;
    match fixed.answers.iter().find(|answer| !answer.starts_with(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":")) {
        Some(answer) => Err(wrong("a result", answer)),
        None => Ok(fixed),
    }
}

/// Stores tasks until there are so many, or the time is over. Returns how many came, and the ids of some of them.
async fn fill(server: &Target, stored: u64, wanted: u64, time: Duration) -> Result<(u64, Vec<String>)> {
    let deadline = Instant::now() + time;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let numbers = (stored..wanted).filter(move |number| number % CALLERS == caller);
        let requests = numbers.map({
            let head = server.request("");
            move |number| super::unary::filled(&head, &send(&format!("task {number}"), number))
        });
        let address = server.address;
        callers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let (mut count, mut ids, mut body) = (0, Vec::new(), Vec::new());
            for request in requests.take_while(|_| Instant::now() < deadline) {
                connection.exchange(&request, &mut body).await?;
                if count % SAMPLE_EVERY == 0 {
                    ids.push(sent(&body)?.id);
                }
                count += 1;
            }
            Ok::<_, BenchError>((count, ids))
        });
    }
    let (mut count, mut ids) = (0, Vec::new());
    for done in callers.join_all().await {
        let (more, more_ids) = done?;
        count += more;
        ids.extend(more_ids);
    }
    Ok((count, ids))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    tasks: Vec<serde::de::IgnoredAny>,
    next_page_token: String,
    total_size: u64,
}

/// The requests for the first page and for one in the middle of all.
async fn pages(server: &Target, stored: u64) -> Result<Vec<String>> {
    let mut connection = Connection::open(server.address).await?;
    let (mut token, mut body) = (String::new(), Vec::new());
    for _ in 0..stored / 50 / 2 {
        connection.exchange(&server.request(&list(&token)), &mut body).await?;
        let page: Page = result(&body)?;
        if page.tasks.len() != 50 || page.total_size != stored {
            return Err(wrong(&format!("50 of {stored} tasks"), &body));
        }
        token = page.next_page_token;
    }
    Ok(vec![list(""), list(&token)])
}

/// GetTask of a result of 4 MB.
pub(super) async fn measure_large(bench: &mut Bench) -> Result<()> {
    let mut size = LARGE_BYTES;
    let mut requests = Vec::new();
    for target in &bench.targets[1..] {
        let (mut connection, mut body) = (Connection::open(target.address).await?, Vec::new());
        connection.exchange(&target.request(&send(&format!("bytes {LARGE_BYTES}"), 1)), &mut body).await?;
        let request = target.request(&get(&sent(&body)?.id));
        connection.exchange(&request, &mut body).await?;
        size = body.len();
        let text = super::script::PATTERN.repeat(LARGE_BYTES / super::script::PATTERN.len());
        let got = result::<Task>(&body)?.into_text();
        if got.as_bytes() != text {
            return Err(wrong(&format!("{LARGE_BYTES} bytes as the agent wrote them"), got.as_bytes()));
        }
        requests.push(request);
    }
    requests.insert(0, bench.targets[0].post(&hello_path(size), "{}"));
    for round in bench.plan.rounds() {
        for at in bench.in_turn(round) {
            let target = &bench.targets[at];
            let (mut connection, mut body) = (Connection::open(target.address).await?, Vec::with_capacity(2 * size));
            let began = Instant::now();
            for _ in 0..LARGE_READS {
                connection.exchange(&requests[at], &mut body).await?;
            }
            let each_s = began.elapsed().as_secs_f64() / f64::from(LARGE_READS);
            if body.len() != size {
                return Err(wrong(&format!("{size} bytes"), &body));
            }
            bench.report.add("large_ms", target.kind, each_s * 1e3);
            bench.report.add("large_mb_s", target.kind, size as f64 / 1e6 / each_s);
        }
    }
    Ok(())
}
