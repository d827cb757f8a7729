//! Sends that wait for their answer: how many in a second, and how long one takes, with 1, 16 and 64 callers.

use std::sync::Arc;

use super::Bench;
use super::a2a::send;
use super::client::find;
use super::error::{Result, wrong};
use super::load::{Question, load};
use super::script::ECHO;

/// Numbers of callers, with the keys of what is measured with them.
const CALLERS: [(u64, &str, &str, &str); 3] = [
    (1, "sends_1", "sends_1_p50", "sends_1_p99"),
    (16, "sends_16", "sends_16_p50", "sends_16_p99"),
    (64, "sends_64", "sends_64_p50", "sends_64_p99"),
];

/// Measures all targets in turn.
pub(super) async fn measure(bench: &mut Bench) -> Result<()> {
    for (callers, rate, p50, p99) in CALLERS {
        for round in bench.plan.rounds() {
            for target in bench.in_turn(round) {
                let target = &bench.targets[target];
                let question = Arc::new(Echo { empty: target.request("") });
                let load = load(target, callers, bench.plan.load_time, question).await?;
                bench.report.add(rate, target.kind, load.per_second);
                bench.report.add(p50, target.kind, load.p50_us / 1e3);
                bench.report.add(p99, target.kind, load.p99_us / 1e3);
            }
        }
    }
    Ok(())
}

/// Each answer has to repeat its own question.
struct Echo {
    /// A request without a body.
    empty: Vec<u8>,
}

impl Question for Echo {
    fn request(&self, number: u64) -> Vec<u8> {
        filled(&self.empty, &send(&format!("say {number}"), number))
    }

    fn check(&self, number: u64, body: &[u8]) -> Result<()> {
        let answer = format!("\"text\":\"{ECHO}say {number}\"");
        let state = b"\"TASK_STATE_COMPLETED\"";
        if find(body, answer.as_bytes()).is_some() && find(body, state).is_some() {
            return Ok(());
        }
        Err(wrong(&format!("a completed task with {answer}"), body))
    }
}

/// A request with `body`, from one without any.
pub(super) fn filled(empty: &[u8], body: &str) -> Vec<u8> {
    let head = empty.strip_suffix(b"0\r\n\r\n").unwrap_or(empty);
    [head, body.len().to_string().as_bytes(), b"\r\n\r\n", body.as_bytes()].concat()
}
