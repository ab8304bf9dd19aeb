//! Keeping a source as it came.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use crate::derivative::{
    Checksum, DerivativeError, DerivativeKey, DerivativeStore, ImageProcessor, SourceFacts,
};
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

/// How many bytes are enough to tell what they are.
const START: usize = 512;

/// What is seen of a source as it passes.
#[derive(Default)]
struct Seen {
    sha256: Sha256,
    blake3: blake3::Hasher,
    start: Vec<u8>,
}

impl Seen {
    fn pass(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.blake3.update(bytes);
        let missing = START.saturating_sub(self.start.len());
        self.start.extend(bytes.iter().take(missing));
    }
}

/// Stores a source as it comes, under a key.
pub(super) async fn keep(
    store: &dyn DerivativeStore,
    key: &DerivativeKey,
    image: &Image,
    source: OriginResponse,
    processor: &dyn ImageProcessor,
) -> Result<StoredOriginal, KeepError> {
    let said = media_type(image, &source);
    let seen = Arc::<Mutex<Seen>>::default();
    let passing = Arc::clone(&seen);
    let body = source.into_body().inspect_ok(move |bytes| {
        let mut seen = passing.lock().unwrap_or_else(PoisonError::into_inner);
        seen.pass(bytes);
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
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    // The bytes of an image say what they are, whatever else is said of them.
    let recognised = processor.recognise(&seen.start);
    Ok(StoredOriginal {
        source: SourceFacts {
            media_type: recognised.map_or(said, ToOwned::to_owned),
            size,
            checksum: Checksum(seen.sha256.finalize().into()),
        },
        checksum: Checksum(*seen.blake3.finalize().as_bytes()),
    })
}

/// What a source is delivered as whose bytes do not say it: what its owner declared, or else what its origin said, or else what its address looks like.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_source_only_the_start_is_held() {
        let mut seen = Seen::default();
        for byte in [1, 2, 3] {
            seen.pass(&[byte; 300]);
        }
        assert_eq!(seen.start, [[1; 300].as_slice(), &[2; 212]].concat());
    }
}
