//! What the clauses of a queue work on.

use std::sync::Arc;
use std::time::Duration;

use dlcs_core::batch::Batch;
use dlcs_core::catalogue::Catalogue;
use dlcs_core::derivative::DerivativeKey;
use dlcs_core::id::ImageId;
use dlcs_core::image::Image;
use dlcs_core::queue::{
    Claim, Claimed, Completion, Failure, IngestQueue, Lane, Lease, Submission, Success,
};
use dlcs_core::space::Space;
use dlcs_core::storage::Quota;

use crate::fake::FakeClock;
use crate::fixture;
use crate::verdict::same;

/// A queue, its catalogue, and the clock that they go by.
#[derive(Debug, Clone, Copy)]
pub struct QueueContext<'a> {
    /// The catalogue.
    pub catalogue: &'a dyn Catalogue,
    /// Its queue.
    pub queue: &'a dyn IngestQueue,
    /// The clock.
    pub clock: &'a FakeClock,
}

/// Lets the macro take a backend itself or what points to one.
pub trait AsQueue {
    /// The backend with its clock.
    fn context<'a>(&'a self, clock: &'a FakeClock) -> QueueContext<'a>;
}

impl<T: Catalogue + IngestQueue> AsQueue for T {
    fn context<'a>(&'a self, clock: &'a FakeClock) -> QueueContext<'a> {
        QueueContext {
            catalogue: self,
            queue: self,
            clock,
        }
    }
}

impl QueueContext<'_> {
    pub(crate) async fn space(&self) -> Space {
        fixture::space(self.catalogue).await
    }

    /// Submits images as one batch.
    pub(crate) async fn submit(&self, space: &Space, models: &[&str]) -> Batch {
        self.submit_to(Lane::Default, space, models).await
    }

    /// Submits images to a lane as one batch.
    pub(crate) async fn submit_to(&self, lane: Lane, space: &Space, models: &[&str]) -> Batch {
        let items = models.iter().map(|model| fixture::item(space, model));
        let submission = Submission {
            lane,
            ..fixture::submission(space, items)
        };
        let batch = self.queue.submit(submission).await;
        batch.expect("sound items are accepted")
    }

    /// The image that a claim gets, and its lease; `None` when nothing is due for it.
    pub(crate) async fn claim(&self, claim: Claim<'_>) -> Option<Claimed> {
        self.queue.claim(claim).await.unwrap()
    }

    /// Claims the image whose turn it is.
    pub(crate) async fn claimed(&self) -> Claimed {
        let claimed = self.queue.claim(fixture::claim()).await.unwrap();
        claimed.expect("an image is due")
    }

    pub(crate) async fn assert_nothing_due(&self, why: &str) {
        let claimed = self.queue.claim(fixture::claim()).await.unwrap();
        same(claimed.map(|claimed| claimed.image.id), None, why);
    }

    /// Registers an image immediately.
    pub(crate) async fn begun(&self, space: &Space, model: &str) -> Claimed {
        let item = fixture::item(space, model);
        let begun = self.queue.begin(item, Quota::NONE, fixture::claim()).await;
        begun.expect("a sound item is accepted").claimed
    }

    /// Registers an image and completes it.
    pub(crate) async fn served(&self, space: &Space, model: &str, width: u32) -> Image {
        let lease = self.begun(space, model).await.lease;
        self.complete(lease, width).await
    }

    /// Completes an image whose lease is held.
    pub(crate) async fn complete(&self, lease: Lease, width: u32) -> Image {
        let derivative = fixture::derivative(width);
        self.succeed(lease, derivative.into()).await
    }

    /// Ends the registration of an image whose lease is held.
    pub(crate) async fn succeed(&self, lease: Lease, success: Success) -> Image {
        let outcome = self.queue.complete(lease, success).await;
        match outcome.unwrap() {
            Completion::Recorded(image) => *image,
            _ => panic!("a result of the lease that is held counts"),
        }
    }

    /// Gives up an image whose lease is held.
    pub(crate) async fn fail(&self, lease: Lease) -> Image {
        let error = "the origin has no such image".to_owned();
        let outcome = self.queue.fail(lease, Failure::Final { error }).await;
        match outcome.unwrap() {
            Completion::Recorded(image) => *image,
            _ => panic!("a failure of the lease that is held counts"),
        }
    }

    pub(crate) async fn image(&self, id: &ImageId) -> Image {
        let found = self.catalogue.find_image(id).await.unwrap();
        Arc::unwrap_or_clone(found.expect("the image exists"))
    }

    /// The batch as it is now.
    pub(crate) async fn batch(&self, batch: &Batch) -> Batch {
        let found = self.catalogue.find_batch(batch.customer, batch.id).await;
        found.unwrap().expect("the batch exists")
    }

    /// Completed, errors, whether it is finished, whether it is superseded.
    pub(crate) async fn tally(&self, batch: &Batch) -> (u64, u64, bool, bool) {
        let now = self.batch(batch).await;
        (
            now.completed,
            now.errors,
            now.finished.is_some(),
            now.superseded,
        )
    }

    pub(crate) async fn is_collectable(&self, key: &DerivativeKey) -> bool {
        let keys = self.catalogue.list_collectable(usize::MAX).await.unwrap();
        keys.contains(key)
    }

    /// Checks that a key is returned once its grace is over and not before.
    pub(crate) async fn assert_collectable_after(&self, key: &DerivativeKey, grace: Duration) {
        let moment = Duration::from_secs(1);
        self.clock.advance(grace - moment);
        let early = self.is_collectable(key).await;
        let why = "within its grace somebody may still read or write the object";
        same(early, false, why);
        self.clock.advance(moment * 2);
        let late = self.is_collectable(key).await;
        let why = "nothing else will ever delete the object";
        same(late, true, why);
    }
}
