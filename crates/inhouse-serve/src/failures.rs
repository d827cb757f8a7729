//! How many failures of one source are told.

use std::net::{IpAddr, Ipv6Addr};

use inhouse_engine::{RetryAfter, SlidingWindow, WindowOptions};

/// Decides what a failed authentication gets. It never sees a valid token, so it can lock nobody out.
///
/// Sources are told apart by their [`source_key`].
#[derive(Debug, Clone)]
pub(crate) struct FailureLimit {
    window: SlidingWindow<IpAddr>,
}

impl FailureLimit {
    /// A limit of so many told failures a minute and source (20 is the default of the server).
    pub(crate) fn new(failures_per_minute_max: u32) -> Self {
        let options = WindowOptions { starts_max: failures_per_minute_max, ..WindowOptions::default() };
        Self { window: SlidingWindow::new(options) }
    }

    /// Counts one failure. `Ok` means: answer 401 and write it down.
    ///
    /// # Errors
    /// [`RetryAfter`] means: answer 429 and write nothing, this source has failed too often.
    pub(crate) fn failed(&mut self, source: IpAddr, now_ms: u64) -> Result<(), RetryAfter> {
        self.window.admit(&source_key(source), now_ms)
    }
}

/// What counts as one source: an IPv4 address, or the /64 of an IPv6 address, which is what one machine usually owns.
pub(crate) fn source_key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_failures_a_minute_are_told_however_many_come() {
        let mut limit = FailureLimit::new(20);
        let told = |limit: &mut FailureLimit, source: &str| {
            let source = source.parse().unwrap();
            (0..100_000).filter(|n| limit.failed(source, n / 2).is_ok()).count()
        };
        let sources = ["203.0.113.9", "2001:db8::1", "203.0.113.10", "2001:db8:0:1::1"];
        assert_eq!(sources.map(|source| told(&mut limit, source)), [20; 4]);
        let same_machines = ["::ffff:203.0.113.9", "2001:db8::ffff:1"];
        assert_eq!(same_machines.map(|source| told(&mut limit, source)), [0; 2]);
    }
}
