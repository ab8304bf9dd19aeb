//! Batches: images that were submitted together.

use crate::id::{BatchId, CustomerId};
use crate::order::{Key, Order};
use crate::time::Timestamp;

/// A batch and how far it has come.
///
/// Invariants, in every snapshot:
/// * `completed + errors <= count`;
/// * `finished` is set exactly when they are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: BatchId,
    /// Whose it is.
    pub customer: CustomerId,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// How many images it was made of.
    pub count: u64,
    /// How many of them have ended well, or have been overtaken or deleted before their turn.
    pub completed: u64,
    /// How many of them have failed.
    pub errors: u64,
    /// When the last of them ended.
    pub finished: Option<Timestamp>,
    /// Whether all its images have been registered again elsewhere, or deleted.
    pub superseded: bool,
}

/// An order of batches; what is equal goes by number.
pub type BatchOrder = Order<BatchOrderBy>;

/// A property to order batches by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchOrderBy {
    /// The number: batches that came later have higher ones.
    Id,
    /// When it was submitted.
    Submitted,
    /// How many images it was made of.
    Count,
    /// How many of them have ended well.
    Completed,
    /// How many of them have failed.
    Errors,
    /// When the last of them ended.
    Finished,
    /// Whether it is superseded.
    Superseded,
}

impl BatchOrderBy {
    /// What a batch has of the property.
    #[must_use]
    pub fn key(self, batch: &Batch) -> Key {
        match self {
            Self::Id => batch.id.get().into(),
            Self::Submitted => batch.submitted.into(),
            Self::Count => batch.count.into(),
            Self::Completed => batch.completed.into(),
            Self::Errors => batch.errors.into(),
            Self::Finished => batch.finished.into(),
            Self::Superseded => batch.superseded.into(),
        }
    }
}

/// Selects batches of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchFilter {
    /// All.
    #[default]
    All,
    /// Not finished.
    Active,
    /// Finished and not superseded.
    Recent,
}

impl BatchFilter {
    /// Whether a batch is selected.
    #[must_use]
    pub const fn selects(self, batch: &Batch) -> bool {
        match self {
            Self::All => true,
            Self::Active => batch.finished.is_none(),
            Self::Recent => batch.finished.is_some() && !batch.superseded,
        }
    }
}

/// What a customer has in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueSize {
    /// Images that wait or are being processed.
    pub images: u64,
    /// Of these, those that wait.
    pub images_waiting: u64,
    /// Batches that are not finished.
    pub batches: u64,
}

/// What is in the queue, of all customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueTotals {
    /// Images that wait in the default lane, those included that are set apart.
    pub waiting: u64,
    /// Images that wait in the priority lane.
    pub waiting_priority: u64,
    /// Jobs that have ended well, since there is a queue.
    pub succeeded: u64,
    /// Jobs that have failed, since there is a queue.
    pub failed: u64,
}
