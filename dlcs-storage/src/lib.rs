#![doc = include_str!("../README.md")]

#[cfg(feature = "catalogue-sqlite")]
pub mod backup;
pub mod catalogue;
pub mod derivative;
mod durable;
mod lock;
pub mod notifier;
pub mod origin;
pub mod pyramid;
#[cfg(any(feature = "origin-s3", feature = "derivative-s3"))]
mod s3;
#[cfg(all(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
pub mod transfer;
