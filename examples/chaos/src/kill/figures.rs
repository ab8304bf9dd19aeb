//! The one line that a run prints.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::world::World;
use crate::ledger::{Outcome, Violation};
use crate::options::Backend;

/// What is known besides what the tasks have counted.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) database: Backend,
    pub(super) kills: u64,
    pub(super) stops: u64,
    pub(super) fsck: &'static str,
    /// How long processes were killed, and how long it took with everything that followed.
    pub(super) killing: Duration,
    pub(super) all: Duration,
}

impl Figures {
    pub(super) fn show(&self, world: &World, violations: &[Violation]) -> String {
        let count = |kind: fn(&Violation) -> bool| {
            let violations = violations.iter();
            violations.filter(|violation| kind(violation)).count()
        };
        let ledger = world.ledger();
        let outcome = |outcome| ledger.count(outcome);
        format!(
            "{}: kills={} stops={} acknowledged={} unknown={} rejected={} images={} lost={} duplicated={} half-visible={} violations={} \
             reads={} looks={} fsck={} killing={:.0}s all={:.0}s",
            self.database,
            self.kills,
            self.stops,
            outcome(Outcome::Acknowledged),
            outcome(Outcome::Unknown),
            outcome(Outcome::Rejected),
            ledger.names().len(),
            count(|violation| matches!(violation, Violation::Lost(_))),
            count(|violation| matches!(violation, Violation::Duplicated(_))),
            world.half.load(Ordering::Relaxed),
            violations.len() + world.violations().len(),
            world.reads.load(Ordering::Relaxed),
            world.looks.load(Ordering::Relaxed),
            self.fsck,
            self.killing.as_secs_f64(),
            self.all.as_secs_f64(),
        )
    }
}
