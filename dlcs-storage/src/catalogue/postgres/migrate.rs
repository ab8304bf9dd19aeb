//! Migrations: the schema, step by numbered step.
//!
//! Steps have the numbers of SQLite's, and lead to the same tables: the first one here makes what SQLite's first three make together.

use tokio_postgres::{Client, Transaction};

use super::connection::quoted;
use super::error::OpenError;

/// Every step, and the schema version that it leads to.
const MIGRATIONS: [(u32, &str); 4] = [
    (
        3,
        include_str!("../../../migrations/postgres/0003_create-catalogue-and-queue.sql"),
    ),
    (
        4,
        include_str!("../../../migrations/postgres/0004_list-in-order.sql"),
    ),
    (
        5,
        include_str!("../../../migrations/postgres/0005_keep-settings-and-originals.sql"),
    ),
    (
        6,
        include_str!("../../../migrations/postgres/0006_count-postponements.sql"),
    ),
];

/// The schema version that this program works with.
pub const SCHEMA_VERSION: u32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// What nodes that start at once wait for: `DLCS` in ASCII, and the schema.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1145848659, hashtext($1))";

/// Every table, to find out that some are there which another program has made.
const TABLES: [&str; 18] = [
    "customers",
    "api_keys",
    "spaces",
    "batches",
    "batch_images",
    "images",
    "jobs",
    "queue_shares",
    "queue_lines",
    "queue_hosts",
    "queue_lanes",
    "notices",
    "origin_strategies",
    "settings",
    "requests",
    "collectable",
    "sequences",
    "sealing_key",
];

const VERSIONS: &str = "CREATE TABLE dlcs_migrations (
    number  bigint PRIMARY KEY,
    -- Microseconds since 1970-01-01T00:00:00Z.
    applied bigint NOT NULL
)";

const LAST: &str = "SELECT coalesce(max(number), 0) FROM dlcs_migrations";

/// Why a migration came to nothing.
pub(super) enum MigrationError {
    Refused(OpenError),
    Driver(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for MigrationError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

/// Makes the schema where it is named and missing, and brings it up to date. Each step happens whole or not at all, and in one node.
pub(super) async fn migrate(
    client: &mut Client,
    schema: Option<&str>,
) -> Result<(), MigrationError> {
    let patience = "SET lock_timeout = '2min'; SET statement_timeout = 0";
    client.batch_execute(patience).await?;
    if let Some(schema) = schema {
        make_schema(client, schema).await?;
    }
    let row = client
        .query_one("SELECT current_schema()::text", &[])
        .await?;
    let Some(schema) = row.try_get::<_, Option<String>>(0)? else {
        return Err(MigrationError::Refused(OpenError::NoSchema));
    };
    for (number, step) in MIGRATIONS {
        let transaction = locked(client, &schema).await?;
        let found = version(&transaction, &schema).await?;
        if found.is_some_and(|found| found > SCHEMA_VERSION) {
            return Err(MigrationError::Refused(OpenError::NewerSchema {
                found: found.unwrap_or_default(),
                known: SCHEMA_VERSION,
            }));
        }
        if found.is_none() {
            transaction.batch_execute(VERSIONS).await?;
        }
        if found.unwrap_or_default() < number {
            transaction.batch_execute(step).await?;
            let now = "INSERT INTO dlcs_migrations (number, applied)
                       VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)";
            transaction.execute(now, &[&i64::from(number)]).await?;
        }
        transaction.commit().await?;
    }
    Ok(())
}

/// Says of a connection what keeps this program from using it: a newer one has changed the schema since it was opened.
pub(super) async fn outdated(client: &Client) -> Result<Option<OpenError>, tokio_postgres::Error> {
    let found: i64 = client.query_one(LAST, &[]).await?.try_get(0)?;
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    Ok((found > SCHEMA_VERSION).then_some(OpenError::NewerSchema {
        found,
        known: SCHEMA_VERSION,
    }))
}

async fn make_schema(client: &mut Client, schema: &str) -> Result<(), MigrationError> {
    let transaction = locked(client, schema).await?;
    let known = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)";
    if !transaction.query_one(known, &[&schema]).await?.try_get(0)? {
        let create = format!("CREATE SCHEMA {}", quoted(schema));
        transaction.batch_execute(&create).await?;
    }
    Ok(transaction.commit().await?)
}

async fn locked<'c>(
    client: &'c mut Client,
    schema: &str,
) -> Result<Transaction<'c>, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.execute(LOCK, &[&schema]).await?;
    Ok(transaction)
}

/// The version of the schema; `None` where there is nothing of this program.
async fn version(
    transaction: &Transaction<'_>,
    schema: &str,
) -> Result<Option<u32>, MigrationError> {
    let of_schema = "SELECT relname::text FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relname = ANY ($2) LIMIT 1";
    let versions = ["dlcs_migrations"].as_slice();
    let versions = transaction
        .query_opt(of_schema, &[&schema, &versions])
        .await?;
    if versions.is_none() {
        let foreign = transaction
            .query_opt(of_schema, &[&schema, &TABLES.as_slice()])
            .await?;
        return match foreign {
            Some(row) => Err(MigrationError::Refused(OpenError::Foreign {
                schema: schema.to_owned(),
                table: row.try_get(0)?,
            })),
            None => Ok(None),
        };
    }
    let last: i64 = transaction.query_one(LAST, &[]).await?.try_get(0)?;
    Ok(Some(u32::try_from(last).unwrap_or(u32::MAX)))
}
