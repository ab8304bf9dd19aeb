//! Lines: what a customer has waiting in a lane from one host, and how much of a host is leased.
//!
//! The first job of each line is kept, so that what a claim costs does not depend on how many jobs wait.

use std::collections::{BTreeMap, HashSet};

use dlcs_core::id::CustomerId;

use super::error::Result;
use super::job::Job;
use super::row::{of_customer, read_all};
use super::session::Session;
use super::values::Values;

/// Names a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) customer: CustomerId,
    pub(super) lane: i64,
    pub(super) host: String,
}

/// What becomes of a line.
#[derive(Debug, Default)]
pub(super) struct LineChange {
    /// The first of the jobs that come into it: when it is due, and its number.
    entered: Option<(i64, i64)>,
    /// Jobs that leave it.
    left: Vec<i64>,
}

impl LineChange {
    pub(super) fn enter(&mut self, job: &Job) {
        let place = (job.run_at.as_micros(), job.id);
        let first = self.entered.get_or_insert(place);
        *first = place.min(*first);
    }

    pub(super) fn leave(&mut self, job: &Job) {
        self.left.push(job.id);
    }
}

/// Locks lines that are there, in order; returns those whose first job has left.
pub(super) const HOLD: &str = "
    SELECT customer, lane, host, job FROM queue_lines
    WHERE (customer, lane, host) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]))
    ORDER BY customer, lane, host FOR UPDATE";

/// Puts a job before the others, where it is due before them.
const ENTER: &str = "
    INSERT INTO queue_lines (customer, lane, host, run_at, job)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
    ON CONFLICT (customer, lane, host) DO UPDATE SET run_at = excluded.run_at, job = excluded.job
    WHERE (excluded.run_at, excluded.job) < (queue_lines.run_at, queue_lines.job)";

/// Finds out which job is first in lines that are held, besides those that leave; those that are empty go.
pub(super) const FIND_FIRST: &str = "
    WITH firsts AS (
        SELECT line.customer, line.lane, line.host, job.run_at, job.id
        FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS line (customer, lane, host)
        LEFT JOIN LATERAL (
            SELECT run_at, id FROM jobs
            WHERE customer = line.customer AND lane = line.lane AND host = line.host AND lease_token IS NULL AND NOT set_apart
              AND id <> ALL ($4)
            ORDER BY run_at, id LIMIT 1
        ) AS job ON TRUE
    ), emptied AS (
        DELETE FROM queue_lines AS line USING firsts
        WHERE (line.customer, line.lane, line.host) = (firsts.customer, firsts.lane, firsts.host) AND firsts.id IS NULL
    )
    UPDATE queue_lines AS line SET run_at = firsts.run_at, job = firsts.id FROM firsts
    WHERE (line.customer, line.lane, line.host) = (firsts.customer, firsts.lane, firsts.host) AND firsts.id IS NOT NULL";

/// Writes what becomes of lines. Whoever holds a line sees every job that has ever come into it.
pub(super) async fn write(session: &Session, lines: BTreeMap<Line, LineChange>) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let entered: Vec<_> = lines
        .iter()
        .filter_map(|(line, change)| Some((line, change.entered?)))
        .collect();
    let left: Vec<i64> = lines
        .values()
        .flat_map(|change| &change.left)
        .copied()
        .collect();
    if left.is_empty() {
        return enter(session, &entered).await;
    }
    let all: Vec<_> = lines.keys().collect();
    let rows = session.rows(HOLD, &keys(&all).params()).await?;
    let firsts = read_all(&rows, |columns| {
        let line = Line {
            customer: columns.customer()?,
            lane: columns.get()?,
            host: columns.get()?,
        };
        Ok((line, columns.get::<i64>()?))
    })?;
    enter(session, &entered).await?;
    let leaving: HashSet<i64> = left.iter().copied().collect();
    // A job that was not the first leaves no trace.
    let gone: Vec<_> = firsts
        .iter()
        .filter(|(_, first)| leaving.contains(first))
        .map(|(line, _)| line)
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    let mut values = keys(&gone);
    values.push(left);
    session.execute(FIND_FIRST, &values.params()).await?;
    Ok(())
}

async fn enter(session: &Session, entered: &[(&Line, (i64, i64))]) -> Result<()> {
    if entered.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = entered.iter().map(|(line, _)| *line).collect();
    let mut values = keys(&lines);
    values.each(entered, |(_, (run_at, _))| *run_at);
    values.each(entered, |(_, (_, job))| *job);
    session.execute(ENTER, &values.params()).await?;
    Ok(())
}

fn keys(lines: &[&Line]) -> Values {
    let mut values = Values::default();
    values.each(lines, |line| of_customer(line.customer));
    values.each(lines, |line| line.lane);
    values.each(lines, |line| line.host.clone());
    values
}

/// Writes how many more images of hosts are leased, or how many fewer.
pub(super) async fn write_hosts(session: &Session, hosts: &BTreeMap<String, i64>) -> Result<()> {
    let (more, fewer): (Vec<_>, Vec<_>) = hosts
        .iter()
        .filter(|(_, change)| **change != 0)
        .partition(|(_, change)| **change > 0);
    if !more.is_empty() {
        session
            .execute(
                "INSERT INTO queue_hosts AS h (host, leased) SELECT * FROM unnest($1::text[], $2::bigint[])
                 ON CONFLICT (host) DO UPDATE SET leased = h.leased + excluded.leased",
                &host_values(&more).params(),
            )
            .await?;
    }
    if fewer.is_empty() {
        return Ok(());
    }
    let rows = session
        .rows(
            "UPDATE queue_hosts AS h SET leased = h.leased + given.change
             FROM unnest($1::text[], $2::bigint[]) AS given (host, change) WHERE h.host = given.host
             RETURNING h.host, h.leased",
            &host_values(&fewer).params(),
        )
        .await?;
    let mut free = read_all(&rows, |columns| {
        Ok((columns.get::<String>()?, columns.get::<i64>()?))
    })?;
    free.retain(|(_, leased)| *leased == 0);
    if !free.is_empty() {
        let free: Vec<_> = free.into_iter().map(|(host, _)| host).collect();
        let forget = "DELETE FROM queue_hosts WHERE host = ANY ($1) AND leased = 0";
        session.execute(forget, &[&free]).await?;
    }
    Ok(())
}

fn host_values(hosts: &[(&String, &i64)]) -> Values {
    let mut values = Values::default();
    values.each(hosts, |(host, _)| (*host).clone());
    values.each(hosts, |(_, change)| **change);
    values
}
