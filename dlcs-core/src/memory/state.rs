//! What is kept in memory, and the changes that catalogue and queue share.

use std::collections::BTreeMap;
use std::time::Duration;

use super::request::RequestRecord;
use crate::batch::Batch;
use crate::customer::{ApiKey, Customer};
use crate::derivative::DerivativeKey;
use crate::id::{BatchId, CustomerId, ImageId, SpaceId};
use crate::image::{Image, ImageSource};
use crate::origin::{CustomerOriginStrategy, OriginStrategyId};
use crate::queue::{Crashes, Generation, Lane, LeaseToken, NoticeId, Share};
use crate::request::RequestKey;
use crate::setting::Setting;
use crate::space::Space;
use crate::storage::StorageFigures;
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
    /// In the order of their making.
    pub(super) settings: Vec<Setting>,
    pub(super) requests: BTreeMap<RequestKey, RequestRecord>,
    /// One job per image.
    pub(super) jobs: BTreeMap<ImageId, Job>,
    /// What each customer has had in each lane.
    pub(super) shares: BTreeMap<(Lane, CustomerId), Share>,
    /// What the customer had had whose image was claimed last in a lane.
    pub(super) floors: BTreeMap<Lane, i64>,
    /// Claims of the priority lane since the default lane had one.
    pub(super) streak: u32,
    /// Jobs that have ended well, and badly.
    pub(super) ended: [u64; 2],
    pub(super) notices: BTreeMap<NoticeId, NoticeRecord>,
    /// Objects to be deleted, and from when on they may be.
    pub(super) collectable: BTreeMap<DerivativeKey, Timestamp>,
    last_batch: u64,
    last_notice: u64,
    last_token: u64,
    last_place: u64,
}

/// A batch with what became of each image that it was made of.
pub(super) struct BatchRecord {
    pub(super) customer: CustomerId,
    pub(super) lane: Lane,
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

/// A notice, and from when on somebody may take it.
pub(super) struct NoticeRecord {
    pub(super) batch: Batch,
    pub(super) attempts: u32,
    pub(super) due: Timestamp,
}

/// The job of an image's latest registration.
pub(super) struct Job {
    pub(super) generation: Generation,
    pub(super) batch: Option<BatchId>,
    pub(super) lane: Lane,
    /// Where the image is fetched from; empty for uploads.
    pub(super) host: String,
    pub(super) crashes: Crashes,
    /// Whether it is set apart, because of its crashes.
    pub(super) set_apart: bool,
    /// Who is about to be free for it, and until when that counts: it is set apart.
    pub(super) reserved: Option<(String, Timestamp)>,
    /// Its place among all jobs, by submission.
    pub(super) place: u64,
    /// Attempts that have failed and are to be repeated.
    pub(super) attempts: u32,
    /// How often it was put off for what is not its own.
    pub(super) postponed: u32,
    /// Since when it may be claimed.
    pub(super) due: Timestamp,
    pub(super) state: JobState,
}

impl Job {
    /// The lane that it counts in: what is set apart takes the way of the default lane.
    pub(super) const fn counts_in(&self) -> Lane {
        if self.set_apart {
            Lane::Default
        } else {
            self.lane
        }
    }
}

/// Where a job is.
pub(super) enum JobState {
    Waiting,
    Leased(Held),
}

/// A lease as the queue keeps it.
pub(super) struct Held {
    pub(super) token: LeaseToken,
    pub(super) owner: String,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// What the customer's share was charged.
    pub(super) charged: i64,
    /// Whether the owner holds nothing else.
    pub(super) alone: bool,
}

impl Job {
    /// The claim that holds the job, expired or not.
    pub(super) const fn token(&self) -> Option<LeaseToken> {
        match self.held() {
            Some(held) => Some(held.token),
            None => None,
        }
    }

    /// The lease, expired or not.
    pub(super) const fn held(&self) -> Option<&Held> {
        match &self.state {
            JobState::Waiting => None,
            JobState::Leased(held) => Some(held),
        }
    }

    /// Whether it can be claimed among the others.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        matches!(self.state, JobState::Waiting) && !self.set_apart && self.due <= now
    }
}

impl State {
    /// Whether a batch, of the owner of an image, was made of it.
    pub(super) fn is_made_of(&self, batch: BatchId, image: &ImageId) -> bool {
        let record = self.batches.get(&batch);
        record.is_some_and(|record| record.members.contains_key(image))
    }

    pub(super) fn next_batch(&mut self) -> BatchId {
        self.last_batch += 1;
        BatchId::new(self.last_batch).expect("a counter from 1 does not pass 63 bits")
    }

    pub(super) fn next_token(&mut self) -> LeaseToken {
        self.last_token += 1;
        LeaseToken::new(self.last_token)
    }

    fn next_notice(&mut self) -> NoticeId {
        self.last_notice += 1;
        NoticeId::new(self.last_notice)
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
        for key in DerivativeKey::of_lease(image, generation, token) {
            self.discard(key, now, GRACE_OF_LOST);
        }
    }

    /// Removes the job of an image that is overtaken or deleted.
    pub(super) fn drop_job(&mut self, image: &ImageId, now: Timestamp) {
        let Some(job) = self.jobs.remove(image) else {
            return;
        };
        if let Some(held) = job.held() {
            self.charge(image, &job, held, now);
            self.discard_lost(image, job.generation, held.token, now);
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
            self.tell(batch, now);
        }
    }

    /// Leaves a notice that a batch has finished.
    fn tell(&mut self, batch: Option<BatchId>, now: Timestamp) {
        let id = self.next_notice();
        let Some(batch) = batch.and_then(|id| Some(self.batches.get(&id)?.to_batch(id))) else {
            return;
        };
        let record = NoticeRecord {
            batch,
            attempts: 0,
            due: now,
        };
        self.notices.insert(id, record);
    }

    /// The lease of a job has ended: puts right what its customer was charged.
    pub(super) fn charge(&mut self, image: &ImageId, job: &Job, held: &Held, now: Timestamp) {
        if !job.set_apart {
            let share = self.shares.entry((job.lane, image.customer())).or_default();
            share.end(held.charged, now.since(held.since));
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
        let images = self.images.values();
        for image in images.filter(|it| (it.id.customer(), it.id.space()) == (customer, id)) {
            space.stored += image.stored_bytes();
        }
        Some(space)
    }

    /// How much is stored of a customer.
    pub(super) fn figures(&self, customer: CustomerId) -> StorageFigures {
        let mut figures = StorageFigures::default();
        let images = self.images.values();
        for image in images.filter(|image| image.id.customer() == customer) {
            figures.images += 1;
            figures.bytes += image.stored_bytes();
        }
        figures
    }

    pub(super) fn images_in(&self, customer: CustomerId, space: SpaceId) -> u64 {
        let images = self.images.keys();
        images
            .filter(|id| id.customer() == customer && id.space() == space)
            .count() as u64
    }
}
