//! Origins: the backends that fetch master images, and the guard of the addresses they may dial.

#[cfg(any(feature = "origin-http", feature = "origin-s3"))]
pub mod authorities;
mod bounds;
#[cfg(any(feature = "origin-http", feature = "origin-s3"))]
mod client;
pub mod guard;
#[cfg(feature = "origin-http")]
pub mod http;
pub mod network;
pub mod object;
pub mod opened;
#[cfg(any(feature = "origin-http", feature = "origin-s3"))]
mod resolver;
#[cfg(feature = "origin-s3")]
pub mod s3;
#[cfg(any(feature = "origin-http", feature = "origin-s3"))]
mod slots;
#[cfg(any(feature = "origin-http", feature = "origin-s3"))]
mod unanswered;
