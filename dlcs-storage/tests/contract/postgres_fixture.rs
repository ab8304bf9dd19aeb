//! What the tests of the PostgreSQL backend share: a schema for each test.
//!
//! `DLCS_TEST_POSTGRES` is the address of a database that the tests may make schemas in.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dlcs_core::catalogue::Catalogue;
use dlcs_core::memory::MemoryCatalogue;
use dlcs_core::time::Clock;
use dlcs_storage::catalogue::{PostgresCatalogue, PostgresCatalogueConfig, SealingKey};
use dlcs_testkit::fake::FakeClock;
use dlcs_testkit::fsck::{AsLedger, LedgerContext};
use dlcs_testkit::program;
use dlcs_testkit::queue::{AsQueue, QueueContext};
use tokio_postgres::{Client, NoTls};

const ADDRESS: &str = "postgres://postgres@127.0.0.1:5432/test";

pub(crate) fn address() -> String {
    std::env::var("DLCS_TEST_POSTGRES").unwrap_or_else(|_| ADDRESS.to_owned())
}

/// A schema of its own, which is dropped with everything in it.
pub(crate) struct Schema {
    pub(crate) name: String,
    pub(crate) clock: Arc<FakeClock>,
}

impl Schema {
    /// Makes a name for a schema; `None` when there is no database, which is said.
    pub(crate) async fn new(test: &str) -> Option<Self> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        if let Err(error) = connect(&address()).await {
            program::skip(
                test,
                &format!("PostgreSQL at `DLCS_TEST_POSTGRES` ({error})"),
            );
            return None;
        }
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("dlcs_test_{}_{number}", std::process::id());
        let schema = Self {
            name,
            clock: FakeClock::new(),
        };
        // What a run has left that was killed and had the same number.
        schema
            .raw()
            .await
            .batch_execute(&schema.drop_sql())
            .await
            .unwrap();
        Some(schema)
    }

    pub(crate) fn config(&self) -> PostgresCatalogueConfig {
        let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(&self.clock);
        self.config_by_database_clock().with_clock(clock)
    }

    pub(crate) fn config_by_database_clock(&self) -> PostgresCatalogueConfig {
        PostgresCatalogueConfig::parse(&address())
            .unwrap()
            .with_schema(&self.name)
            .with_connections(8)
            .with_sealing_key(SealingKey::new([7; 32]))
    }

    pub(crate) async fn open(&self) -> PostgresCatalogue {
        PostgresCatalogue::open(self.config()).await.unwrap()
    }

    /// The schema as somebody else would see it.
    pub(crate) async fn raw(&self) -> Client {
        let client = self.raw_without_path().await;
        let path = format!("SET search_path = {}", self.name);
        client.batch_execute(&path).await.unwrap();
        client
    }

    pub(crate) async fn raw_without_path(&self) -> Client {
        connect(&address()).await.unwrap()
    }

    fn drop_sql(&self) -> String {
        format!(
            "DROP SCHEMA IF EXISTS \"{}\" CASCADE",
            self.name.replace('"', "\"\"")
        )
    }
}

/// A schema for this test, which ends where there is no database.
macro_rules! schema_or_return {
    ($test:expr) => {
        match $crate::postgres_fixture::Schema::new($test).await {
            Some(schema) => schema,
            None => return,
        }
    };
}
pub(crate) use schema_or_return;

/// What the suites run on: the database, or the reference in memory where there is none and the run does not count.
pub(crate) enum Backend {
    Postgres(PostgresCatalogue),
    Skipped(Box<MemoryCatalogue>),
}

impl Backend {
    /// A schema with a catalogue in it, and its clock.
    pub(crate) async fn new(test: &str) -> (Option<Schema>, Self, Arc<FakeClock>) {
        let Some(schema) = Schema::new(test).await else {
            let clock = FakeClock::new();
            let shared: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
            return (
                None,
                Self::Skipped(Box::new(MemoryCatalogue::with_clock(shared))),
                clock,
            );
        };
        let catalogue = schema.open().await;
        let clock = Arc::clone(&schema.clock);
        (Some(schema), Self::Postgres(catalogue), clock)
    }

    pub(crate) fn context<'a>(&'a self, clock: &'a FakeClock) -> QueueContext<'a> {
        match self {
            Self::Postgres(catalogue) => catalogue.context(clock),
            Self::Skipped(catalogue) => catalogue.as_ref().context(clock),
        }
    }

    pub(crate) fn ledger<'a>(&'a self, clock: &'a FakeClock) -> LedgerContext<'a> {
        match self {
            Self::Postgres(catalogue) => catalogue.ledger(clock),
            Self::Skipped(catalogue) => catalogue.as_ref().ledger(clock),
        }
    }

    pub(crate) fn as_catalogue(&self) -> &dyn Catalogue {
        match self {
            Self::Postgres(catalogue) => catalogue,
            Self::Skipped(catalogue) => catalogue.as_ref(),
        }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        // The runtime of the test is about to end: another one does it, on another thread.
        let sql = self.drop_sql();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let client = connect(&address()).await.unwrap();
                client.batch_execute(&sql).await.unwrap();
            });
        });
        // A schema that is left does no harm, and a panic while another one unwinds would.
        let _ = dropping.join();
    }
}

async fn connect(address: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
