//! Whose turn it is: the job that a claim gets.

use dlcs_core::id::CustomerId;
use dlcs_core::queue::{Claim, Crashes, Lane};
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::Result;
use super::job::{self, Job};
use super::{query_one, share};

/// How many leases a process holds, and whether one of them holds alone.
const HELD: &str =
    "SELECT count(*), coalesce(max(lease_alone), 0) FROM jobs INDEXED BY jobs_by_owner
    WHERE lease_owner = ?1 AND lease_token IS NOT NULL";

/// The job that is set apart and due longest, unless somebody else is making itself free for it.
const APART: &str = "
    SELECT id, run_at FROM jobs INDEXED BY jobs_set_apart
    WHERE lease_token IS NULL AND set_apart = 1 AND run_at <= ?2
      AND (reserved_by IS NULL OR reserved_by = ?1 OR reserved_until <= ?2)
    ORDER BY run_at, id LIMIT 1";

/// The customer in a lane who has had least, of those that have something due from a host that is not at the limit.
pub(super) const NEXT_CUSTOMER: &str = "
    SELECT customer FROM queue_shares AS s INDEXED BY queue_shares_in_turn
    WHERE lane = ?1 AND waiting > 0
      AND EXISTS (SELECT 1 FROM queue_lines AS l INDEXED BY queue_lines_in_turn
                  WHERE l.customer = s.customer AND l.lane = ?1 AND l.run_at <= ?2
                    AND coalesce((SELECT leased FROM queue_hosts AS h WHERE h.host = l.host), 0) < ?3)
    ORDER BY served, customer LIMIT 1";

/// The job that waits longest of a customer in a lane, of those from a host that is not at the limit.
pub(super) const FIRST_IN_LINE: &str = "
    SELECT job FROM queue_lines AS l INDEXED BY queue_lines_in_turn
    WHERE customer = ?4 AND lane = ?1 AND run_at <= ?2
      AND coalesce((SELECT leased FROM queue_hosts AS h WHERE h.host = l.host), 0) < ?3
    ORDER BY run_at, job LIMIT 1";

/// The job whose turn it is, and whether it is claimed alone.
pub(super) fn next(
    connection: &Connection,
    claim: Claim<'_>,
    now: Timestamp,
) -> Result<Option<(Job, bool)>> {
    let (held, is_alone) = query_one(connection, HELD, [claim.owner], |columns| {
        Ok((columns.get::<i64>()?, columns.get::<bool>()?))
    })?
    .unwrap_or_default();
    if is_alone {
        return Ok(None);
    }
    let apart = query_one(
        connection,
        APART,
        params![claim.owner, now.as_micros()],
        |columns| Ok((columns.get::<i64>()?, columns.time()?)),
    )?;
    let is_overdue = apart.is_some_and(|(_, due)| due.after(Crashes::PATIENCE) <= now);
    if !is_overdue && let Some(id) = among_others(connection, claim, now)? {
        return job::get(connection, id).map(|job| Some((job, false)));
    }
    let Some((id, _)) = apart else {
        return Ok(None);
    };
    if held == 0 {
        return job::get(connection, id).map(|job| Some((job, true)));
    }
    let until = now.after(claim.lease_for).as_micros();
    connection
        .prepare_cached("UPDATE jobs SET reserved_by = ?2, reserved_until = ?3 WHERE id = ?1")?
        .execute(params![id, claim.owner, until])?;
    Ok(None)
}

fn among_others(connection: &Connection, claim: Claim<'_>, now: Timestamp) -> Result<Option<i64>> {
    let customer = |lane| {
        query_one(
            connection,
            NEXT_CUSTOMER,
            params![share::number(lane), now.as_micros(), claim.per_host],
            |columns| columns.customer(),
        )
    };
    let (default, priority) = (customer(Lane::Default)?, customer(Lane::Priority)?);
    let before: u32 = streak(connection)?;
    let mut after = before;
    let lane = Lane::next(&mut after, default.is_some(), priority.is_some());
    if after != before {
        connection
            .prepare_cached("UPDATE queue_lanes SET streak = ?1 WHERE lane = 1")?
            .execute([after])?;
    }
    match (lane, default, priority) {
        (Some(lane @ Lane::Default), Some(customer), _)
        | (Some(lane @ Lane::Priority), _, Some(customer)) => {
            share::take_turn(connection, customer, share::number(lane))?;
            first(connection, lane, customer, claim, now)
        }
        _ => Ok(None),
    }
}

fn streak(connection: &Connection) -> Result<u32> {
    let sql = "SELECT streak FROM queue_lanes WHERE lane = 1";
    let streak = query_one(connection, sql, [], |columns| columns.get())?;
    Ok(streak.unwrap_or(0))
}

fn first(
    connection: &Connection,
    lane: Lane,
    customer: CustomerId,
    claim: Claim<'_>,
    now: Timestamp,
) -> Result<Option<i64>> {
    query_one(
        connection,
        FIRST_IN_LINE,
        params![
            share::number(lane),
            now.as_micros(),
            claim.per_host,
            customer.get()
        ],
        |columns| columns.get(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::sqlite::testing::{empty_database, plan};

    #[test]
    fn claiming_searches_indexes_and_sorts_nothing() {
        let database = empty_database();
        for sql in [HELD, APART, NEXT_CUSTOMER, FIRST_IN_LINE, job::EXPIRED] {
            let plan = plan(&database, sql);
            assert!(!plan.contains("SCAN"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
        let next = plan(&database, NEXT_CUSTOMER);
        let found = "queue_lines_in_turn (customer=? AND lane=? AND run_at<?)";
        assert!(next.contains(found), "{next}");
        assert!(next.contains("queue_shares_in_turn (lane=?)"), "{next}");
    }
}
