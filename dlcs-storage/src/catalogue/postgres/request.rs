//! Requests that must not take effect twice.

use dlcs_core::derivative::Checksum;
use dlcs_core::request::{ABANDONED, Fingerprint, GivenAnswer, KEPT, Remembered, RequestKey};

use super::error::Result;
use super::row::{of_customer, read_one, unreadable};
use super::session::Session;

pub(super) async fn remember(
    session: &Session,
    key: &RequestKey,
    fingerprint: Fingerprint,
) -> Result<Remembered> {
    let now = session.now();
    session
        .execute(
            "DELETE FROM requests WHERE (customer, name) IN (
                 SELECT customer, name FROM requests WHERE begun <= $1 OR status IS NULL AND begun <= $2
                 ORDER BY customer, name FOR UPDATE SKIP LOCKED)",
            &[&now.before(KEPT).as_micros(), &now.before(ABANDONED).as_micros()],
        )
        .await?;
    // Whoever comes second waits here until the first has noted it.
    let noted = session
        .execute(
            "INSERT INTO requests (customer, name, fingerprint, begun) VALUES ($1, $2, $3, $4) ON CONFLICT (customer, name) DO NOTHING",
            &[
                &of_customer(key.customer),
                &key.name,
                &fingerprint.0.as_slice(),
                &now.as_micros(),
            ],
        )
        .await?;
    if noted == 1 {
        return Ok(Remembered::New);
    }
    let row = session
        .row(
            "SELECT fingerprint, status, content_type, location, body FROM requests WHERE customer = $1 AND name = $2",
            &[&of_customer(key.customer), &key.name],
        )
        .await?;
    let found = read_one(row, |columns| {
        let found = Checksum(columns.digest("fingerprint")?);
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
    })?;
    Ok(match found {
        Some((found, _)) if found != fingerprint => Remembered::Other,
        Some((_, Some(answer))) => Remembered::Answered(answer),
        // One that is gone again was somebody else's, who had it a moment ago.
        Some((_, None)) | None => Remembered::Running,
    })
}

pub(super) async fn answer(
    session: &Session,
    key: &RequestKey,
    answer: &GivenAnswer,
) -> Result<()> {
    session
        .execute(
            "UPDATE requests SET status = $3, content_type = $4, location = $5, body = $6
             WHERE customer = $1 AND name = $2 AND status IS NULL",
            &[
                &of_customer(key.customer),
                &key.name,
                &i64::from(answer.status),
                &answer.content_type,
                &answer.location,
                &answer.body,
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn forget(session: &Session, key: &RequestKey) -> Result<()> {
    session
        .execute(
            "DELETE FROM requests WHERE customer = $1 AND name = $2",
            &[&of_customer(key.customer), &key.name],
        )
        .await?;
    Ok(())
}
