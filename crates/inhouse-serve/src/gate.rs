//! Who gets a connection: a bound on all of them and on those of one source. A slot is given back by dropping it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::failures::source_key;
use crate::metrics::Open;
use crate::{Limits, Metrics};

/// Counts open connections.
pub(crate) struct Gate {
    counts: Mutex<Counts>,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Only sources that have a connection now.
    per_source: HashMap<IpAddr, usize>,
}

/// The right to one connection.
pub(crate) struct Slot {
    gate: Arc<Gate>,
    source: IpAddr,
    _open: Open,
}

impl Gate {
    /// Open to all, and counted there.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { counts: Mutex::default(), metrics }
    }

    /// A slot for one more connection of this source, or `None` when it, being one, or all have too many.
    pub(crate) fn enter(self: &Arc<Self>, source: IpAddr, is_one: bool, limits: &Limits) -> Option<Slot> {
        let source = source_key(source);
        let mut counts = self.counts();
        let count = counts.per_source.get(&source).copied().unwrap_or(0);
        let has_too_many = count >= limits.connections_per_source_max && is_one;
        if has_too_many || counts.all >= limits.connections_max {
            return None;
        }
        counts.all += 1;
        counts.per_source.insert(source, count + 1);
        Some(Slot { gate: Arc::clone(self), source, _open: self.metrics.connection() })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.gate.counts();
        counts.all -= 1;
        match counts.per_source.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.per_source.remove(&self.source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_all_have_their_bounds_and_nothing_is_kept_of_those_that_left() {
        let gate = Arc::new(Gate::new(Metrics::new("group", [])));
        let limits = Limits { connections_max: 5, connections_per_source_max: 2, ..Limits::default() };
        let enter = |source: &str| gate.enter(source.parse().unwrap(), source != "::1", &limits);
        let mut slots: Vec<_> = ["10.0.0.1", "10.0.0.1", "::1", "::1", "::1"].map(enter).into();
        assert!(slots.iter().all(Option::is_some));
        assert!(enter("10.0.0.2").is_none());
        slots.pop();
        assert!(enter("10.0.0.1").is_none());
        assert!(enter("10.0.0.2").is_some());
        slots.clear();
        assert_eq!(gate.counts().all, 0);
        assert!(gate.counts().per_source.is_empty());
        assert!(enter("2001:db8::1").is_some_and(|_slot| enter("2001:db8::2").is_some()));
    }
}
