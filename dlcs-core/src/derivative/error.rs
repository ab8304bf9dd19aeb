//! What can go wrong in a derivative store.

use std::error::Error;

use thiserror::Error;

use super::DerivativeKey;

/// The result of asking a derivative store.
pub type Result<T, E = DerivativeError> = std::result::Result<T, E>;

/// What went wrong in a derivative store, by what the caller can do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DerivativeError {
    /// There is no such object: register the image again.
    #[error("there is no object `{key}`")]
    NotFound {
        /// The key that was asked for.
        key: DerivativeKey,
    },
    /// The stream of bytes to be stored failed; nothing was stored.
    #[error("the bytes to be stored could not be read")]
    Body {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is no room: make some.
    #[error("the derivative store is full")]
    Full {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store failed: try again.
    #[error("the `{backend}` derivative store failed")]
    Backend {
        /// The backend.
        backend: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}
