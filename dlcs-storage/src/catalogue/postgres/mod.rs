//! The catalogue and the queue in PostgreSQL, for as many processes as there are.
//!
//! * Every operation is one transaction, which is safe to run again: one that meets another is.
//! * What has returned survives a breakdown of the server. Only claims and renewals may be taken back by one: their images wait again.
//! * The database's clock is the only one.
//! * Workers are woken through `LISTEN` and `NOTIFY`, and poll besides.
//! * Rows that are asked for again and again are kept in memory: for half a second, unless this process changes them. So every node sees an
//!   image within half a second of its batch saying so, and a deleted image is gone at once where it was deleted and half a second later
//!   elsewhere.
//! * Credentials of origins are sealed, with one key for all nodes.
//!
//! # Locks
//! Transactions take them in this order, and several of one kind in the order of their keys: customers and spaces (which they keep from being
//! deleted), images, jobs, images of batches, batches, collectable objects, what is counted of the queue, the counts of spaces.

mod address;
mod batch;
mod claim;
mod collectable;
mod config;
mod connection;
mod customer;
mod database;
mod error;
mod image;
#[cfg(feature = "catalogue-sqlite")]
mod import;
mod job;
mod ledger;
mod line;
mod list;
mod listener;
mod migrate;
mod notice;
mod open;
mod origin_strategy;
mod original;
mod port;
mod query;
mod queue;
mod request;
mod row;
mod service;
mod session;
mod setting;
mod share;
mod space;
mod submit;
mod tally;
#[cfg(test)]
mod testing;
mod tls;
mod token;
mod turn;
mod values;

use std::sync::Arc;

pub use address::AddressError;
pub use config::PostgresCatalogueConfig;
pub use error::OpenError;
#[cfg(feature = "catalogue-sqlite")]
pub(crate) use import::Imported;
pub use migrate::SCHEMA_VERSION;

#[cfg(feature = "catalogue-sqlite")]
use super::table;
use super::{cache, order, record, seal, setting as setting_row, sound};
use database::Database;
use seal::Sealer;
use token::Tokens;

/// A catalogue and its queue in a PostgreSQL database.
///
/// # Examples
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use dlcs_storage::catalogue::{PostgresCatalogue, PostgresCatalogueConfig};
/// let config = PostgresCatalogueConfig::parse("postgres://dlcs@localhost/dlcs")?
///     .with_sealing_key_file("/etc/dlcs/credentials.key");
/// let catalogue = PostgresCatalogue::open(config).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PostgresCatalogue {
    database: Database,
    tokens: Tokens,
    /// The first seals; all of them open.
    sealers: Arc<[Sealer]>,
}

impl PostgresCatalogue {
    /// Opens a catalogue, and makes its tables when they are missing.
    ///
    /// # Errors
    /// See [`OpenError`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn open(config: PostgresCatalogueConfig) -> Result<Self, OpenError> {
        open::open(config).await
    }
}
