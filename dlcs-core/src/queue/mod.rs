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
//! 5. Run `dlcs_testkit::catalogue_contract!` and `dlcs_testkit::queue_contract!` on it.

mod error;
mod lease;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

pub use error::{QueueError, Result, SubmissionProblem, SubmissionProblemKind};
pub use lease::{Generation, Lease, LeaseGrant, LeaseToken};

use crate::batch::{Batch, QueueSize};
use crate::derivative::{DerivativeFacts, SourceFacts};
use crate::id::{CustomerId, ImageId};
use crate::image::{Image, ImageChanges, ImageService, RegistrationMode};
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

/// Who claims, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The name of the worker's process.
    pub owner: &'a str,
    /// How long the lease lasts unless it is renewed.
    pub lease_for: Duration,
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

/// What a registration that went well has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// A derivative.
    Derivative(StoredDerivative),
    /// Nothing, as was asked: the image is registered and not processed.
    Nothing,
}

impl From<StoredDerivative> for Success {
    fn from(derivative: StoredDerivative) -> Self {
        Self::Derivative(derivative)
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
    /// Puts images into the queue as one batch.
    ///
    /// # Behaviour
    /// * All or nothing: one faulty item and nothing is stored.
    /// * Every faulty item is listed, by its place in the submission.
    /// * An item whose image exists merges onto it and keeps what is served.
    /// * A space's defaults apply to new images that do not say otherwise.
    /// * An image that is in the queue already is overtaken: its older batch counts it as completed.
    /// * A batch that has lost all its images is superseded.
    ///
    /// # Errors
    /// [`QueueError::Refused`] with the problems, or the backend's failure.
    async fn submit(&self, customer: CustomerId, items: Vec<SubmissionItem>) -> Result<Batch>;

    /// Registers one image and claims it in the same transaction.
    ///
    /// # Behaviour
    /// * The image is leased to the caller: nobody else can claim it until the lease ends.
    /// * The image leaves the batch that it was in.
    /// * [`RegistrationMode::CreateOnly`] is refused when the image exists, [`RegistrationMode::UpdateOnly`] when it does not.
    ///
    /// # Errors
    /// [`QueueError::Refused`] with one problem, or the backend's failure.
    async fn begin(&self, item: SubmissionItem, claim: Claim<'_>) -> Result<Begun>;

    /// Takes one image out of the queue; `None` when nothing is due.
    ///
    /// # Behaviour
    /// * Two claims never get one image.
    /// * A lease that has expired can be claimed again, under a new token; no attempt is charged for it.
    /// * Customers take turns.
    /// * Within a customer, what waits longest comes first.
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
    /// * Bytes that came with the registration become collectable once there is a derivative of them, and not without one.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`], or the backend's failure.
    async fn complete(&self, lease: Lease, success: Success) -> Result<Completion>;

    /// Records that processing failed.
    ///
    /// # Behaviour
    /// * A final failure ends the job, counts as an error of its batch and keeps what was served before.
    /// * A retry puts the image back, not due before its time.
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

    /// Returns what a customer has in the queue.
    ///
    /// # Behaviour
    /// * The numbers are those of the same instant.
    ///
    /// # Errors
    /// The backend's failure.
    async fn size(&self, customer: CustomerId) -> Result<QueueSize>;

    /// Returns a receiver that changes whenever there may be work.
    ///
    /// # Behaviour
    /// * It changes after each submission, retry and release in this process; workers poll besides.
    fn wakeups(&self) -> watch::Receiver<u64>;
}

const _: fn(&dyn IngestQueue) = |_| {};
