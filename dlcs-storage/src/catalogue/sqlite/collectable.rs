//! Stored objects that nothing refers to any more.

use std::time::Duration;

use dlcs_core::derivative::{DerivativeKey, UploadId};
use dlcs_core::id::ImageId;
use dlcs_core::image::ImageSource;
use dlcs_core::queue::{Generation, LeaseToken};
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::Result;
use super::query_all;

/// How long what was served may still be read.
const SERVED_GRACE: Duration = Duration::from_secs(60);
/// How long the holder of a lost lease may still write.
const LEASE_GRACE: Duration = Duration::from_secs(2 * 60 * 60);
/// How long bytes may wait for the registration that names them.
const UNCLAIMED_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// What was served, when it is no more.
pub(super) fn add_served(
    connection: &Connection,
    key: &DerivativeKey,
    now: Timestamp,
) -> Result<()> {
    add(connection, key, now.after(key.grace_of_served()))
}

/// Bytes that came with a registration, when they are no longer needed.
pub(super) fn add_upload(
    connection: &Connection,
    source: &ImageSource,
    now: Timestamp,
) -> Result<()> {
    match source {
        ImageSource::Upload(id) => add(
            connection,
            &DerivativeKey::Upload(*id),
            now.after(SERVED_GRACE),
        ),
        ImageSource::Origin(_) => Ok(()),
    }
}

/// Bytes that are about to be stored for a registration, which may never come.
pub(super) fn expect_upload(connection: &Connection, id: UploadId, now: Timestamp) -> Result<()> {
    let key = DerivativeKey::Upload(id);
    add(connection, &key, now.after(UNCLAIMED_GRACE))
}

/// Bytes whose registration has come.
pub(super) fn claim_upload(connection: &Connection, source: &ImageSource) -> Result<()> {
    match source {
        ImageSource::Upload(id) => forget(connection, &[DerivativeKey::Upload(*id)]),
        ImageSource::Origin(_) => Ok(()),
    }
}

/// What the holder of a lease that has ended without a result may have written.
pub(super) fn add_lease(
    connection: &Connection,
    image: &ImageId,
    generation: Generation,
    token: LeaseToken,
    now: Timestamp,
) -> Result<()> {
    let mut keys = DerivativeKey::of_lease(image, generation, token).into_iter();
    keys.try_for_each(|key| add(connection, &key, now.after(LEASE_GRACE)))
}

fn add(connection: &Connection, key: &DerivativeKey, not_before: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO collectable (path, not_before) VALUES (?1, ?2)
             ON CONFLICT (path) DO UPDATE SET not_before = max(not_before, excluded.not_before)",
        )?
        .execute(params![key.path(), not_before.as_micros()])?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<DerivativeKey>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let paths: Vec<String> = query_all(
        connection,
        "SELECT path FROM collectable WHERE not_before <= ?1 ORDER BY not_before, path LIMIT ?2",
        [now.as_micros(), limit],
        |columns| columns.get(),
    )?;
    // A path that names nothing (another version's, say) must not keep the others from being collected.
    Ok(paths.iter().filter_map(|path| path.parse().ok()).collect())
}

pub(super) fn forget(connection: &Connection, keys: &[DerivativeKey]) -> Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM collectable WHERE path = ?1")?;
    for key in keys {
        statement.execute([key.path()])?;
    }
    Ok(())
}
