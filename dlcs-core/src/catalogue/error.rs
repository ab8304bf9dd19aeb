//! What can go wrong in a catalogue.

use std::error::Error;

use thiserror::Error;

use super::UpdateProblem;

/// The result of asking a catalogue.
pub type Result<T, E = CatalogueError> = std::result::Result<T, E>;

/// What an operation of a catalogue was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A customer.
    Customer,
    /// An API key.
    Key,
    /// A space.
    Space,
    /// An image.
    Image,
    /// A batch.
    Batch,
    /// A customer's origin strategy.
    OriginStrategy,
    /// A policy of a delivery channel.
    ChannelPolicy,
    /// A default delivery channel.
    DefaultChannel,
    /// A named query.
    NamedQuery,
    /// A role that images may need.
    AccessRole,
    /// An authentication service.
    AuthService,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Customer => "customer",
            Self::Key => "key",
            Self::Space => "space",
            Self::Image => "image",
            Self::Batch => "batch",
            Self::OriginStrategy => "origin strategy",
            Self::ChannelPolicy => "delivery channel policy",
            Self::DefaultChannel => "default delivery channel",
            Self::NamedQuery => "named query",
            Self::AccessRole => "role",
            Self::AuthService => "authentication service",
        })
    }
}

/// What went wrong in a catalogue, by what the caller can do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// There is no such thing.
    #[error("there is no such {subject}")]
    NotFound {
        /// What was looked for.
        subject: Subject,
    },
    /// Its id, its name or its pattern is taken: choose another.
    #[error("a {subject} with this {property} exists already")]
    AlreadyExists {
        /// What was to be made.
        subject: Subject,
        /// What is taken: `id`, `name`, `regex` or `mediaType`.
        property: &'static str,
    },
    /// The space holds images: delete or move them first.
    #[error("the space holds {images} images")]
    SpaceNotEmpty {
        /// How many.
        images: u64,
    },
    /// The last key of an administrator cannot be deleted: make another first.
    #[error("this is the last key of an administrator")]
    LastKey,
    /// Something refers to it: let that refer to something else first.
    #[error("the {subject} is in use")]
    InUse {
        /// What was to be deleted.
        subject: Subject,
    },
    /// The changes take effect only by processing the image again: register it.
    #[error("the changes need the image to be processed again")]
    NeedsProcessing,
    /// Some of several changes cannot be made, and none was: leave them out.
    #[error("{} of the changes cannot be made", .problems.len())]
    Refused {
        /// Every one that cannot.
        problems: Vec<UpdateProblem>,
    },
    /// The database is not available: try again.
    #[error("the `{backend}` catalogue is not available")]
    Unavailable {
        /// The backend.
        backend: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The backend failed.
    #[error("the `{backend}` catalogue failed")]
    Backend {
        /// The backend.
        backend: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}
