//! Notices that batches have finished.

use std::time::Duration;

use dlcs_core::id::CustomerId;
use dlcs_core::queue::{BatchNotice, NoticeId};
use dlcs_core::time::Timestamp;

use super::batch;
use super::error::Result;
use super::row::{of_customer, read_one, stored};
use super::session::Session;

/// Customers, as statements here take them.
pub(super) fn customers(customers: &[CustomerId]) -> Vec<i64> {
    customers.iter().copied().map(of_customer).collect()
}

/// Whether one is due, of other customers than these; without a time that is given, by the clock of the database.
pub(super) async fn any_due(
    session: &Session,
    now: Option<Timestamp>,
    except: &[i64],
) -> Result<bool> {
    let sql = "SELECT 1 FROM notices
               WHERE due <= coalesce($1, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint) AND customer <> ALL ($2)
               LIMIT 1";
    let now = now.map(Timestamp::as_micros);
    Ok(session.row(sql, &[&now, &except]).await?.is_some())
}

/// Forgets those that have been due for so long.
pub(super) async fn forget(session: &Session, due_for: Duration) -> Result<u64> {
    let age = i64::try_from(due_for.as_micros()).unwrap_or(i64::MAX);
    let before = session.now().as_micros().saturating_sub(age);
    session
        .execute("DELETE FROM notices WHERE due <= $1", &[&before])
        .await
}

/// Takes the one that is due longest, of other customers than these, and makes it due again after a while.
pub(super) async fn claim(
    session: &Session,
    hold_for: Duration,
    except: &[i64],
) -> Result<Option<BatchNotice>> {
    let now = session.now();
    let row = session
        .row(
            &format!(
                "UPDATE notices SET due = $2, attempts = attempts + 1
                 WHERE id = (SELECT id FROM notices WHERE due <= $1 AND customer <> ALL ($3)
                             ORDER BY due, batch, id LIMIT 1 FOR UPDATE SKIP LOCKED)
                 RETURNING id, attempts, batch, {}",
                batch::COLUMNS.trim_start_matches("id, ")
            ),
            &[&now.as_micros(), &now.after(hold_for).as_micros(), &except],
        )
        .await?;
    read_one(row, |columns| {
        Ok(BatchNotice {
            id: NoticeId::new(columns.number("id")?),
            attempt: columns.small("attempts")?,
            batch: batch::read(columns)?,
        })
    })
}

/// Makes one due again after a wait.
pub(super) async fn defer(session: &Session, id: NoticeId, after: Duration) -> Result<()> {
    let due = session.now().after(after).as_micros();
    session
        .execute(
            "UPDATE notices SET due = $2 WHERE id = $1",
            &[&stored("notice", id.get())?, &due],
        )
        .await?;
    Ok(())
}

pub(super) async fn end(session: &Session, id: NoticeId) -> Result<()> {
    let id = stored("notice", id.get())?;
    session
        .execute("DELETE FROM notices WHERE id = $1", &[&id])
        .await?;
    Ok(())
}
