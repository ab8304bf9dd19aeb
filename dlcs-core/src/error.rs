//! The error of the facade, over those of the ports.

use thiserror::Error;

use crate::catalogue::{CatalogueError, Subject};
use crate::derivative::{DerivativeError, RenderError};
use crate::id::ImageId;
use crate::image::{FieldProblem, Image};
use crate::ingest::IngestError;
use crate::origin::OriginError;
use crate::queue::QueueError;
use crate::setting::NamedQueryError;

/// The result of asking [`Dlcs`](crate::Dlcs).
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by what the caller can do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A part that has no default was not given to the builder.
    #[error("`Dlcs::builder()` needs `{missing}`")]
    Incomplete {
        /// The method of the builder that gives it.
        missing: &'static str,
    },
    /// A registration or a change says something that cannot be: correct it.
    #[error("the request is refused: {}", .problems.first().map_or_else(String::new, ToString::to_string))]
    Invalid {
        /// Every problem.
        problems: Vec<FieldProblem>,
    },
    /// A batch without images.
    #[error("a batch needs at least one image")]
    BatchEmpty,
    /// A batch with more images than allowed.
    #[error("a batch may hold at most {limit} images; this one has {count}")]
    BatchTooLarge {
        /// How many came.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The registration was tried and failed; its record is kept, with the sentence in it.
    #[error("the image could not be registered")]
    Ingest {
        /// The record, as it is now.
        image: Box<Image>,
        /// Why.
        source: IngestError,
    },
    /// The image was registered again, deleted, or taken over by a worker while this registration ran: this one does not count.
    #[error(
        "`{image}` was registered again, deleted or taken over by a worker meanwhile: look at it again"
    )]
    Superseded {
        /// The image.
        image: ImageId,
    },
    /// The image exists but nothing of it is served yet.
    #[error("`{image}` has not been processed yet")]
    NotReady {
        /// The image.
        image: ImageId,
    },
    /// A named query needs other arguments: correct them.
    #[error("the named query `{query}` cannot be asked like this")]
    Arguments {
        /// Its name.
        query: String,
        /// What is missing, or is not the number that it should be.
        source: NamedQueryError,
    },
    /// A named query selects more images than can be taken at once: narrow it.
    #[error("the named query selects {count} images, and {limit} may be taken at once")]
    SelectedTooMany {
        /// How many it selects.
        count: u64,
        /// How many it may select.
        limit: u64,
    },
    /// No origin serves an address.
    #[error("the origin cannot be used")]
    Origin(#[from] OriginError),
    /// The catalogue's error.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The queue's error.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The derivative store's error.
    #[error(transparent)]
    Derivative(#[from] DerivativeError),
    /// The renderer's error.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl Error {
    /// Something that was asked for does not exist.
    pub(crate) const fn not_found(subject: Subject) -> Self {
        Self::Catalogue(CatalogueError::NotFound { subject })
    }
}
