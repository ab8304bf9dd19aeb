//! The queue of a broken backend.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::batch::{Batch, QueueSize, QueueTotals};
use dlcs_core::catalogue::Catalogue;
use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::image::ImageSource;
use dlcs_core::queue::{
    BatchNotice, Begun, Claim, Claimed, Completion, Failure, IngestQueue, Lane, Lease, LeaseGrant,
    NoticeId, QueueError, Result, Submission, SubmissionItem, Success,
};
use dlcs_core::storage::Quota;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::yield_now;

use super::{Broken, Fault};

#[async_trait]
impl IngestQueue for Broken {
    async fn submit(&self, mut submission: Submission) -> Result<Batch> {
        if self.has(Fault::OneLane) {
            submission.lane = Lane::Default;
        }
        let (customer, lane) = (submission.customer, submission.lane);
        let with = |items| Submission {
            quota: Quota::NONE,
            customer,
            lane,
            items,
        };
        let items = &submission.items;
        if self.has(Fault::TornSubmit) {
            let first = items.iter().take(1).cloned().collect();
            self.sound.submit(with(first)).await?;
            yield_now().await;
        }
        let outcome = self.sound.submit(submission.clone()).await;
        if let Err(QueueError::Refused { problems }) = &outcome
            && self.has(Fault::PartialSubmit)
        {
            let faulty = |place: usize| problems.iter().any(|problem| problem.index == place);
            let places = items.iter().enumerate();
            let sound = places.filter(|(place, _)| !faulty(*place));
            let sound = sound.map(|(_, item)| item.clone()).collect();
            self.sound.submit(with(sound)).await?;
        }
        outcome
    }

    async fn submit_in_batches(
        &self,
        submission: Submission,
        batch_size: NonZeroUsize,
    ) -> Result<Vec<Batch>> {
        if !self.has(Fault::PartialParts) {
            return self.sound.submit_in_batches(submission, batch_size).await;
        }
        let mut batches = Vec::new();
        for part in submission.items.chunks(batch_size.get()) {
            let items = part.to_vec();
            let part = Submission {
                quota: Quota::NONE,
                items,
                ..submission.clone()
            };
            batches.push(self.submit(part).await?);
        }
        Ok(batches)
    }

    async fn begin(&self, item: SubmissionItem, quota: Quota, claim: Claim<'_>) -> Result<Begun> {
        let source = item.changes.source.clone();
        let begun = self.sound.begin(item, quota, claim).await;
        if let Some(ImageSource::Upload(upload)) = source
            && self.has(Fault::EagerUploads)
        {
            let expected = self.sound.expect_uploads(&[upload]).await;
            expected.expect("memory does not fail");
        }
        begun
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Option<Claimed>> {
        match self.fault {
            Fault::CrowdedHosts => {
                let per_host = u32::MAX;
                self.sound.claim(Claim { per_host, ..claim }).await
            }
            Fault::Company => {
                let owner = uuid::Uuid::new_v4().to_string();
                let owner = owner.as_str();
                self.sound.claim(Claim { owner, ..claim }).await
            }
            Fault::NoTurns => {
                let mut due = Vec::new();
                while let Some(claimed) = self.sound.claim(claim).await? {
                    due.push(claimed);
                }
                due.sort_by_key(|claimed| claimed.image.id.customer());
                let mut due = due.into_iter();
                let first = due.next();
                for other in due {
                    self.sound.release(other.lease).await?;
                }
                Ok(first)
            }
            Fault::DoubleClaim => {
                // Held all the while, so that of claims that race every second is a twin.
                let mut last = self.last_claim();
                if let Some((image, grant)) = last.take() {
                    let lease = Lease::issue(grant);
                    return Ok(Some(Claimed { image, lease }));
                }
                let claimed = self.sound.claim(claim).now_or_never();
                let claimed = claimed.expect("memory does not wait")?;
                *last = claimed
                    .as_ref()
                    .map(|claimed| (claimed.image.clone(), grant(&claimed.lease)));
                Ok(claimed)
            }
            _ => self.sound.claim(claim).await,
        }
    }

    async fn renew(&self, lease: &mut Lease, lease_for: Duration) -> Result<()> {
        if self.has(Fault::FrozenRenewal) {
            lease.prolong(lease.until().after(lease_for));
            return Ok(());
        }
        self.sound.renew(lease, lease_for).await
    }

    async fn complete(&self, lease: Lease, mut success: Success) -> Result<Completion> {
        if let Some(stored) = &mut success.derivative
            && self.has(Fault::ForgottenThumbnails)
        {
            stored.derivative.thumbnails.clear();
        }
        if success == Success::NOTHING && self.has(Fault::ReluctantRegistration) {
            let error = "there is nothing to serve".to_owned();
            return self.sound.fail(lease, Failure::Final { error }).await;
        }
        let id = lease.image().clone();
        let before = self
            .sound
            .find_image(&id)
            .await
            .expect("memory does not fail");
        let outcome = self.sound.complete(lease, success).await;
        match (self.fault, &outcome, before) {
            (Fault::ForgetfulLease, Err(QueueError::LeaseLost), Some(image)) => {
                Ok(Completion::Recorded(Box::new(Arc::unwrap_or_clone(image))))
            }
            (Fault::EagerCollector, Ok(_), Some(image)) => {
                self.leaked()
                    .extend(image.service().map(|service| service.key(&id)));
                outcome
            }
            _ => outcome,
        }
    }

    async fn fail(&self, lease: Lease, failure: Failure) -> Result<Completion> {
        let failure = match failure {
            Failure::Retry { error, .. } if self.has(Fault::ImpatientRetry) => Failure::Retry {
                after: Duration::ZERO,
                error,
            },
            Failure::Postpone { after, error } if self.has(Fault::ChargedRelease) => {
                Failure::Retry { after, error }
            }
            failure => failure,
        };
        self.sound.fail(lease, failure).await
    }

    async fn release(&self, lease: Lease) -> Result<()> {
        if self.has(Fault::ChargedRelease) {
            let failure = Failure::Retry {
                after: Duration::ZERO,
                error: "given back".to_owned(),
            };
            return self.sound.fail(lease, failure).await.map(drop);
        }
        self.sound.release(lease).await
    }

    async fn reclaim(&self, owner: &str) -> Result<u64> {
        if self.has(Fault::ForgetfulSuccessor) {
            return Ok(0);
        }
        self.sound.reclaim(owner).await
    }

    async fn release_all(&self, owner: &str) -> Result<u64> {
        if self.has(Fault::ChargedRelease) {
            return self.sound.reclaim(owner).await;
        }
        self.sound.release_all(owner).await
    }

    async fn retry_batch(&self, customer: CustomerId, batch: BatchId) -> Result<u64> {
        if self.has(Fault::IdleRetry) {
            return Ok(2);
        }
        self.sound.retry_batch(customer, batch).await
    }

    async fn test_batch(&self, customer: CustomerId, batch: BatchId) -> Result<bool> {
        self.sound.test_batch(customer, batch).await
    }

    async fn claim_notice(
        &self,
        hold_for: Duration,
        except: &[CustomerId],
    ) -> Result<Option<BatchNotice>> {
        let hold_for = if self.has(Fault::LooseNotices) {
            Duration::ZERO
        } else {
            hold_for
        };
        self.sound.claim_notice(hold_for, except).await
    }

    async fn forget_notices(&self, due_for: Duration) -> Result<u64> {
        self.sound.forget_notices(due_for).await
    }

    async fn end_notice(&self, id: NoticeId) -> Result<()> {
        if self.has(Fault::EndlessNotices) {
            return Ok(());
        }
        self.sound.end_notice(id).await
    }

    async fn defer_notice(&self, id: NoticeId, after: Duration) -> Result<()> {
        self.sound.defer_notice(id, after).await
    }

    async fn totals(&self) -> Result<QueueTotals> {
        self.sound.totals().await
    }

    async fn size(&self, customer: CustomerId) -> Result<QueueSize> {
        self.sound.size(customer).await
    }

    async fn lane_size(&self, customer: CustomerId, lane: Lane) -> Result<QueueSize> {
        self.sound.lane_size(customer, lane).await
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        if self.has(Fault::SilentQueue) {
            return self.silence.subscribe();
        }
        self.sound.wakeups()
    }
}

fn grant(lease: &Lease) -> LeaseGrant {
    LeaseGrant {
        image: lease.image().clone(),
        generation: lease.generation(),
        token: lease.token(),
        attempt: lease.attempt(),
        postponed: lease.postponed(),
        batch: lease.batch(),
        until: lease.until(),
    }
}
