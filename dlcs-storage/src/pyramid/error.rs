//! From the failures of this module to those of the ports.

use std::error::Error;
use std::io;

use dlcs_core::derivative::{ProcessError, RenderError};
use thiserror::Error;

/// A failure of the machine or of an encoder, neither the image's fault nor the caller's.
#[derive(Debug, Error)]
pub(super) enum PyramidError {
    #[error("the spool file could not be used")]
    Spool(#[source] io::Error),
    #[error("the pixels could not be encoded")]
    Encode(#[source] Box<dyn Error + Send + Sync>),
    #[error("the pixels could not be resized")]
    Resize(#[source] Box<dyn Error + Send + Sync>),
    #[error("not every tile was read")]
    NoTiles,
    #[error("nobody waits for the derivative any more")]
    Abandoned,
    #[error("the blocking task ended early")]
    Task(#[from] tokio::task::JoinError),
    #[error("the renderer is shut down")]
    Closed(#[from] tokio::sync::AcquireError),
}

impl From<PyramidError> for ProcessError {
    fn from(error: PyramidError) -> Self {
        match error {
            // A file that ends early says something of what was to be read from it.
            PyramidError::Spool(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                Self::Spool { source }
            }
            error => Self::Backend {
                source: Box::new(error),
            },
        }
    }
}

impl From<PyramidError> for RenderError {
    fn from(error: PyramidError) -> Self {
        Self::Backend {
            source: Box::new(error),
        }
    }
}

/// A derivative that is not what was stored.
pub(super) fn damaged(reason: impl Into<String>) -> RenderError {
    RenderError::Damaged {
        reason: reason.into(),
    }
}
