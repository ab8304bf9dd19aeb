//! Backends for `dlcs-core`: SQLite, object stores, origins, pixels.

pub mod catalogue;
pub mod derivative;
pub mod origin;
pub mod pyramid;
