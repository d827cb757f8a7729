//! How often: a sliding window of starts per key. Time is passed in as milliseconds of a clock that never goes back, and memory is
//! bounded by the number of keys.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

/// Sizes of a [`SlidingWindow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowOptions {
    /// Starts of one key within the window.
    pub starts_max: u32,
    /// The window's length in milliseconds.
    pub window_ms: u64,
    /// Keys that are remembered; beyond them the one that has been idle longest is forgotten.
    pub keys_max: usize,
}

impl Default for WindowOptions {
    /// 30 starts in 60 s for each of 10,000 keys.
    fn default() -> Self {
        Self { starts_max: 30, window_ms: 60_000, keys_max: 10_000 }
    }
}

/// Too many starts: the next one may be in so many seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many starts, retry after {seconds} s")]
pub struct RetryAfter {
    /// Whole seconds until a start is free again.
    pub seconds: u64,
}

/// Admits so many starts of each key within any stretch of the window's length.
#[derive(Debug, Clone)]
pub struct SlidingWindow<K> {
    options: WindowOptions,
    starts: HashMap<K, VecDeque<u64>>,
    /// The keys by their last admitted start. The same keys as in `starts`, once each.
    by_idle: BTreeSet<(u64, K)>,
}

impl<K: Clone + Ord + Hash> SlidingWindow<K> {
    /// A window that has seen nothing.
    pub fn new(options: WindowOptions) -> Self {
        Self { options, starts: HashMap::new(), by_idle: BTreeSet::new() }
    }

    /// Has other sizes from now on; what was counted counts.
    pub fn renew(&mut self, options: WindowOptions) {
        self.options = options;
    }

    /// Admits one start of `key` now and counts it. A refused one is not counted, so waiting always helps.
    ///
    /// # Errors
    /// [`RetryAfter`] when the window is full.
    pub fn admit(&mut self, key: &K, now_ms: u64) -> Result<(), RetryAfter> {
        self.admit_of(key, self.options.starts_max, now_ms)
    }

    /// The same for a key that may start less often than others.
    ///
    /// # Errors
    /// [`RetryAfter`] when the window is full for it.
    pub fn admit_of(&mut self, key: &K, starts_max: u32, now_ms: u64) -> Result<(), RetryAfter> {
        let WindowOptions { window_ms, .. } = self.options;
        let starts_max = starts_max.min(self.options.starts_max);
        if starts_max == 0 {
            return Err(RetryAfter { seconds: window_ms.div_ceil(1000).max(1) });
        }
        let times = self.starts.entry(key.clone()).or_default();
        let last = times.back().copied();
        while times.front().is_some_and(|start| now_ms.saturating_sub(*start) >= window_ms) {
            times.pop_front();
        }
        if times.len() >= starts_max as usize {
            let free_at_ms = times.front().copied().unwrap_or(now_ms).saturating_add(window_ms);
            return Err(RetryAfter { seconds: free_at_ms.saturating_sub(now_ms).div_ceil(1000).max(1) });
        }
        times.push_back(now_ms);
        if let Some(last) = last {
            self.by_idle.remove(&(last, key.clone()));
        }
        self.by_idle.insert((now_ms, key.clone()));
        if self.by_idle.len() > self.options.keys_max.max(1)
            && let Some((_, idle)) = self.by_idle.pop_first()
        {
            self.starts.remove(&idle);
        }
        Ok(())
    }
}
