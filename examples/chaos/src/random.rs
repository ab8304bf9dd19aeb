//! Numbers from a seed, so that a run can be repeated.

use std::time::Duration;

/// A small generator (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for one of several tasks.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a limit, which is not 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit)).unwrap_or(0)
    }

    /// A place in a list that is not empty.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.next() % length as u64).unwrap_or(0)
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// A number between two whose logarithm is uniform: as many from 1 to 10 as from 10 to 100.
    pub(crate) fn log_uniform(&mut self, least: f64, most: f64) -> f64 {
        let part = f64::from(self.below(u32::MAX)) / f64::from(u32::MAX);
        least * (most / least).powf(part)
    }

    /// As [`Self::log_uniform`], in seconds.
    pub(crate) fn moment(&mut self, least: f64, most: f64) -> Duration {
        Duration::from_secs_f64(self.log_uniform(least, most))
    }
}
