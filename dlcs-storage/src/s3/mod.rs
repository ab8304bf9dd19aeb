//! What S3 as an origin and S3 as a store of derivatives share: names, the credentials of this program, and how requests leave.

mod environment;
mod name;
mod wire;

pub use environment::EnvironmentError;
pub(crate) use environment::{Environment, endpoint, fixed};
pub(crate) use name::{is_bucket, is_region};
#[cfg(feature = "derivative-s3")]
pub(crate) use wire::client;
pub(crate) use wire::{MAX_ERROR_BYTES, element, incoming, outgoing};
