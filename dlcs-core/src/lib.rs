//! wip

pub mod batch;
pub mod catalogue;
pub mod customer;
pub mod derivative;
pub mod id;
pub mod iiif;
pub mod image;
pub mod memory;
mod merge;
pub mod origin;
pub mod page;
pub mod queue;
pub mod space;
pub mod time;

pub use batch::Batch;
pub use catalogue::Catalogue;
pub use customer::Customer;
pub use derivative::{DerivativeStore, ImageProcessor, ImageRenderer};
pub use id::{BatchId, CustomerId, ImageId, ModelId, SpaceId};
pub use image::{Image, Registration};
pub use origin::{OriginRegistry, OriginStrategy};
pub use queue::IngestQueue;
pub use space::Space;
