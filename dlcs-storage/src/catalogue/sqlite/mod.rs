//! The catalogue and the queue in one SQLite file, for one process.
//!
//! * One thread writes, in transactions that many operations share; a few connections read, each in a snapshot.
//! * Images that are asked for again and again are kept in memory, and forgotten when they change.
//! * Write-ahead log and full synchronisation: what has returned survives a loss of power.
//! * A second process is refused. Therefore the leases of a process that has died are given back when the file is next opened.
//! * Credentials of origins are sealed; the key lies in the file `credentials.key` beside the database, unless the settings bring one.

mod batch;
mod changes;
mod claim;
mod collectable;
mod config;
mod connection;
mod copy;
mod customer;
mod error;
#[cfg(feature = "catalogue-postgres")]
mod export;
mod image;
mod job;
mod ledger;
mod line;
mod list;
mod migrate;
mod notice;
mod open;
mod origin_strategy;
mod original;
mod port;
mod query;
mod queue;
mod reader;
mod request;
mod row;
mod service;
mod setting;
mod share;
mod space;
mod submission;
#[cfg(test)]
mod testing;
mod turn;
mod writer;

use std::fs::File;
use std::sync::Arc;

use dlcs_core::time::{Clock, Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;

pub use super::SealingKey;
pub use config::SqliteCatalogueConfig;
pub(crate) use copy::CopiedDatabase;
pub use error::OpenError;

#[cfg(feature = "catalogue-postgres")]
use super::table;
use super::{cache, order, record, seal, setting as setting_row, sound};
use cache::Caches;
use error::{Result, SqliteError};
use query::{Sequence, count, page_bounds, query_all, query_one};
use reader::Readers;
use seal::Sealer;
use writer::{Terms, Writer};

/// A catalogue and its queue in one SQLite file.
///
/// Dropping it waits for what has been handed over and closes the file.
///
/// # Examples
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use dlcs_storage::catalogue::{SqliteCatalogue, SqliteCatalogueConfig};
/// let catalogue = SqliteCatalogue::open(SqliteCatalogueConfig::temporary()).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteCatalogue {
    // The order matters. The writer is the last to close: it empties the write-ahead log. Only then the lock is given up, and a temporary
    // folder deleted.
    readers: Readers,
    writer: Writer,
    caches: Arc<Caches>,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    _lock: File,
    _folder: Option<TempDir>,
}

impl SqliteCatalogue {
    /// Opens a catalogue, makes it when it is missing, and gives back what a process that has died held.
    ///
    /// # Errors
    /// See [`OpenError`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn open(config: SqliteCatalogueConfig) -> Result<Self, OpenError> {
        match tokio::task::spawn_blocking(move || open::open(config)).await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => panic!("the runtime is shutting down"),
            },
        }
    }

    async fn read<T, F>(&self, read: F) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.readers.run(read).await
    }

    /// Writes something, and returns once it is durable.
    async fn write<T, F>(&self, operation: F) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Timestamp) -> Result<T> + Send + 'static,
    {
        self.write_on(Terms::DURABLE, operation).await
    }

    async fn write_on<T, F>(&self, terms: Terms, operation: F) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Timestamp) -> Result<T> + Send + 'static,
    {
        self.writer.run(terms, operation).await
    }
}
