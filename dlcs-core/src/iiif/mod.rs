//! The IIIF Image API as pure code: the grammar of a request, what it means for an image, and which stored tiles answer it.

mod among;
mod error;
mod formats;
mod geometry;
mod info;
mod limits;
mod number;
mod plan;
mod pyramid;
mod request;
mod resolve;
mod rotation;
mod terms;

pub use error::RequestError;
pub use formats::FormatSet;
pub use info::Info;
pub use limits::Limits;
pub use plan::{Plan, Stored, StoredLevel, plan};
pub use pyramid::{Dimensions, Level, Pyramid, TileSize};
pub use request::{GrammarVersion, ImageRequest};
pub use resolve::{Rect, ResolvedRequest};
pub use rotation::{Rotation, rotated_size};
pub use terms::{Format, Quality, Version};

#[cfg(test)]
mod tests;
