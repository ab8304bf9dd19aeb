//! The IIIF Image API as pure code: the grammar of a request, what it means for an image, and which stored tiles answer it.

mod error;
mod info;
mod number;
mod plan;
mod pyramid;
mod request;
mod resolve;
mod terms;

pub use error::RequestError;
pub use info::Info;
pub use plan::{Plan, Stored, StoredLevel, plan};
pub use pyramid::{Dimensions, Level, Pyramid, TileSize};
pub use request::{GrammarVersion, ImageRequest};
pub use resolve::{Limits, Rect, ResolvedRequest};
pub use terms::{Format, Quality, Rotation, Version};

#[cfg(test)]
mod tests;
