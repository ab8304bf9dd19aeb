//! Statements that are asked everywhere.

use dlcs_core::page::PageRequest;
use rusqlite::{Connection, Params};

use super::error::Result;
use super::row::{Columns, unreadable};

/// Reads the first row of a query.
pub(super) fn query_one<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&mut Columns<'_, '_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => read(&mut Columns::of(row)).map(Some),
        None => Ok(None),
    }
}

/// Reads every row of a query.
pub(super) fn query_all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&mut Columns<'_, '_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(read(&mut Columns::of(row))?);
    }
    Ok(items)
}

/// Reads one number.
pub(super) fn count(connection: &Connection, sql: &str, params: impl Params) -> Result<u64> {
    let number = query_one(connection, sql, params, |columns| columns.number("count"))?;
    Ok(number.unwrap_or(0))
}

/// The limit and the offset of a page.
pub(super) fn page_bounds(page: PageRequest) -> [i64; 2] {
    let offset = i64::try_from(page.offset()).unwrap_or(i64::MAX);
    [i64::from(page.size.get()), offset]
}

/// Numbers that never repeat.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sequence {
    Batch,
    /// Nobody reads it: it proves that writing works.
    Check,
    LeaseToken,
}

impl Sequence {
    /// Takes the next number; it is given back only when the whole transaction comes to nothing.
    pub(super) fn next(self, connection: &Connection) -> Result<u64> {
        self.skip(connection, 1)
    }

    /// Takes so many numbers, of which the last is returned.
    pub(super) fn skip(self, connection: &Connection, count: u32) -> Result<u64> {
        let name = match self {
            Self::Batch => "batch",
            Self::Check => "check",
            Self::LeaseToken => "lease_token",
        };
        query_one(
            connection,
            "UPDATE sequences SET last = last + ?2 WHERE name = ?1 RETURNING last",
            rusqlite::params![name, count],
            |columns| columns.number("last"),
        )?
        .ok_or(unreadable("sequences"))
    }
}
