//! Backends for `dlcs-core`: what touches files, networks and pixels.

pub mod pyramid;
