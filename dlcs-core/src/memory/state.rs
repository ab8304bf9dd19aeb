//! What is kept in memory, and the changes that catalogue and queue share.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::batch::Batch;
use crate::customer::{ApiKey, Customer};
use crate::derivative::DerivativeKey;
use crate::id::{BatchId, CustomerId, ImageId, SpaceId};
use crate::image::{Image, ImageSource};
use crate::origin::{CustomerOriginStrategy, OriginStrategyId};
use crate::queue::{Generation, LeaseToken};
use crate::space::Space;
use crate::time::Timestamp;

/// How long a reader may still hold what was served.
pub(super) const GRACE_OF_SERVED: Duration = Duration::from_secs(60);
/// How long the holder of a lost lease may still write.
pub(super) const GRACE_OF_LOST: Duration = Duration::from_secs(2 * 60 * 60);
/// How long bytes may wait for the registration that names them.
pub(super) const GRACE_OF_UNCLAIMED: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything.
#[derive(Default)]
pub(super) struct State {
    pub(super) customers: BTreeMap<CustomerId, Customer>,
    /// In the order of their making.
    pub(super) keys: Vec<ApiKey>,
    pub(super) spaces: BTreeMap<(CustomerId, SpaceId), Space>,
    pub(super) images: BTreeMap<ImageId, Image>,
    pub(super) batches: BTreeMap<BatchId, BatchRecord>,
    pub(super) strategies: BTreeMap<OriginStrategyId, CustomerOriginStrategy>,
    /// One job per image.
    pub(super) jobs: BTreeMap<ImageId, Job>,
    /// When, in claims, each customer had its last turn.
    pub(super) turns: BTreeMap<CustomerId, u64>,
    /// Objects to be deleted, and from when on they may be.
    pub(super) collectable: BTreeMap<DerivativeKey, Timestamp>,
    last_batch: u64,
    last_token: u64,
    last_place: u64,
}

/// A batch with what became of each image that it was made of.
pub(super) struct BatchRecord {
    pub(super) customer: CustomerId,
    pub(super) submitted: Timestamp,
    pub(super) members: BTreeMap<ImageId, Member>,
    pub(super) finished: Option<Timestamp>,
    pub(super) superseded: bool,
}

/// What became of an image in a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Pending,
    Completed,
    Failed,
}

impl BatchRecord {
    pub(super) fn to_batch(&self, id: BatchId) -> Batch {
        let tally = |state| {
            let members = self.members.values();
            members.filter(|member| **member == state).count() as u64
        };
        Batch {
            id,
            customer: self.customer,
            submitted: self.submitted,
            count: self.members.len() as u64,
            completed: tally(Member::Completed),
            errors: tally(Member::Failed),
            finished: self.finished,
            superseded: self.superseded,
        }
    }
}

/// The job of an image's latest registration.
pub(super) struct Job {
    pub(super) generation: Generation,
    pub(super) batch: Option<BatchId>,
    /// Its place among all jobs, by submission.
    pub(super) place: u64,
    /// Attempts that have failed and are to be repeated.
    pub(super) attempts: u32,
    /// Since when it may be claimed.
    pub(super) due: Timestamp,
    pub(super) state: JobState,
}

/// Where a job is.
#[derive(Clone, Copy)]
pub(super) enum JobState {
    Waiting,
    Leased { token: LeaseToken, until: Timestamp },
}

impl Job {
    /// Since when the job can be claimed; `None` when it cannot.
    pub(super) fn due_since(&self, now: Timestamp) -> Option<Timestamp> {
        let claimable = match self.state {
            JobState::Waiting => self.due <= now,
            JobState::Leased { until, .. } => until <= now,
        };
        claimable.then_some(self.due)
    }

    /// The claim that holds the job, expired or not.
    pub(super) const fn token(&self) -> Option<LeaseToken> {
        match self.state {
            JobState::Waiting => None,
            JobState::Leased { token, .. } => Some(token),
        }
    }
}

impl State {
    pub(super) fn next_batch(&mut self) -> BatchId {
        self.last_batch += 1;
        BatchId::new(self.last_batch).expect("a counter from 1 does not pass 63 bits")
    }

    pub(super) fn next_token(&mut self) -> LeaseToken {
        self.last_token += 1;
        LeaseToken::new(self.last_token)
    }

    pub(super) const fn next_place(&mut self) -> u64 {
        self.last_place += 1;
        self.last_place
    }

    /// Lets an object be deleted after a grace.
    pub(super) fn discard(&mut self, key: DerivativeKey, now: Timestamp, grace: Duration) {
        self.collectable.insert(key, now.after(grace));
    }

    /// Lets the bytes that came with a registration be deleted.
    pub(super) fn discard_upload(&mut self, source: &ImageSource, now: Timestamp) {
        if let ImageSource::Upload(id) = source {
            self.discard(DerivativeKey::Upload(*id), now, GRACE_OF_SERVED);
        }
    }

    /// Lets what a lease may have stored be deleted once nobody writes it any more.
    pub(super) fn discard_lost(
        &mut self,
        image: &ImageId,
        generation: Generation,
        token: LeaseToken,
        now: Timestamp,
    ) {
        let key = DerivativeKey::pyramid(image, generation, token);
        self.discard(key, now, GRACE_OF_LOST);
    }

    /// Removes the job of an image that is overtaken or deleted.
    pub(super) fn drop_job(&mut self, image: &ImageId, now: Timestamp) {
        if let Some(job) = self.jobs.remove(image)
            && let Some(token) = job.token()
        {
            self.discard_lost(image, job.generation, token, now);
        }
    }

    /// Ends an image's part in a batch, where it is pending, and the batch with its last part.
    pub(super) fn end_member(
        &mut self,
        batch: Option<BatchId>,
        image: &ImageId,
        end: Member,
        now: Timestamp,
    ) {
        let Some(record) = batch.and_then(|id| self.batches.get_mut(&id)) else {
            return;
        };
        if let Some(member @ Member::Pending) = record.members.get_mut(image) {
            *member = end;
        }
        let all_ended = record.members.values().all(|end| *end != Member::Pending);
        if all_ended && record.finished.is_none() {
            record.finished = Some(now);
        }
    }

    /// Takes an image, which is no longer submitted in it, out of the batch that it was in.
    pub(super) fn leave_batch(&mut self, batch: Option<BatchId>, image: &ImageId, now: Timestamp) {
        self.end_member(batch, image, Member::Completed, now);
        let deserted = self.images.values().all(|image| image.batch != batch);
        if let Some(record) = batch.and_then(|id| self.batches.get_mut(&id)) {
            record.superseded |= deserted;
        }
    }

    /// The space with the number of its images.
    pub(super) fn space(&self, customer: CustomerId, id: SpaceId) -> Option<Space> {
        let mut space = self.spaces.get(&(customer, id))?.clone();
        space.image_count = self.images_in(customer, id);
        Some(space)
    }

    pub(super) fn images_in(&self, customer: CustomerId, space: SpaceId) -> u64 {
        let images = self.images.keys();
        images
            .filter(|id| id.customer() == customer && id.space() == space)
            .count() as u64
    }
}
