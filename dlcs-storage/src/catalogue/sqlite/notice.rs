//! Notices that batches have finished.

use std::time::Duration;

use dlcs_core::id::BatchId;
use dlcs_core::queue::{BatchNotice, NoticeId};
use dlcs_core::time::Timestamp;
use rusqlite::Connection;

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

/// Whether one is due.
pub(super) fn any_due(connection: &Connection, now: Timestamp) -> Result<bool> {
    let sql = "SELECT 1 FROM notices WHERE due <= ?1 LIMIT 1";
    let found = query_one(connection, sql, [now.as_micros()], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Takes the one that is due longest and makes it due again after a while.
pub(super) fn claim(
    connection: &Connection,
    hold_for: Duration,
    now: Timestamp,
) -> Result<Option<BatchNotice>> {
    query_one(
        connection,
        &format!(
            "UPDATE notices SET due = ?2, attempts = attempts + 1
             WHERE id = (SELECT id FROM notices WHERE due <= ?1 ORDER BY due, batch, id LIMIT 1)
             RETURNING id, attempts, batch, {}",
            batch::COLUMNS.trim_start_matches("id, ")
        ),
        [now.as_micros(), now.after(hold_for).as_micros()],
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
