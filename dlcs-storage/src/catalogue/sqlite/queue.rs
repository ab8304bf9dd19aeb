//! The queue: submissions, claims and results, each in one transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::batch::{Batch, QueueSize};
use dlcs_core::id::{BatchId, CustomerId, ImageId};
use dlcs_core::image::{Image, RegistrationMode};
use dlcs_core::queue::{
    Begun, Claim, Claimed, Completion, Failure, IngestQueue, Lease, Result as QueueResult,
    SubmissionItem, SubmissionProblem, SubmissionProblemKind, Success,
};
use dlcs_core::space::Space;
use dlcs_core::time::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;

use super::batch::Ending;
use super::error::{Result, SqliteError};
use super::image::StoredImage;
use super::job::Job;
use super::writer::Wake;
use super::{SqliteCatalogue, batch, collectable, image, job, space};

#[async_trait]
impl IngestQueue for SqliteCatalogue {
    async fn submit(&self, customer: CustomerId, items: Vec<SubmissionItem>) -> QueueResult<Batch> {
        let batch = self
            .write_many(items.len(), move |connection, now| {
                submit(connection, customer, items, now)
            })
            .await?;
        Ok(batch)
    }

    async fn begin(&self, item: SubmissionItem, claim: Claim<'_>) -> QueueResult<Begun> {
        let (owner, lease_for) = (claim.owner.to_owned(), claim.lease_for);
        let begun = self
            .write(move |connection, now| {
                let owner = owner.as_str();
                begin(connection, item, Claim { owner, lease_for }, now)
            })
            .await?;
        Ok(begun)
    }

    async fn claim(&self, claim: Claim<'_>) -> QueueResult<Option<Claimed>> {
        let (owner, lease_for) = (claim.owner.to_owned(), claim.lease_for);
        let claimed = self
            .write(move |connection, now| {
                let owner = owner.as_str();
                claim_next(connection, Claim { owner, lease_for }, now)
            })
            .await?;
        Ok(claimed)
    }

    async fn renew(&self, lease: &mut Lease, lease_for: Duration) -> QueueResult<()> {
        let token = lease.token();
        let until = self
            .write(move |connection, now| {
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
        let wake = match failure {
            Failure::Retry { .. } => Wake::Workers,
            Failure::Final { .. } => Wake::Nobody,
        };
        let completion = self
            .write_and(wake, move |connection, now| {
                fail(connection, &lease, failure, now)
            })
            .await?;
        Ok(completion)
    }

    async fn release(&self, lease: Lease) -> QueueResult<()> {
        self.write_and(Wake::Workers, move |connection, now| {
            release(connection, &lease, now)
        })
        .await?;
        Ok(())
    }

    async fn size(&self, customer: CustomerId) -> QueueResult<QueueSize> {
        let size = self
            .read(move |connection| job::size(connection, customer))
            .await?;
        Ok(size)
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.writer.wakeups()
    }
}

/// An item without a fault, and what it meets in the catalogue.
enum Checked {
    New(Image),
    Existing(StoredImage),
}

fn check(
    connection: &Connection,
    item: &SubmissionItem,
    now: Timestamp,
) -> Result<std::result::Result<Checked, SubmissionProblemKind>> {
    let id = &item.image;
    let Some(space) = space::find(connection, id.customer(), id.space())? else {
        return Ok(Err(SubmissionProblemKind::SpaceNotFound));
    };
    if let Some(existing) = image::find(connection, id)? {
        return Ok(match item.mode {
            RegistrationMode::Merge | RegistrationMode::UpdateOnly => {
                if existing.image.needs_bytes_again(&item.changes) {
                    Err(SubmissionProblemKind::BytesGone)
                } else {
                    Ok(Checked::Existing(existing))
                }
            }
            RegistrationMode::CreateOnly => Err(SubmissionProblemKind::AlreadyExists),
        });
    }
    if item.mode == RegistrationMode::UpdateOnly {
        return Ok(Err(SubmissionProblemKind::NotFound));
    }
    Ok(first(item, &space, now).ok_or(SubmissionProblemKind::SourceMissing))
}

fn first(item: &SubmissionItem, space: &Space, now: Timestamp) -> Option<Checked> {
    Image::first(item.image.clone(), space, item.changes.clone(), now).map(Checked::New)
}

fn submit(
    connection: &Connection,
    customer: CustomerId,
    items: Vec<SubmissionItem>,
    now: Timestamp,
) -> Result<Batch> {
    let mut checked = Vec::with_capacity(items.len());
    let mut problems = Vec::new();
    let mut seen: BTreeSet<&ImageId> = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let outcome = if item.image.customer() != customer {
            Err(SubmissionProblemKind::OtherCustomer)
        } else if !seen.insert(&item.image) {
            Err(SubmissionProblemKind::Duplicate)
        } else {
            check(connection, item, now)?
        };
        match outcome {
            Ok(found) => checked.push(found),
            Err(kind) => problems.push(SubmissionProblem { index, kind }),
        }
    }
    if !problems.is_empty() {
        return Err(SqliteError::Refused(problems));
    }
    let batch = batch::create(connection, customer, items.len(), now)?;
    for (item, found) in items.into_iter().zip(checked) {
        let id = item.image.clone();
        register(connection, item, found, Some(batch.id), now)?;
        batch::add_image(connection, batch.id, &id)?;
    }
    Ok(batch)
}

/// Puts an image into the queue, in place of what was there of it.
fn register(
    connection: &Connection,
    item: SubmissionItem,
    found: Checked,
    batch: Option<BatchId>,
    now: Timestamp,
) -> Result<(StoredImage, Job)> {
    let stored = match found {
        Checked::New(mut image) => {
            image.begin(batch, now);
            let row = image::insert(connection, &image)?;
            StoredImage { row, image }
        }
        Checked::Existing(mut stored) => {
            job::overtake(connection, stored.row, &stored.image, now)?;
            if let Some(old) = stored.image.batch {
                batch::lose_image(connection, old)?;
            }
            image::merge(connection, &mut stored.image, item.changes, now)?;
            stored.image.begin(batch, now);
            image::save(connection, &stored)?;
            stored
        }
    };
    collectable::claim_upload(connection, &stored.image.source)?;
    let job = job::add(connection, stored.row, &stored.image, now)?;
    Ok((stored, job))
}

fn begin(
    connection: &Connection,
    item: SubmissionItem,
    claim: Claim<'_>,
    now: Timestamp,
) -> Result<Begun> {
    let found = check(connection, &item, now)?
        .map_err(|kind| SqliteError::Refused(vec![SubmissionProblem { index: 0, kind }]))?;
    let created = matches!(found, Checked::New(_));
    let (stored, job) = register(connection, item, found, None, now)?;
    let claimed = take(connection, stored, &job, claim, now)?;
    Ok(Begun { claimed, created })
}

fn claim_next(
    connection: &Connection,
    claim: Claim<'_>,
    now: Timestamp,
) -> Result<Option<Claimed>> {
    let Some(job) = job::next_due(connection, now)? else {
        return Ok(None);
    };
    let stored = image::get_by_row(connection, job.image)?;
    take(connection, stored, &job, claim, now).map(Some)
}

/// Takes an image out of the queue.
fn take(
    connection: &Connection,
    mut stored: StoredImage,
    job: &Job,
    claim: Claim<'_>,
    now: Timestamp,
) -> Result<Claimed> {
    let grant = job::lease(connection, job, &stored, claim, now)?;
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
    let replaced = match success {
        Success::Derivative(derivative) => {
            collectable::add_upload(connection, &image.source, now)?;
            image.succeed(derivative.into_service(lease, now))
        }
        Success::Nothing => image.settle(now),
    };
    collectable::add_service(connection, &image.id, replaced.as_ref(), now)?;
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
    let Some((job, mut stored)) = held(connection, lease)? else {
        return Ok(Completion::Superseded);
    };
    let image = &mut stored.image;
    // The failure may have come after the derivative was stored.
    collectable::add_lease(connection, &image.id, job.generation, lease.token(), now)?;
    match failure {
        Failure::Retry { after, error } => {
            let run_at = now.after(after);
            job::retry(connection, &job, image.id.customer(), run_at, &error)?;
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
    let (job, mut stored) = held(connection, lease)?.ok_or(SqliteError::LeaseLost)?;
    let image = &mut stored.image;
    collectable::add_lease(connection, &image.id, job.generation, lease.token(), now)?;
    job::release(connection, &job, image.id.customer())?;
    image.requeue();
    image::save_state(connection, &stored)
}

/// Gives back what a dead process held: nobody else can have had the database open.
pub(super) fn reclaim(connection: &Connection, now: Timestamp) -> Result<usize> {
    let leased = job::list_leased(connection)?;
    for job in &leased {
        let mut stored = image::get_by_row(connection, job.image)?;
        let image = &mut stored.image;
        if let Some(token) = job.token {
            collectable::add_lease(connection, &image.id, job.generation, token, now)?;
        }
        job::reclaim(connection, job, image.id.customer())?;
        image.requeue();
        image::save_state(connection, &stored)?;
    }
    Ok(leased.len())
}
