//! Notices that batches have finished.

use std::time::Duration;

use dlcs_core::queue::{BatchNotice, NoticeId};

use super::batch;
use super::error::Result;
use super::row::{read_one, stored};
use super::session::Session;

/// Takes the one that is due longest and makes it due again after a while.
pub(super) async fn claim(session: &Session, hold_for: Duration) -> Result<Option<BatchNotice>> {
    let now = session.now();
    let row = session
        .row(
            &format!(
                "UPDATE notices SET due = $2, attempts = attempts + 1
                 WHERE id = (SELECT id FROM notices WHERE due <= $1 ORDER BY due, batch, id LIMIT 1 FOR UPDATE SKIP LOCKED)
                 RETURNING id, attempts, batch, {}",
                batch::COLUMNS.trim_start_matches("id, ")
            ),
            &[&now.as_micros(), &now.after(hold_for).as_micros()],
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
