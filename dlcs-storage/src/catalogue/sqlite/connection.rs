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
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    writable(open(path, flags, WRITER_SETTINGS)?)
}

/// Refuses a connection that cannot write: where a file cannot be opened for that, the library opens it for reading, and says nothing.
fn writable(connection: Connection) -> rusqlite::Result<Connection> {
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        let why = "the file cannot be opened for writing".to_owned();
        return Err(rusqlite::Error::SqliteFailure(error, Some(why)));
    }
    Ok(connection)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(connection: &Connection, name: &str) -> String {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| {
                row.get_ref(0).map(|value| match value.as_i64() {
                    Ok(number) => number.to_string(),
                    Err(_) => value.as_str().unwrap().to_owned(),
                })
            })
            .unwrap()
    }

    #[test]
    fn what_is_committed_survives_a_loss_of_power() {
        let folder = tempfile::tempdir().unwrap();
        let writer = open_writer(&folder.path().join("test.db")).unwrap();
        for (name, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("busy_timeout", "5000"),
            ("foreign_keys", "1"),
            ("trusted_schema", "0"),
            ("cell_size_check", "1"),
            ("wal_autocheckpoint", "1000"),
            ("journal_size_limit", "67108864"),
        ] {
            assert_eq!(setting(&writer, name), value, "{name}");
        }
    }

    #[test]
    fn a_connection_that_cannot_write_is_no_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let writer = open_writer(&path).unwrap();
        assert!(writable(writer).is_ok());
        let reader = open_reader(&path).unwrap();
        let error = writable(reader).unwrap_err();
        assert_eq!(
            error.sqlite_error_code(),
            Some(rusqlite::ErrorCode::CannotOpen)
        );
    }

    #[test]
    fn readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let _writer = open_writer(&path).unwrap();
        let reader = open_reader(&path).unwrap();
        assert!(reader.execute_batch("CREATE TABLE t (n)").is_err());
    }
}
