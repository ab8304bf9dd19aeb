//! Requests that must not take effect twice.

use dlcs_core::derivative::Checksum;
use dlcs_core::request::{ABANDONED, Fingerprint, GivenAnswer, KEPT, Remembered, RequestKey};
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::Result;
use super::query_one;
use super::row::unreadable;

/// Forgets the requests that began before `?1`, and those without an answer that began before `?2`.
const OUTDATED: &str = "DELETE FROM requests WHERE begun <= ?1 OR status IS NULL AND begun <= ?2";

pub(super) fn remember(
    connection: &Connection,
    key: &RequestKey,
    fingerprint: Fingerprint,
    now: Timestamp,
) -> Result<Remembered> {
    connection.prepare_cached(OUTDATED)?.execute([
        now.before(KEPT).as_micros(),
        now.before(ABANDONED).as_micros(),
    ])?;
    let found = query_one(
        connection,
        "SELECT fingerprint, status, content_type, location, body FROM requests WHERE customer = ?1 AND name = ?2",
        params![key.customer.get(), key.name],
        |columns| {
            let found = Checksum(columns.get()?);
            let Some(status) = columns.get::<Option<i64>>()? else {
                return Ok((found, None));
            };
            let answer = GivenAnswer {
                status: u16::try_from(status).map_err(|_| unreadable("status"))?,
                content_type: columns.get()?,
                location: columns.get()?,
                body: columns.get()?,
            };
            Ok((found, Some(answer)))
        },
    )?;
    match found {
        Some((found, _)) if found != fingerprint => Ok(Remembered::Other),
        Some((_, Some(answer))) => Ok(Remembered::Answered(answer)),
        Some((_, None)) => Ok(Remembered::Running),
        None => {
            connection
                .prepare_cached("INSERT INTO requests (customer, name, fingerprint, begun) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![key.customer.get(), key.name, fingerprint.0, now.as_micros()])?;
            Ok(Remembered::New)
        }
    }
}

pub(super) fn answer(
    connection: &Connection,
    key: &RequestKey,
    answer: &GivenAnswer,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE requests SET status = ?3, content_type = ?4, location = ?5, body = ?6
             WHERE customer = ?1 AND name = ?2 AND status IS NULL",
        )?
        .execute(params![
            key.customer.get(),
            key.name,
            answer.status,
            answer.content_type,
            answer.location,
            answer.body,
        ])?;
    Ok(())
}

pub(super) fn forget(connection: &Connection, key: &RequestKey) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM requests WHERE customer = ?1 AND name = ?2")?
        .execute(params![key.customer.get(), key.name])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::sqlite::testing::{empty_database, plan};

    #[test]
    fn answers_that_are_kept_are_not_looked_through() {
        let plan = plan(&empty_database(), OUTDATED);
        assert!(!plan.contains("SCAN"), "{plan}");
        assert!(plan.contains("requests_by_age (begun<?)"), "{plan}");
        assert!(plan.contains("requests_running (begun<?)"), "{plan}");
    }
}
