//! Moving what one process keeps in files to where several can share it, and proving that it is the same there.
//!
//! Objects go first: each is read back and compared, by length and BLAKE3, with the record and with the original. The catalogue follows in one
//! transaction, and every row of it is compared before that ends. So what is interrupted, at whatever point, is run again: objects that are
//! there are compared and not sent again, and of the catalogue there is nothing or everything. The original is only read.
//!
//! Sealed credentials move as they are. They are bound to their customer and their strategy, and open with the key that they were sealed with:
//! the other catalogue must have been opened with that one.

mod error;
mod objects;

use std::sync::Arc;

use dlcs_core::derivative::DerivativeStore;

pub use error::TransferError;

use crate::catalogue::postgres::Imported;
use crate::catalogue::{PostgresCatalogue, SqliteCatalogue};

/// What has been moved, and compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TransferSummary {
    /// The tables of the catalogue, and how many rows each has; none where the catalogue stayed.
    pub tables: Vec<(&'static str, u64)>,
    /// Objects that are in the other store; none where they stayed.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them were there already.
    pub found: u64,
}

/// Moves the objects that a catalogue needs to another store, which holds nothing else.
///
/// Nobody may work on the original meanwhile.
///
/// # Errors
/// See [`TransferError`]: what has come over stays there, and is not sent again.
pub async fn transfer_objects(
    catalogue: &SqliteCatalogue,
    from: Arc<dyn DerivativeStore>,
    to: &dyn DerivativeStore,
) -> Result<TransferSummary, TransferError> {
    objects::transfer(catalogue, from, to).await
}

/// Moves everything that a catalogue holds to another one, which holds nothing else; returns the summary with the counts of its tables.
///
/// Nobody may work on the original meanwhile.
///
/// # Errors
/// See [`TransferError`]: nothing has come over.
pub async fn transfer_catalogue(
    from: &SqliteCatalogue,
    to: &PostgresCatalogue,
    summary: TransferSummary,
) -> Result<TransferSummary, TransferError> {
    match to.import(from).await? {
        Imported::Whole(tables) => Ok(TransferSummary { tables, ..summary }),
        Imported::Occupied(table) => Err(TransferError::CatalogueOccupied { table }),
    }
}
