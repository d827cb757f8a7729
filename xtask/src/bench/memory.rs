//! Memory: of an idle server, of each open stream, and of a server whose agent floods a reader that never reads.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Bench;
use super::a2a::{cancel, first_task, list_context, stream, subscribe};
use super::client::{Connection, find};
use super::error::{BenchError, Result, wrong};
use super::target::{Kind, OUTPUT_BYTES_MAX, Target};

/// Numbers of readers, with the keys of what is measured with them.
const READERS: [(usize, &str); 2] = [(1000, "reader_1000"), (4000, "reader_4000")];
/// An idle server has done all that it does at its start.
const SETTLE: Duration = Duration::from_millis(500);
/// What was asked to end has ended.
const END_MAX: Duration = Duration::from_secs(2);
/// The flood is over.
const FLOOD_MAX: Duration = Duration::from_secs(60);

/// Of idle servers.
pub(super) async fn measure_idle(bench: &mut Bench) -> Result<()> {
    for kind in bench.kinds() {
        let target = bench.place.start(kind)?;
        sleep(SETTLE).await;
        bench.report.add("idle_mb", kind, target.resident_bytes()? as f64 / 1e6);
        if kind != Kind::Floor {
            bench.report.add("helpers_mb", kind, target.helper_bytes() as f64 / 1e6);
        }
    }
    Ok(())
}

/// Of readers of one task.
pub(super) async fn measure_readers(bench: &mut Bench) -> Result<()> {
    for kind in bench.kinds() {
        let target = bench.place.start(kind)?;
        let mut writer = Connection::open(target.address).await?;
        let (request, task) = if kind == Kind::Floor {
            (target.post("/hold", "{}"), None)
        } else {
            writer.begin(&target.request(&stream("hold 600"))).await?;
            let task = first_task(&mut writer).await?;
            (target.request(&subscribe(&task.id)), Some(task.id))
        };
        // The first readers also pay for what the server makes only once.
        let mut readers = open(&target, &request, 8).await?;
        sleep(SETTLE).await;
        let before = target.resident_bytes()?;
        for (count, key) in READERS {
            readers.extend(open(&target, &request, count + 8 - readers.len()).await?);
            let grown = target.resident_bytes()?.saturating_sub(before);
            bench.report.add(key, kind, grown as f64 / count as f64 / 1e3);
        }
        if let Some(id) = task {
            let mut caller = Connection::open(target.address).await?;
            caller.exchange(&target.request(&cancel(&id)), &mut Vec::new()).await?;
            ended(&target).await?;
        }
    }
    Ok(())
}

/// Opens streams and reads the first event of each.
async fn open(target: &Target, request: &[u8], count: usize) -> Result<Vec<Connection>> {
    let mut readers = Vec::with_capacity(count);
    for _ in 0..count {
        let mut reader = Connection::open(target.address).await?;
        reader.begin(request).await?;
        let mut body = Vec::new();
        while find(&body, b"\n\n").is_none() {
            if !reader.piece(&mut body).await? {
                return Err(wrong("a stream that stays open", &body));
            }
        }
        readers.push(reader);
    }
    Ok(readers)
}

/// An agent that floods, and a caller that never reads.
pub(super) async fn measure_flood(bench: &mut Bench) -> Result<()> {
    for kind in bench.kinds().into_iter().filter(|kind| *kind != Kind::Floor) {
        let target = bench.place.start(kind)?;
        sleep(SETTLE).await;
        let before = target.resident_bytes()?;
        target.forget_peak()?;
        let mut deaf = Connection::open(target.address).await?;
        let began = Instant::now();
        deaf.begin(&target.request(&stream(&format!("bytes {}", bench.plan.flood_bytes)))).await?;
        let context = first_task(&mut deaf).await?.context_id;
        failed(&target, &context).await?;
        bench.report.add("flood_s", kind, began.elapsed().as_secs_f64());
        let beyond = target.peak_bytes()?.saturating_sub(before + OUTPUT_BYTES_MAX);
        bench.report.add("flood_mib", kind, beyond as f64 / f64::from(1 << 20));
        ended(&target).await?;
        alive(&target).await?;
    }
    Ok(())
}

/// Waits until the task of this conversation has failed for the right reason. A page has no artifacts, so asking costs nothing.
async fn failed(target: &Target, context: &str) -> Result<()> {
    let (deadline, mut body) = (Instant::now() + FLOOD_MAX, Vec::new());
    let mut caller = Connection::open(target.address).await?;
    while Instant::now() < deadline {
        caller.exchange(&target.request(&list_context(context)), &mut body).await?;
        if find(&body, b"\"TASK_STATE_FAILED\"").is_some() && find(&body, b"output_limit").is_some() {
            return Ok(());
        }
        if find(&body, b"\"TASK_STATE_WORKING\"").is_none() && find(&body, b"\"TASK_STATE_SUBMITTED\"").is_none() {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    Err(wrong("a task that failed with output_limit", &body))
}

/// Waits until no agent is running any more.
async fn ended(target: &Target) -> Result<()> {
    let deadline = Instant::now() + END_MAX;
    while target.agents() > 0 {
        if Instant::now() > deadline {
            return Err(BenchError::Wrong(format!("{}: an agent is still running after {END_MAX:?}", target.name)));
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn alive(target: &Target) -> Result<()> {
    let mut caller = Connection::open(target.address).await?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", target.address);
    caller.exchange(request.as_bytes(), &mut Vec::new()).await
}
