//! Stored objects that nothing refers to any more.

use std::collections::BTreeMap;
use std::time::Duration;

use dlcs_core::derivative::{DerivativeKey, UploadId};
use dlcs_core::id::ImageId;
use dlcs_core::image::ImageSource;
use dlcs_core::queue::{Generation, LeaseToken};
use dlcs_core::time::Timestamp;

use super::error::Result;
use super::row::read_all;
use super::session::Session;

/// How long what was served may still be read.
const SERVED_GRACE: Duration = Duration::from_secs(60);
/// How long the holder of a lost lease may still write.
const LEASE_GRACE: Duration = Duration::from_secs(2 * 60 * 60);
/// How long bytes may wait for the registration that names them.
const UNCLAIMED_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// A stored object, and from when on it may be deleted.
pub(super) type Collectable = (DerivativeKey, Timestamp);

/// What was served, when it is no more.
pub(super) fn served(key: DerivativeKey, now: Timestamp) -> Collectable {
    let not_before = now.after(key.grace_of_served());
    (key, not_before)
}

/// Bytes that came with a registration, when they are no longer needed.
pub(super) fn upload(source: &ImageSource, now: Timestamp) -> Option<Collectable> {
    match source {
        ImageSource::Upload(id) => Some((DerivativeKey::Upload(*id), now.after(SERVED_GRACE))),
        ImageSource::Origin(_) => None,
    }
}

/// Bytes that are about to be stored for a registration, which may never come.
pub(super) fn expected(id: UploadId, now: Timestamp) -> Collectable {
    (DerivativeKey::Upload(id), now.after(UNCLAIMED_GRACE))
}

/// What the holder of a lease that has ended without a result may have written.
pub(super) fn lease(
    image: &ImageId,
    generation: Generation,
    token: LeaseToken,
    now: Timestamp,
) -> [Collectable; 2] {
    DerivativeKey::of_lease(image, generation, token).map(|key| (key, now.after(LEASE_GRACE)))
}

/// Notes objects; of two times for one object the later counts.
pub(super) async fn add(
    session: &Session,
    objects: impl IntoIterator<Item = Collectable>,
) -> Result<()> {
    // In order, so that two who note the same ones do not wait for each other, and each once, as the statement needs it.
    let mut times = BTreeMap::new();
    for (key, not_before) in objects {
        let time = times.entry(key.path()).or_insert(not_before);
        *time = not_before.max(*time);
    }
    if times.is_empty() {
        return Ok(());
    }
    let (paths, times): (Vec<_>, Vec<_>) = times
        .into_iter()
        .map(|(path, time)| (path, time.as_micros()))
        .unzip();
    session
        .execute(
            "INSERT INTO collectable (path, not_before) SELECT * FROM unnest($1::text[], $2::bigint[])
             ON CONFLICT (path) DO UPDATE SET not_before = greatest(collectable.not_before, excluded.not_before)",
            &[&paths, &times],
        )
        .await?;
    Ok(())
}

pub(super) async fn list(session: &Session, limit: usize) -> Result<Vec<DerivativeKey>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = session
        .rows(
            "SELECT path FROM collectable WHERE not_before <= $1 ORDER BY not_before, path LIMIT $2",
            &[&session.now().as_micros(), &limit],
        )
        .await?;
    let paths: Vec<String> = read_all(&rows, |columns| columns.get())?;
    // A path that names nothing (another version's, say) must not keep the others from being collected.
    Ok(paths.iter().filter_map(|path| path.parse().ok()).collect())
}

/// Forgets objects that have been deleted, or are needed again.
pub(super) async fn forget(
    session: &Session,
    keys: impl IntoIterator<Item = DerivativeKey>,
) -> Result<()> {
    let mut paths: Vec<_> = keys.into_iter().map(|key| key.path()).collect();
    if paths.is_empty() {
        return Ok(());
    }
    paths.sort_unstable();
    session
        .execute(
            "DELETE FROM collectable WHERE path IN
                 (SELECT path FROM collectable WHERE path = ANY ($1) ORDER BY path FOR UPDATE)",
            &[&paths],
        )
        .await?;
    Ok(())
}

/// The upload that a source is, where it is one.
pub(super) const fn claimed(source: &ImageSource) -> Option<DerivativeKey> {
    match source {
        ImageSource::Upload(id) => Some(DerivativeKey::Upload(*id)),
        ImageSource::Origin(_) => None,
    }
}
