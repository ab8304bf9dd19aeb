//! Whose turn it is: the job that a claim gets.
//!
//! One claim looks at a time, in whatever process: it holds the lanes. It never waits for an image that somebody else is changing; it passes
//! over its line.

use dlcs_core::queue::{Claim, Crashes, Lane};
use dlcs_core::time::Timestamp;
use tokio_postgres::Row;

use super::error::Result;
use super::image::{self, StoredImage};
use super::job::{self, Job};
use super::row::{read_all, read_one};
use super::session::Session;
use super::share;

/// How often a claim looks again because somebody is changing what it found.
const LOOKS: usize = 8;

const HOLD_LANES: &str =
    "SELECT lane, floor, streak FROM queue_lanes ORDER BY lane FOR NO KEY UPDATE";

/// Whether a lease has expired, how many leases a process holds, and whether one of them holds alone.
const HELD: &str = "
    SELECT EXISTS (SELECT 1 FROM jobs WHERE lease_token IS NOT NULL AND lease_until <= $2),
        (SELECT count(*) FROM jobs WHERE lease_owner = $1 AND lease_token IS NOT NULL),
        EXISTS (SELECT 1 FROM jobs WHERE lease_owner = $1 AND lease_token IS NOT NULL AND lease_alone)";

/// The job that is set apart and due longest, unless somebody else is making itself free for it.
const APART: &str = "
    SELECT id, run_at FROM jobs
    WHERE lease_token IS NULL AND set_apart AND run_at <= $2
      AND (reserved_by IS NULL OR reserved_by = $1 OR reserved_until <= $2) AND id <> ALL ($3)
    ORDER BY run_at, id LIMIT 1";

/// In a lane, the job that waits longest of the customer who has had least, from a host that is not at the limit; and what that customer has
/// had.
pub(super) const NEXT: &str = "
    SELECT first.job, s.served FROM queue_shares AS s CROSS JOIN LATERAL (
        SELECT l.job FROM queue_lines AS l
        WHERE l.customer = s.customer AND l.lane = $1 AND l.run_at <= $2 AND l.job <> ALL ($4)
          AND coalesce((SELECT h.leased FROM queue_hosts AS h WHERE h.host = l.host), 0) < $3
        ORDER BY l.run_at, l.job LIMIT 1
    ) AS first
    WHERE s.lane = $1 AND s.waiting > 0
    ORDER BY s.served, s.customer LIMIT 1";

/// What a claim has found.
pub(super) enum Turn {
    /// A job and its image, which nobody else changes now, and whether it is claimed alone.
    Taken(Box<(Job, StoredImage)>, bool),
    /// Nothing is due for this process.
    Nothing,
    /// Leases have expired, which must be taken back first.
    Expired,
}

/// What both lanes are like.
struct Lanes {
    floors: [i64; 2],
    streak: u32,
}

/// Finds the job whose turn it is.
pub(super) async fn next(session: &Session, claim: Claim<'_>) -> Result<Turn> {
    let mut lanes = hold_lanes(session).await?;
    let now = session.now();
    let row = session.row(HELD, &[&claim.owner, &now.as_micros()]).await?;
    let (any_expired, held, is_alone) = read_one(row, |columns| {
        Ok((
            columns.get::<bool>()?,
            columns.get::<i64>()?,
            columns.get::<bool>()?,
        ))
    })?
    .unwrap_or_default();
    if any_expired {
        return Ok(Turn::Expired);
    }
    if is_alone {
        return Ok(Turn::Nothing);
    }
    let mut passed_over: Vec<i64> = Vec::new();
    for _ in 0..LOOKS {
        let apart = next_apart(session, claim, &passed_over).await?;
        let is_overdue = apart.is_some_and(|(_, due)| due.after(Crashes::PATIENCE) <= now);
        let (id, alone) = match apart {
            Some((id, _)) if is_overdue => (id, true),
            _ => match among_others(session, claim, &mut lanes, &passed_over).await? {
                Some(id) => (id, false),
                None => match apart {
                    Some((id, _)) => (id, true),
                    None => return Ok(Turn::Nothing),
                },
            },
        };
        if alone && held > 0 {
            reserve(session, id, claim).await?;
            return Ok(Turn::Nothing);
        }
        if let Some(found) = take(session, id).await? {
            save_lanes(session, &lanes).await?;
            return Ok(Turn::Taken(Box::new(found), alone));
        }
        passed_over.push(id);
    }
    Ok(Turn::Nothing)
}

async fn hold_lanes(session: &Session) -> Result<Lanes> {
    let rows = session.rows(HOLD_LANES, &[]).await?;
    let mut lanes = Lanes {
        floors: [0; 2],
        streak: 0,
    };
    for (lane, floor, streak) in read_all(&rows, |columns| {
        Ok((
            columns.get::<i64>()?,
            columns.get()?,
            columns.small("streak")?,
        ))
    })? {
        if lane == share::number(Lane::Priority) {
            lanes.floors[1] = floor;
            lanes.streak = streak;
        } else {
            lanes.floors[0] = floor;
        }
    }
    Ok(lanes)
}

async fn save_lanes(session: &Session, lanes: &Lanes) -> Result<()> {
    session
        .execute(
            "UPDATE queue_lanes SET floor = CASE WHEN lane = 1 THEN $2::bigint ELSE $1::bigint END, streak = CASE WHEN lane = 1 THEN $3::bigint ELSE 0 END",
            &[&lanes.floors[0], &lanes.floors[1], &i64::from(lanes.streak)],
        )
        .await?;
    Ok(())
}

async fn next_apart(
    session: &Session,
    claim: Claim<'_>,
    passed_over: &[i64],
) -> Result<Option<(i64, Timestamp)>> {
    let now = session.now().as_micros();
    let row = session
        .row(APART, &[&claim.owner, &now, &passed_over])
        .await?;
    read_one(row, |columns| Ok((columns.get()?, columns.time()?)))
}

async fn among_others(
    session: &Session,
    claim: Claim<'_>,
    lanes: &mut Lanes,
    passed_over: &[i64],
) -> Result<Option<i64>> {
    let candidate = async |lane: Lane| {
        let (now, per_host) = (session.now().as_micros(), i64::from(claim.per_host));
        let row = session
            .row(NEXT, &[&share::number(lane), &now, &per_host, &passed_over])
            .await?;
        read_one(row, |columns| {
            Ok((columns.get::<i64>()?, columns.get::<i64>()?))
        })
    };
    let default = candidate(Lane::Default).await?;
    let priority = candidate(Lane::Priority).await?;
    let lane = Lane::next(&mut lanes.streak, default.is_some(), priority.is_some());
    let (chosen, floor) = match lane {
        Some(Lane::Default) => (default, &mut lanes.floors[0]),
        Some(Lane::Priority) => (priority, &mut lanes.floors[1]),
        None => return Ok(None),
    };
    Ok(chosen.map(|(job, served)| {
        *floor = served.max(*floor);
        job
    }))
}

/// Says that a process is making itself free for a job that is set apart.
async fn reserve(session: &Session, job: i64, claim: Claim<'_>) -> Result<()> {
    let until = session.now().after(claim.lease_for).as_micros();
    session
        .execute(
            "UPDATE jobs SET reserved_by = $2, reserved_until = $3 WHERE id = $1",
            &[&job, &claim.owner, &until],
        )
        .await?;
    Ok(())
}

/// A job that waits and its image, unless somebody else is changing one of them.
async fn take(session: &Session, job: i64) -> Result<Option<(Job, StoredImage)>> {
    let sql = format!(
        "{} WHERE j.id = $1 AND j.lease_token IS NULL FOR NO KEY UPDATE OF j, i SKIP LOCKED",
        with_images()
    );
    read_one(session.row(&sql, &[&job]).await?, |columns| {
        Ok((job::read(columns)?, image::read(columns)?))
    })
}

/// Leases that have ended without a word of their holder, so many at once: those that have expired, or those of one owner.
pub(super) async fn lost(
    session: &Session,
    owner: Option<&str>,
) -> Result<Vec<(Job, StoredImage)>> {
    let of_owner = format!(
        "{} WHERE j.lease_owner = $1 AND j.lease_token IS NOT NULL ORDER BY j.id LIMIT 100 FOR UPDATE OF j, i SKIP LOCKED",
        with_images()
    );
    let expired = format!(
        "{} WHERE j.lease_token IS NOT NULL AND j.lease_until <= $1 ORDER BY j.lease_until LIMIT 100 FOR UPDATE OF j, i SKIP LOCKED",
        with_images()
    );
    let rows: Vec<Row> = match owner {
        Some(owner) => session.rows(&of_owner, &[&owner]).await?,
        None => {
            session
                .rows(&expired, &[&session.now().as_micros()])
                .await?
        }
    };
    read_all(&rows, |columns| {
        Ok((job::read(columns)?, image::read(columns)?))
    })
}

fn with_images() -> String {
    format!(
        "SELECT {}, {} FROM jobs AS j JOIN images AS i ON i.row_id = j.image",
        job::COLUMNS,
        *image::COLUMNS
    )
}
