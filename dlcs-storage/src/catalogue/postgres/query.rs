//! Statements that are asked everywhere.

use dlcs_core::page::PageRequest;
use tokio_postgres::types::ToSql;

use super::error::Result;
use super::row::{Columns, read_one, unreadable};
use super::session::Session;

/// Reads one number.
pub(super) async fn count(
    session: &Session,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<u64> {
    let row = session.row(sql, params).await?;
    let number = read_one(row, |columns: &mut Columns<'_>| columns.number("count"))?;
    Ok(number.unwrap_or(0))
}

/// The limit and the offset of a page.
pub(super) fn page_bounds(page: PageRequest) -> [i64; 2] {
    let offset = i64::try_from(page.offset()).unwrap_or(i64::MAX);
    [i64::from(page.size.get()), offset]
}

/// Numbers that never repeat, not even when a transaction comes to nothing or the server breaks down.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sequence {
    /// Nobody reads it: it proves that writing works.
    Check,
    LeaseToken,
}

impl Sequence {
    /// Takes so many numbers and returns the last of them. Only a durable transaction makes them its own.
    pub(super) async fn take(self, session: &Session, numbers: u32) -> Result<u64> {
        let name = match self {
            Self::Check => "check",
            Self::LeaseToken => "lease_token",
        };
        let row = session
            .row(
                "UPDATE sequences SET last = last + $2 WHERE name = $1 RETURNING last",
                &[&name, &i64::from(numbers)],
            )
            .await?;
        read_one(row, |columns| columns.number("last"))?.ok_or(unreadable("sequences"))
    }
}
