//! Claims and what comes of them: each in one transaction.

use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::queue::{
    AfterCrash, Begun, Claim, Claimed, Completion, Crashes, Failure, Lane, Lease, SubmissionItem,
    SubmissionProblem, Success,
};
use dlcs_core::storage::Quota;
use dlcs_core::time::Timestamp;
use rusqlite::Connection;

use super::batch::Ending;
use super::error::{Result, SqliteError};
use super::image::StoredImage;
use super::job::{Arrivals, Job};
use super::submission::{Checked, SpacesSeen, admit, check, register};
use super::{batch, collectable, image, job, space, turn};

pub(super) fn begin(
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
pub(super) enum Outcome {
    Claimed(Box<Claimed>),
    Nothing,
    /// Leases have expired, which must be taken back first.
    Expired,
}

pub(super) fn next(connection: &Connection, claim: Claim<'_>, now: Timestamp) -> Result<Outcome> {
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
pub(super) fn take_back(connection: &Connection, now: Timestamp) -> Result<()> {
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

pub(super) fn complete(
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

pub(super) fn fail(
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
            job.postponed = job.postponed.saturating_add(1);
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

pub(super) fn release(connection: &Connection, lease: &Lease, now: Timestamp) -> Result<()> {
    let (job, stored) = held(connection, lease)?.ok_or(SqliteError::LeaseLost)?;
    give_back(connection, &job, stored, now)
}

/// Gives back untried what a process holds.
pub(super) fn release_all(connection: &Connection, owner: &str, now: Timestamp) -> Result<u64> {
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
pub(super) fn retry_batch(
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
