//! Which images of a catalogue, and in which order.

use super::{ImageCursor, ImageOrder};
use crate::id::{BatchId, CustomerId, ModelId, SpaceId};

/// Selects images of one customer; every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageQuery {
    /// Whose images.
    pub customer: CustomerId,
    /// In this space.
    pub space: Option<SpaceId>,
    /// Last submitted in one of these batches.
    pub batches: Option<Vec<BatchId>>,
    /// That this batch was made of, wherever they were submitted last.
    pub made_of: Option<BatchId>,
    /// With one of these ids.
    pub models: Option<Vec<ModelId>>,
    /// `string1` to `string3` is one of these.
    pub strings: [Option<Vec<String>>; 3],
    /// `number1` to `number3` is one of these.
    pub numbers: [Option<Vec<i64>>; 3],
    /// With at least one of these tags.
    pub tags: Option<Vec<String>>,
    /// Whose last registration failed, or did not.
    pub failed: Option<bool>,
    /// That wait or are being processed, or do not.
    pub pending: Option<bool>,
    /// The order of the listing: by each of these in turn, then by creation, by space and by model id, in the direction of the last.
    pub order: Vec<ImageOrder>,
    /// Only what comes behind this place, of a listing of the same order; its total is of all.
    pub after: Option<ImageCursor>,
}

impl ImageQuery {
    /// All images of a customer, in the order of their creation.
    #[must_use]
    pub fn of(customer: CustomerId) -> Self {
        Self {
            customer,
            space: None,
            batches: None,
            made_of: None,
            models: None,
            strings: [None, None, None],
            numbers: [None, None, None],
            tags: None,
            failed: None,
            pending: None,
            order: Vec::new(),
            after: None,
        }
    }

    /// Only those in a space.
    #[must_use]
    pub const fn in_space(mut self, space: SpaceId) -> Self {
        self.space = Some(space);
        self
    }

    /// Only those last submitted in a batch.
    #[must_use]
    pub fn in_batch(mut self, batch: BatchId) -> Self {
        self.batches = Some(vec![batch]);
        self
    }

    /// Only those that a batch was made of, wherever they were submitted last.
    #[must_use]
    pub const fn that_made(mut self, batch: BatchId) -> Self {
        self.made_of = Some(batch);
        self
    }
}
