//! The source of an image, kept as it came.

use crate::derivative::{Checksum, DerivativeKey, SourceFacts};
use crate::id::ImageId;
use crate::queue::{Generation, LeaseToken};
use crate::time::Timestamp;

/// The source of an image, kept as it came, for the channel `file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageOriginal {
    /// The registration that it was fetched by.
    pub generation: Generation,
    /// The claim of that registration.
    pub token: LeaseToken,
    /// What was fetched.
    pub source: SourceFacts,
    /// The BLAKE3 of its bytes.
    pub checksum: Checksum,
    /// When it became visible.
    pub stored: Timestamp,
}

impl ImageOriginal {
    /// Where it is stored.
    #[must_use]
    pub fn key(&self, image: &ImageId) -> DerivativeKey {
        DerivativeKey::original(image, self.generation, self.token)
    }
}

/// An object that something of an image is delivered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedObject {
    /// The object.
    pub key: DerivativeKey,
    /// Its length in bytes.
    pub length: u64,
    /// The BLAKE3 of its bytes.
    pub checksum: Checksum,
}
