//! Lines: what a customer has waiting in a lane from one host, and how much of a host is leased.
//!
//! The first job of each line is kept, so that what a claim costs does not depend on how many jobs wait.

use dlcs_core::id::CustomerId;
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::Result;
use super::query_one;

/// Names a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) customer: CustomerId,
    pub(super) lane: i64,
    pub(super) host: &'a str,
}

/// A job comes into its line, or is in it already.
pub(super) fn enter(
    connection: &Connection,
    line: Line<'_>,
    run_at: Timestamp,
    job: i64,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO queue_lines (customer, lane, host, run_at, job) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (customer, lane, host) DO UPDATE SET run_at = excluded.run_at, job = excluded.job
             WHERE (excluded.run_at, excluded.job) < (queue_lines.run_at, queue_lines.job)",
        )?
        .execute(params![
            line.customer.get(),
            line.lane,
            line.host,
            run_at.as_micros(),
            job
        ])?;
    Ok(())
}

/// A job has left its line.
pub(super) fn leave(connection: &Connection, line: Line<'_>, job: i64) -> Result<()> {
    let Line {
        customer,
        lane,
        host,
    } = line;
    let customer = customer.get();
    let was_first = query_one(
        connection,
        "SELECT 1 FROM queue_lines WHERE customer = ?1 AND lane = ?2 AND host = ?3 AND job = ?4",
        params![customer, lane, host, job],
        |_| Ok(()),
    )?;
    if was_first.is_none() {
        return Ok(());
    }
    let first: Option<(i64, i64)> = query_one(
        connection,
        "SELECT run_at, id FROM jobs INDEXED BY jobs_waiting
         WHERE customer = ?1 AND lane = ?2 AND host = ?3 AND lease_token IS NULL AND set_apart = 0
         ORDER BY run_at, id LIMIT 1",
        params![customer, lane, host],
        |columns| Ok((columns.get()?, columns.get()?)),
    )?;
    match first {
        Some((run_at, first)) => connection
            .prepare_cached(
                "UPDATE queue_lines SET run_at = ?4, job = ?5 WHERE customer = ?1 AND lane = ?2 AND host = ?3",
            )?
            .execute(params![customer, lane, host, run_at, first])?,
        None => connection
            .prepare_cached(
                "DELETE FROM queue_lines WHERE customer = ?1 AND lane = ?2 AND host = ?3",
            )?
            .execute(params![customer, lane, host])?,
    };
    Ok(())
}

/// Something from a host is leased.
pub(super) fn lease(connection: &Connection, host: &str) -> Result<()> {
    if !host.is_empty() {
        connection
            .prepare_cached(
                "INSERT INTO queue_hosts (host, leased) VALUES (?1, 1) ON CONFLICT (host) DO UPDATE SET leased = leased + 1",
            )?
            .execute([host])?;
    }
    Ok(())
}

/// A lease of something from a host has ended.
pub(super) fn free(connection: &Connection, host: &str) -> Result<()> {
    if host.is_empty() {
        return Ok(());
    }
    let last = connection
        .prepare_cached("DELETE FROM queue_hosts WHERE host = ?1 AND leased = 1")?
        .execute([host])?;
    if last == 0 {
        connection
            .prepare_cached("UPDATE queue_hosts SET leased = leased - 1 WHERE host = ?1")?
            .execute([host])?;
    }
    Ok(())
}
