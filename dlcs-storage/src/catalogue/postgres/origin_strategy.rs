//! Customers' origin strategies, with their credentials sealed.

use dlcs_core::catalogue::Subject;
use dlcs_core::id::CustomerId;
use dlcs_core::origin::{CustomerOriginStrategy, OriginAccess, OriginPattern, OriginStrategyId};
use quick_cache::sync::Cache;

use super::customer;
use super::error::{PgError, Result};
use super::query::count;
use super::record::{StrategyRow, reseal as reseal_row, sealed_credentials};
use super::row::{Columns, of_customer, read_all};
use super::seal::Sealer;
use super::session::Session;

const COLUMNS: &str = "id, customer, pattern, kind, credentials, position, optimised, created";

pub(super) async fn create(
    session: &Session,
    sealer: &Sealer,
    strategy: &CustomerOriginStrategy,
) -> Result<()> {
    customer::hold(session, strategy.customer).await?;
    refuse_taken_pattern(session, strategy).await?;
    session
        .execute(
            &format!(
                "INSERT INTO origin_strategies ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            ),
            &[
                &strategy.id.to_string(),
                &of_customer(strategy.customer),
                &strategy.pattern.as_str(),
                &strategy.access.kind().as_str(),
                &sealed_credentials(sealer, strategy)?,
                &strategy.order,
                &strategy.optimised,
                &strategy.created.as_micros(),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn update(
    session: &Session,
    sealer: &Sealer,
    strategy: &CustomerOriginStrategy,
) -> Result<()> {
    refuse_taken_pattern(session, strategy).await?;
    // What cannot be read is kept as it is: the right key may come back.
    let keeps = matches!(strategy.access, OriginAccess::Unreadable(_));
    let updated = session
        .execute(
            "UPDATE origin_strategies
             SET pattern = $3, kind = $4, credentials = CASE WHEN $9 THEN credentials ELSE $5 END, position = $6, optimised = $7,
                 created = $8
             WHERE id = $1 AND customer = $2",
            &[
                &strategy.id.to_string(),
                &of_customer(strategy.customer),
                &strategy.pattern.as_str(),
                &strategy.access.kind().as_str(),
                &sealed_credentials(sealer, strategy)?,
                &strategy.order,
                &strategy.optimised,
                &strategy.created.as_micros(),
                &keeps,
            ],
        )
        .await?;
    if updated == 1 { Ok(()) } else { Err(missing()) }
}

pub(super) async fn delete(
    session: &Session,
    customer: CustomerId,
    id: OriginStrategyId,
) -> Result<()> {
    let deleted = session
        .execute(
            "DELETE FROM origin_strategies WHERE id = $1 AND customer = $2",
            &[&id.to_string(), &of_customer(customer)],
        )
        .await?;
    if deleted == 1 { Ok(()) } else { Err(missing()) }
}

pub(super) async fn list(
    session: &Session,
    sealers: &[Sealer],
    patterns: &Cache<String, OriginPattern>,
    customer: CustomerId,
) -> Result<Vec<CustomerOriginStrategy>> {
    let rows = session
        .rows(
            &format!("SELECT {COLUMNS} FROM origin_strategies WHERE customer = $1 ORDER BY position, created, id"),
            &[&of_customer(customer)],
        )
        .await?;
    read_all(&rows, |columns| Ok(read(columns)?.read(sealers, patterns)?))
}

/// Seals anew what older keys have sealed; returns how many rows that were.
pub(super) async fn reseal(session: &Session, sealer: &Sealer, old: &[Sealer]) -> Result<usize> {
    let rows = session
        .rows(
            "SELECT id, customer, kind, credentials FROM origin_strategies WHERE credentials IS NOT NULL ORDER BY id FOR UPDATE",
            &[],
        )
        .await?;
    let rows = read_all(&rows, |columns| {
        Ok((
            columns.get()?,
            columns.customer()?,
            columns.get()?,
            columns.get()?,
        ))
    })?;
    let mut changed = 0;
    for row in rows {
        if let Some(sealed) = reseal_row::<PgError>(&row, sealer, old)? {
            let update = "UPDATE origin_strategies SET credentials = $2 WHERE id = $1";
            session.execute(update, &[&row.0, &sealed]).await?;
            changed += 1;
        }
    }
    Ok(changed)
}

const fn missing() -> PgError {
    PgError::NotFound(Subject::OriginStrategy)
}

async fn refuse_taken_pattern(session: &Session, strategy: &CustomerOriginStrategy) -> Result<()> {
    let others = count(
        session,
        "SELECT count(*) FROM origin_strategies WHERE customer = $1 AND pattern = $2 AND id <> $3",
        &[
            &of_customer(strategy.customer),
            &strategy.pattern.as_str(),
            &strategy.id.to_string(),
        ],
    )
    .await?;
    if others == 0 {
        Ok(())
    } else {
        Err(PgError::AlreadyExists {
            subject: Subject::OriginStrategy,
            property: "regex",
        })
    }
}

fn read(columns: &mut Columns<'_>) -> Result<StrategyRow> {
    Ok(StrategyRow {
        id: columns.get()?,
        customer: columns.customer()?,
        pattern: columns.get()?,
        kind: columns.get()?,
        credentials: columns.get()?,
        order: columns.get()?,
        optimised: columns.get()?,
        created: columns.time()?,
    })
}
