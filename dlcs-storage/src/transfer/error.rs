//! Why nothing was moved, or not everything.

use dlcs_core::catalogue::CatalogueError;
use dlcs_core::derivative::{DerivativeError, DerivativeKey};
use dlcs_core::id::ImageId;
use thiserror::Error;

/// Why a catalogue or its objects were not moved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The other store holds objects of somebody else.
    #[error(
        "the store holds `{key}`, which is not of this catalogue: choose a store or a prefix that is empty"
    )]
    StoreOccupied {
        /// One of them.
        key: DerivativeKey,
    },
    /// The other catalogue holds something else.
    #[error(
        "the database holds something else in `{table}`: choose a database or a schema that is empty"
    )]
    CatalogueOccupied {
        /// The first table that differs.
        table: &'static str,
    },
    /// An object is missing or damaged in the original.
    #[error(
        "the object `{key}` of image `{image}` is missing or damaged where it is: let `dlcs fsck` look at all of them first"
    )]
    Damaged {
        /// The image.
        image: ImageId,
        /// The object.
        key: DerivativeKey,
    },
    /// An object came out differently.
    #[error("the object `{key}` is another one in the store than it was: look at the store")]
    Differs {
        /// The object.
        key: DerivativeKey,
    },
    /// One of the catalogues failed.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// One of the stores failed.
    #[error(transparent)]
    Derivative(#[from] DerivativeError),
}
