//! Workers: what takes images out of the queue.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

use super::held::{Held, Patience};
use super::{Dlcs, jitter};
use crate::id::ImageId;
use crate::image::Image;
use crate::ingest::{IngestError, backoff};
use crate::queue::{Completion, Failure, Lease, QueueError, Success};

/// How often a worker looks for work that nobody told it of: retries that have come due, leases that have ended.
const POLL: Duration = Duration::from_secs(1);
/// How often objects that nothing refers to are deleted.
const COLLECT: Duration = Duration::from_secs(30);
/// How long nobody claims when the database is back, so that those are heard first who hold something.
pub(super) const BEFORE_OTHERS: Duration = Duration::from_secs(2);
/// How long a worker rests when this machine, and not an origin or an image, is in trouble.
const REST: Duration = Duration::from_secs(5);
/// How often an image is put off before it may be given up: for a day, nearly all of it in waits of ten minutes.
const MOST_POSTPONED: u32 = 150;
/// It is, where others have been stored in this time.
const LATELY: Duration = Duration::from_secs(3600);
/// How many objects that nothing refers to are deleted at once.
const COLLECT_AT_ONCE: usize = 500;

/// What a worker does when it is done with an image.
#[derive(Debug, Clone, Copy)]
enum Next {
    Claim,
    Rest,
    RestUntilReady,
}

impl Dlcs {
    /// Processes queued images until `shutdown` is ready, then finishes or gives back what it holds.
    ///
    /// Give it to a task of its own; it spawns others only to take leases, which must not be lost half taken, and to give them back. It returns
    /// within the settings' `drain`, give or take one database write.
    pub async fn run_workers(self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = watch::channel(false);
        let workers = (0..self.0.settings.workers).map(|_| self.work(stopped.clone()));
        let work = futures_util::future::join_all(workers);
        let collect = self.collect_until(stopped.clone());
        let mut tell_stopped = stopped.clone();
        let tell = self.tell_until(&mut tell_stopped);
        let halt = async {
            shutdown.await;
            // Receivers live in the futures beside this one.
            let _ = stop.send(true);
        };
        futures_util::future::join4(work, collect, tell, halt).await;
    }

    /// Deletes stored objects that nothing refers to any more; returns how many.
    ///
    /// One that cannot be deleted is logged and left for the next time.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn collect(&self) -> crate::Result<usize> {
        let mut collected = 0;
        loop {
            let keys = self.0.catalogue.list_collectable(COLLECT_AT_ONCE).await?;
            let listed = keys.len();
            let mut gone = Vec::with_capacity(listed);
            for key in keys {
                match self.0.derivatives.delete(&key).await {
                    Ok(()) => gone.push(key),
                    Err(error) => {
                        tracing::warn!(%key, %error, "an object that nothing refers to could not be deleted");
                    }
                }
            }
            self.0.catalogue.forget_collectable(&gone).await?;
            collected += gone.len();
            if listed < COLLECT_AT_ONCE || gone.is_empty() {
                return Ok(collected);
            }
        }
    }

    /// Takes back what a process of this name held that has died, instead of waiting until its leases end; returns how many images.
    ///
    /// For the start of a program that has a name: see [`with_owner`](super::DlcsBuilder::with_owner). What this process holds itself would
    /// be taken back as well.
    ///
    /// # Errors
    /// The queue's.
    pub async fn reclaim(&self) -> crate::Result<u64> {
        Ok(self.0.queue.reclaim(&self.0.owner).await?)
    }

    async fn collect_until(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            let round = async {
                tokio::time::sleep(COLLECT).await;
                if let Err(error) = self.collect().await {
                    tracing::warn!(%error, "objects that nothing refers to could not be collected");
                }
            };
            tokio::select! {
                () = until(&mut stopped) => return,
                () = round => {}
            }
        }
    }

    async fn work(&self, mut stopped: watch::Receiver<bool>) {
        let mut wakeups = self.0.queue.wakeups();
        while !*stopped.borrow() {
            // Seen before the look at the queue: what is submitted between the two wakes us.
            wakeups.borrow_and_update();
            let mut watched = stopped.clone();
            let taken = tokio::select! {
                taken = self.take_queued() => taken,
                // What is granted all the same is given back.
                () = drained(&mut watched, self.0.settings.drain) => return,
            };
            match taken {
                Ok(Some((held, image))) => self.run_queued(held, image, &mut stopped).await,
                Ok(None) => {
                    tokio::select! {
                        () = until(&mut stopped) => return,
                        _ = wakeups.changed() => {}
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "no image could be claimed"
                    );
                    tokio::select! {
                        () = until(&mut stopped) => return,
                        () = self.database_is_back() => {}
                    }
                }
            }
        }
    }

    async fn run_queued(&self, mut held: Held, image: Image, stopped: &mut watch::Receiver<bool>) {
        let mut watched = stopped.clone();
        // One for both: what is left of the time when the image is done is all that its result has.
        let drained = drained(&mut watched, self.0.settings.drain);
        tokio::pin!(drained);
        let ingester = self.ingester();
        let outcome = tokio::select! {
            outcome = ingester.attempt(&image, &mut held.lease) => outcome,
            () = &mut drained => {
                if let Err(error) = held.release(Patience::For(Duration::ZERO)).await {
                    tracing::warn!(image = %image.id, %error, "an image could not be given back; its lease will end");
                }
                return;
            }
        };
        let next = tokio::select! {
            next = self.record(held, &image, outcome) => next,
            () = &mut drained => return,
        };
        match next {
            Next::Claim => {}
            Next::Rest => rest(stopped).await,
            Next::RestUntilReady => self.rest_until_ready(stopped).await,
        }
    }

    /// Records what became of an image, however long the database is away; returns what its worker does next.
    async fn record(
        &self,
        held: Held,
        image: &Image,
        outcome: Result<Success, IngestError>,
    ) -> Next {
        let error = match outcome {
            Ok(success) => {
                report(&image.id, held.complete(success, Patience::Endless).await);
                return Next::Claim;
            }
            Err(IngestError::LeaseLost) => {
                held.lose();
                report(&image.id, Err(QueueError::LeaseLost));
                return Next::Claim;
            }
            Err(error) => error,
        };
        let was_ready = !error.is_of_this_machine() || self.is_ready().await;
        if !was_ready || matches!(error, IngestError::NotRenewed(_)) {
            tracing::error!(image = %image.id, error = &error as &dyn std::error::Error, "images wait until this machine can store");
            if let Err(error) = held.release(Patience::Endless).await {
                report(&image.id, Err(error));
            }
            return if was_ready {
                Next::Claim
            } else {
                Next::RestUntilReady
            };
        }
        let failure = self.failure(&held.lease, error);
        let next = match failure {
            Failure::Postpone { .. } => Next::Rest,
            _ => Next::Claim,
        };
        report(&image.id, held.fail(failure, Patience::Endless).await);
        next
    }

    /// What becomes of an image whose attempt has failed while this machine works.
    fn failure(&self, lease: &Lease, error: IngestError) -> Failure {
        let attempt = lease.attempt();
        let error = error.after_attempts(attempt);
        let sentence = error.sentence();
        tracing::info!(image = %lease.image(), attempt, error = sentence, "an attempt at an image failed");
        if error.is_no_fault_of_the_image() {
            if lease.postponed() >= MOST_POSTPONED && self.0.stored.is_within(LATELY) {
                return Failure::Final { error: sentence };
            }
            Failure::Postpone {
                after: backoff(lease.postponed().saturating_add(1), None, jitter()),
                error: sentence,
            }
        } else if error.is_transient() && attempt < self.0.settings.attempts {
            Failure::Retry {
                after: backoff(attempt, error.retry_after(), jitter()),
                error: sentence,
            }
        } else {
            Failure::Final { error: sentence }
        }
    }

    /// Waits for the database, and then until those have been heard who hold something: what a claim finds expired counts as a crash.
    async fn database_is_back(&self) {
        loop {
            tokio::time::sleep(POLL).await;
            if self.0.catalogue.check().await.is_ok() {
                return tokio::time::sleep(BEFORE_OTHERS).await;
            }
        }
    }

    /// Whether other images could be stored now.
    async fn is_ready(&self) -> bool {
        let ready = tokio::time::timeout(REST, self.ready()).await;
        matches!(ready, Ok(Ok(())))
    }

    /// Takes nothing out of the queue while nothing can be stored: it would be fetched in vain.
    async fn rest_until_ready(&self, stopped: &mut watch::Receiver<bool>) {
        loop {
            rest(stopped).await;
            if *stopped.borrow() || self.is_ready().await {
                return;
            }
        }
    }
}

/// Says what became of a result.
fn report(id: &ImageId, recorded: Result<Completion, QueueError>) {
    match recorded {
        Ok(Completion::Recorded(_)) => {}
        Ok(Completion::OverQuota(_, over)) => {
            tracing::info!(image = %id, error = %over, "an image was not stored");
        }
        Ok(Completion::Superseded) => {
            tracing::info!(image = %id, "an image was overtaken while it was processed");
        }
        Err(QueueError::LeaseLost) => {
            tracing::warn!(image = %id, "a lease was lost; somebody else has the image");
        }
        // The lease ends by itself, and the image is processed again.
        Err(error) => {
            tracing::error!(image = %id, error = &error as &dyn std::error::Error, "a result could not be recorded");
        }
    }
}

/// Does nothing for a while, unless told to stop.
async fn rest(stopped: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = until(stopped) => {}
        () = tokio::time::sleep(REST) => {}
    }
}

/// Resolves when the workers are told to stop.
pub(super) async fn until(stopped: &mut watch::Receiver<bool>) {
    // The sender lives as long as the workers run; if it is gone, that is a stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Resolves when the workers have been told to stop and their time is up.
async fn drained(stopped: &mut watch::Receiver<bool>, drain: Duration) {
    until(stopped).await;
    tokio::time::sleep(drain).await;
}
