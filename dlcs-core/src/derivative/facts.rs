//! What is known of a derivative without reading it.

use std::ops::Range;

use super::Checksum;
use crate::iiif::{Dimensions, Pyramid};

/// What the catalogue keeps of a stored derivative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivativeFacts {
    /// Its levels and tiles.
    pub pyramid: Pyramid,
    /// The sizes of the whole image that its thumbnail policy asked for, ascending: each lies ready as JPEG.
    pub thumbnails: Vec<Dimensions>,
    /// How many of its bytes are those of its thumbnails.
    pub thumbnail_bytes: u64,
    /// Which of its bytes hold everything but the pixels.
    pub index: Range<u64>,
    /// Its length in bytes.
    pub length: u64,
    /// The BLAKE3 of its bytes.
    pub checksum: Checksum,
}

impl DerivativeFacts {
    /// A derivative without thumbnails.
    #[must_use]
    pub const fn new(pyramid: Pyramid, index: Range<u64>, length: u64, checksum: Checksum) -> Self {
        Self {
            pyramid,
            thumbnails: Vec::new(),
            thumbnail_bytes: 0,
            index,
            length,
            checksum,
        }
    }

    /// The size of the full image, upright.
    #[must_use]
    pub const fn dimensions(&self) -> Dimensions {
        self.pyramid.dimensions
    }
}
