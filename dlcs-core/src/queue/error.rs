//! What can go wrong in the queue.

use std::error::Error;
use std::fmt;

use thiserror::Error;

use crate::storage::OverQuota;

/// The result of asking the queue.
pub type Result<T, E = QueueError> = std::result::Result<T, E>;

/// What is wrong with one item of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmissionProblemKind {
    /// Its space does not exist.
    SpaceNotFound,
    /// It is new, and neither an origin nor bytes came with it.
    SourceMissing,
    /// No bytes came with it, and those that came before are gone: the image is made of them.
    BytesGone,
    /// It exists, and was to be created.
    AlreadyExists,
    /// It does not exist, and was to be changed.
    NotFound,
    /// It stands in the submission twice.
    Duplicate,
    /// It belongs to another customer than the submission.
    OtherCustomer,
}

impl fmt::Display for SubmissionProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpaceNotFound => "its space does not exist",
            Self::SourceMissing => "it is new and has no origin",
            Self::BytesGone => "its bytes were deleted once it was ready: send the bytes again",
            Self::AlreadyExists => "it exists already",
            Self::NotFound => "it does not exist",
            Self::Duplicate => "it stands in the submission twice",
            Self::OtherCustomer => "it belongs to another customer",
        })
    }
}

/// A faulty item of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmissionProblem {
    /// Its place in the submission, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub kind: SubmissionProblemKind,
}

/// What went wrong in the queue, by what the caller can do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The customer would have more than it may; nothing was stored: make room.
    #[error(transparent)]
    OverQuota(#[from] OverQuota),
    /// The submission is faulty; nothing was stored: correct it.
    #[error("the submission is refused: {}", list(.problems))]
    Refused {
        /// Every problem, in the order of the submission.
        problems: Vec<SubmissionProblem>,
    },
    /// The lease has ended and somebody else may hold the image: stop working on it.
    #[error("the lease has been lost")]
    LeaseLost,
    /// The customer has no such batch.
    #[error("there is no such batch")]
    BatchNotFound,
    /// The database is not available: try again.
    #[error("the `{backend}` queue is not available")]
    Unavailable {
        /// The backend.
        backend: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The backend failed.
    #[error("the `{backend}` queue failed")]
    Backend {
        /// The backend.
        backend: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

fn list(problems: &[SubmissionProblem]) -> String {
    let shown: Vec<_> = problems
        .iter()
        .take(3)
        .map(|p| format!("item {}: {}", p.index, p.kind))
        .collect();
    let rest = problems.len().saturating_sub(shown.len());
    if rest == 0 {
        shown.join("; ")
    } else {
        format!("{}; and {rest} more", shown.join("; "))
    }
}
