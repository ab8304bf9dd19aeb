//! Whose turn it is: the job that a claim gets.
//!
//! One claim looks at a time, in whatever process: it holds the lanes. It never waits for an image that somebody else is changing; it passes
//! over its line.

use std::sync::LazyLock;

use dlcs_core::queue::{Claim, Crashes, Lane};
use dlcs_core::time::Timestamp;
use tokio_postgres::Row;

use super::error::Result;
use super::image::{self, StoredImage};
use super::job::{self, Job};
use super::row::{Columns, read_all, read_one};
use super::session::Session;
use super::share;

/// How often a claim looks again because somebody is changing what it found.
const LOOKS: usize = 8;

const HOLD_LANES: &str =
    "SELECT lane, floor, streak FROM queue_lanes ORDER BY lane FOR NO KEY UPDATE";

/// Whether a lease has expired, how many leases a process holds, and whether one of them holds alone.
pub(super) const HELD: &str = "
    SELECT EXISTS (SELECT 1 FROM jobs WHERE lease_token IS NOT NULL AND lease_until <= $2),
        (SELECT count(*) FROM jobs WHERE lease_owner = $1 AND lease_token IS NOT NULL),
        EXISTS (SELECT 1 FROM jobs WHERE lease_owner = $1 AND lease_token IS NOT NULL AND lease_alone)";

/// The job that is set apart and due longest, unless somebody else is making itself free for it.
pub(super) const APART: &str = "
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
    Taken(Box<Taken>),
    /// Nothing is due for this process.
    Nothing,
    /// Leases have expired, which must be taken back first.
    Expired,
}

/// What a claim does about leases that have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// They come first.
    First,
    /// It leaves them to another one.
    PassedOver,
}

/// A job and its image, which nobody else changes now.
pub(super) struct Taken {
    pub(super) job: Job,
    pub(super) stored: StoredImage,
    /// Whether it is claimed by a process that holds nothing else.
    pub(super) alone: bool,
    /// What the lanes are like from now on.
    pub(super) lanes: Lanes,
}

/// What both lanes are like.
#[derive(Clone, Copy)]
pub(super) struct Lanes {
    floors: [i64; 2],
    streak: u32,
}

/// What a process holds.
#[derive(Default)]
struct Holdings {
    /// Whether any lease has expired, of whatever process.
    any_expired: bool,
    leases: i64,
    is_alone: bool,
}

/// The job that would come next in a lane, and what its customer has had.
type Candidate = Option<(i64, i64)>;

/// What there is to choose from.
struct View {
    lanes: Lanes,
    holdings: Holdings,
    /// When it is due which is set apart.
    apart: Option<(i64, Timestamp)>,
    default: Candidate,
    priority: Candidate,
}

/// Finds the job whose turn it is.
pub(super) async fn next(session: &Session, claim: Claim<'_>, expired: Expired) -> Result<Turn> {
    let mut passed_over: Vec<i64> = Vec::new();
    for _ in 0..LOOKS {
        let mut view = look(session, claim, &passed_over).await?;
        if view.holdings.any_expired && expired == Expired::First {
            return Ok(Turn::Expired);
        }
        if view.holdings.is_alone {
            return Ok(Turn::Nothing);
        }
        let apart = view.apart.map(|(id, _)| (id, true));
        let is_overdue = |(_, due): (i64, Timestamp)| due.after(Crashes::PATIENCE) <= session.now();
        let chosen = if view.apart.is_some_and(is_overdue) {
            apart
        } else {
            view.among_others().map(|id| (id, false)).or(apart)
        };
        let Some((id, alone)) = chosen else {
            return Ok(Turn::Nothing);
        };
        if alone && view.holdings.leases > 0 {
            reserve(session, id, claim).await?;
            return Ok(Turn::Nothing);
        }
        if let Some((job, stored)) = take(session, id).await? {
            return Ok(Turn::Taken(Box::new(Taken {
                job,
                stored,
                alone,
                lanes: view.lanes,
            })));
        }
        passed_over.push(id);
    }
    Ok(Turn::Nothing)
}

impl View {
    fn among_others(&mut self) -> Option<i64> {
        let Self {
            lanes,
            default,
            priority,
            ..
        } = self;
        let lane = Lane::next(&mut lanes.streak, default.is_some(), priority.is_some());
        let (chosen, floor) = match lane? {
            Lane::Default => (default, &mut lanes.floors[0]),
            Lane::Priority => (priority, &mut lanes.floors[1]),
        };
        chosen.map(|(job, served)| {
            *floor = served.max(*floor);
            job
        })
    }
}

/// Holds the lanes, and looks at everything else once they are held.
async fn look(session: &Session, claim: Claim<'_>, passed_over: &[i64]) -> Result<View> {
    let (lanes, holdings, apart, default, priority) = tokio::try_join!(
        biased;
        hold_lanes(session),
        holdings(session, claim),
        next_apart(session, claim, passed_over),
        candidate(session, claim, Lane::Default, passed_over),
        candidate(session, claim, Lane::Priority, passed_over),
    )?;
    Ok(View {
        lanes,
        holdings,
        apart,
        default,
        priority,
    })
}

async fn hold_lanes(session: &Session) -> Result<Lanes> {
    let rows = session.rows(HOLD_LANES, &[]).await?;
    let mut lanes = Lanes {
        floors: [0; 2],
        streak: 0,
    };
    let read = |columns: &mut Columns<'_>| {
        let (lane, floor): (i64, i64) = (columns.get()?, columns.get()?);
        Ok((lane, floor, columns.small("streak")?))
    };
    for (lane, floor, streak) in read_all(&rows, read)? {
        if lane == share::number(Lane::Priority) {
            lanes.floors[1] = floor;
            lanes.streak = streak;
        } else {
            lanes.floors[0] = floor;
        }
    }
    Ok(lanes)
}

/// Stores what the lanes are like, where they have changed.
pub(super) async fn save_lanes(session: &Session, lanes: Option<Lanes>) -> Result<()> {
    let Some(lanes) = lanes else { return Ok(()) };
    let [default, priority] = lanes.floors;
    session
        .execute(
            "UPDATE queue_lanes
             SET floor = CASE WHEN lane = 1 THEN $2::bigint ELSE $1::bigint END, streak = CASE WHEN lane = 1 THEN $3::bigint ELSE 0 END
             WHERE lane IN (0, 1)",
            &[&default, &priority, &i64::from(lanes.streak)],
        )
        .await?;
    Ok(())
}

async fn holdings(session: &Session, claim: Claim<'_>) -> Result<Holdings> {
    let now = session.now().as_micros();
    let row = session.row(HELD, &[&claim.owner, &now]).await?;
    let holdings = read_one(row, |columns| {
        Ok(Holdings {
            any_expired: columns.get()?,
            leases: columns.get()?,
            is_alone: columns.get()?,
        })
    })?;
    Ok(holdings.unwrap_or_default())
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

async fn candidate(
    session: &Session,
    claim: Claim<'_>,
    lane: Lane,
    passed_over: &[i64],
) -> Result<Candidate> {
    let (now, per_host) = (session.now().as_micros(), i64::from(claim.per_host));
    let row = session
        .row(NEXT, &[&share::number(lane), &now, &per_host, &passed_over])
        .await?;
    read_one(row, |columns| Ok((columns.get()?, columns.get()?)))
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
    let row = session.row(&TAKE, &[&job]).await?;
    read_one(row, |columns| {
        Ok((job::read(columns)?, image::read(columns)?))
    })
}

pub(super) static TAKE: LazyLock<String> = LazyLock::new(|| {
    let waits = "j.id = $1 AND j.lease_token IS NULL";
    format!(
        "{} WHERE {waits} FOR NO KEY UPDATE OF j, i SKIP LOCKED",
        *WITH_IMAGES
    )
});

/// Leases that have expired, so many at once.
pub(super) static EXPIRED: LazyLock<String> = LazyLock::new(|| {
    let expired =
        "j.lease_token IS NOT NULL AND j.lease_until <= $1 ORDER BY j.lease_until LIMIT 100";
    format!(
        "{} WHERE {expired} FOR UPDATE OF j, i SKIP LOCKED",
        *WITH_IMAGES
    )
});

/// Leases of one owner, so many at once.
pub(super) static OF_OWNER: LazyLock<String> = LazyLock::new(|| {
    let of_owner = "j.lease_owner = $1 AND j.lease_token IS NOT NULL LIMIT 100";
    format!(
        "{} WHERE {of_owner} FOR UPDATE OF j, i SKIP LOCKED",
        *WITH_IMAGES
    )
});

static WITH_IMAGES: LazyLock<String> = LazyLock::new(|| {
    let (job, image) = (job::COLUMNS, &*image::COLUMNS);
    format!("SELECT {job}, {image} FROM jobs AS j JOIN images AS i ON i.row_id = j.image")
});

/// Leases that have expired, with their images; none that somebody is changing.
pub(super) async fn expired(session: &Session) -> Result<Vec<(Job, StoredImage)>> {
    let now = session.now().as_micros();
    read_leases(&session.rows(&EXPIRED, &[&now]).await?)
}

/// Leases of one owner, as [`expired`] gives those that have expired.
pub(super) async fn of_owner(session: &Session, owner: &str) -> Result<Vec<(Job, StoredImage)>> {
    read_leases(&session.rows(&OF_OWNER, &[&owner]).await?)
}

fn read_leases(rows: &[Row]) -> Result<Vec<(Job, StoredImage)>> {
    read_all(rows, |columns| {
        Ok((job::read(columns)?, image::read(columns)?))
    })
}
