//! Notifiers: who is told when a batch has finished.
//!
//! # Writing your own
//! 1. Implement [`BatchNotifier`].
//! 2. Expect a notice more than once: it is told again when nobody knows whether it was heard. [`BatchNotice::id`] tells repetitions apart.

mod error;

use std::fmt;

use async_trait::async_trait;

pub use error::{NotifyError, Result};

use crate::queue::BatchNotice;

/// Is told when batches have finished.
#[async_trait]
pub trait BatchNotifier: fmt::Debug + Send + Sync + 'static {
    /// Tells that a batch has finished.
    ///
    /// `Ok` means that nobody needs to be told again, also when nobody wanted to know.
    ///
    /// # Errors
    /// [`NotifyError`]: it is tried again later.
    async fn notify(&self, notice: &BatchNotice) -> Result<()>;
}

const _: fn(&dyn BatchNotifier) = |_| {};
