//! Connections: how they are opened, and with which settings.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 128;

/// Settings of the database and of its one writer.
const WRITER_SETTINGS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA mmap_size = 0;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 67108864;
";

const READER_SETTINGS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA query_only = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA mmap_size = 0;
";

/// Opens the connection that writes.
pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    open(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        WRITER_SETTINGS,
    )
}

/// Opens one that reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_SETTINGS)
}

fn open(path: &Path, flags: OpenFlags, settings: &str) -> rusqlite::Result<Connection> {
    // A connection is used by one thread at a time, so the library need not lock it.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(settings)?;
    Ok(connection)
}
