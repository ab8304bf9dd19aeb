//! How many fetches one host is asked for at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use dlcs_core::origin::Result;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bounds::Deadline;
use crate::lock::Lock;

/// Hosts that are remembered before those that nobody waits for are forgotten.
const REMEMBERED: usize = 1024;

/// Turns at hosts: so many at once for each, whoever comes first.
pub(super) struct HostSlots {
    limit: usize,
    hosts: Lock<HashMap<String, Weak<Semaphore>>>,
}

impl HostSlots {
    /// Fetches that one host is asked for at once, unless told otherwise.
    pub(super) const DEFAULT: usize = 8;

    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            hosts: Lock::default(),
        }
    }

    /// Waits for a turn at a host as long as the fetch may take: a wait for others is no silence of the origin.
    ///
    /// # Errors
    /// [`OriginError::TimedOut`](dlcs_core::origin::OriginError::TimedOut) when that comes to its end.
    pub(super) async fn turn(
        &self,
        host: &str,
        deadline: Deadline,
    ) -> Result<OwnedSemaphorePermit> {
        deadline.wait(Duration::MAX, self.acquire(host)).await
    }

    /// Waits for a turn at a host; it lasts as long as the permit lives.
    async fn acquire(&self, host: &str) -> OwnedSemaphorePermit {
        self.of(host)
            .acquire_owned()
            .await
            .expect("nobody closes the semaphore of a host")
    }

    fn of(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock();
        if let Some(known) = hosts.get(host).and_then(Weak::upgrade) {
            return known;
        }
        if hosts.len() >= REMEMBERED {
            hosts.retain(|_, host| host.strong_count() > 0);
        }
        let fresh = Arc::new(Semaphore::new(self.limit));
        hosts.insert(host.to_owned(), Arc::downgrade(&fresh));
        fresh
    }
}

impl fmt::Debug for HostSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostSlots")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn each_host_has_its_own_turns() {
        let slots = HostSlots::new(2);
        let first = slots.acquire("a:80").await;
        let _second = slots.acquire("a:80").await;
        assert!(slots.acquire("a:80").now_or_never().is_none());
        assert!(slots.acquire("b:80").now_or_never().is_some());
        drop(first);
        assert!(slots.acquire("a:80").now_or_never().is_some());
    }

    #[tokio::test]
    async fn hosts_that_nobody_waits_for_are_forgotten() {
        let slots = HostSlots::new(1);
        let _held = slots.acquire("held:80").await;
        for host in 0..2 * REMEMBERED {
            drop(slots.acquire(&format!("h{host}:80")).await);
        }
        assert!(slots.hosts.lock().len() <= REMEMBERED + 1);
        assert!(slots.acquire("held:80").now_or_never().is_none());
    }
}
