//! The queue: submissions, claims and results, each in one transaction.

use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::batch::{Batch, QueueSize, QueueTotals};
use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::queue::{
    AfterCrash, BatchNotice, Begun, Claim, Claimed, Completion, Crashes, Failure, IngestQueue,
    Lane, Lease, NoticeId, Result as QueueResult, Submission, SubmissionItem, SubmissionProblem,
    Success,
};
use dlcs_core::storage::Quota;
use dlcs_core::time::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;

use super::batch::Ending;
use super::error::{Result, SqliteError};
use super::image::StoredImage;
use super::job::{Arrivals, Job};
use super::submission::{Checked, SpacesSeen, admit, check, register, submit, submit_in_batches};
use super::writer::{Terms, WORK_MAX};
use super::{SqliteCatalogue, batch, collectable, image, job, notice, share, space, turn};

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
            .write(move |connection, now| begin(connection, item, quota, claim.borrow(), now))
            .await?;
        Ok(begun)
    }

    async fn claim(&self, claim: Claim<'_>) -> QueueResult<Option<Claimed>> {
        let claim = OwnedClaim::of(claim);
        loop {
            let wanted = claim.clone();
            // A claim that is lost with the power is lost with the worker.
            let next = move |it: &Connection, now| claim_next(it, wanted.borrow(), now);
            match self.write_on(Terms::RELAXED, next).await? {
                Outcome::Claimed(claimed) => return Ok(Some(*claimed)),
                Outcome::Nothing => return Ok(None),
                // Others may take what is taken back here.
                Outcome::Expired => self.write_on(Terms::DURABLE.waking(), take_back).await?,
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
            .write(move |connection, now| complete(connection, &lease, success, now))
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
                fail(connection, &lease, failure, now)
            })
            .await?;
        Ok(completion)
    }

    async fn release(&self, lease: Lease) -> QueueResult<()> {
        self.write_on(Terms::DURABLE.waking(), move |connection, now| {
            release(connection, &lease, now)
        })
        .await?;
        Ok(())
    }

    async fn reclaim(&self, owner: &str) -> QueueResult<u64> {
        let owner = owner.to_owned();
        let count = self
            .write_on(Terms::DURABLE.waking(), move |connection, now| {
                reclaim(connection, Some(&owner), now)
            })
            .await?;
        Ok(count)
    }

    async fn release_all(&self, owner: &str) -> QueueResult<u64> {
        let owner = owner.to_owned();
        let count = self
            .write_on(Terms::DURABLE.waking(), move |connection, now| {
                release_all(connection, &owner, now)
            })
            .await?;
        Ok(count)
    }

    async fn retry_batch(&self, customer: CustomerId, batch: BatchId) -> QueueResult<u64> {
        let terms = Terms::DURABLE.waking().about(WORK_MAX);
        let count = self
            .write_on(terms, move |connection, now| {
                retry_batch(connection, customer, batch, now)
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

fn begin(
    connection: &Connection,
    item: SubmissionItem,
    quota: Quota,
    claim: Claim<'_>,
    now: Timestamp,
) -> Result<Begun> {
    let found = check(connection, &mut SpacesSeen::new(), &item, now)?
        .map_err(|kind| SqliteError::Refused(vec![SubmissionProblem { index: 0, kind }]))?;
    let created = matches!(found, Checked::New(_));
    admit(connection, item.image.customer(), quota, u64::from(created))?;
    let mut arrivals = Arrivals::default();
    let stored = register(connection, &mut arrivals, item, found, None, now)?;
    let job = arrivals.add(connection, stored.row, &stored.image, Lane::Priority, now)?;
    arrivals.count(connection)?;
    job::join(connection, claim.owner)?;
    let claimed = take(connection, stored, &job, claim, false, now)?;
    Ok(Begun { claimed, created })
}

/// What became of a claim.
enum Outcome {
    Claimed(Box<Claimed>),
    Nothing,
    /// Leases have expired, which must be taken back first.
    Expired,
}

fn claim_next(connection: &Connection, claim: Claim<'_>, now: Timestamp) -> Result<Outcome> {
    if !job::list_expired(connection, now, 1)?.is_empty() {
        return Ok(Outcome::Expired);
    }
    let Some((job, alone)) = turn::next(connection, claim, now)? else {
        return Ok(Outcome::Nothing);
    };
    let stored = image::get_by_row(connection, job.image)?;
    let claimed = take(connection, stored, &job, claim, alone, now)?;
    Ok(Outcome::Claimed(Box::new(claimed)))
}

/// Takes leases back that have expired; there may be more.
fn take_back(connection: &Connection, now: Timestamp) -> Result<()> {
    for expired in job::list_expired(connection, now, 100)? {
        crash(connection, expired, now)?;
    }
    Ok(())
}

/// Takes an image out of the queue.
fn take(
    connection: &Connection,
    mut stored: StoredImage,
    job: &Job,
    claim: Claim<'_>,
    alone: bool,
    now: Timestamp,
) -> Result<Claimed> {
    let grant = job::lease(connection, job, &stored, claim, alone, now)?;
    stored.image.dequeue(now);
    image::save_state(connection, &stored)?;
    Ok(Claimed {
        image: stored.image,
        lease: Lease::issue(grant),
    })
}

/// The job and the image of a lease that still counts; `None` when they have been overtaken.
fn held(connection: &Connection, lease: &Lease) -> Result<Option<(Job, StoredImage)>> {
    if let Some(job) = job::find_leased(connection, lease.token())? {
        let stored = image::get_by_row(connection, job.image)?;
        return Ok(Some((job, stored)));
    }
    match image::find(connection, lease.image())? {
        Some(stored) if stored.image.generation <= lease.generation() => {
            Err(SqliteError::LeaseLost)
        }
        _ => Ok(None),
    }
}

fn complete(
    connection: &Connection,
    lease: &Lease,
    success: Success,
    now: Timestamp,
) -> Result<Completion> {
    let Some((job, mut stored)) = held(connection, lease)? else {
        return Ok(Completion::Superseded);
    };
    let image = &mut stored.image;
    let before = image.stored_bytes();
    if success.quota.bytes.is_some() {
        let all = space::storage(connection, image.id.customer())?
            .bytes
            .images;
        let total = (all + success.stored_bytes().images).saturating_sub(before.images);
        if let Err(over) = success.quota.admit_bytes(all, total) {
            collectable::add_lease(connection, &image.id, job.generation, lease.token(), now)?;
            let error = over.to_string();
            job::end(connection, &job, image, &Ending::Failed(&error), now)?;
            image.fail(error, now);
            image::save_state(connection, &stored)?;
            return Ok(Completion::OverQuota(Box::new(stored.image), over));
        }
    }
    for key in image.succeed(success, lease, now) {
        collectable::add_served(connection, &key, now)?;
    }
    space::count_bytes(connection, &image.id, before, image.stored_bytes())?;
    if image.awaited_upload().is_none() {
        collectable::add_upload(connection, &image.source, now)?;
    }
    job::end(connection, &job, image, &Ending::Completed, now)?;
    image::save_state(connection, &stored)?;
    Ok(Completion::Recorded(Box::new(stored.image)))
}

fn fail(
    connection: &Connection,
    lease: &Lease,
    failure: Failure,
    now: Timestamp,
) -> Result<Completion> {
    let Some((mut job, mut stored)) = held(connection, lease)? else {
        return Ok(Completion::Superseded);
    };
    let image = &mut stored.image;
    // The failure may have come after the derivative was stored.
    collectable::add_lease(connection, &image.id, job.generation, lease.token(), now)?;
    match failure {
        Failure::Retry { after, error } => {
            job.attempt = job.attempt.saturating_add(1);
            job::wait(connection, job, now.after(after), &error, now)?;
            image.requeue();
        }
        Failure::Postpone { after, error } => {
            job::wait(connection, job, now.after(after), &error, now)?;
            image.requeue();
        }
        Failure::Final { error } => {
            job::end(connection, &job, image, &Ending::Failed(&error), now)?;
            image.fail(error, now);
        }
    }
    image::save_state(connection, &stored)?;
    Ok(Completion::Recorded(Box::new(stored.image)))
}

fn release(connection: &Connection, lease: &Lease, now: Timestamp) -> Result<()> {
    let (job, stored) = held(connection, lease)?.ok_or(SqliteError::LeaseLost)?;
    give_back(connection, &job, stored, now)
}

/// Gives back untried what a process holds.
fn release_all(connection: &Connection, owner: &str, now: Timestamp) -> Result<u64> {
    let leased = job::list_leased(connection, Some(owner))?;
    for job in &leased {
        let stored = image::get_by_row(connection, job.image)?;
        give_back(connection, job, stored, now)?;
    }
    Ok(leased.len() as u64)
}

fn give_back(
    connection: &Connection,
    job: &Job,
    mut stored: StoredImage,
    now: Timestamp,
) -> Result<()> {
    let image = &mut stored.image;
    if let Some(held) = job.held {
        collectable::add_lease(connection, &image.id, job.generation, held.token, now)?;
    }
    job::release(connection, job, now)?;
    image.requeue();
    image::save_state(connection, &stored)
}

/// Gives back what dead processes held: that of one name, or of all, where nobody else can have had the database open.
pub(super) fn reclaim(connection: &Connection, owner: Option<&str>, now: Timestamp) -> Result<u64> {
    let leased = job::list_leased(connection, owner)?;
    let count = leased.len() as u64;
    for job in leased {
        crash(connection, job, now)?;
    }
    Ok(count)
}

/// The holder of a job has died without a word.
fn crash(connection: &Connection, mut job: Job, now: Timestamp) -> Result<()> {
    let mut stored = image::get_by_row(connection, job.image)?;
    let image = &mut stored.image;
    if let Some(held) = job.held {
        collectable::add_lease(connection, &image.id, job.generation, held.token, now)?;
        job.crashes.count(held.alone);
    }
    match job.crashes.verdict() {
        AfterCrash::GiveUp => {
            let ending = Ending::Failed(Crashes::SENTENCE);
            job::end(connection, &job, image, &ending, now)?;
            image.fail(Crashes::SENTENCE.to_owned(), now);
        }
        verdict => {
            job::crash(connection, job, verdict == AfterCrash::Isolate, now)?;
            image.requeue();
        }
    }
    image::save_state(connection, &stored)
}

/// Puts the failures of a batch into the queue again.
fn retry_batch(
    connection: &Connection,
    customer: CustomerId,
    batch: BatchId,
    now: Timestamp,
) -> Result<u64> {
    let lane = batch::lane(connection, customer, batch)?;
    let rows = batch::list_failed(connection, batch)?;
    let mut arrivals = Arrivals::default();
    for row in &rows {
        let mut stored = image::get_by_row(connection, *row)?;
        stored.image.begin(Some(batch), now);
        image::save_state(connection, &stored)?;
        batch::reopen_image(connection, batch, &stored.image.id)?;
        arrivals.add(connection, *row, &stored.image, lane, now)?;
    }
    arrivals.count(connection)?;
    Ok(rows.len() as u64)
}
