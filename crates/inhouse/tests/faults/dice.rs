//! Chance that can be had again: all of it follows from a seed, which is printed.

use std::time::{SystemTime, UNIX_EPOCH};

/// A stream of numbers (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    /// From INHOUSE_FAULTS_SEED, or else from the time.
    pub(crate) fn new(what: &str) -> Self {
        let told = std::env::var("INHOUSE_FAULTS_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let seed = told.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64);
        eprintln!("{what}: INHOUSE_FAULTS_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
