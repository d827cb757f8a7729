//! Callers that ask one after another, each on its own connection, for a given time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::Connection;
use super::error::{BenchError, Result};
use super::target::Target;

/// What the callers ask, and what they expect.
pub(super) trait Question: Send + Sync + 'static {
    /// The request number `number` of a caller; no two of them are the same.
    fn request(&self, number: u64) -> Vec<u8>;
    /// Whether this is the right answer to it.
    fn check(&self, number: u64, body: &[u8]) -> Result<()>;
}

/// How it went.
pub(super) struct Load {
    /// Answers in a second.
    pub(super) per_second: f64,
    /// The median of their times, in microseconds.
    pub(super) p50_us: f64,
    /// The time that 99 of 100 did not exceed, in microseconds.
    pub(super) p99_us: f64,
}

/// Puts the question from so many callers for so long.
pub(super) async fn load(target: &Target, callers: u64, time: Duration, question: Arc<dyn Question>) -> Result<Load> {
    let mut tasks = JoinSet::new();
    let mut connections = Vec::new();
    for _ in 0..callers {
        connections.push(Connection::open(target.address).await?);
    }
    let began = Instant::now();
    for (caller, connection) in (0..callers).zip(connections) {
        // So far apart that numbers of different callers never meet.
        tasks.spawn(ask(connection, caller << 40, began + time, Arc::clone(&question)));
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done.map_err(|error| BenchError::Wrong(format!("a caller stopped: {error}")))??);
    }
    let elapsed = began.elapsed();
    times.sort_unstable();
    Ok(Load {
        per_second: times.len() as f64 / elapsed.as_secs_f64(),
        p50_us: percentile_ns(&times, 50) / 1e3,
        p99_us: percentile_ns(&times, 99) / 1e3,
    })
}

async fn ask(
    mut connection: Connection,
    first: u64,
    deadline: Instant,
    question: Arc<dyn Question>,
) -> Result<Vec<u64>> {
    let (mut times, mut body) = (Vec::new(), Vec::new());
    for number in first.. {
        let request = question.request(number);
        let began = Instant::now();
        if began >= deadline {
            break;
        }
        connection.exchange(&request, &mut body).await?;
        times.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
        question.check(number, &body)?;
    }
    Ok(times)
}

/// Of sorted times.
pub(super) fn percentile_ns(sorted: &[u64], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).map_or(f64::NAN, |time| *time as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile_ns(&hundred, percent)), [50.0, 99.0, 100.0]);
        assert_eq!(percentile_ns(&[7], 99), 7.0);
        assert!(percentile_ns(&[], 50).is_nan());
    }
}
