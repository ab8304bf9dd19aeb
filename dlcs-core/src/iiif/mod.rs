//! The IIIF Image API as pure code: the grammar of a request, what it means for an image, and which stored tiles answer it.

mod pyramid;

pub use pyramid::{Dimensions, Level, Pyramid, TileSize};

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG.
    Jpg,
    /// PNG.
    Png,
}

/// A request that has been resolved against the image.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedRequest {}

/// The largest results of image requests; `None`: no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// The largest width in pixels.
    pub max_width: Option<u32>,
    /// The largest height in pixels.
    pub max_height: Option<u32>,
    /// The most pixels.
    pub max_area: Option<u64>,
}
