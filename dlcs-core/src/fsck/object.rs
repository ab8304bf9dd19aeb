//! One image against its objects.

use super::fault::Damage;
use crate::Result;
use crate::derivative::{Checksum, DerivativeError, DerivativeKey, DerivativeStore};
use crate::image::ServedObject;

/// How much of an object is held in memory: of a file, and of what another machine sends, where each read is a request.
const CHUNK: [u64; 2] = [1 << 20, 8 << 20];

/// Whether bytes that were sent are there; nothing else is known of them.
pub(super) async fn find(
    store: &dyn DerivativeStore,
    key: &DerivativeKey,
) -> Result<Option<Damage>> {
    damage(store, store.length(key).await.map(|_| None))
}

/// Reads an object, and says what is wrong with it by its record.
pub(super) async fn inspect(
    store: &dyn DerivativeStore,
    recorded: &ServedObject,
) -> Result<Option<Damage>> {
    damage(store, compare(store, recorded).await)
}

async fn compare(
    store: &dyn DerivativeStore,
    object: &ServedObject,
) -> Result<Option<Damage>, DerivativeError> {
    let key = &object.key;
    let (recorded, found) = (object.length, store.length(key).await?);
    if found != recorded {
        return Ok(Some(Damage::Length { recorded, found }));
    }
    let (length, checksum) = digest(store, key).await?;
    if length != recorded {
        // It has become another one meanwhile.
        let found = length;
        return Ok(Some(Damage::Length { recorded, found }));
    }
    let (recorded, found) = (object.checksum, checksum);
    Ok((found != recorded).then_some(Damage::Checksum { recorded, found }))
}

/// Reads an object, and returns its length in bytes and the BLAKE3 of them.
///
/// # Errors
/// The store's.
pub async fn digest(
    store: &dyn DerivativeStore,
    key: &DerivativeKey,
) -> Result<(u64, Checksum), DerivativeError> {
    let chunk = CHUNK[usize::from(store.is_remote())];
    let (mut hash, mut length) = (blake3::Hasher::new(), 0);
    loop {
        let bytes = store.get_range(key, length..length + chunk).await?;
        if bytes.is_empty() {
            return Ok((length, Checksum(*hash.finalize().as_bytes())));
        }
        length += bytes.len() as u64;
        hash.update(&bytes);
        // Of a file in memory, nothing else waits.
        tokio::task::yield_now().await;
    }
}

/// What is wrong with one object, told from what is wrong with the store.
fn damage(
    store: &dyn DerivativeStore,
    outcome: Result<Option<Damage>, DerivativeError>,
) -> Result<Option<Damage>> {
    match outcome {
        Ok(damage) => Ok(damage),
        Err(DerivativeError::NotFound { .. }) => Ok(Some(Damage::Missing)),
        // A file that cannot be read says nothing of others; a machine that does not answer says nothing of its objects.
        Err(DerivativeError::Backend { source, .. }) if !store.is_remote() => {
            let error = source.to_string();
            Ok(Some(Damage::Unreadable { error }))
        }
        Err(error) => Err(error.into()),
    }
}
