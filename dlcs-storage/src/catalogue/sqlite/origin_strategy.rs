//! Customers' origin strategies, with their credentials sealed.

use dlcs_core::catalogue::Subject;
use dlcs_core::id::CustomerId;
use dlcs_core::origin::{
    CustomerOriginStrategy, OriginAccess, OriginPattern, OriginStrategyId, OriginStrategyKind,
};
use quick_cache::sync::Cache;
use rusqlite::{Connection, params};

use super::error::{Result, SqliteError};
use super::row::{Columns, unreadable};
use super::seal::Sealer;
use super::{count, customer, query_all};

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
    for (id, customer, kind, sealed) in rows {
        let Some(old) = old.iter().find(|old| old.has_sealed(&sealed)) else {
            continue;
        };
        if sealer.has_sealed(&sealed) {
            continue;
        }
        let strategy = id.parse().map_err(|_| unreadable("id"))?;
        let kind = kind.parse().map_err(|()| unreadable("kind"))?;
        let access = match old.open(customer, strategy, kind, &sealed) {
            Ok(access) => access,
            Err(error) => {
                tracing::error!(%customer, %strategy, %error, "credentials cannot be read and keep their old key");
                continue;
            }
        };
        let sealed = sealer.seal(customer, strategy, &access)?;
        connection
            .prepare_cached("UPDATE origin_strategies SET credentials = ?2 WHERE id = ?1")?
            .execute(params![id, sealed])?;
        changed += 1;
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

fn sealed_credentials(
    sealer: &Sealer,
    strategy: &CustomerOriginStrategy,
) -> Result<Option<Vec<u8>>> {
    if strategy.access.fields().is_empty() {
        return Ok(None);
    }
    Ok(Some(sealer.seal(
        strategy.customer,
        strategy.id,
        &strategy.access,
    )?))
}

fn read(
    columns: &mut Columns<'_, '_>,
    sealer: &Sealer,
    patterns: &Cache<String, OriginPattern>,
) -> Result<CustomerOriginStrategy> {
    let id = columns
        .get::<String>()?
        .parse()
        .map_err(|_| unreadable("id"))?;
    let customer = columns.customer()?;
    let text: String = columns.get()?;
    let pattern = patterns
        .get_or_insert_with(&text, || OriginPattern::compile(text.as_str()))
        .map_err(|_| unreadable("pattern"))?;
    let kind: OriginStrategyKind = columns
        .get::<String>()?
        .parse()
        .map_err(|()| unreadable("kind"))?;
    let sealed: Option<Vec<u8>> = columns.get()?;
    let access = match sealed {
        // One strategy that cannot be used must not keep the others from it, nor from being mended.
        Some(sealed) => sealer
            .open(customer, id, kind, &sealed)
            .unwrap_or_else(|error| {
                tracing::error!(%customer, strategy = %id, %error, "credentials cannot be read");
                OriginAccess::Unreadable(kind)
            }),
        None => OriginAccess::from_fields(kind, |_| None).map_err(|_| unreadable("credentials"))?,
    };
    Ok(CustomerOriginStrategy {
        id,
        customer,
        pattern,
        access,
        order: columns.get()?,
        optimised: columns.get()?,
        created: columns.time()?,
    })
}
