//! Derivative stores: the backends that keep pyramids and uploads.

pub mod object;
#[cfg(feature = "derivative-s3")]
pub mod s3;
