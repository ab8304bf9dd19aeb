//! Sets of keys, eight bytes each: a store gives its objects in no order, so that all that rows name must be known at once.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::derivative::DerivativeKey;

/// A set of keys of eight bytes each; of 2^64 strangers it takes about as many for its own as it has.
#[derive(Debug, Default)]
pub struct KeySet {
    digests: Vec<u64>,
    sorted: usize,
}

impl KeySet {
    /// Adds a key.
    pub fn add(&mut self, key: &DerivativeKey) {
        self.digests.push(digest(key));
    }

    /// Whether no key has been added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Adds all keys of another set.
    pub fn append(&mut self, other: Self) {
        self.digests.extend(other.digests);
    }

    /// Whether a key has been added.
    #[must_use]
    pub fn contains(&mut self, key: &DerivativeKey) -> bool {
        if self.sorted < self.digests.len() {
            self.digests.sort_unstable();
            self.sorted = self.digests.len();
        }
        self.digests.binary_search(&digest(key)).is_ok()
    }
}

fn digest(key: &DerivativeKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
