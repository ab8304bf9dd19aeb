//! Customers' origin strategies, with their credentials sealed.

use dlcs_core::catalogue::Subject;
use dlcs_core::id::CustomerId;
use dlcs_core::origin::{CustomerOriginStrategy, OriginAccess, OriginPattern, OriginStrategyId};
use quick_cache::sync::Cache;
use rusqlite::{Connection, params};

use super::error::{Result, SqliteError};
use super::record::{StrategyRow, sealed_credentials};
use super::row::Columns;
use super::seal::Sealer;
use super::{count, customer, query_all, record};

pub(super) fn create(
    connection: &Connection,
    sealer: &Sealer,
    strategy: &CustomerOriginStrategy,
) -> Result<()> {
    customer::expect(connection, strategy.customer)?;
    refuse_taken_pattern(connection, strategy)?;
    connection
        .prepare_cached(
            "INSERT INTO origin_strategies (id, customer, pattern, kind, credentials, position, optimised, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            strategy.id.to_string(),
            strategy.customer.get(),
            strategy.pattern.as_str(),
            strategy.access.kind().as_str(),
            sealed_credentials(sealer, strategy)?,
            strategy.order,
            strategy.optimised,
            strategy.created.as_micros(),
        ])?;
    Ok(())
}

pub(super) fn update(
    connection: &Connection,
    sealer: &Sealer,
    strategy: &CustomerOriginStrategy,
) -> Result<()> {
    refuse_taken_pattern(connection, strategy)?;
    // What cannot be read is kept as it is: the right key may come back.
    let keeps = matches!(strategy.access, OriginAccess::Unreadable(_));
    let updated = connection
        .prepare_cached(
            "UPDATE origin_strategies
             SET pattern = ?3, kind = ?4, credentials = iif(?9, credentials, ?5), position = ?6, optimised = ?7, created = ?8
             WHERE id = ?1 AND customer = ?2",
        )?
        .execute(params![
            strategy.id.to_string(),
            strategy.customer.get(),
            strategy.pattern.as_str(),
            strategy.access.kind().as_str(),
            sealed_credentials(sealer, strategy)?,
            strategy.order,
            strategy.optimised,
            strategy.created.as_micros(),
            keeps,
        ])?;
    if updated == 1 { Ok(()) } else { Err(missing()) }
}

pub(super) fn delete(
    connection: &Connection,
    customer: CustomerId,
    id: OriginStrategyId,
) -> Result<()> {
    let deleted = connection
        .prepare_cached("DELETE FROM origin_strategies WHERE id = ?1 AND customer = ?2")?
        .execute(params![id.to_string(), customer.get()])?;
    if deleted == 1 { Ok(()) } else { Err(missing()) }
}

pub(super) fn list(
    connection: &Connection,
    sealer: &Sealer,
    patterns: &Cache<String, OriginPattern>,
    customer: CustomerId,
) -> Result<Vec<CustomerOriginStrategy>> {
    query_all(
        connection,
        "SELECT id, customer, pattern, kind, credentials, position, optimised, created
         FROM origin_strategies WHERE customer = ?1 ORDER BY position, created, id",
        [customer.get()],
        |columns| read(columns, sealer, patterns),
    )
}

/// Seals anew what older keys have sealed; returns how many rows that were.
///
/// What none of the keys opens is left as it is, and fails when it is used.
pub(super) fn reseal(connection: &Connection, sealer: &Sealer, old: &[Sealer]) -> Result<usize> {
    let rows = query_all(
        connection,
        "SELECT id, customer, kind, credentials FROM origin_strategies WHERE credentials IS NOT NULL",
        [],
        |columns| {
            let id: String = columns.get()?;
            let customer = columns.customer()?;
            let kind: String = columns.get()?;
            let sealed: Vec<u8> = columns.get()?;
            Ok((id, customer, kind, sealed))
        },
    )?;
    let mut changed = 0;
    for row in rows {
        if let Some(sealed) = record::reseal::<SqliteError>(&row, sealer, old)? {
            connection
                .prepare_cached("UPDATE origin_strategies SET credentials = ?2 WHERE id = ?1")?
                .execute(params![row.0, sealed])?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// Whether there is anything that only the right key opens.
pub(super) fn any_sealed(connection: &Connection) -> Result<bool> {
    let sealed = count(
        connection,
        "SELECT EXISTS (SELECT 1 FROM origin_strategies WHERE credentials IS NOT NULL)",
        [],
    )?;
    Ok(sealed > 0)
}

const fn missing() -> SqliteError {
    SqliteError::NotFound(Subject::OriginStrategy)
}

fn refuse_taken_pattern(connection: &Connection, strategy: &CustomerOriginStrategy) -> Result<()> {
    let others = count(
        connection,
        "SELECT count(*) FROM origin_strategies WHERE customer = ?1 AND pattern = ?2 AND id <> ?3",
        params![
            strategy.customer.get(),
            strategy.pattern.as_str(),
            strategy.id.to_string()
        ],
    )?;
    if others == 0 {
        Ok(())
    } else {
        Err(SqliteError::AlreadyExists {
            subject: Subject::OriginStrategy,
            property: "regex",
        })
    }
}

fn read(
    columns: &mut Columns<'_, '_>,
    sealer: &Sealer,
    patterns: &Cache<String, OriginPattern>,
) -> Result<CustomerOriginStrategy> {
    let row = StrategyRow {
        id: columns.get()?,
        customer: columns.customer()?,
        pattern: columns.get()?,
        kind: columns.get()?,
        credentials: columns.get()?,
        order: columns.get()?,
        optimised: columns.get()?,
        created: columns.time()?,
    };
    Ok(row.read([sealer], patterns)?)
}
