//! Origins: the backends that fetch master images, and the guard of the addresses they may dial.

pub mod guard;
#[cfg(feature = "origin-http")]
pub mod http;
pub mod network;
