//! Receivers that fail again and again are left alone for a while. Each caller has its own view of them: nobody can make one look
//! bad for others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use inhouse_trust::Principal;
use tokio::time::Instant;

/// So many failing receivers are remembered. Forgetting one costs it some attempts more.
const RECEIVERS_MAX: usize = 4_096;

/// Whose receiver, and where: a host with its port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Receiver {
    pub(super) caller: Principal,
    pub(super) host: String,
    pub(super) port: u16,
}

/// The receivers that fail.
pub(super) struct Breaker {
    failures_max: u32,
    rest: Duration,
    failing: Mutex<HashMap<Receiver, Failing>>,
}

#[derive(Debug, Default)]
struct Failing {
    /// One after the other.
    failures: u32,
    until: Option<Instant>,
}

impl Breaker {
    /// After so many failures in a row a receiver rests for `rest`, and again after each further one.
    pub(super) fn new(failures_max: u32, rest: Duration) -> Self {
        Self { failures_max, rest, failing: Mutex::default() }
    }

    /// Until when nobody calls this receiver.
    pub(super) fn rests_until(&self, receiver: &Receiver) -> Option<Instant> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.get(receiver).and_then(|failing| failing.until).filter(|until| *until > Instant::now())
    }

    /// A call has gone well.
    pub(super) fn succeeded(&self, receiver: &Receiver) {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).remove(receiver);
    }

    /// A call has not.
    pub(super) fn failed(&self, receiver: &Receiver) {
        let mut all = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= RECEIVERS_MAX && !all.contains_key(receiver) {
            all.clear();
        }
        let failing = all.entry(receiver.clone()).or_default();
        failing.failures = failing.failures.saturating_add(1);
        if failing.failures >= self.failures_max {
            failing.until = Some(Instant::now() + self.rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(caller: &str, port: u16) -> Receiver {
        Receiver { caller: Principal::new(caller).unwrap(), host: "bad.example".into(), port }
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_fails_rests_and_gets_another_try() {
        let breaker = Breaker::new(2, Duration::from_secs(30));
        let (bad, good) = (receiver("ann", 443), receiver("bob", 443));
        breaker.failed(&bad);
        assert_eq!(breaker.rests_until(&bad), None);
        breaker.failed(&bad);
        assert_eq!(breaker.rests_until(&bad), Some(Instant::now() + Duration::from_secs(30)));
        assert_eq!(breaker.rests_until(&good), None);
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(breaker.rests_until(&bad), None);
        breaker.failed(&bad);
        assert!(breaker.rests_until(&bad).is_some(), "the next failure is enough");
        breaker.succeeded(&bad);
        breaker.failed(&bad);
        assert_eq!(breaker.rests_until(&bad), None, "they are counted in a row");
    }

    #[test]
    fn memory_stays_bounded() {
        let breaker = Breaker::new(1, Duration::from_secs(1));
        for port in 0..=u16::MAX {
            breaker.failed(&receiver("ann", port));
        }
        assert!(breaker.failing.lock().unwrap().len() <= RECEIVERS_MAX);
    }
}
