//! The queue's port: each method is one operation.

use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::batch::{Batch, QueueSize, QueueTotals};
use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::queue::{
    BatchNotice, Begun, Claim, Claimed, Completion, Failure, IngestQueue, Lane, Lease, NoticeId,
    Result, Submission, SubmissionItem, Success,
};
use dlcs_core::storage::Quota;
use tokio::sync::watch;

use super::claim::{Lost, Outcome};
use super::error::PgError;
use super::session::{Mode, Session};
use super::turn::Expired;
use super::{PostgresCatalogue, batch, claim, job, notice, share, submit};

#[async_trait]
impl IngestQueue for PostgresCatalogue {
    async fn submit(&self, submission: Submission) -> Result<Batch> {
        let submission = &submission;
        let write = |session| async move { submit::submit(&session, submission).await };
        Ok(self.database.write(write).await?)
    }

    async fn submit_in_batches(
        &self,
        submission: Submission,
        batch_size: NonZeroUsize,
    ) -> Result<Vec<Batch>> {
        let submission = &submission;
        let write = |session| async move {
            submit::submit_in_batches(&session, submission, batch_size).await
        };
        Ok(self.database.write(write).await?)
    }

    async fn begin(&self, item: SubmissionItem, quota: Quota, claim: Claim<'_>) -> Result<Begun> {
        let token = self.tokens.next(&self.database).await?;
        let item = &item;
        let write =
            |session| async move { submit::begin(&session, item, quota, claim, token).await };
        let begun = self.database.write(write).await;
        if let Err(PgError::Refused(_) | PgError::OverQuota(_)) = begun {
            self.tokens.give_back(token).await;
        }
        Ok(begun?)
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Option<Claimed>> {
        let token = self.tokens.next(&self.database).await?;
        let mut expired = Expired::First;
        loop {
            let next = |session| async move { claim::next(&session, claim, token, expired).await };
            match self.database.run(Mode::Relaxed, next).await? {
                Outcome::Claimed(claimed) => return Ok(Some(*claimed)),
                Outcome::Nothing => {
                    self.tokens.give_back(token).await;
                    return Ok(None);
                }
                Outcome::Expired => {
                    let write =
                        |session| async move { claim::take_back(&session, Lost::Expired).await };
                    if self.database.write(write).await? == 0 {
                        // Somebody is changing what has expired, or has taken it back just now: nobody waits for that.
                        expired = Expired::PassedOver;
                    }
                }
            }
        }
    }

    async fn renew(&self, lease: &mut Lease, lease_for: Duration) -> Result<()> {
        let token = lease.token();
        let renew = |session: Session| async move {
            let until = session.now().after(lease_for);
            job::renew(&session, token, until).await?;
            Ok(until)
        };
        lease.prolong(self.database.run(Mode::Relaxed, renew).await?);
        Ok(())
    }

    async fn complete(&self, lease: Lease, success: Success) -> Result<Completion> {
        let lease = &lease;
        let write = |session| {
            let success = success.clone();
            async move { claim::complete(&session, lease, success).await }
        };
        Ok(self.database.write(write).await?)
    }

    async fn fail(&self, lease: Lease, failure: Failure) -> Result<Completion> {
        let (lease, failure) = (&lease, &failure);
        let write = |session| async move { claim::fail(&session, lease, failure).await };
        Ok(self.database.write(write).await?)
    }

    async fn release(&self, lease: Lease) -> Result<()> {
        let lease = &lease;
        let write = |session| async move { claim::release(&session, lease).await };
        Ok(self.database.write(write).await?)
    }

    async fn reclaim(&self, owner: &str) -> Result<u64> {
        self.take_back_of(Lost::OfDead(owner)).await
    }

    async fn release_all(&self, owner: &str) -> Result<u64> {
        self.take_back_of(Lost::OfStopping(owner)).await
    }

    async fn retry_batch(&self, customer: CustomerId, batch: BatchId) -> Result<u64> {
        let write = |session| async move { claim::retry_batch(&session, customer, batch).await };
        Ok(self.database.write(write).await?)
    }

    async fn test_batch(&self, customer: CustomerId, batch: BatchId) -> Result<bool> {
        let write = |session| async move { batch::test(&session, customer, batch).await };
        Ok(self.database.write(write).await?)
    }

    async fn claim_notice(
        &self,
        hold_for: Duration,
        except: &[CustomerId],
    ) -> Result<Option<BatchNotice>> {
        let (now, except) = (self.database.given_time(), &notice::customers(except));
        // Mostly there is none: that costs no write.
        let is_due = |session| async move { notice::any_due(&session, now, except).await };
        if self.database.read(is_due).await? {
            let write = |session| async move { notice::claim(&session, hold_for, except).await };
            return Ok(self.database.write(write).await?);
        }
        Ok(None)
    }

    async fn forget_notices(&self, due_for: Duration) -> Result<u64> {
        let write = |session| async move { notice::forget(&session, due_for).await };
        Ok(self.database.write(write).await?)
    }

    async fn end_notice(&self, id: NoticeId) -> Result<()> {
        let write = |session| async move { notice::end(&session, id).await };
        Ok(self.database.write(write).await?)
    }

    async fn defer_notice(&self, id: NoticeId, after: Duration) -> Result<()> {
        let write = |session| async move { notice::defer(&session, id, after).await };
        Ok(self.database.write(write).await?)
    }

    async fn totals(&self) -> Result<QueueTotals> {
        let read = |session| async move { share::totals(&session).await };
        Ok(self.database.read(read).await?)
    }

    async fn size(&self, customer: CustomerId) -> Result<QueueSize> {
        let read = |session| async move { share::size(&session, customer, None).await };
        Ok(self.database.read(read).await?)
    }

    async fn lane_size(&self, customer: CustomerId, lane: Lane) -> Result<QueueSize> {
        let read = |session| async move { share::size(&session, customer, Some(lane)).await };
        Ok(self.database.read(read).await?)
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.database.listener.wakeups()
    }
}

impl PostgresCatalogue {
    /// Takes back what a process held, part by part.
    async fn take_back_of(&self, lost: Lost<'_>) -> Result<u64> {
        let mut taken = 0;
        loop {
            let write = |session| async move { claim::take_back(&session, lost).await };
            match self.database.write(write).await? {
                0 => return Ok(taken),
                count => taken += count,
            }
        }
    }
}
