//! Migrations: the schema, step by numbered step.

use std::path::Path;

use rusqlite::Connection;

use super::error::OpenError;

/// Marks a database as one of this program: `DLCS` in ASCII.
const APPLICATION_ID: i32 = 0x444c_4353;

/// Every step: the schema version that it leads to is its place, from 1.
const MIGRATIONS: [&str; 6] = [
    include_str!("../../../migrations/sqlite/0001_create-catalogue-and-queue.sql"),
    include_str!("../../../migrations/sqlite/0002_register-without-processing.sql"),
    include_str!("../../../migrations/sqlite/0003_share-the-queue.sql"),
    include_str!("../../../migrations/sqlite/0004_list-in-order.sql"),
    include_str!("../../../migrations/sqlite/0005_keep-settings-and-originals.sql"),
    include_str!("../../../migrations/sqlite/0006_count-postponements.sql"),
];

/// The schema version that this program works with.
pub(super) const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// Brings a database to the current schema; each step happens whole or not at all.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source: rusqlite::Error| OpenError::Database {
        path: path.to_owned(),
        source: source.into(),
    };
    let found = version(connection).map_err(failed)?;
    if is_foreign(connection, found).map_err(failed)? {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    if found > SCHEMA_VERSION {
        return Err(OpenError::NewerSchema {
            found,
            known: SCHEMA_VERSION,
        });
    }
    for (step, number) in MIGRATIONS.iter().zip(1_u32..) {
        if number > found {
            apply(connection, step, number).map_err(failed)?;
        }
    }
    Ok(())
}

/// Applies one step. Foreign keys rest meanwhile, so that a step may make a table anew, and are checked before the step counts.
fn apply(connection: &Connection, step: &str, number: u32) -> rusqlite::Result<()> {
    // Inside a transaction this setting does nothing.
    connection.pragma_update(None, "foreign_keys", false)?;
    let applied = apply_unchecked(connection, step, number);
    connection.pragma_update(None, "foreign_keys", true)?;
    applied
}

fn apply_unchecked(connection: &Connection, step: &str, number: u32) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(step)?;
    let broken: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check)",
        [],
        |row| row.get(0),
    )?;
    if broken {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY),
            Some(format!(
                "step {number} of the schema leaves a broken reference"
            )),
        ));
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", number)?;
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn is_foreign(connection: &Connection, version: u32) -> rusqlite::Result<bool> {
    let id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let empty: bool = connection.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)",
        [],
        |row| row.get(0),
    )?;
    let untouched = id == 0 && version == 0 && empty;
    Ok(id != APPLICATION_ID && !untouched)
}
