//! Catalogues that keep their records in databases, each with its queue.

#[cfg(feature = "catalogue-sqlite")]
pub mod sqlite;

#[cfg(feature = "catalogue-sqlite")]
mod cache;
#[cfg(feature = "catalogue-sqlite")]
mod record;
#[cfg(feature = "catalogue-sqlite")]
mod seal;

#[cfg(feature = "catalogue-sqlite")]
pub use seal::{KeyFileError, SealingKey};
#[cfg(feature = "catalogue-sqlite")]
pub use sqlite::{SqliteCatalogue, SqliteCatalogueConfig};
