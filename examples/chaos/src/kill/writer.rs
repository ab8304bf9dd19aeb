//! Clients that register, register again and delete, and note what they were told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::world::World;
use crate::client::{Change, Client};
use crate::ledger::{Kind, Name, Outcome};
use crate::random::Random;

/// The most members of a batch.
const MEMBERS: f64 = 250.0;
/// With so many images waiting, no batches are added: the run has an end.
const BACKLOG: u64 = 120;
/// Images of each client that are registered again and again.
const KEPT: u32 = 12;

/// One client: it is the only one that names its images.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) world: Arc<World>,
    pub(super) client: Client,
    pub(super) customer: u32,
    pub(super) number: u32,
    /// Whether every image is registered once, so that results can be counted exactly.
    pub(super) only_once: bool,
    pub(super) random: Random,
    pub(super) made: u32,
}

impl Writer {
    /// Goes on until the run is stopped.
    pub(super) async fn run(mut self) {
        while !self.world.is_stopped() {
            let change = self.plan();
            let world = Arc::clone(&self.world);
            {
                let _shared = world.changes.read().await;
                if !self.world.is_stopped() {
                    self.perform(change).await;
                }
            }
            let pause = self.random.moment(0.001, 0.2);
            tokio::time::sleep(pause).await;
        }
    }

    fn plan(&mut self) -> Change {
        let is_busy = self.world.backlog.load(Ordering::Relaxed) > BACKLOG;
        let kind = match self.random.below(100) {
            _ if self.only_once => Kind::Batch,
            0..50 if !is_busy => Kind::Batch,
            85.. => Kind::Delete,
            _ => Kind::Put,
        };
        let mut names = Vec::new();
        if kind == Kind::Batch {
            let most = if is_busy { 2.0 } else { MEMBERS };
            let members = self.random.log_uniform(1.0, most + 0.99).floor();
            // The first is always new: it tells whether a batch was stored whose answer never came.
            names.push(self.new_name());
            while (names.len() as f64) < members {
                let name = if self.only_once || !self.random.once_in(8) {
                    self.new_name()
                } else {
                    self.kept_name()
                };
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let last = names.len() - 1;
            names.swap(0, last);
        } else {
            names.push(self.kept_name());
        }
        Change {
            kind,
            names,
            versions: Vec::new(),
            is_urgent: self.random.once_in(4),
            is_wrong: kind == Kind::Batch && self.random.once_in(6),
        }
    }

    async fn perform(&mut self, mut change: Change) {
        let world = Arc::clone(&self.world);
        let before = world.expected(&change.names[0]);
        let request = {
            let mut ledger = world.ledger();
            change.versions = change
                .names
                .iter()
                .map(|name| ledger.next_version(name))
                .collect();
            ledger.begin(change.kind, &change.names)
        };
        let changed = self.client.change(&change, &mut self.random).await;
        if let Some(lie) = changed.lie {
            world.accuse(lie);
        }
        if changed.was_missing && before.is_served {
            world.accuse(format!(
                "{} was served, and is not there to be deleted",
                change.names[0]
            ));
        }
        world
            .ledger()
            .end(request, changed.outcome, changed.batch, Instant::now());
        if changed.was_refused || changed.outcome == Outcome::Unsent {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    fn new_name(&mut self) -> Name {
        self.made += 1;
        self.name(format!("new-{}-{}", self.number, self.made))
    }

    fn kept_name(&mut self) -> Name {
        let kept = self.random.below(KEPT);
        self.name(format!("kept-{}-{kept}", self.number))
    }

    const fn name(&self, id: String) -> Name {
        Name {
            customer: self.customer,
            id,
        }
    }
}
