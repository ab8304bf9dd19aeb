//! Rendered results that are remembered.

use bytes::Bytes;
use dlcs_core::derivative::Rendered;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::flight::Wanted;

/// What an entry takes beside its bytes.
const OVERHEAD: u64 = 512;

/// Weighs results by their bytes.
#[derive(Debug, Clone, Copy)]
struct ResultWeight;

impl Weighter<Wanted, Rendered> for ResultWeight {
    fn weight(&self, _wanted: &Wanted, rendered: &Rendered) -> u64 {
        rendered.bytes.len() as u64 + OVERHEAD
    }
}

/// Rendered results that are remembered; never stale, because the key of a derivative names one version of an image.
pub(super) struct Results {
    cache: Cache<Wanted, Rendered, ResultWeight>,
    largest: u64,
}

impl Results {
    /// Remembers at most this many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        // A typical result is a tile or a thumbnail.
        let typical = (bytes >> 15).clamp(1, 1 << 20) as usize;
        Self {
            cache: Cache::with_weighter(typical, bytes, ResultWeight),
            largest: (bytes / 8).saturating_sub(OVERHEAD),
        }
    }

    pub(super) fn get(&self, wanted: &Wanted) -> Option<Rendered> {
        self.cache.get(wanted)
    }

    /// Whether a result of this length would be remembered.
    pub(super) const fn takes(&self, length: usize) -> bool {
        length as u64 <= self.largest && self.largest > 0
    }

    /// Remembers a result that is not too long.
    pub(super) fn insert(&self, wanted: Wanted, rendered: &Rendered) {
        let bytes = Bytes::clone(&rendered.bytes);
        let format = rendered.format;
        self.cache.insert(wanted, Rendered { format, bytes });
    }
}
