//! Streams: from the agent's write to the reader, and how fast much of it arrives. Every byte and every number is checked.

use std::time::Instant;

use tokio::task::JoinSet;

use super::Bench;
use super::a2a::{Recording, Told, stream};
use super::error::{BenchError, Result, wrong};
use super::load::percentile_ns;
use super::script::{PATTERN, line};
use super::target::Target;

const TICKS_PER_S: u64 = 1000;
const LINES: u64 = 100_000;
const BYTES: usize = 10_000_000;
const STREAMS: usize = 20;
/// With the three events around the text, a server that merges nothing sends 5,003 events.
const STREAM_LINES: u64 = 5000;

/// Delay of single events.
pub(super) async fn measure_delay(bench: &mut Bench) -> Result<()> {
    let count = bench.plan.ticks;
    for round in bench.plan.rounds() {
        for target in bench.in_turn(round) {
            let target = &bench.targets[target];
            let told = record(target, &format!("ticks {TICKS_PER_S} {count}")).await?.told()?;
            let mut delays = delays_ns(&told)?;
            if delays.len() as u64 != count {
                return Err(BenchError::Wrong(format!("{}: {} ticks of {count} came", target.name, delays.len())));
            }
            delays.sort_unstable();
            bench.report.add("delay_p50", target.kind, percentile_ns(&delays, 50) / 1e3);
            bench.report.add("delay_p99", target.kind, percentile_ns(&delays, 99) / 1e3);
        }
    }
    Ok(())
}

/// For each line of a told text, the time from what it says to when it came.
fn delays_ns(told: &Told) -> Result<Vec<u64>> {
    let mut marks = told.marks.iter();
    let mut mark = marks.next();
    let mut end = 0;
    let delay = |line: &str| {
        end += line.len();
        while mark.is_some_and(|(length, _)| *length < end) {
            mark = marks.next();
        }
        let arrived = mark.map(|(_, arrived)| *arrived)?;
        arrived.checked_sub(line.trim_end().parse().ok()?)
    };
    let delays: Option<Vec<u64>> = told.text.split_inclusive('\n').map(delay).collect();
    delays.ok_or_else(|| wrong("lines of times in the past", told.text.as_bytes()))
}

/// 100,000 lines, each written for itself, and 10 MB in large writes.
pub(super) async fn measure_bulk(bench: &mut Bench) -> Result<()> {
    let lines: String = (1..=LINES).map(line).collect();
    let bytes = String::from_utf8_lossy(&PATTERN.repeat(BYTES / PATTERN.len() + 1)[..BYTES]).into_owned();
    let loads = [("lines_s", format!("lines {LINES}"), lines), ("bytes_s", format!("bytes {BYTES}"), bytes)];
    for round in bench.plan.rounds() {
        for target in bench.in_turn(round) {
            let target = &bench.targets[target];
            for (key, text, expected) in &loads {
                let began = Instant::now();
                let recording = record(target, text).await?;
                bench.report.add(key, target.kind, began.elapsed().as_secs_f64());
                whole(&recording.told()?, expected, target)?;
            }
        }
    }
    Ok(())
}

/// 20 streams at once.
pub(super) async fn measure_many(bench: &mut Bench) -> Result<()> {
    let expected: String = (1..=STREAM_LINES).map(line).collect();
    for round in bench.plan.rounds() {
        for target in bench.in_turn(round) {
            let target = &bench.targets[target];
            let mut streams = JoinSet::new();
            let began = Instant::now();
            for _ in 0..STREAMS {
                streams.spawn(Recording::of(target.address, target.request(&stream(&format!("lines {STREAM_LINES}")))));
            }
            let recordings = streams.join_all().await;
            bench.report.add("many_s", target.kind, began.elapsed().as_secs_f64());
            let mut events = 0;
            for recording in recordings {
                let told = recording?.told()?;
                whole(&told, &expected, target)?;
                events += told.events;
            }
            bench.report.add("many_events", target.kind, events as f64 / STREAMS as f64);
        }
    }
    Ok(())
}

async fn record(target: &Target, text: &str) -> Result<Recording> {
    Recording::of(target.address, target.request(&stream(text))).await
}

fn whole(told: &Told, expected: &str, target: &Target) -> Result<()> {
    if told.text == expected {
        return Ok(());
    }
    let same = told.text.bytes().zip(expected.bytes()).take_while(|(told, expected)| told == expected).count();
    let (name, length) = (target.name, expected.len());
    Err(wrong(&format!("{name}: {length} bytes, which differ from {same} on"), &told.text.as_bytes()[same..]))
}
