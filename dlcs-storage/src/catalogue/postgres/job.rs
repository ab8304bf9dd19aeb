//! Jobs: what is to be processed, and under which lease.

use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::queue::{Claim, Crashes, Generation, Lane, LeaseGrant, LeaseToken};
use dlcs_core::time::Timestamp;

use super::error::{PgError, Result};
use super::image::StoredImage;
use super::line::Line;
use super::row::{Columns, of_customer, read_all, read_one, stored, unreadable};
use super::session::Session;
use super::share;
use super::values::Values;

/// The columns that [`read`] expects, of `jobs AS j`.
pub(super) const COLUMNS: &str = "j.id, j.image, j.customer, j.lane, j.host, j.batch, j.generation, j.attempt, j.postponed, j.crashes, \
                                  j.crashes_alone, j.set_apart, j.run_at, j.lease_token, j.lease_since, j.lease_charge, j.lease_alone";

/// A job that waits or is leased.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) id: i64,
    /// The number of the image's row.
    pub(super) image: i64,
    pub(super) customer: CustomerId,
    pub(super) lane: i64,
    pub(super) host: String,
    pub(super) batch: Option<BatchId>,
    pub(super) generation: Generation,
    pub(super) attempt: u32,
    pub(super) postponed: u32,
    pub(super) crashes: Crashes,
    pub(super) set_apart: bool,
    pub(super) run_at: Timestamp,
    pub(super) held: Option<Held>,
}

/// The lease of a job.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) token: LeaseToken,
    pub(super) since: Timestamp,
    pub(super) charge: i64,
    pub(super) alone: bool,
}

impl Job {
    /// Where it is counted.
    pub(super) const fn counter(&self) -> i64 {
        if self.set_apart {
            share::APART
        } else {
            self.lane
        }
    }

    pub(super) fn line(&self) -> Line {
        Line {
            customer: self.customer,
            lane: self.lane,
            host: self.host.clone(),
        }
    }
}

pub(super) fn read(columns: &mut Columns<'_>) -> Result<Job> {
    let mut job = Job {
        id: columns.get()?,
        image: columns.get()?,
        customer: columns.customer()?,
        lane: columns.get()?,
        host: columns.get()?,
        batch: columns.batch_or_none()?,
        generation: Generation::new(columns.number("generation")?),
        attempt: columns.small("attempt")?,
        postponed: columns.small("postponed")?,
        crashes: Crashes {
            in_company: columns.small("crashes")?,
            alone: columns.small("crashes_alone")?,
        },
        set_apart: columns.get()?,
        run_at: columns.time()?,
        held: None,
    };
    match columns.get::<Option<i64>>()? {
        Some(token) => {
            let token = u64::try_from(token).map_err(|_| unreadable("lease_token"))?;
            job.held = Some(Held {
                token: LeaseToken::new(token),
                since: columns.time()?,
                charge: columns.get()?,
                alone: columns.get()?,
            });
        }
        None => columns.skip(3),
    }
    Ok(job)
}

/// Makes the jobs of images, in this order.
pub(super) async fn add(
    session: &Session,
    images: &[&StoredImage],
    lane: Lane,
) -> Result<Vec<Job>> {
    let lane = share::number(lane);
    let hosts: Vec<_> = images
        .iter()
        .map(|stored| stored.image.fetch_host())
        .collect();
    let batches = images.iter().map(|image| {
        let batch = image.image.batch.map(|batch| stored("batch", batch.get()));
        batch.transpose()
    });
    let generations = images.iter();
    let generations = generations.map(|image| stored("generation", image.image.generation.get()));
    let mut values = Values::default();
    values.each(images, |stored| stored.row);
    values.each(images, |stored| of_customer(stored.image.id.customer()));
    values.each(&hosts, Clone::clone);
    values.push(batches.collect::<Result<Vec<Option<i64>>>>()?);
    values.push(generations.collect::<Result<Vec<i64>>>()?);
    let now = session.now().as_micros();
    let mut params = values.params();
    params.push(&lane);
    params.push(&now);
    let rows = session
        .rows(
            "INSERT INTO jobs (image, customer, lane, host, batch, generation, attempt, crashes, crashes_alone, set_apart, run_at)
             SELECT image, customer, $6, host, batch, generation, 0, 0, 0, FALSE, $7
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
                 AS given (image, customer, host, batch, generation, place)
             ORDER BY place
             RETURNING id, image",
            &params,
        )
        .await?;
    let mut numbers = read_all(&rows, |columns| {
        Ok((columns.get::<i64>()?, columns.get::<i64>()?))
    })?;
    // The first column of the answer is in the order of submission, whatever order the answer has.
    numbers.sort_unstable();
    if numbers.len() != images.len() {
        return Err(unreadable("jobs"));
    }
    let jobs = numbers.into_iter().zip(images).zip(hosts);
    let jobs = jobs.map(|(((id, image), stored), host)| Job {
        id,
        image,
        customer: stored.image.id.customer(),
        lane,
        host,
        batch: stored.image.batch,
        generation: stored.image.generation,
        attempt: 0,
        postponed: 0,
        crashes: Crashes::default(),
        set_apart: false,
        run_at: session.now(),
        held: None,
    });
    Ok(jobs.collect())
}

/// Removes the jobs of images that are held, and returns them.
pub(super) async fn remove(session: &Session, images: &[&StoredImage]) -> Result<Vec<Job>> {
    if images.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<i64> = images.iter().map(|stored| stored.row).collect();
    let sql = format!("DELETE FROM jobs AS j WHERE image = ANY ($1) RETURNING {COLUMNS}");
    let removed = session.rows(&sql, &[&rows]).await?;
    read_all(&removed, read)
}

/// Leases a job that is held by the transaction.
pub(super) async fn lease(
    session: &Session,
    job: &Job,
    image: &StoredImage,
    claim: Claim<'_>,
    token: u64,
    charge: i64,
    alone: bool,
) -> Result<LeaseGrant> {
    let now = session.now();
    let grant = LeaseGrant {
        image: image.image.id.clone(),
        generation: job.generation,
        token: LeaseToken::new(token),
        attempt: job.attempt.saturating_add(1),
        postponed: job.postponed,
        batch: job.batch,
        until: now.after(claim.lease_for),
    };
    session
        .execute(
            "UPDATE jobs SET lease_token = $2, lease_owner = $3, lease_since = $4, lease_until = $5, lease_charge = $6, lease_alone = $7,
                 reserved_by = NULL, reserved_until = NULL
             WHERE id = $1",
            &[
                &job.id,
                &stored("lease_token", token)?,
                &claim.owner,
                &now.as_micros(),
                &grant.until.as_micros(),
                &charge,
                &alone,
            ],
        )
        .await?;
    Ok(grant)
}

/// Whatever this process holds alone has company now.
pub(super) async fn join(session: &Session, owner: &str) -> Result<()> {
    session
        .execute(
            "UPDATE jobs SET lease_alone = FALSE WHERE lease_owner = $1 AND lease_token IS NOT NULL AND lease_alone",
            &[&owner],
        )
        .await?;
    Ok(())
}

/// The job that a token holds; nobody else changes it until the transaction ends.
pub(super) async fn hold_leased(session: &Session, token: LeaseToken) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs AS j WHERE lease_token = $1 FOR UPDATE");
    let row = session
        .row(&sql, &[&stored("lease_token", token.get())?])
        .await?;
    read_one(row, read)
}

/// Moves the end of a lease.
pub(super) async fn renew(session: &Session, token: LeaseToken, until: Timestamp) -> Result<()> {
    let renewed = session
        .execute(
            "UPDATE jobs SET lease_until = $2 WHERE lease_token = $1",
            &[&stored("lease_token", token.get())?, &until.as_micros()],
        )
        .await?;
    if renewed == 1 {
        Ok(())
    } else {
        Err(PgError::LeaseLost)
    }
}

/// Removes a job that is held.
pub(super) async fn delete(session: &Session, job: &Job) -> Result<()> {
    session
        .execute("DELETE FROM jobs WHERE id = $1", &[&job.id])
        .await?;
    Ok(())
}

/// Ends the lease of a job that is held, which waits as it is given here.
pub(super) async fn put_back(session: &Session, job: &Job, error: Option<&str>) -> Result<()> {
    session
        .execute(
            "UPDATE jobs SET lease_token = NULL, lease_owner = NULL, lease_since = NULL, lease_until = NULL, lease_charge = NULL,
                 lease_alone = NULL, run_at = $2, set_apart = $3, attempt = $4, postponed = $5, crashes = $6,
                 crashes_alone = $7, last_error = coalesce($8, last_error)
             WHERE id = $1",
            &[
                &job.id,
                &job.run_at.as_micros(),
                &job.set_apart,
                &i64::from(job.attempt),
                &i64::from(job.postponed),
                &i64::from(job.crashes.in_company),
                &i64::from(job.crashes.alone),
                &error,
            ],
        )
        .await?;
    Ok(())
}
