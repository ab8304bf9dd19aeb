//! A clock that a test moves by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dlcs_core::time::{Clock, Timestamp};

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// Returns a clock that stands at 2016-05-04T09:20:30Z.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_462_353_630_000_000)))
    }

    /// Moves it forwards.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("tests move the clock by less than ages");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Moves it backwards, as clocks do that are put right.
    pub fn put_back(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("tests move the clock by less than ages");
        self.0.fetch_sub(micros, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
