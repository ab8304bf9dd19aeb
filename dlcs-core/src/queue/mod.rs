//! The ingest queue: what is to be processed, by whom, and what came of it.
//!
//! A queue and its [`Catalogue`](crate::catalogue::Catalogue) are one object, because submitting and completing are single
//! transactions over both.
//!
//! # Writing your own
//! 1. Implement [`Catalogue`](crate::catalogue::Catalogue) and [`IngestQueue`] for the same type.
//! 2. Keep one job per image: a registration replaces the job of the one before it, whether it waits or is leased.
//! 3. Number claims with a token that never repeats, and let a result count only while its token is the job's.
//! 4. Use the clock of the database, or one [`Clock`](crate::time::Clock), for leases; never that of the workers.
//! 5. Choose what is claimed by [`Lane::next`], [`Share`] and [`Crashes`]: they say whose turn it is, and hold no state of their own.
//! 6. Run `dlcs_testkit::catalogue_contract!` and `dlcs_testkit::queue_contract!` on it.

mod crashes;
mod error;
mod fairness;
mod lane;
mod lease;
mod notice;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

pub use crashes::{AfterCrash, Crashes};
pub use error::{QueueError, Result, SubmissionProblem, SubmissionProblemKind};
pub use fairness::Share;
pub use lane::Lane;
pub use lease::{Generation, Lease, LeaseGrant, LeaseToken};
pub use notice::{BatchNotice, NoticeId};

use crate::batch::{Batch, QueueSize, QueueTotals};
use crate::derivative::{Checksum, DerivativeFacts, SourceFacts};
use crate::id::{BatchId, CustomerId, ImageId};
use crate::image::{Image, ImageChanges, ImageOriginal, ImageService, RegistrationMode};
use crate::storage::{OverQuota, Quota, StoredBytes};
use crate::time::Timestamp;

/// One image of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionItem {
    /// Which image.
    pub image: ImageId,
    /// What is said of it.
    pub changes: ImageChanges,
    /// What to do when it exists.
    pub mode: RegistrationMode,
}

/// Images that are submitted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Whose they are.
    pub customer: CustomerId,
    /// The way that they take through the queue.
    pub lane: Lane,
    /// The images.
    pub items: Vec<SubmissionItem>,
    /// How much the customer may have.
    pub quota: Quota,
}

/// Who claims, what, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The name of the worker's process.
    pub owner: &'a str,
    /// How long the lease lasts unless it is renewed.
    pub lease_for: Duration,
    /// Nothing is claimed from a host of which so many images are leased, by whomever; uploads have no host.
    pub per_host: u32,
}

/// An image taken out of the queue, and the lease on it.
#[derive(Debug)]
#[must_use = "an image that is claimed and then forgotten waits until its lease ends"]
pub struct Claimed {
    /// The image, in the state [`ImageState::Ingesting`](crate::image::ImageState::Ingesting).
    pub image: Image,
    /// The lease.
    pub lease: Lease,
}

/// The claim of an immediate registration.
#[derive(Debug)]
#[must_use = "an image that is claimed and then forgotten waits until its lease ends"]
pub struct Begun {
    /// The image and the lease on it.
    pub claimed: Claimed,
    /// Whether the image is new.
    pub created: bool,
}

/// A derivative that is stored and waits to become visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDerivative {
    /// The source that it was made from.
    pub source: SourceFacts,
    /// What is in it.
    pub derivative: DerivativeFacts,
}

impl StoredDerivative {
    /// What is served from it, once it is visible.
    #[must_use]
    pub fn into_service(self, lease: &Lease, finished: Timestamp) -> ImageService {
        ImageService {
            generation: lease.generation(),
            token: lease.token(),
            derivative: self.derivative,
            source: self.source,
            finished,
        }
    }
}

/// A source that has been stored as it came, and is not visible yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOriginal {
    /// What was fetched.
    pub source: SourceFacts,
    /// The BLAKE3 of its bytes.
    pub checksum: Checksum,
}

impl StoredOriginal {
    /// The source that the image keeps once the lease completes.
    #[must_use]
    pub fn into_original(self, lease: &Lease, stored: Timestamp) -> ImageOriginal {
        ImageOriginal {
            generation: lease.generation(),
            token: lease.token(),
            source: self.source,
            checksum: self.checksum,
            stored,
        }
    }
}

/// What a registration that went well has made. By default nothing, as may be asked: the image is registered and not processed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Success {
    /// A derivative.
    pub derivative: Option<StoredDerivative>,
    /// The source as it came.
    pub original: Option<StoredOriginal>,
    /// How much the customer may have.
    pub quota: Quota,
}

impl Success {
    /// Nothing was to be made.
    pub const NOTHING: Self = Self {
        derivative: None,
        original: None,
        quota: Quota::NONE,
    };
}

impl Success {
    /// How many bytes it has stored.
    #[must_use]
    pub fn stored_bytes(&self) -> StoredBytes {
        let derivative = self.derivative.as_ref().map(|it| &it.derivative);
        let original = self.original.as_ref().map(|it| &it.source);
        StoredBytes::of(derivative, original)
    }
}

impl From<StoredDerivative> for Success {
    fn from(derivative: StoredDerivative) -> Self {
        Self {
            derivative: Some(derivative),
            ..Self::NOTHING
        }
    }
}

/// What became of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Completion {
    /// It counts: this is the image now.
    Recorded(Box<Image>),
    /// It does not: the image was registered again or deleted meanwhile.
    Superseded,
    /// It does not: the customer would have more than it may. The registration has failed for that reason.
    OverQuota(Box<Image>, OverQuota),
}

/// What to do with an image whose processing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Put it back for another attempt.
    Retry {
        /// The wait before it.
        after: Duration,
        /// Why the attempt failed, for people.
        error: String,
    },
    /// Put it back without an attempt charged, because the failure was not its own; [`Lease::postponed`] counts these.
    Postpone {
        /// The wait before it is due again.
        after: Duration,
        /// Why it has to wait, for people.
        error: String,
    },
    /// Give up.
    Final {
        /// Why, for people: one sentence.
        error: String,
    },
}

/// Holds images that are to be processed, durably and in turn.
///
/// # Contract
/// * When a method returns `Ok`, what it did is durable.
/// * Every method may be dropped at any await point: it then has happened whole or not at all. A claim that is dropped leaves a lease that
///   expires.
/// * A job is held by at most one lease that has not expired.
#[async_trait]
pub trait IngestQueue: fmt::Debug + Send + Sync + 'static {
    /// Puts images into a lane of the queue as one batch.
    ///
    /// # Behaviour
    /// * All or nothing: one faulty item and nothing is stored.
    /// * Every faulty item is listed, by its place in the submission.
    /// * An item whose image exists merges onto it and keeps what is served.
    /// * A space's defaults apply to new images that do not say otherwise.
    /// * An image that is in the queue already is overtaken: its older batch counts it as completed.
    /// * A batch that has lost all its images is superseded.
    /// * New images beyond what the quota allows are [`QueueError::OverQuota`], and nothing is stored: also of submissions that race.
    ///
    /// # Errors
    /// [`QueueError::Refused`] with the problems, [`QueueError::OverQuota`], or the backend's failure.
    async fn submit(&self, submission: Submission) -> Result<Batch>;

    /// Puts images into a lane of the queue as batches of so many, the last of the rest; returns the batches in the order of their images.
    ///
    /// # Behaviour
    /// * What [`Self::submit`] says of a batch holds of all of them together: one faulty item and nothing is stored.
    /// * Of no images, no batch is made.
    ///
    /// # Errors
    /// [`QueueError::Refused`] with the problems, or the backend's failure.
    async fn submit_in_batches(
        &self,
        submission: Submission,
        batch_size: NonZeroUsize,
    ) -> Result<Vec<Batch>>;

    /// Registers one image and claims it in the same transaction.
    ///
    /// # Behaviour
    /// * The image is leased to the caller, whatever else is leased: nobody else can claim it until the lease ends. Its job is in the
    ///   priority lane then.
    /// * The image leaves the batch that it was in.
    /// * [`RegistrationMode::CreateOnly`] is refused when the image exists, [`RegistrationMode::UpdateOnly`] when it does not.
    ///
    /// # Errors
    /// [`QueueError::Refused`] with one problem, or the backend's failure.
    async fn begin(&self, item: SubmissionItem, quota: Quota, claim: Claim<'_>) -> Result<Begun>;

    /// Takes one image out of the queue; `None` when nothing is due.
    ///
    /// # Behaviour
    /// * Two claims never get one image.
    /// * A lease that has expired is taken back, and its image can be claimed again, under a new token. No attempt is charged for that, but
    ///   a crash; [`Crashes`] says what becomes of the image. One that is set apart is claimed by an owner that holds nothing else, and who
    ///   then gets nothing else; it waits until nothing else is due, or for [`Crashes::PATIENCE`].
    /// * The priority lane goes first, and leaves the default lane one claim of [`Lane::DEFAULT_EVERY`].
    /// * Within a lane, the customer comes next that has had least of the workers' time, as [`Share`] counts it.
    /// * Within a customer and a lane, what waits longest comes first, among the hosts that are not at the claim's limit.
    /// * An image that waits for a retry is not due before its time.
    ///
    /// # Errors
    /// The backend's failure.
    async fn claim(&self, claim: Claim<'_>) -> Result<Option<Claimed>>;

    /// Prolongs a lease, counted from now.
    ///
    /// # Behaviour
    /// * A renewed lease does not expire at its old end.
    /// * A lease that has been lost cannot be renewed.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`], or the backend's failure.
    async fn renew(&self, lease: &mut Lease, lease_for: Duration) -> Result<()>;

    /// Makes a stored derivative, or nothing, what is served of its image, and ends the job.
    ///
    /// # Behaviour
    /// * Image, job and batch change in one transaction.
    /// * Everything that is known of the derivative comes back as it was given.
    /// * Without a derivative, the image is [`ImageState::Registered`](crate::image::ImageState::Registered), and its batch counts it as
    ///   completed.
    /// * A batch whose last image ends is finished then.
    /// * A lost lease changes nothing.
    /// * A result that was overtaken by a later registration or a deletion changes nothing.
    /// * The derivative that was served before becomes collectable.
    /// * Bytes that came with the registration become collectable once there is a derivative of them, or they are kept, and not without one.
    /// * More bytes than the quota allows are [`Completion::OverQuota`]: the registration fails for good, what was served before is served still,
    ///   and what was stored is collectable as that of a lost lease is.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`], or the backend's failure.
    async fn complete(&self, lease: Lease, success: Success) -> Result<Completion>;

    /// Records that processing failed.
    ///
    /// # Behaviour
    /// * A final failure ends the job, counts as an error of its batch and keeps what was served before.
    /// * A retry puts the image back, not due before its time.
    /// * A postponed image is not due before its time either, lets others go first, and is charged no attempt; it is
    ///   counted how often.
    /// * A lost lease changes nothing.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`], or the backend's failure.
    async fn fail(&self, lease: Lease, failure: Failure) -> Result<Completion>;

    /// Gives an image back untried.
    ///
    /// # Behaviour
    /// * The image can be claimed at once, and no attempt is charged.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`], or the backend's failure.
    async fn release(&self, lease: Lease) -> Result<()>;

    /// Gives back what a process held that has died, all at once: its name is its successor's now.
    ///
    /// Returns how many images that were.
    ///
    /// # Behaviour
    /// * What others hold is untouched.
    /// * Each counts as a crash, as a lease does that expires.
    ///
    /// # Errors
    /// The backend's failure.
    async fn reclaim(&self, owner: &str) -> Result<u64>;

    /// Gives back untried what a process holds that stops, all at once.
    ///
    /// Returns how many images that were.
    ///
    /// # Behaviour
    /// * It can be claimed at once; no attempt is charged and no crash counted. What others hold is untouched.
    ///
    /// # Errors
    /// The backend's failure.
    async fn release_all(&self, owner: &str) -> Result<u64>;

    /// Puts the failures of a batch into the queue again, in this batch and in its lane; returns how many.
    ///
    /// # Behaviour
    /// * They are errors of the batch no longer, and it is finished no longer, until they have ended again.
    /// * Those that have been registered again elsewhere since, or deleted, stay as they are.
    /// * Without failures nothing changes.
    /// * A missing batch, or another customer's, is [`QueueError::BatchNotFound`].
    ///
    /// # Errors
    /// See [`QueueError`].
    async fn retry_batch(&self, customer: CustomerId, batch: BatchId) -> Result<u64>;

    /// Finds out again whether a batch is superseded; returns whether that was known wrongly.
    ///
    /// # Behaviour
    /// * A missing batch, or another customer's, is [`QueueError::BatchNotFound`].
    ///
    /// # Errors
    /// See [`QueueError`].
    async fn test_batch(&self, customer: CustomerId, batch: BatchId) -> Result<bool>;

    /// Takes the notice that is due longest, of other customers than these; unless it is ended, it is due again after `hold_for`.
    ///
    /// # Behaviour
    /// * Each run of a batch that finishes leaves one notice, in the transaction in which it finishes.
    /// * Two claims never get one notice while it is held.
    /// * Those of the customers that are left out stay due.
    /// * Those of batches that finished in one transaction come in the order of the batches.
    ///
    /// # Errors
    /// The backend's failure.
    async fn claim_notice(
        &self,
        hold_for: Duration,
        except: &[CustomerId],
    ) -> Result<Option<BatchNotice>>;

    /// Forgets notices that have been due for so long: nobody wants to hear them. Returns how many.
    ///
    /// # Behaviour
    /// * One that is held or put off is kept.
    ///
    /// # Errors
    /// The backend's failure.
    async fn forget_notices(&self, due_for: Duration) -> Result<u64>;

    /// Forgets a notice that has been taken.
    ///
    /// # Errors
    /// The backend's failure.
    async fn end_notice(&self, id: NoticeId) -> Result<()>;

    /// Makes a notice due again after a wait.
    ///
    /// # Errors
    /// The backend's failure.
    async fn defer_notice(&self, id: NoticeId, after: Duration) -> Result<()>;

    /// Returns what is in the queue, of all customers.
    ///
    /// # Behaviour
    /// * The numbers are those of the same instant.
    ///
    /// # Errors
    /// The backend's failure.
    async fn totals(&self) -> Result<QueueTotals>;

    /// Returns what a customer has in the queue.
    ///
    /// # Behaviour
    /// * The numbers are those of the same instant.
    ///
    /// # Errors
    /// The backend's failure.
    async fn size(&self, customer: CustomerId) -> Result<QueueSize>;

    /// Returns what a customer has in one lane of the queue.
    ///
    /// # Behaviour
    /// * What is set apart counts in the default lane, so that both lanes together are the queue.
    /// * The numbers are those of the same instant.
    ///
    /// # Errors
    /// The backend's failure.
    async fn lane_size(&self, customer: CustomerId, lane: Lane) -> Result<QueueSize>;

    /// Returns a receiver that changes whenever there may be work.
    ///
    /// # Behaviour
    /// * It changes after each submission, retry and release in this process, and when leases are taken back; workers poll besides.
    fn wakeups(&self) -> watch::Receiver<u64>;
}

const _: fn(&dyn IngestQueue) = |_| {};
