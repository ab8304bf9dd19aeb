//! What can go wrong when somebody is told something.

use std::error::Error;
use std::time::Duration;

use thiserror::Error;

/// The result of telling somebody.
pub type Result<T, E = NotifyError> = std::result::Result<T, E>;

/// Why somebody could not be told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// Nobody answered.
    #[error("nobody answered")]
    Unreachable {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer was not that it was heard.
    #[error("the answer had status {status}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// How long to wait before another attempt.
        retry_after: Option<Duration>,
    },
}

impl NotifyError {
    /// How long to wait before another attempt, where that was said.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unreachable { .. } => None,
        }
    }
}
