//! Jobs: what is to be processed, in which order, and under which lease.

use dlcs_core::batch::QueueSize;
use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::image::Image;
use dlcs_core::queue::{Claim, Generation, LeaseGrant, LeaseToken};
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::batch::Ending;
use super::error::{Result, SqliteError};
use super::image::StoredImage;
use super::row::{Columns, stored, unreadable};
use super::{Sequence, batch, collectable, query_all, query_one};

/// The one lane there is.
pub(super) const LANE: i64 = 0;

const COLUMNS: &str = "id, image, batch, generation, attempt, lease_token";

/// The customer whose turn it is, of those that have something due. Looks only at customers with work, and at two jobs of each.
pub(super) const NEXT_CUSTOMER: &str = "
    SELECT customer FROM queue_customers AS c INDEXED BY queue_customers_with_work
    WHERE waiting + leased > 0
      AND (EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_waiting
                   WHERE customer = c.customer AND lane = ?1 AND lease_token IS NULL AND run_at <= ?2)
        OR EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_leased
                   WHERE customer = c.customer AND lane = ?1 AND lease_token IS NOT NULL AND lease_until <= ?2))
    ORDER BY turn, customer LIMIT 1";

/// A customer's job that waits longest.
pub(super) const FIRST_WAITING: &str = "
    SELECT run_at, id FROM jobs INDEXED BY jobs_waiting
    WHERE customer = ?3 AND lane = ?1 AND lease_token IS NULL AND run_at <= ?2
    ORDER BY run_at, id LIMIT 1";

/// A customer's lease that has expired longest ago.
pub(super) const FIRST_EXPIRED: &str = "
    SELECT run_at, id FROM jobs INDEXED BY jobs_leased
    WHERE customer = ?3 AND lane = ?1 AND lease_token IS NOT NULL AND lease_until <= ?2
    ORDER BY lease_until LIMIT 1";

/// A job that waits or is leased.
pub(super) struct Job {
    id: i64,
    pub(super) image: i64,
    pub(super) batch: Option<BatchId>,
    pub(super) generation: Generation,
    attempt: u32,
    pub(super) token: Option<LeaseToken>,
}

fn read(columns: &mut Columns<'_, '_>) -> Result<Job> {
    Ok(Job {
        id: columns.get()?,
        image: columns.get()?,
        batch: columns.batch_or_none()?,
        generation: Generation::new(columns.number("generation")?),
        attempt: columns.get()?,
        token: columns
            .get::<Option<i64>>()?
            .map(|token| u64::try_from(token).map(LeaseToken::new))
            .transpose()
            .map_err(|_| unreadable("lease_token"))?,
    })
}

/// Puts an image into the queue.
pub(super) fn add(connection: &Connection, row: i64, image: &Image, now: Timestamp) -> Result<Job> {
    let batch = image.batch.map(|batch| stored("batch", batch.get()));
    connection
        .prepare_cached(
            "INSERT INTO jobs (image, customer, lane, batch, generation, attempt, crashes, run_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6)",
        )?
        .execute(params![
            row,
            image.id.customer().get(),
            LANE,
            batch.transpose()?,
            stored("generation", image.generation.get())?,
            now.as_micros(),
        ])?;
    let id = connection.last_insert_rowid();
    connection
        .prepare_cached(
            "INSERT INTO queue_customers (customer, waiting, leased, turn) VALUES (?1, 1, 0, 0)
             ON CONFLICT (customer) DO UPDATE SET waiting = waiting + 1",
        )?
        .execute([image.id.customer().get()])?;
    Ok(Job {
        id,
        image: row,
        batch: image.batch,
        generation: image.generation,
        attempt: 0,
        token: None,
    })
}

/// Counts what moves between waiting, leased and gone.
fn count(connection: &Connection, customer: CustomerId, waiting: i64, leased: i64) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE queue_customers SET waiting = waiting + ?2, leased = leased + ?3 WHERE customer = ?1",
        )?
        .execute(params![customer.get(), waiting, leased])?;
    Ok(())
}

/// Ends an image's job without a result, because the image is registered again or deleted.
pub(super) fn overtake(
    connection: &Connection,
    row: i64,
    image: &Image,
    now: Timestamp,
) -> Result<()> {
    let found = query_one(
        connection,
        &format!("SELECT {COLUMNS} FROM jobs WHERE image = ?1"),
        [row],
        read,
    )?;
    let Some(job) = found else { return Ok(()) };
    if let Some(token) = job.token {
        collectable::add_lease(connection, &image.id, job.generation, token, now)?;
    }
    end(connection, &job, image, &Ending::Completed, now)
}

/// Removes a job and ends its image's part in its batch.
pub(super) fn end(
    connection: &Connection,
    job: &Job,
    image: &Image,
    ending: &Ending<'_>,
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM jobs WHERE id = ?1")?
        .execute([job.id])?;
    let (waiting, leased) = if job.token.is_some() {
        (0, -1)
    } else {
        (-1, 0)
    };
    count(connection, image.id.customer(), waiting, leased)?;
    match job.batch {
        Some(batch) => batch::end_image(connection, batch, &image.id, ending, now),
        None => Ok(()),
    }
}

/// The next job that is due, in turn.
pub(super) fn next_due(connection: &Connection, now: Timestamp) -> Result<Option<Job>> {
    let now = now.as_micros();
    let customer: Option<i64> = query_one(connection, NEXT_CUSTOMER, [LANE, now], |columns| {
        columns.get()
    })?;
    let Some(customer) = customer else {
        return Ok(None);
    };
    let mut first: Option<(i64, i64)> = None;
    for sql in [FIRST_WAITING, FIRST_EXPIRED] {
        let candidate = query_one(connection, sql, [LANE, now, customer], |columns| {
            Ok((columns.get()?, columns.get()?))
        })?;
        first = [first, candidate].into_iter().flatten().min();
    }
    let Some((_, id)) = first else {
        return Ok(None);
    };
    connection
        .prepare_cached("UPDATE queue_customers SET turn = ?2 WHERE customer = ?1")?
        .execute([customer, stored("turn", Sequence::Turn.next(connection)?)?])?;
    query_one(
        connection,
        &format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"),
        [id],
        read,
    )
}

/// Leases a job; a lease that it had has expired and counts as a crash.
pub(super) fn lease(
    connection: &Connection,
    job: &Job,
    stored_image: &StoredImage,
    claim: Claim<'_>,
    now: Timestamp,
) -> Result<LeaseGrant> {
    let image = &stored_image.image;
    if let Some(lost) = job.token {
        collectable::add_lease(connection, &image.id, job.generation, lost, now)?;
    } else {
        count(connection, image.id.customer(), -1, 1)?;
    }
    let token = Sequence::LeaseToken.next(connection)?;
    let grant = LeaseGrant {
        image: image.id.clone(),
        generation: job.generation,
        token: LeaseToken::new(token),
        attempt: job.attempt.saturating_add(1),
        batch: job.batch,
        until: now.after(claim.lease_for),
    };
    connection
        .prepare_cached(
            "UPDATE jobs SET crashes = crashes + (lease_token IS NOT NULL),
                 lease_token = ?2, lease_owner = ?3, lease_until = ?4
             WHERE id = ?1",
        )?
        .execute(params![
            job.id,
            stored("lease_token", token)?,
            claim.owner,
            grant.until.as_micros(),
        ])?;
    Ok(grant)
}

/// The job that a token holds.
pub(super) fn find_leased(connection: &Connection, token: LeaseToken) -> Result<Option<Job>> {
    query_one(
        connection,
        &format!("SELECT {COLUMNS} FROM jobs WHERE lease_token = ?1"),
        [stored("lease_token", token.get())?],
        read,
    )
}

/// Moves the end of a lease.
pub(super) fn renew(connection: &Connection, token: LeaseToken, until: Timestamp) -> Result<()> {
    let renewed = connection
        .prepare_cached("UPDATE jobs SET lease_until = ?2 WHERE lease_token = ?1")?
        .execute([stored("lease_token", token.get())?, until.as_micros()])?;
    if renewed == 1 {
        Ok(())
    } else {
        Err(SqliteError::LeaseLost)
    }
}

/// Puts a leased job back for another attempt, which is counted, not before a time.
pub(super) fn retry(
    connection: &Connection,
    job: &Job,
    customer: CustomerId,
    run_at: Timestamp,
    error: &str,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET lease_token = NULL, lease_owner = NULL, lease_until = NULL, attempt = attempt + 1,
                 run_at = ?2, last_error = ?3
             WHERE id = ?1",
        )?
        .execute(params![job.id, run_at.as_micros(), error])?;
    count(connection, customer, 1, -1)
}

/// Puts a leased job back untried, where it was.
pub(super) fn release(connection: &Connection, job: &Job, customer: CustomerId) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET lease_token = NULL, lease_owner = NULL, lease_until = NULL WHERE id = ?1",
        )?
        .execute([job.id])?;
    count(connection, customer, 1, -1)
}

/// Every job under a lease, for the start of the only process there can be.
pub(super) fn list_leased(connection: &Connection) -> Result<Vec<Job>> {
    query_all(
        connection,
        &format!("SELECT {COLUMNS} FROM jobs WHERE lease_token IS NOT NULL"),
        [],
        read,
    )
}

/// Puts a job back whose holder has died.
pub(super) fn reclaim(connection: &Connection, job: &Job, customer: CustomerId) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET lease_token = NULL, lease_owner = NULL, lease_until = NULL, crashes = crashes + 1
             WHERE id = ?1",
        )?
        .execute([job.id])?;
    count(connection, customer, 1, -1)
}

/// What a customer has in the queue.
pub(super) fn size(connection: &Connection, customer: CustomerId) -> Result<QueueSize> {
    let counts = query_one(
        connection,
        "SELECT waiting, leased FROM queue_customers WHERE customer = ?1",
        [customer.get()],
        |columns| Ok((columns.number("waiting")?, columns.number("leased")?)),
    )?;
    let (waiting, leased) = counts.unwrap_or_default();
    Ok(QueueSize {
        images: waiting + leased,
        images_waiting: waiting,
        batches: batch::count_active(connection, customer)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::sqlite::testing::{empty_database, plan};

    #[test]
    fn claiming_searches_indexes_and_sorts_nothing() {
        let database = empty_database();
        for sql in [NEXT_CUSTOMER, FIRST_WAITING, FIRST_EXPIRED] {
            let plan = plan(&database, sql);
            assert!(!plan.contains("SCAN jobs"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            assert!(
                plan.contains("INDEX jobs_") || plan.contains("INDEX queue_customers_with_work"),
                "{plan}"
            );
        }
        let next = plan(&database, NEXT_CUSTOMER);
        assert!(
            next.contains(
                "SEARCH jobs USING INDEX jobs_waiting (customer=? AND lane=? AND run_at<?)"
            ),
            "{next}"
        );
        assert!(
            next.contains(
                "SEARCH jobs USING INDEX jobs_leased (customer=? AND lane=? AND lease_until<?)"
            ),
            "{next}"
        );
    }
}
