//! Where the streams of a derivative are read: in its store, or in what came with its index.

use std::ops::Range;

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeFacts, DerivativeKey, DerivativeStore, RenderError};

use super::error::damaged;

/// Bytes that are read with an index where each read is a request to another machine: small levels lie beside it, and who asks for one image
/// asks for them next.
const AHEAD: u64 = 128 << 10;
/// Thumbnails lie between, and are read too when they have no more bytes than this.
const THUMBNAILS: u64 = 384 << 10;

/// Bytes of a derivative that came with its index.
#[derive(Debug)]
pub(super) struct Ahead {
    start: u64,
    bytes: Bytes,
}

impl Ahead {
    /// Reads the index, and what lies beside it.
    pub(super) async fn read(
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        facts: &DerivativeFacts,
    ) -> Result<Self, RenderError> {
        let range = with_neighbours(facts);
        let start = range.start;
        let bytes = store.get_range(key, range).await?;
        Ok(Self { start, bytes })
    }

    /// A range that lies within.
    pub(super) fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let place = |offset: u64| usize::try_from(offset.checked_sub(self.start)?).ok();
        let (start, end) = (place(range.start)?, place(range.end)?);
        (start <= end && end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }

    /// How much memory it takes.
    pub(super) const fn weight(&self) -> u64 {
        self.bytes.len() as u64 + 256
    }
}

/// The index and the bytes after it; where it is the end of the derivative, the thumbnails, which come before it.
fn with_neighbours(facts: &DerivativeFacts) -> Range<u64> {
    let Range { start, end } = facts.index;
    let thumbnails = if facts.thumbnail_bytes <= THUMBNAILS {
        facts.thumbnail_bytes
    } else {
        0
    };
    if end < facts.length {
        let beyond = end.saturating_add(thumbnails + AHEAD);
        start..facts.length.min(beyond)
    } else {
        start.saturating_sub(thumbnails)..end
    }
}

/// Reads the streams of one derivative.
#[derive(Clone, Copy)]
pub(super) struct Reads<'s> {
    store: &'s dyn DerivativeStore,
    key: &'s DerivativeKey,
    ahead: Option<&'s Ahead>,
}

impl<'s> Reads<'s> {
    /// Reads an object, of which some bytes may be known.
    pub(super) const fn new(
        store: &'s dyn DerivativeStore,
        key: &'s DerivativeKey,
        ahead: Option<&'s Ahead>,
    ) -> Self {
        Self { store, key, ahead }
    }

    /// The key of the object.
    pub(super) const fn key(self) -> &'s DerivativeKey {
        self.key
    }

    /// Reads a range, all of it.
    pub(super) async fn read(self, range: Range<u64>) -> Result<Bytes, RenderError> {
        if let Some(found) = self.known(&range) {
            return Ok(found);
        }
        let length = range.end - range.start;
        let bytes = self.store.get_range(self.key, range).await?;
        whole(bytes, length)
    }

    /// Reads a range, all of it, behind other bytes.
    pub(super) async fn read_after(
        self,
        range: Range<u64>,
        before: &[u8],
    ) -> Result<Bytes, RenderError> {
        if let Some(found) = self.known(&range) {
            return Ok([before, &found].concat().into());
        }
        let length = before.len() as u64 + (range.end - range.start);
        let bytes = self.store.get_range_after(self.key, range, before).await?;
        whole(bytes, length)
    }

    fn known(self, range: &Range<u64>) -> Option<Bytes> {
        self.ahead?.get(range)
    }
}

fn whole(bytes: Bytes, length: u64) -> Result<Bytes, RenderError> {
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(damaged("it ends early"))
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::derivative::Checksum;
    use dlcs_core::iiif::{Dimensions, Pyramid, TileSize};

    use super::*;

    #[test]
    fn what_lies_beside_an_index_is_read_with_it() {
        let pyramid = Pyramid {
            dimensions: Dimensions::new(1000, 1000).unwrap(),
            tile: TileSize::Px512,
        };
        for (index, length, thumbnails, expected) in [
            (0..5000, 9_000_000, 0, 0..5000 + AHEAD),
            (0..5000, 9_000_000, 70_000, 0..75_000 + AHEAD),
            (0..5000, 9_000_000, THUMBNAILS + 1, 0..5000 + AHEAD),
            (0..5000, 9000, 0, 0..9000),
            (8000..9000, 9000, 3000, 5000..9000),
            (
                8_000_000..8_001_000,
                8_001_000,
                1 << 20,
                8_000_000..8_001_000,
            ),
            (8000..9000, 9000, 0, 8000..9000),
        ] {
            let mut facts = DerivativeFacts::new(pyramid, index, length, Checksum([0; 32]));
            facts.thumbnail_bytes = thumbnails;
            assert_eq!(with_neighbours(&facts), expected);
        }
    }

    #[test]
    fn only_what_lies_within_is_known() {
        let ahead = Ahead {
            start: 100,
            bytes: Bytes::from_static(b"0123456789"),
        };
        for (range, expected) in [
            (100..110, Some(&b"0123456789"[..])),
            (103..105, Some(b"34")),
            (99..105, None),
            (105..111, None),
            (200..210, None),
        ] {
            assert_eq!(ahead.get(&range).as_deref(), expected, "{range:?}");
        }
    }
}
