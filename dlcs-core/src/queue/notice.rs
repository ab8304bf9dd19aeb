//! Notices that batches have finished, kept until somebody has taken them.

use std::fmt;

use crate::batch::Batch;

/// Numbers the notices of one queue: one per run of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(u64);

impl NoticeId {
    /// Returns the id with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A batch has finished.
///
/// There is one notice per run: submitting a batch begins one, retrying its failures another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchNotice {
    /// Names the notice, however often it is sent.
    pub id: NoticeId,
    /// The batch as it was when it finished.
    pub batch: Batch,
    /// Which attempt to tell of it this is, from 1.
    pub attempt: u32,
}
