//! Origins: the backends that fetch master images, and the guard of the addresses they may dial.

#[cfg(feature = "origin-http")]
pub mod authorities;
mod bounds;
#[cfg(feature = "origin-http")]
mod client;
pub mod guard;
#[cfg(feature = "origin-http")]
pub mod http;
pub mod network;
pub mod object;
pub mod opened;
#[cfg(feature = "origin-http")]
mod resolver;
#[cfg(feature = "origin-http")]
mod slots;
#[cfg(feature = "origin-http")]
mod unanswered;
