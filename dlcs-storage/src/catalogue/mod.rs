//! Catalogues that keep their records in databases, each with its queue.

#[cfg(feature = "catalogue-postgres")]
pub mod postgres;
#[cfg(feature = "catalogue-sqlite")]
pub mod sqlite;

#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod cache;
#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod order;
#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod record;
#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod seal;
#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod setting;
#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod sound;

#[cfg(all(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
mod table;

#[cfg(feature = "catalogue-postgres")]
pub use postgres::{PostgresCatalogue, PostgresCatalogueConfig};
#[cfg(any(feature = "catalogue-postgres", feature = "catalogue-sqlite"))]
pub use seal::{KeyFileError, SealingKey};
#[cfg(feature = "catalogue-sqlite")]
pub use sqlite::{SqliteCatalogue, SqliteCatalogueConfig};
