//! Shares: what each customer has in each lane, and what it has had there.

use std::time::Duration;

use dlcs_core::batch::{QueueSize, QueueTotals};
use dlcs_core::id::CustomerId;
use dlcs_core::queue::{Lane, Share};
use rusqlite::{Connection, params};

use super::error::Result;
use super::row::unreadable;
use super::{batch, query_one};

/// Counts what is set apart. It is no lane of its own: it takes no turns.
pub(super) const APART: i64 = 2;

/// The number of a lane.
pub(super) const fn number(lane: Lane) -> i64 {
    match lane {
        Lane::Default => 0,
        Lane::Priority => 1,
    }
}

/// How the number of jobs changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change {
    pub(super) waiting: i64,
    pub(super) leased: i64,
    pub(super) succeeded: i64,
    pub(super) failed: i64,
}

/// So many jobs come to wait: a customer that had nothing there begins where the others are.
pub(super) fn wait(
    connection: &Connection,
    customer: CustomerId,
    lane: i64,
    jobs: i64,
) -> Result<()> {
    let first = Share::default();
    connection
        .prepare_cached(
            "INSERT INTO queue_shares (customer, lane, waiting, leased, succeeded, failed, served, typical)
             VALUES (?1, ?2, ?3, 0, 0, 0, coalesce((SELECT floor FROM queue_lanes WHERE lane = ?2), 0), ?4)
             ON CONFLICT (customer, lane) DO UPDATE SET
                 served = iif(waiting + leased = 0, max(served, excluded.served), served),
                 waiting = waiting + ?3",
        )?
        .execute(params![customer.get(), lane, jobs, first.typical])?;
    Ok(())
}

/// Jobs go from one state to another.
pub(super) fn count(
    connection: &Connection,
    customer: CustomerId,
    lane: i64,
    change: Change,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE queue_shares SET waiting = waiting + ?3, leased = leased + ?4, succeeded = succeeded + ?5, failed = failed + ?6
             WHERE customer = ?1 AND lane = ?2",
        )?
        .execute(params![
            customer.get(),
            lane,
            change.waiting,
            change.leased,
            change.succeeded,
            change.failed
        ])?;
    Ok(())
}

/// A customer's turn has come in a lane: who is idle now begins there when it comes back.
pub(super) fn take_turn(connection: &Connection, customer: CustomerId, lane: i64) -> Result<()> {
    let Share { served, .. } = find(connection, customer, lane)?;
    connection
        .prepare_cached("UPDATE queue_lanes SET floor = max(floor, ?2) WHERE lane = ?1")?
        .execute([lane, served])?;
    Ok(())
}

/// A waiting job is leased: returns what is charged for it.
pub(super) fn start(connection: &Connection, customer: CustomerId, lane: i64) -> Result<i64> {
    let mut share = find(connection, customer, lane)?;
    let charge = share.start();
    save(connection, customer, lane, share)?;
    let moved = Change {
        waiting: -1,
        leased: 1,
        ..Change::default()
    };
    count(connection, customer, lane, moved)?;
    Ok(charge)
}

/// A lease has ended after so long: what was charged is put right.
pub(super) fn end(
    connection: &Connection,
    customer: CustomerId,
    lane: i64,
    charged: i64,
    took: Duration,
) -> Result<()> {
    let mut share = find(connection, customer, lane)?;
    share.end(charged, took);
    save(connection, customer, lane, share)
}

fn find(connection: &Connection, customer: CustomerId, lane: i64) -> Result<Share> {
    query_one(
        connection,
        "SELECT served, typical FROM queue_shares WHERE customer = ?1 AND lane = ?2",
        [i64::from(customer.get()), lane],
        |columns| {
            Ok(Share {
                served: columns.get()?,
                typical: columns.get()?,
            })
        },
    )?
    .ok_or(unreadable("queue_shares"))
}

fn save(connection: &Connection, customer: CustomerId, lane: i64, share: Share) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE queue_shares SET served = ?3, typical = ?4 WHERE customer = ?1 AND lane = ?2",
        )?
        .execute([i64::from(customer.get()), lane, share.served, share.typical])?;
    Ok(())
}

/// What a customer has in the queue, in one lane or in both.
pub(super) fn size(
    connection: &Connection,
    customer: CustomerId,
    lane: Option<Lane>,
) -> Result<QueueSize> {
    // What is set apart counts in the default lane.
    let (waiting, leased) = query_one(
        connection,
        "SELECT coalesce(sum(waiting), 0), coalesce(sum(leased), 0) FROM queue_shares
         WHERE customer = ?1 AND (?2 IS NULL OR ?2 = CASE lane WHEN 1 THEN 1 ELSE 0 END)",
        params![customer.get(), lane.map(number)],
        |columns| Ok((columns.number("waiting")?, columns.number("leased")?)),
    )?
    .unwrap_or_default();
    Ok(QueueSize {
        images: waiting + leased,
        images_waiting: waiting,
        batches: batch::count_active(connection, customer, lane)?,
    })
}

/// What all customers have in the queue.
pub(super) fn totals(connection: &Connection) -> Result<QueueTotals> {
    let totals = query_one(
        connection,
        "SELECT coalesce(sum(waiting) FILTER (WHERE lane <> 1), 0), coalesce(sum(waiting) FILTER (WHERE lane = 1), 0),
             coalesce(sum(succeeded), 0), coalesce(sum(failed), 0)
         FROM queue_shares",
        [],
        |columns| {
            Ok(QueueTotals {
                waiting: columns.number("waiting")?,
                waiting_priority: columns.number("waiting")?,
                succeeded: columns.number("succeeded")?,
                failed: columns.number("failed")?,
            })
        },
    )?;
    Ok(totals.unwrap_or_default())
}
