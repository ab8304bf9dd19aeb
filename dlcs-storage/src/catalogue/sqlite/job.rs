//! Jobs: what is to be processed, and under which lease.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use dlcs_core::id::{BatchId, CustomerId, ImageId, SpaceId};
use dlcs_core::image::Image;
use dlcs_core::queue::{Claim, Crashes, Generation, Lane, LeaseGrant, LeaseToken};
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::batch::Ending;
use super::error::{Result, SqliteError};
use super::image::StoredImage;
use super::line::{self, Line};
use super::row::{Columns, stored, unreadable};
use super::share::{self, Change};
use super::{Sequence, batch, collectable, query_all, query_one, space};

const COLUMNS: &str = "id, image, customer, lane, host, batch, generation, attempt, postponed, crashes, crashes_alone, set_apart, run_at, \
                       lease_token, lease_since, lease_charge, lease_alone";

/// Leases that have ended without a word of their holder.
pub(super) const EXPIRED: &str = "
    SELECT id, image, customer, lane, host, batch, generation, attempt, postponed, crashes, crashes_alone, set_apart, run_at,
        lease_token, lease_since, lease_charge, lease_alone
    FROM jobs INDEXED BY jobs_leased
    WHERE lease_token IS NOT NULL AND lease_until <= ?1 ORDER BY lease_until, id LIMIT ?2";

static BY_ID: LazyLock<String> = LazyLock::new(|| select("id = ?1"));
static OF_IMAGE: LazyLock<String> = LazyLock::new(|| select("image = ?1"));
static BY_TOKEN: LazyLock<String> = LazyLock::new(|| select("lease_token = ?1"));

fn select(which: &str) -> String {
    format!("SELECT {COLUMNS} FROM jobs WHERE {which}")
}

/// A job that waits or is leased.
pub(super) struct Job {
    id: i64,
    pub(super) image: i64,
    customer: CustomerId,
    lane: i64,
    host: String,
    pub(super) batch: Option<BatchId>,
    pub(super) generation: Generation,
    pub(super) attempt: u32,
    pub(super) postponed: u32,
    pub(super) crashes: Crashes,
    set_apart: bool,
    pub(super) run_at: Timestamp,
    pub(super) held: Option<Held>,
}

/// The lease of a job.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) token: LeaseToken,
    since: Timestamp,
    charge: i64,
    pub(super) alone: bool,
}

impl Job {
    /// Where it is counted.
    const fn counter(&self) -> i64 {
        if self.set_apart {
            share::APART
        } else {
            self.lane
        }
    }

    fn line(&self) -> Line<'_> {
        Line {
            customer: self.customer,
            lane: self.lane,
            host: &self.host,
        }
    }
}

fn read(columns: &mut Columns<'_, '_>) -> Result<Job> {
    let mut job = Job {
        id: columns.get()?,
        image: columns.get()?,
        customer: columns.customer()?,
        lane: columns.get()?,
        host: columns.get()?,
        batch: columns.batch_or_none()?,
        generation: Generation::new(columns.number("generation")?),
        attempt: columns.get()?,
        postponed: columns.get()?,
        crashes: Crashes {
            in_company: columns.get()?,
            alone: columns.get()?,
        },
        set_apart: columns.get()?,
        run_at: columns.time()?,
        held: None,
    };
    if let Some(token) = columns.get::<Option<i64>>()? {
        job.held = Some(Held {
            token: LeaseToken::new(u64::try_from(token).map_err(|_| unreadable("lease_token"))?),
            since: columns.time()?,
            charge: columns.get()?,
            alone: columns.get()?,
        });
    }
    Ok(job)
}

/// Images and jobs that have been added and are not counted yet: many at once cost little more than one.
#[derive(Default)]
pub(super) struct Arrivals {
    spaces: BTreeMap<(CustomerId, SpaceId), i64>,
    lines: BTreeMap<(CustomerId, i64, String), (Timestamp, i64)>,
    shares: BTreeMap<(CustomerId, i64), i64>,
}

impl Arrivals {
    /// An image is new.
    pub(super) fn create(&mut self, image: &ImageId) {
        let space = (image.customer(), image.space());
        *self.spaces.entry(space).or_default() += 1;
    }

    /// Puts an image into the queue; it is not to be seen there before [`Self::count`].
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        row: i64,
        image: &Image,
        lane: Lane,
        now: Timestamp,
    ) -> Result<Job> {
        let (customer, lane, host) = (image.id.customer(), share::number(lane), image.fetch_host());
        let batch = image.batch.map(|batch| stored("batch", batch.get()));
        connection
            .prepare_cached(
                "INSERT INTO jobs (image, customer, lane, host, batch, generation, attempt, crashes, crashes_alone, set_apart, run_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, 0, ?7)",
            )?
            .execute(params![
                row,
                customer.get(),
                lane,
                host,
                batch.transpose()?,
                stored("generation", image.generation.get())?,
                now.as_micros(),
            ])?;
        let id = connection.last_insert_rowid();
        let line = (customer, lane, host.clone());
        // Ids grow: the first of a line stays the first.
        self.lines.entry(line).or_insert((now, id));
        *self.shares.entry((customer, lane)).or_default() += 1;
        Ok(Job {
            id,
            image: row,
            customer,
            lane,
            host,
            batch: image.batch,
            generation: image.generation,
            attempt: 0,
            postponed: 0,
            crashes: Crashes::default(),
            set_apart: false,
            run_at: now,
            held: None,
        })
    }

    /// Lets what has been added be seen.
    pub(super) fn count(self, connection: &Connection) -> Result<()> {
        for ((customer, space), images) in self.spaces {
            space::count_images(connection, customer, space, images)?;
        }
        for ((customer, lane), jobs) in self.shares {
            share::wait(connection, customer, lane, jobs)?;
        }
        for ((customer, lane, host), (run_at, first)) in self.lines {
            let line = Line {
                customer,
                lane,
                host: &host,
            };
            line::enter(connection, line, run_at, first)?;
        }
        Ok(())
    }
}

/// Ends an image's job without a result, because the image is registered again or deleted.
pub(super) fn overtake(
    connection: &Connection,
    row: i64,
    image: &Image,
    now: Timestamp,
) -> Result<()> {
    let found = query_one(connection, &OF_IMAGE, [row], read)?;
    let Some(job) = found else { return Ok(()) };
    if let Some(held) = job.held {
        collectable::add_lease(connection, &image.id, job.generation, held.token, now)?;
    }
    end(connection, &job, image, &Ending::Overtaken, now)
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
    let mut change = match ending {
        Ending::Completed => Change {
            succeeded: 1,
            ..Change::default()
        },
        Ending::Failed(_) => Change {
            failed: 1,
            ..Change::default()
        },
        Ending::Overtaken => Change::default(),
    };
    if job.held.is_some() {
        change.leased = -1;
        free(connection, job, now)?;
    } else {
        change.waiting = -1;
        leave_line(connection, job)?;
    }
    share::count(connection, job.customer, job.counter(), change)?;
    match job.batch {
        Some(batch) => batch::end_image(connection, batch, &image.id, ending, now),
        None => Ok(()),
    }
}

fn leave_line(connection: &Connection, job: &Job) -> Result<()> {
    if job.set_apart {
        return Ok(());
    }
    line::leave(connection, job.line(), job.id)
}

/// A lease has ended: its host is free, and its customer pays what it took.
fn free(connection: &Connection, job: &Job, now: Timestamp) -> Result<()> {
    if let Some(held) = job.held {
        line::free(connection, &job.host)?;
        let took = now.since(held.since);
        share::end(connection, job.customer, job.counter(), held.charge, took)?;
    }
    Ok(())
}

pub(super) fn get(connection: &Connection, id: i64) -> Result<Job> {
    query_one(connection, &BY_ID, [id], read)?.ok_or(unreadable("queue_lines"))
}

/// Leases a job that waits.
pub(super) fn lease(
    connection: &Connection,
    job: &Job,
    stored_image: &StoredImage,
    claim: Claim<'_>,
    alone: bool,
    now: Timestamp,
) -> Result<LeaseGrant> {
    let token = Sequence::LeaseToken.next(connection)?;
    let charge = share::start(connection, job.customer, job.counter())?;
    line::lease(connection, &job.host)?;
    let grant = LeaseGrant {
        image: stored_image.image.id.clone(),
        generation: job.generation,
        token: LeaseToken::new(token),
        attempt: job.attempt.saturating_add(1),
        postponed: job.postponed,
        batch: job.batch,
        until: now.after(claim.lease_for),
    };
    connection
        .prepare_cached(
            "UPDATE jobs SET lease_token = ?2, lease_owner = ?3, lease_since = ?4, lease_until = ?5, lease_charge = ?6, lease_alone = ?7,
                 reserved_by = NULL, reserved_until = NULL
             WHERE id = ?1",
        )?
        .execute(params![
            job.id,
            stored("lease_token", token)?,
            claim.owner,
            now.as_micros(),
            grant.until.as_micros(),
            charge,
            alone,
        ])?;
    leave_line(connection, job)?;
    Ok(grant)
}

/// Whatever this process holds alone has company now.
pub(super) fn join(connection: &Connection, owner: &str) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET lease_alone = 0 WHERE lease_owner = ?1 AND lease_token IS NOT NULL AND lease_alone = 1",
        )?
        .execute([owner])?;
    Ok(())
}

/// The job that a token holds.
pub(super) fn find_leased(connection: &Connection, token: LeaseToken) -> Result<Option<Job>> {
    query_one(
        connection,
        &BY_TOKEN,
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

/// Puts a leased job back with its counts as they are given here, not due before a time.
pub(super) fn wait(
    connection: &Connection,
    mut job: Job,
    run_at: Timestamp,
    error: &str,
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET attempt = ?2, postponed = ?3, last_error = ?4 WHERE id = ?1",
        )?
        .execute(params![job.id, job.attempt, job.postponed, error])?;
    job.run_at = run_at;
    put_back(connection, &job, job.set_apart, now)
}

/// Puts a leased job back untried, where it was.
pub(super) fn release(connection: &Connection, job: &Job, now: Timestamp) -> Result<()> {
    put_back(connection, job, job.set_apart, now)
}

/// Puts a job back over which its holder has died, apart from the others where its crashes say so.
pub(super) fn crash(
    connection: &Connection,
    mut job: Job,
    isolate: bool,
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET crashes = ?2, crashes_alone = ?3 WHERE id = ?1")?
        .execute(params![job.id, job.crashes.in_company, job.crashes.alone])?;
    if isolate {
        job.run_at = now;
    }
    put_back(connection, &job, isolate, now)
}

fn put_back(connection: &Connection, job: &Job, apart: bool, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET lease_token = NULL, lease_owner = NULL, lease_since = NULL, lease_until = NULL, lease_charge = NULL,
                 lease_alone = NULL, run_at = ?2, set_apart = ?3
             WHERE id = ?1",
        )?
        .execute(params![job.id, job.run_at.as_micros(), apart])?;
    free(connection, job, now)?;
    let was_leased = Change {
        leased: -1,
        ..Change::default()
    };
    // It waits before its lease ends, so that its customer is never idle meanwhile.
    let counter = if apart { share::APART } else { job.lane };
    share::wait(connection, job.customer, counter, 1)?;
    share::count(connection, job.customer, job.counter(), was_leased)?;
    if apart {
        return Ok(());
    }
    line::enter(connection, job.line(), job.run_at, job.id)
}

/// Jobs whose leases have expired, so many of them.
pub(super) fn list_expired(
    connection: &Connection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Job>> {
    query_all(connection, EXPIRED, [now.as_micros(), limit], read)
}

/// Jobs under a lease: those of one owner, or all.
pub(super) fn list_leased(connection: &Connection, owner: Option<&str>) -> Result<Vec<Job>> {
    let all = "lease_token IS NOT NULL";
    match owner {
        Some(owner) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM jobs WHERE {all} AND lease_owner = ?1 ORDER BY lease_until, id"
            );
            query_all(connection, &sql, [owner], read)
        }
        None => {
            let sql = format!("SELECT {COLUMNS} FROM jobs WHERE {all} ORDER BY lease_until, id");
            query_all(connection, &sql, [], read)
        }
    }
}
