//! Leases: who may work on an image, and until when.

use std::fmt;

use crate::id::{BatchId, ImageId};
use crate::time::Timestamp;

/// Counts the registrations of one image, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    /// Before the first registration.
    pub const NONE: Self = Self(0);

    /// Returns the generation with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The generation after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Numbers the claims of one queue: a token never repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseToken(u64);

impl LeaseToken {
    /// Returns the token with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a queue grants with a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseGrant {
    /// The image.
    pub image: ImageId,
    /// The registration that is to be processed.
    pub generation: Generation,
    /// The claim.
    pub token: LeaseToken,
    /// Which attempt this is, from 1: only failures that ask for a retry are counted.
    pub attempt: u32,
    /// How often the job has been put off before: see [`Failure::Postpone`](super::Failure::Postpone).
    pub postponed: u32,
    /// The batch that the job belongs to.
    pub batch: Option<BatchId>,
    /// When the lease ends unless it is renewed.
    pub until: Timestamp,
}

/// The right to work on one image until a time, and to say once what came of it.
///
/// It cannot be copied, and ending it consumes it:
/// ```compile_fail,E0382
/// # async fn twice(queue: &dyn dlcs_core::IngestQueue, lease: dlcs_core::queue::Lease) {
/// queue.release(lease).await.unwrap();
/// queue.release(lease).await.unwrap();
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is forgotten holds its image until it expires"]
pub struct Lease(LeaseGrant);

impl Lease {
    /// Issues a lease; only queues do this.
    pub const fn issue(grant: LeaseGrant) -> Self {
        Self(grant)
    }

    /// The image.
    #[must_use]
    pub const fn image(&self) -> &ImageId {
        &self.0.image
    }

    /// The registration that is to be processed.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.0.generation
    }

    /// The claim.
    #[must_use]
    pub const fn token(&self) -> LeaseToken {
        self.0.token
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// How often the job has been put off before: see [`Failure::Postpone`](super::Failure::Postpone).
    #[must_use]
    pub const fn postponed(&self) -> u32 {
        self.0.postponed
    }

    /// The batch that the job belongs to.
    #[must_use]
    pub const fn batch(&self) -> Option<BatchId> {
        self.0.batch
    }

    /// When the lease ends unless it is renewed.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.0.until
    }

    /// The same right once more, for an outcome of which nobody knows whether it was recorded.
    pub(crate) fn again(&self) -> Self {
        Self(self.0.clone())
    }

    /// Records a new end; only queues do this.
    pub const fn prolong(&mut self, until: Timestamp) {
        self.0.until = until;
    }
}
