//! A lease in the hands of this process: its outcome is recorded although the database is away for a while, and none is forgotten.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Dlcs;
use crate::image::{Image, ImageState};
use crate::queue::{Claimed, Completion, Failure, Lease, QueueError, SubmissionItem, Success};
use crate::storage::Quota;

/// The first wait for a database that is away; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest of them: shorter than [`BEFORE_OTHERS`](super::workers::BEFORE_OTHERS), so that whoever holds something is heard first.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long an outcome waits for a database that is away.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// As long as it takes: there is nothing else to do.
    Endless,
    /// So long: somebody waits for it.
    For(Duration),
}

/// A lease that is given back when it is dropped without an outcome.
///
/// No lease that it is about is ended twice: results carry the number of their claim.
#[derive(Debug)]
pub(super) struct Held {
    dlcs: Dlcs,
    pub(super) lease: Lease,
    has_ended: bool,
}

/// An image that was registered and claimed at once.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) held: Held,
    pub(super) image: Image,
    /// Whether the image is new.
    pub(super) created: bool,
}

impl Dlcs {
    /// Registers and claims an image. Should nobody wait for it any more, it is given back.
    pub(super) async fn take_begun(
        &self,
        item: SubmissionItem,
        quota: Quota,
    ) -> Result<Taken, QueueError> {
        let dlcs = self.clone();
        to_the_end(async move {
            let begun = dlcs.0.queue.begin(item, quota, dlcs.claim()).await?;
            let Claimed { image, lease } = begun.claimed;
            Ok(Taken {
                held: dlcs.hold(lease),
                image,
                created: begun.created,
            })
        })
        .await
    }

    /// Claims the image whose turn it is. Should nobody wait for it any more, it is given back.
    pub(super) async fn take_queued(&self) -> Result<Option<(Held, Image)>, QueueError> {
        let dlcs = self.clone();
        to_the_end(async move {
            let claimed = dlcs.0.queue.claim(dlcs.claim()).await?;
            Ok(claimed.map(|Claimed { image, lease }| (dlcs.hold(lease), image)))
        })
        .await
    }

    fn hold(&self, lease: Lease) -> Held {
        Held {
            dlcs: self.clone(),
            lease,
            has_ended: false,
        }
    }

    /// Gives back everything that this process holds, so that nobody waits until its leases end and nothing counts as a crash; returns how
    /// many images that were.
    ///
    /// For the end of a program, when its workers have stopped and it answers no more requests: registrations that are still on their way are
    /// in the queue afterwards, and what they come to does not count.
    ///
    /// # Errors
    /// The queue's.
    pub async fn release_all(&self) -> crate::Result<u64> {
        Ok(self.0.queue.release_all(&self.0.owner).await?)
    }
}

/// Runs in a task of its own, because a queue that is left alone while it answers may have granted a lease.
async fn to_the_end<T: Send + 'static>(
    take: impl Future<Output = Result<T, QueueError>> + Send + 'static,
) -> Result<T, QueueError> {
    match tokio::spawn(take.in_current_span()).await {
        Ok(taken) => taken,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // This is the end of the runtime.
            Err(ended) => Err(QueueError::Unavailable {
                backend: "runtime",
                source: ended.into(),
            }),
        },
    }
}

impl Held {
    /// Records that all went well.
    pub(super) async fn complete(
        mut self,
        success: Success,
        patience: Patience,
    ) -> Result<Completion, QueueError> {
        let queue = &self.dlcs.0.queue;
        let record = |lease| queue.complete(lease, success.clone());
        let outcome = self.record(patience, record).await;
        let outcome = self
            .recorded_before(outcome, |state| state.error().is_none())
            .await;
        let is_stored = success.derivative.is_some() || success.original.is_some();
        if is_stored && matches!(outcome, Ok(Completion::Recorded(_))) {
            self.dlcs.0.stored.note();
        }
        self.end(outcome)
    }

    /// Records a failure.
    pub(super) async fn fail(
        mut self,
        failure: Failure,
        patience: Patience,
    ) -> Result<Completion, QueueError> {
        let queue = &self.dlcs.0.queue;
        let record = |lease| queue.fail(lease, failure.clone());
        let outcome = self.record(patience, record).await;
        let outcome = self
            .recorded_before(outcome, |state| state.error().is_some())
            .await;
        self.end(outcome)
    }

    /// Gives the image back untried.
    pub(super) async fn release(mut self, patience: Patience) -> Result<(), QueueError> {
        let (outcome, _) = self
            .record(patience, |lease| self.dlcs.0.queue.release(lease))
            .await;
        self.end(outcome)
    }

    /// Somebody else has the image.
    pub(super) fn lose(mut self) {
        self.has_ended = true;
    }

    /// Records an outcome; says besides whether it may have been recorded before, without an answer.
    async fn record<T, F>(
        &self,
        patience: Patience,
        record: impl Fn(Lease) -> F + Send + Sync,
    ) -> (Result<T, QueueError>, bool)
    where
        F: Future<Output = Result<T, QueueError>> + Send,
    {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut in_doubt = false;
        loop {
            let error = match record(self.lease.again()).await {
                Err(error @ QueueError::Unavailable { .. }) => error,
                outcome => return (outcome, in_doubt),
            };
            if matches!(patience, Patience::For(most) if begun.elapsed() + pause > most) {
                return (Err(error), in_doubt);
            }
            tracing::warn!(image = %self.lease.image(), error = &error as &dyn std::error::Error, "an outcome waits for the database");
            in_doubt = true;
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// A lease that seems to be lost may have ended with this outcome, whose answer was lost: then the image says so.
    async fn recorded_before(
        &self,
        (outcome, in_doubt): (Result<Completion, QueueError>, bool),
        is_meant: impl Fn(&ImageState) -> bool + Send,
    ) -> Result<Completion, QueueError> {
        if !in_doubt || !matches!(outcome, Err(QueueError::LeaseLost)) {
            return outcome;
        }
        // Not `find_image`, which may answer from a cache that is older than the outcome.
        let id = std::slice::from_ref(self.lease.image());
        let found = self.dlcs.0.catalogue.find_images(id).await;
        let ended = |image: &Image| {
            let is_on_its_way = matches!(
                image.state,
                ImageState::Waiting { .. } | ImageState::Ingesting { .. }
            );
            image.generation == self.lease.generation() && !is_on_its_way && is_meant(&image.state)
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(image = %self.lease.image(), error = &error as &dyn std::error::Error, "it cannot be seen whether an outcome was recorded");
                return Err(QueueError::Unavailable {
                    backend: "catalogue",
                    source: error.into(),
                });
            }
        };
        match found.into_iter().flatten().next() {
            Some(image) if ended(&image) => Ok(Completion::Recorded(Box::new(image))),
            _ => outcome,
        }
    }

    /// Whatever the queue has said ends the lease, or lets it expire; only while it says nothing is there something to give back.
    fn end<T>(&mut self, outcome: Result<T, QueueError>) -> Result<T, QueueError> {
        self.has_ended = !matches!(outcome, Err(QueueError::Unavailable { .. }));
        outcome
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // Without a runtime nothing can be written: the lease ends by itself.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (dlcs, lease) = (self.dlcs.clone(), self.lease.again());
        runtime.spawn(async move {
            let patience = Patience::For(dlcs.0.settings.lease_for);
            let mut held = dlcs.hold(lease);
            let (outcome, _) = held
                .record(patience, |lease| dlcs.0.queue.release(lease))
                .await;
            // Once is enough.
            held.has_ended = true;
            if let Err(error) = outcome
                && !matches!(error, QueueError::LeaseLost)
            {
                tracing::warn!(image = %held.lease.image(), error = &error as &dyn std::error::Error, "an image could not be given back; its lease will end");
            }
        });
    }
}
