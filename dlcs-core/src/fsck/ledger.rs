//! What a catalogue says of itself to those who check it.

use async_trait::async_trait;

use crate::catalogue::{Catalogue, Result};
use crate::derivative::DerivativeKey;
use crate::id::ImageId;
use crate::image::Image;
use crate::queue::IngestQueue;

/// What must hold of the rows of a catalogue whenever nobody is writing them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The database itself is sound, as far as it says so.
    Database,
    /// A space counts its images and the bytes that are stored of them.
    SpaceCounts,
    /// An image has its space.
    ImageHasSpace,
    /// An image has a job while it is on its way, of its last registration and in its batch, and no other has one.
    ImageHasJob,
    /// A batch counts how its images ended, and is finished when all have.
    BatchCounts,
    /// A batch counts the images that it has still, and is superseded when there are none.
    BatchCurrent,
    /// What a batch awaits has a job there, and a job of a batch is awaited there.
    BatchAwaits,
    /// The queue counts what waits and what is leased, of each customer in each lane.
    QueueShares,
    /// A line of the queue keeps the first of the jobs that wait in it, and there is none without.
    QueueLines,
    /// A host counts what is leased of it.
    QueueHosts,
    /// A notice is of a batch of its customer.
    NoticeHasBatch,
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miscount {
    /// Which.
    pub rule: Rule,
    /// Where, and what was found: one sentence without its full stop.
    pub sentence: String,
    /// The image that is lost to the queue, where it is that.
    pub image: Option<ImageId>,
}

/// What rows say of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The object.
    pub key: DerivativeKey,
    /// Whether an image is served from it or waits for it, or a lease may be writing it.
    pub is_needed: bool,
    /// Whether it is to be deleted, at once or later.
    pub is_collectable: bool,
}

/// A catalogue and its queue that can be checked.
///
/// # Contract
/// * Each method reads what was there at one instant.
/// * Every method may be dropped at any await point.
#[async_trait]
pub trait Ledger: Catalogue + IngestQueue {
    /// Returns images in the order of their ids, from behind `after` on.
    ///
    /// # Behaviour
    /// * At most `limit`, and none only when there are no more.
    /// * Pages neither repeat an image nor miss one that is there all the time.
    ///
    /// # Errors
    /// The backend's failure.
    async fn scan_images(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<Image>>;

    /// Returns the keys of objects that are to be deleted, at once or later, in the order of their paths from behind `after` on.
    ///
    /// # Behaviour
    /// * At most `limit`, and none only when there are no more.
    ///
    /// # Errors
    /// The backend's failure.
    async fn scan_collectable(
        &self,
        after: Option<&DerivativeKey>,
        limit: usize,
    ) -> Result<Vec<DerivativeKey>>;

    /// Returns the keys of what leases may be writing, expired ones included.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_leased(&self) -> Result<Vec<DerivativeKey>>;

    /// Says what rows know of objects, of each that they know something of; looks at every image.
    ///
    /// # Behaviour
    /// * Needed is what an image is served from, bytes that were sent for an image and not processed yet, and what a lease may be writing.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_named(&self, keys: &[DerivativeKey]) -> Result<Vec<Named>>;

    /// Returns what breaks a [`Rule`], at most `limit` for each.
    ///
    /// # Behaviour
    /// * Whatever catalogue and queue are asked to do, there is nothing.
    ///
    /// # Errors
    /// The backend's failure.
    async fn miscounts(&self, limit: usize) -> Result<Vec<Miscount>>;

    /// Counts everything anew that is counted, and lets batches end that wait for images whose jobs are gone. Others wait meanwhile.
    ///
    /// # Behaviour
    /// * Where everything was right, nothing changes.
    ///
    /// # Errors
    /// The backend's failure.
    async fn recount(&self) -> Result<()>;
}

const _: fn(&dyn Ledger) = |_| {};
