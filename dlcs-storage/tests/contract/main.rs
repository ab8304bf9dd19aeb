//! The contract suites on the backends of this crate.

#[cfg(feature = "catalogue-sqlite")]
mod catalogue_sqlite;
mod origin_guard;
#[cfg(feature = "origin-http")]
mod origin_http;
#[cfg(feature = "catalogue-sqlite")]
mod queue_sqlite;
#[cfg(feature = "catalogue-sqlite")]
mod sqlite_fixture;
