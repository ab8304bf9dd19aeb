//! Keeping a source as it came.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use crate::derivative::{Checksum, DerivativeError, DerivativeKey, DerivativeStore, SourceFacts};
use crate::image::{Image, ImageSource};
use crate::origin::{OriginError, OriginResponse};
use crate::queue::StoredOriginal;
use crate::setting::{MediaRange, media_type_of};

/// Why a source could not be kept.
#[derive(Debug)]
pub(super) enum KeepError {
    /// It stopped coming.
    Origin(OriginError),
    /// It could not be stored.
    Store(DerivativeError),
}

#[derive(Default)]
struct Digests {
    sha256: Sha256,
    blake3: blake3::Hasher,
}

/// Stores a source as it comes, under a key.
pub(super) async fn keep(
    store: &dyn DerivativeStore,
    key: &DerivativeKey,
    image: &Image,
    source: OriginResponse,
) -> Result<StoredOriginal, KeepError> {
    let media_type = media_type(image, &source);
    let digests = Arc::<Mutex<Digests>>::default();
    let seen = Arc::clone(&digests);
    let body = source.into_body().inspect_ok(move |bytes| {
        let mut digests = seen.lock().unwrap_or_else(PoisonError::into_inner);
        digests.sha256.update(bytes);
        digests.blake3.update(bytes);
    });
    let body = body.map_err(|error| DerivativeError::Body {
        source: Box::new(error),
    });
    let size = match store.put(key, body.boxed()).await {
        Ok(size) => size,
        Err(DerivativeError::Body { source }) => {
            return Err(match source.downcast::<OriginError>() {
                Ok(error) => KeepError::Origin(*error),
                Err(source) => KeepError::Store(DerivativeError::Body { source }),
            });
        }
        Err(error) => return Err(KeepError::Store(error)),
    };
    let digests = std::mem::take(&mut *digests.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(StoredOriginal {
        source: SourceFacts {
            media_type,
            size,
            checksum: Checksum(digests.sha256.finalize().into()),
        },
        checksum: Checksum(*digests.blake3.finalize().as_bytes()),
    })
}

/// What a source is delivered as: what its owner declared, or else what its origin said, or else what its address looks like.
fn media_type(image: &Image, source: &OriginResponse) -> String {
    let looks_like = match image.fetch_source() {
        ImageSource::Origin(origin) => media_type_of(origin.url()),
        ImageSource::Upload(_) => None,
    };
    // A header is the word of a stranger: only what is a media type is passed on.
    let is_one = |text: &str| {
        let essence = text.split(';').next().unwrap_or_default();
        let range = MediaRange::parse(essence).ok()?;
        (!range.as_str().contains('*')).then(|| range.as_str().to_owned())
    };
    let declared = image.media_type.as_deref().and_then(is_one);
    declared
        .or_else(|| source.media_type().and_then(is_one))
        .or_else(|| looks_like.map(ToOwned::to_owned))
        .unwrap_or_else(|| "application/octet-stream".to_owned())
}
