//! From a derivative and a IIIF request to the bytes of a response.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

use super::{DerivativeError, DerivativeKey, DerivativeStore};
use crate::iiif::{Format, FormatSet, ResolvedRequest};
use crate::image::ImageService;

/// The body of a IIIF Image API response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The format of the bytes.
    pub format: Format,
    /// The bytes.
    pub bytes: Bytes,
}

/// Why an image request could not be answered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The derivative could not be read.
    #[error("the derivative could not be read")]
    Derivative(#[from] DerivativeError),
    /// The derivative is not what was stored: register the image again.
    #[error("the derivative is damaged: {reason}")]
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// The result takes more memory than one request may: ask for a smaller one.
    #[error(
        "making this takes {needed} bytes of memory and {available} are given to one request: ask for a smaller size, or for another format"
    )]
    TooLarge {
        /// The bytes that it takes.
        needed: u64,
        /// The bytes that one request may take.
        available: u64,
    },
    /// Too much is being rendered: try again later.
    #[error("too many images are being rendered")]
    Overloaded,
    /// The machine failed.
    #[error("the image could not be rendered")]
    Backend {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Answers IIIF Image API requests from derivatives.
#[async_trait]
pub trait ImageRenderer: fmt::Debug + Send + Sync + 'static {
    /// The formats that it can write.
    ///
    /// # Behaviour
    /// * Every request for one of them is rendered in it; others are never asked for.
    fn formats(&self) -> FormatSet;

    /// Renders a request that has been resolved against the image, from the derivative that is stored under a key.
    ///
    /// # Behaviour
    /// * A request for a stored tile is a copy of its bytes.
    /// * Everything else is decoded from the smallest level that suffices.
    /// * The result has exactly the dimensions of the request.
    ///
    /// # Errors
    /// See [`RenderError`].
    async fn render(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
        request: &ResolvedRequest,
    ) -> Result<Rendered, RenderError>;
}

const _: fn(&dyn ImageRenderer) = |_| {};
