//! Shares: what each customer has in each lane, and what it has had there.

use std::collections::BTreeMap;
use std::time::Duration;

use dlcs_core::batch::{QueueSize, QueueTotals};
use dlcs_core::id::CustomerId;
use dlcs_core::queue::{Lane, Share};

use super::error::Result;
use super::row::{Columns, of_customer, read_all, read_one, unreadable};
use super::session::Session;
use super::values::Values;

/// Counts what is set apart. It is no lane of its own: it takes no turns.
pub(super) const APART: i64 = 2;

/// The number of a lane.
pub(super) const fn number(lane: Lane) -> i64 {
    match lane {
        Lane::Default => 0,
        Lane::Priority => 1,
    }
}

/// What becomes of a share.
#[derive(Debug, Default)]
pub(super) struct ShareChange {
    /// Jobs that come to wait.
    pub(super) arrived: i64,
    /// Jobs that wait again whose lease ends with it.
    pub(super) returned: i64,
    /// Jobs that are leased from now on.
    pub(super) started: i64,
    /// Waiting jobs that are gone.
    pub(super) waiting_left: i64,
    /// Leases that have ended.
    pub(super) leased_left: i64,
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    /// What was charged for the leases that have ended, and how long they took.
    pub(super) ended: Vec<(i64, Duration)>,
}

/// A share as it is stored.
struct Stored {
    customer: CustomerId,
    lane: i64,
    waiting: i64,
    leased: i64,
    succeeded: i64,
    failed: i64,
    share: Share,
    /// What the customer had had in the lane whose image was claimed last.
    floor: i64,
}

impl Stored {
    /// Changes it; returns what is charged for the jobs that are leased.
    fn change(&mut self, change: &ShareChange) -> i64 {
        for (charged, took) in &change.ended {
            self.share.end(*charged, *took);
        }
        self.waiting += change.returned - change.waiting_left;
        self.leased -= change.leased_left;
        self.succeeded += change.succeeded;
        self.failed += change.failed;
        if change.arrived > 0 && self.waiting + self.leased == 0 {
            self.share.wake(self.floor);
        }
        self.waiting += change.arrived - change.started;
        self.leased += change.started;
        (0..change.started).map(|_| self.share.start()).sum()
    }
}

const HOLD: &str = "
    SELECT s.customer, s.lane, s.waiting, s.leased, s.succeeded, s.failed, s.served, s.typical,
        coalesce((SELECT floor FROM queue_lanes AS l WHERE l.lane = s.lane), 0)
    FROM queue_shares AS s
    WHERE (s.customer, s.lane) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
    ORDER BY s.customer, s.lane FOR NO KEY UPDATE OF s";

const CREATE: &str = "
    INSERT INTO queue_shares (customer, lane, waiting, leased, succeeded, failed, served, typical)
    SELECT customer, lane, 0, 0, 0, 0, 0, $3 FROM unnest($1::bigint[], $2::bigint[]) AS given (customer, lane)
    ON CONFLICT DO NOTHING";

const SAVE: &str = "
    UPDATE queue_shares AS s
    SET waiting = given.waiting, leased = given.leased, succeeded = given.succeeded, failed = given.failed, served = given.served,
        typical = given.typical
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
        AS given (customer, lane, waiting, leased, succeeded, failed, served, typical)
    WHERE (s.customer, s.lane) = (given.customer, given.lane)";

/// Writes what becomes of shares; returns what is charged for the jobs that are leased.
pub(super) async fn write(
    session: &Session,
    changes: &BTreeMap<(CustomerId, i64), ShareChange>,
) -> Result<i64> {
    if changes.is_empty() {
        return Ok(0);
    }
    let mut keys = Values::default();
    let all: Vec<_> = changes.keys().collect();
    keys.each(&all, |(customer, _)| of_customer(*customer));
    keys.each(&all, |(_, lane)| *lane);
    let mut held = hold(session, &keys).await?;
    if held.len() < changes.len() {
        let first = Share::default().typical;
        let mut params = keys.params();
        params.push(&first);
        session.execute(CREATE, &params).await?;
        held = hold(session, &keys).await?;
    }
    let mut charged = 0;
    for stored in &mut held {
        if let Some(change) = changes.get(&(stored.customer, stored.lane)) {
            charged += stored.change(change);
        }
    }
    let mut values = Values::default();
    values.each(&held, |stored| of_customer(stored.customer));
    values.each(&held, |stored| stored.lane);
    values.each(&held, |stored| stored.waiting);
    values.each(&held, |stored| stored.leased);
    values.each(&held, |stored| stored.succeeded);
    values.each(&held, |stored| stored.failed);
    values.each(&held, |stored| stored.share.served);
    values.each(&held, |stored| stored.share.typical);
    session.execute(SAVE, &values.params()).await?;
    Ok(charged)
}

async fn hold(session: &Session, keys: &Values) -> Result<Vec<Stored>> {
    let rows = session.rows(HOLD, &keys.params()).await?;
    read_all(&rows, |columns| {
        Ok(Stored {
            customer: columns.customer()?,
            lane: columns.get()?,
            waiting: columns.get()?,
            leased: columns.get()?,
            succeeded: columns.get()?,
            failed: columns.get()?,
            share: Share {
                served: columns.get()?,
                typical: columns.get()?,
            },
            floor: columns.get()?,
        })
    })
}

/// What a customer has in the queue, in one lane or in both.
pub(super) async fn size(
    session: &Session,
    customer: CustomerId,
    lane: Option<Lane>,
) -> Result<QueueSize> {
    // What is set apart counts in the default lane.
    let row = session
        .row(
            "SELECT coalesce(sum(waiting), 0)::bigint, coalesce(sum(leased), 0)::bigint,
                 (SELECT count(*) FROM batches WHERE customer = $1 AND finished IS NULL AND ($2::bigint IS NULL OR lane = $2::bigint))
             FROM queue_shares WHERE customer = $1
                 AND ($2::bigint IS NULL OR $2::bigint = CASE WHEN lane = 1 THEN 1 ELSE 0 END)",
            &[&of_customer(customer), &lane.map(number)],
        )
        .await?;
    let size = read_one(row, |columns| {
        let (waiting, leased) = (columns.number("waiting")?, columns.number("leased")?);
        Ok(QueueSize {
            images: waiting + leased,
            images_waiting: waiting,
            batches: columns.number("count")?,
        })
    })?;
    size.ok_or(unreadable("queue_shares"))
}

/// What all customers have in the queue.
pub(super) async fn totals(session: &Session) -> Result<QueueTotals> {
    let row = session
        .row(
            "SELECT coalesce(sum(waiting) FILTER (WHERE lane <> 1), 0)::bigint,
                 coalesce(sum(waiting) FILTER (WHERE lane = 1), 0)::bigint,
                 coalesce(sum(succeeded), 0)::bigint, coalesce(sum(failed), 0)::bigint
             FROM queue_shares",
            &[],
        )
        .await?;
    let totals = read_one(row, |columns: &mut Columns<'_>| {
        Ok(QueueTotals {
            waiting: columns.number("waiting")?,
            waiting_priority: columns.number("waiting")?,
            succeeded: columns.number("succeeded")?,
            failed: columns.number("failed")?,
        })
    })?;
    totals.ok_or(unreadable("queue_shares"))
}
