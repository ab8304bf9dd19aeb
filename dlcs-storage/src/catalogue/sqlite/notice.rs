//! Notices that batches have finished.

use std::time::Duration;

use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::queue::{BatchNotice, NoticeId};
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::Result;
use super::row::stored;
use super::{batch, query_one};

/// Leaves a notice of a batch as it is; nothing of it is served yet.
pub(super) fn add(connection: &Connection, batch: BatchId, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO notices (due, attempts, batch, customer, submitted, count, completed, errors, finished, superseded)
             SELECT ?2, 0, id, customer, submitted, count, completed, errors, finished, superseded FROM batches WHERE id = ?1",
        )?
        .execute([stored("batch", batch.get())?, now.as_micros()])?;
    Ok(())
}

/// Customers, as statements here take them: a JSON list.
pub(super) fn customers(customers: &[CustomerId]) -> String {
    let numbers: Vec<_> = customers.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(","))
}

/// Whether one is due, of other customers than these.
pub(super) fn any_due(connection: &Connection, except: &str, now: Timestamp) -> Result<bool> {
    let sql = "SELECT 1 FROM notices WHERE due <= ?1 AND customer NOT IN (SELECT value FROM json_each(?2)) LIMIT 1";
    let found = query_one(
        connection,
        sql,
        params![now.as_micros(), except],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Forgets those that have been due for so long.
pub(super) fn forget(connection: &Connection, due_for: Duration, now: Timestamp) -> Result<u64> {
    let age = i64::try_from(due_for.as_micros()).unwrap_or(i64::MAX);
    let forgotten = connection
        .prepare_cached("DELETE FROM notices WHERE due <= ?1")?
        .execute([now.as_micros().saturating_sub(age)])?;
    Ok(forgotten as u64)
}

/// Takes the one that is due longest, of other customers than these, and makes it due again after a while.
pub(super) fn claim(
    connection: &Connection,
    hold_for: Duration,
    except: &str,
    now: Timestamp,
) -> Result<Option<BatchNotice>> {
    query_one(
        connection,
        &format!(
            "UPDATE notices SET due = ?2, attempts = attempts + 1
             WHERE id = (SELECT id FROM notices WHERE due <= ?1 AND customer NOT IN (SELECT value FROM json_each(?3))
                          ORDER BY due, batch, id LIMIT 1)
             RETURNING id, attempts, batch, {}",
            batch::COLUMNS.trim_start_matches("id, ")
        ),
        params![now.as_micros(), now.after(hold_for).as_micros(), except],
        |columns| {
            Ok(BatchNotice {
                id: NoticeId::new(columns.number("id")?),
                attempt: columns.get()?,
                batch: batch::read(columns)?,
            })
        },
    )
}

/// Makes one due again after a wait.
pub(super) fn defer(connection: &Connection, id: NoticeId, due: Timestamp) -> Result<()> {
    connection
        .prepare_cached("UPDATE notices SET due = ?2 WHERE id = ?1")?
        .execute([stored("notice", id.get())?, due.as_micros()])?;
    Ok(())
}

pub(super) fn end(connection: &Connection, id: NoticeId) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM notices WHERE id = ?1")?
        .execute([stored("notice", id.get())?])?;
    Ok(())
}
