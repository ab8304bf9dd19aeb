//! When this process has stored something last.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What finds no room while others do may be too large for this store; where nobody does, the store is full.
#[derive(Debug, Default)]
pub(super) struct LastStored(Mutex<Option<Instant>>);

impl LastStored {
    /// Something has been stored now.
    pub(super) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether something was stored not longer ago than this.
    pub(super) fn is_within(&self, time: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() <= time)
    }
}
