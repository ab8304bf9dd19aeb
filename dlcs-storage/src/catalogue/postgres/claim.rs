//! Claims and what comes of them: each in one transaction.

use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::queue::{AfterCrash, Claim, Claimed, Completion, Crashes, Failure, Lease, Success};

use super::batch::Ending;
use super::error::{PgError, Result};
use super::image::StoredImage;
use super::job::Job;
use super::session::Session;
use super::tally::Tally;
use super::turn::{self, Expired, Taken, Turn};
use super::{batch, collectable, customer, image, job, space};

/// What became of a claim.
pub(super) enum Outcome {
    Claimed(Box<Claimed>),
    Nothing,
    /// Leases have expired, which must be taken back first.
    Expired,
}

/// Takes the image out of the queue whose turn it is.
pub(super) async fn next(
    session: &Session,
    claim: Claim<'_>,
    token: u64,
    expired: Expired,
) -> Result<Outcome> {
    match turn::next(session, claim, expired).await? {
        Turn::Expired => Ok(Outcome::Expired),
        Turn::Nothing => Ok(Outcome::Nothing),
        Turn::Taken(taken) => {
            let Taken {
                job,
                stored,
                alone,
                lanes,
            } = *taken;
            let mut tally = Tally::default();
            tally.take_turn(lanes);
            tally.start(&job);
            let claimed = take(session, tally, (job, stored), claim, token, alone).await?;
            Ok(Outcome::Claimed(Box::new(claimed)))
        }
    }
}

/// Takes an image out of the queue that is held, and whose job is tallied as leased.
pub(super) async fn take(
    session: &Session,
    tally: Tally,
    (job, mut stored): (Job, StoredImage),
    claim: Claim<'_>,
    token: u64,
    alone: bool,
) -> Result<Claimed> {
    stored.image.dequeue(session.now());
    let images = [&stored];
    let save = image::save_state(session, &images);
    let ((), charge) = tokio::try_join!(biased; save, tally.write(session))?;
    let grant = job::lease(session, &job, &stored, claim, token, charge, alone).await?;
    Ok(Claimed {
        image: stored.image,
        lease: Lease::issue(grant),
    })
}

/// The job and the image of a lease that still counts, held; `None` when they have been overtaken.
async fn hold(session: &Session, lease: &Lease) -> Result<Option<(Job, StoredImage)>> {
    let (stored, job) = tokio::try_join!(
        biased;
        image::hold(session, lease.image()),
        job::hold_leased(session, lease.token()),
    )?;
    let Some(stored) = stored else {
        return Ok(None);
    };
    match job {
        Some(job) => Ok(Some((job, stored))),
        None if stored.image.generation <= lease.generation() => Err(PgError::LeaseLost),
        None => Ok(None),
    }
}

pub(super) async fn complete(
    session: &Session,
    lease: &Lease,
    success: Success,
) -> Result<Completion> {
    let quota = success.quota;
    if quota.bytes.is_some() {
        customer::hold_for_counting(session, lease.image().customer()).await?;
    }
    let Some((job, mut stored)) = hold(session, lease).await? else {
        return Ok(Completion::Superseded);
    };
    let now = session.now();
    let mut tally = Tally::default();
    let image = &mut stored.image;
    let before = image.stored_bytes();
    if quota.bytes.is_some() {
        let all = space::storage(session, image.id.customer())
            .await?
            .bytes
            .images;
        let total = (all + success.stored_bytes().images).saturating_sub(before.images);
        if let Err(over) = quota.admit_bytes(all, total) {
            let error = over.to_string();
            tally.collect(collectable::lease(
                &image.id,
                job.generation,
                lease.token(),
                now,
            ));
            image.fail(error.clone(), now);
            tally.end(session, &job, &image.id, Ending::Failed(error));
            return match finish(session, tally, &job, stored).await? {
                Completion::Recorded(image) => Ok(Completion::OverQuota(image, over)),
                other => Ok(other),
            };
        }
    }
    let replaced = image.succeed(success, lease, now).into_iter();
    tally.collect(replaced.map(|key| collectable::served(key, now)));
    tally.count_bytes(&image.id, before, image.stored_bytes())?;
    if image.awaited_upload().is_none() {
        tally.collect(collectable::upload(&image.source, now));
    }
    tally.end(session, &job, &image.id, Ending::Completed);
    finish(session, tally, &job, stored).await
}

/// Removes a job that has ended.
async fn finish(
    session: &Session,
    tally: Tally,
    job: &Job,
    stored: StoredImage,
) -> Result<Completion> {
    let images = [&stored];
    tokio::try_join!(
        biased;
        job::delete(session, job),
        image::save_state(session, &images),
        tally.write(session),
    )?;
    Ok(Completion::Recorded(Box::new(stored.image)))
}

pub(super) async fn fail(
    session: &Session,
    lease: &Lease,
    failure: &Failure,
) -> Result<Completion> {
    let Some((job, mut stored)) = hold(session, lease).await? else {
        return Ok(Completion::Superseded);
    };
    let now = session.now();
    let mut tally = Tally::default();
    let image = &mut stored.image;
    // The failure may have come after the derivative was stored.
    tally.collect(collectable::lease(
        &image.id,
        job.generation,
        lease.token(),
        now,
    ));
    match failure {
        Failure::Retry { after, error } | Failure::Postpone { after, error } => {
            image.requeue();
            let mut waiting = job.clone();
            let count = match failure {
                Failure::Retry { .. } => &mut waiting.attempt,
                _ => &mut waiting.postponed,
            };
            *count = count.saturating_add(1);
            waiting.run_at = now.after(*after);
            put_back(session, &mut tally, &job, waiting, Some(error)).await?;
            image::save_state(session, &[&stored]).await?;
            tally.write(session).await?;
            session.wakes_workers();
            Ok(Completion::Recorded(Box::new(stored.image)))
        }
        Failure::Final { error } => {
            image.fail(error.clone(), now);
            tally.end(session, &job, &image.id, Ending::Failed(error.clone()));
            finish(session, tally, &job, stored).await
        }
    }
}

pub(super) async fn release(session: &Session, lease: &Lease) -> Result<()> {
    let (job, mut stored) = hold(session, lease).await?.ok_or(PgError::LeaseLost)?;
    let mut tally = Tally::default();
    let lost = collectable::lease(
        &stored.image.id,
        job.generation,
        lease.token(),
        session.now(),
    );
    tally.collect(lost);
    stored.image.requeue();
    put_back(session, &mut tally, &job, job.clone(), None).await?;
    image::save_state(session, &[&stored]).await?;
    tally.write(session).await?;
    session.wakes_workers();
    Ok(())
}

/// Ends the lease of a job, which waits from now on as it is given here.
async fn put_back(
    session: &Session,
    tally: &mut Tally,
    before: &Job,
    mut waiting: Job,
    error: Option<&str>,
) -> Result<()> {
    waiting.held = None;
    job::put_back(session, &waiting, error).await?;
    tally.put_back(session, before, &waiting);
    Ok(())
}

/// Leases that end without a result.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lost<'a> {
    /// Those that have expired.
    Expired,
    /// Those of a process that has died.
    OfDead(&'a str),
    /// Those of a process that stops: nothing has happened to it.
    OfStopping(&'a str),
}

/// Takes leases back. Returns how many; there may be more.
pub(super) async fn take_back(session: &Session, lost: Lost<'_>) -> Result<u64> {
    let now = session.now();
    let mut tally = Tally::default();
    let mut changed = Vec::new();
    let leases = match lost {
        Lost::Expired => turn::expired(session).await?,
        Lost::OfDead(owner) | Lost::OfStopping(owner) => turn::of_owner(session, owner).await?,
    };
    let has_crashed = !matches!(lost, Lost::OfStopping(_));
    for (job, mut stored) in leases {
        let image = &mut stored.image;
        let mut after = job.clone();
        if let Some(held) = job.held {
            let lease = collectable::lease(&image.id, job.generation, held.token, now);
            tally.collect(lease);
            if has_crashed {
                after.crashes.count(held.alone);
            }
        }
        let verdict = if has_crashed {
            after.crashes.verdict()
        } else {
            AfterCrash::Again
        };
        match verdict {
            AfterCrash::GiveUp => {
                let sentence = Crashes::SENTENCE.to_owned();
                image.fail(sentence.clone(), now);
                tally.end(session, &job, &image.id, Ending::Failed(sentence));
                job::delete(session, &job).await?;
            }
            verdict => {
                if verdict == AfterCrash::Isolate {
                    after.set_apart = true;
                    after.run_at = now;
                }
                image.requeue();
                put_back(session, &mut tally, &job, after, None).await?;
            }
        }
        changed.push(stored);
    }
    image::save_state(session, &changed.iter().collect::<Vec<_>>()).await?;
    tally.write(session).await?;
    if !changed.is_empty() {
        session.wakes_workers();
    }
    Ok(changed.len() as u64)
}

/// Puts the failures of a batch into the queue again.
pub(super) async fn retry_batch(
    session: &Session,
    customer: CustomerId,
    id: BatchId,
) -> Result<u64> {
    let lane = batch::lane(session, customer, id).await?;
    let mut failed = batch::hold_failed(session, id).await?;
    if failed.is_empty() {
        return Ok(0);
    }
    for stored in &mut failed {
        stored.image.begin(Some(id), session.now());
    }
    let mut tally = Tally::default();
    let images: Vec<_> = failed.iter().collect();
    image::save_state(session, &images).await?;
    for job in job::add(session, &images, lane).await? {
        tally.arrive(&job);
    }
    let ids: Vec<_> = images.iter().map(|stored| &stored.image.id).collect();
    batch::reopen_images(session, id, &ids).await?;
    tally.write(session).await?;
    session.wakes_workers();
    Ok(failed.len() as u64)
}
