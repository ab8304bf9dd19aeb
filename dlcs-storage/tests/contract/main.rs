//! The contracts of the ports, run on every backend of this crate.

#[cfg(feature = "catalogue-sqlite")]
mod catalogue_sqlite;
#[cfg(feature = "catalogue-sqlite")]
mod queue_sqlite;
#[cfg(feature = "catalogue-sqlite")]
mod sqlite_fixture;
