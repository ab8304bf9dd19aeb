//! Catalogues that keep their records in databases, each with its queue.

#[cfg(feature = "catalogue-sqlite")]
pub mod sqlite;

#[cfg(feature = "catalogue-sqlite")]
pub use sqlite::{SqliteCatalogue, SqliteCatalogueConfig};
