//! What the tasks of a run share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::RwLock;

use crate::ledger::{Expected, Ledger, Name};

/// Violations that are kept with their words; the others are only counted.
const KEPT: usize = 20;

/// What the tasks of a run share.
#[derive(Debug)]
pub(crate) struct World {
    ledger: Mutex<Ledger>,
    violations: Mutex<Vec<String>>,
    /// Held for reading during each change; whoever holds it for writing sees none.
    pub(super) changes: RwLock<()>,
    stopped: AtomicBool,
    /// Images that wait.
    pub(super) backlog: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) looks: AtomicU64,
    /// Images that were seen half, in a wrong version, or not at all.
    pub(super) half: AtomicU64,
    /// How long it takes until what is in effect is known to every node.
    grace: Duration,
}

impl World {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            ledger: Mutex::default(),
            violations: Mutex::default(),
            changes: RwLock::default(),
            stopped: AtomicBool::new(false),
            backlog: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            half: AtomicU64::new(0),
            grace,
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a reader may be answered from now on.
    pub(super) fn expected(&self, name: &Name) -> Expected {
        let now = Instant::now();
        self.ledger()
            .expected(name, now.checked_sub(self.grace).unwrap_or(now))
    }

    /// Notes something that must not be.
    pub(super) fn accuse(&self, violation: String) {
        let mut violations = self
            .violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if violations.len() < KEPT {
            violations.push(violation);
        }
    }

    pub(super) fn violations(&self) -> Vec<String> {
        let violations = self
            .violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        violations.clone()
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
