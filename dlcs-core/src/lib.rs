#![doc = include_str!("../README.md")]

pub mod id;

pub mod batch;
pub mod customer;
pub mod image;
pub mod page;
pub mod policy;
pub mod request;
pub mod setting;
pub mod space;
pub mod storage;
pub mod time;

pub mod catalogue;
pub mod derivative;
pub mod notifier;
pub mod order;
pub mod origin;
pub mod queue;

pub mod iiif;

pub mod dlcs;
pub mod error;
pub mod fsck;
pub mod ingest;
pub mod memory;

mod merge;

pub use batch::Batch;
pub use catalogue::Catalogue;
pub use customer::Customer;
pub use derivative::{DerivativeStore, ImageProcessor, ImageRenderer};
pub use dlcs::{Dlcs, DlcsBuilder, Settings};
pub use error::{Error, Result};
pub use id::{BatchId, CustomerId, ImageId, ModelId, SpaceId};
pub use image::{Image, Registration};
pub use notifier::BatchNotifier;
pub use origin::{OriginRegistry, OriginStrategy};
pub use queue::IngestQueue;
pub use space::Space;
