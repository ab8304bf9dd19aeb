//! How much is stored.

use std::ops::AddAssign;

/// How many bytes are stored of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredBytes {
    /// Of derivatives without their thumbnails, and of sources that are kept as they came.
    pub images: u64,
    /// Of thumbnails.
    pub thumbnails: u64,
}

/// How much is stored of a customer, or of one of its spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageFigures {
    /// How many images are registered.
    pub images: u64,
    /// How many bytes are stored of them.
    pub bytes: StoredBytes,
}

impl AddAssign for StoredBytes {
    fn add_assign(&mut self, other: Self) {
        self.images += other.images;
        self.thumbnails += other.thumbnails;
    }
}
