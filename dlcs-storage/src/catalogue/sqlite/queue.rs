//! The queue: submissions, claims and results, each in one transaction.

use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::batch::{Batch, QueueSize, QueueTotals};
use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::queue::{
    BatchNotice, Begun, Claim, Claimed, Completion, Failure, IngestQueue, Lane, Lease, NoticeId,
    Result as QueueResult, Submission, SubmissionItem, Success,
};
use dlcs_core::storage::Quota;
use rusqlite::Connection;
use tokio::sync::watch;

use super::claim::Outcome;
use super::submission::{submit, submit_in_batches};
use super::writer::{Terms, WORK_MAX};
use super::{SqliteCatalogue, batch, claim, job, notice, share};

#[async_trait]
impl IngestQueue for SqliteCatalogue {
    async fn submit(&self, submission: Submission) -> QueueResult<Batch> {
        let terms = Terms::DURABLE.waking().about(submission.items.len());
        let batch = self
            .write_on(terms, move |connection, now| {
                submit(connection, submission, now)
            })
            .await?;
        Ok(batch)
    }

    async fn submit_in_batches(
        &self,
        submission: Submission,
        batch_size: NonZeroUsize,
    ) -> QueueResult<Vec<Batch>> {
        let terms = Terms::DURABLE.waking().about(submission.items.len());
        let batches = self
            .write_on(terms, move |connection, now| {
                submit_in_batches(connection, submission, batch_size, now)
            })
            .await?;
        Ok(batches)
    }

    async fn begin(
        &self,
        item: SubmissionItem,
        quota: Quota,
        claim: Claim<'_>,
    ) -> QueueResult<Begun> {
        let claim = OwnedClaim::of(claim);
        let begun = self
            .write(move |connection, now| {
                claim::begin(connection, item, quota, claim.borrow(), now)
            })
            .await?;
        Ok(begun)
    }

    async fn claim(&self, claim: Claim<'_>) -> QueueResult<Option<Claimed>> {
        let claim = OwnedClaim::of(claim);
        loop {
            let wanted = claim.clone();
            // A claim that is lost with the power is lost with the worker.
            let next = move |it: &Connection, now| claim::next(it, wanted.borrow(), now);
            match self.write_on(Terms::RELAXED, next).await? {
                Outcome::Claimed(claimed) => return Ok(Some(*claimed)),
                Outcome::Nothing => return Ok(None),
                // Others may take what is taken back here.
                Outcome::Expired => {
                    self.write_on(Terms::DURABLE.waking(), claim::take_back)
                        .await?;
                }
            }
        }
    }

    async fn renew(&self, lease: &mut Lease, lease_for: Duration) -> QueueResult<()> {
        let token = lease.token();
        let until = self
            .write_on(Terms::RELAXED, move |connection, now| {
                let until = now.after(lease_for);
                job::renew(connection, token, until)?;
                Ok(until)
            })
            .await?;
        lease.prolong(until);
        Ok(())
    }

    async fn complete(&self, lease: Lease, success: Success) -> QueueResult<Completion> {
        let completion = self
            .write(move |connection, now| claim::complete(connection, &lease, success, now))
            .await?;
        Ok(completion)
    }

    async fn fail(&self, lease: Lease, failure: Failure) -> QueueResult<Completion> {
        let terms = match failure {
            Failure::Retry { .. } | Failure::Postpone { .. } => Terms::DURABLE.waking(),
            Failure::Final { .. } => Terms::DURABLE,
        };
        let completion = self
            .write_on(terms, move |connection, now| {
                claim::fail(connection, &lease, failure, now)
            })
            .await?;
        Ok(completion)
    }

    async fn release(&self, lease: Lease) -> QueueResult<()> {
        self.write_on(Terms::DURABLE.waking(), move |connection, now| {
            claim::release(connection, &lease, now)
        })
        .await?;
        Ok(())
    }

    async fn reclaim(&self, owner: &str) -> QueueResult<u64> {
        let owner = owner.to_owned();
        let count = self
            .write_on(Terms::DURABLE.waking(), move |connection, now| {
                claim::reclaim(connection, Some(&owner), now)
            })
            .await?;
        Ok(count)
    }

    async fn release_all(&self, owner: &str) -> QueueResult<u64> {
        let owner = owner.to_owned();
        let count = self
            .write_on(Terms::DURABLE.waking(), move |connection, now| {
                claim::release_all(connection, &owner, now)
            })
            .await?;
        Ok(count)
    }

    async fn retry_batch(&self, customer: CustomerId, batch: BatchId) -> QueueResult<u64> {
        let terms = Terms::DURABLE.waking().about(WORK_MAX);
        let count = self
            .write_on(terms, move |connection, now| {
                claim::retry_batch(connection, customer, batch, now)
            })
            .await?;
        Ok(count)
    }

    async fn test_batch(&self, customer: CustomerId, batch: BatchId) -> QueueResult<bool> {
        let changed = self
            .write(move |connection, _| batch::test(connection, customer, batch))
            .await?;
        Ok(changed)
    }

    async fn claim_notice(
        &self,
        hold_for: Duration,
        except: &[CustomerId],
    ) -> QueueResult<Option<BatchNotice>> {
        let (now, except) = (self.clock.now(), notice::customers(except));
        let left_out = except.clone();
        // Mostly there is none: that costs no write.
        let is_due = move |it: &Connection| notice::any_due(it, &left_out, now);
        if self.read(is_due).await? {
            let claim = move |it: &Connection, now| notice::claim(it, hold_for, &except, now);
            return Ok(self.write(claim).await?);
        }
        Ok(None)
    }

    async fn forget_notices(&self, due_for: Duration) -> QueueResult<u64> {
        let forgotten = self
            .write(move |connection, now| notice::forget(connection, due_for, now))
            .await?;
        Ok(forgotten)
    }

    async fn end_notice(&self, id: NoticeId) -> QueueResult<()> {
        self.write(move |connection, _| notice::end(connection, id))
            .await?;
        Ok(())
    }

    async fn defer_notice(&self, id: NoticeId, after: Duration) -> QueueResult<()> {
        self.write(move |connection, now| notice::defer(connection, id, now.after(after)))
            .await?;
        Ok(())
    }

    async fn totals(&self) -> QueueResult<QueueTotals> {
        Ok(self.read(share::totals).await?)
    }

    async fn size(&self, customer: CustomerId) -> QueueResult<QueueSize> {
        let size = self
            .read(move |connection| share::size(connection, customer, None))
            .await?;
        Ok(size)
    }

    async fn lane_size(&self, customer: CustomerId, lane: Lane) -> QueueResult<QueueSize> {
        let size = self
            .read(move |connection| share::size(connection, customer, Some(lane)))
            .await?;
        Ok(size)
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.writer.wakeups()
    }
}

/// A claim on its way to the thread that writes.
#[derive(Clone)]
struct OwnedClaim {
    owner: String,
    lease_for: Duration,
    per_host: u32,
}

impl OwnedClaim {
    fn of(claim: Claim<'_>) -> Self {
        let Claim {
            owner,
            lease_for,
            per_host,
        } = claim;
        Self {
            owner: owner.to_owned(),
            lease_for,
            per_host,
        }
    }

    fn borrow(&self) -> Claim<'_> {
        Claim {
            owner: &self.owner,
            lease_for: self.lease_for,
            per_host: self.per_host,
        }
    }
}
