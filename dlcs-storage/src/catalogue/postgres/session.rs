//! A connection that is lent to one operation, and comes back without an open transaction whatever becomes of the operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use dlcs_core::id::ImageId;
use dlcs_core::time::Timestamp;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cache::Caches;
use super::error::{PgError, Result};
use super::row::unreadable;
use crate::lock::Lock;

/// How long an operation that was given up may take to let go of its connection.
const CLEANING: Duration = Duration::from_secs(5);

/// The time of the database, in microseconds; the last statement of what opens a transaction.
const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// How the statements of an operation belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each for itself.
    Single,
    /// They read what was there at one instant.
    Snapshot,
    /// All or nothing, and durable when it is said to be done.
    ///
    /// It lets go of its rows before it waits for the disk: everybody who comes after it is later in the log, too, and no more durable than
    /// it is. So many wait for the disk together, and nobody waits for a row meanwhile.
    Durable,
    /// All or nothing, and durable a moment later: what a crash takes back is done again by itself.
    Relaxed,
    /// They read all rows there are, as they were at one instant, and may take their time.
    Survey,
    /// All or nothing, and durable when it is said to be done; they may take their time, and nobody else writes meanwhile.
    Overhaul,
}

impl Mode {
    const fn opening(self) -> Option<&'static str> {
        match self {
            Self::Single => None,
            Self::Snapshot => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"),
            Self::Durable => Some("BEGIN; SET LOCAL synchronous_commit = off;"),
            // Claims look for one row in an index: they are planned once, whatever they look for.
            Self::Relaxed => Some(
                "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL enable_bitmapscan = off;
                 SET LOCAL plan_cache_mode = force_generic_plan;",
            ),
            // Whoever wants all rows does not look for each in an index.
            Self::Survey => Some(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0;
                 SET LOCAL idle_in_transaction_session_timeout = '10min'; SET LOCAL enable_seqscan = on;
                 SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;",
            ),
            Self::Overhaul => Some(
                "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '30s';
                 SET LOCAL idle_in_transaction_session_timeout = '10min'; SET LOCAL enable_seqscan = on;
                 SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;
                 LOCK TABLE spaces, images, jobs, batch_images, batches, queue_lines, queue_hosts, queue_shares IN EXCLUSIVE MODE;",
            ),
        }
    }
}

impl Mode {
    /// How long one run of an operation may take, whatever the server and the network do.
    pub(super) const fn patience(self) -> Duration {
        match self {
            Self::Single | Self::Snapshot | Self::Durable | Self::Relaxed => {
                Duration::from_secs(40)
            }
            Self::Survey | Self::Overhaul => Duration::from_secs(6 * 60 * 60),
        }
    }

    /// Whether it writes.
    pub(super) const fn writes(self) -> bool {
        matches!(self, Self::Durable | Self::Relaxed | Self::Overhaul)
    }

    /// What commits. In a durable one a message in the log follows, whose transaction waits until the disk has everything before it.
    const fn closing(self) -> &'static str {
        match self {
            Self::Durable => "COMMIT; SELECT pg_logical_emit_message(TRUE, 'dlcs', '')",
            Self::Single | Self::Snapshot | Self::Relaxed | Self::Survey | Self::Overhaul => {
                "COMMIT"
            }
        }
    }
}

/// What one operation says to the database, in a transaction where its mode says so.
#[derive(Clone)]
pub(super) struct Session(Arc<Inner>);

struct Inner {
    lent: Lent,
    mode: Mode,
    now: Option<Timestamp>,
    changed: Lock<Changed>,
    wakes: AtomicBool,
}

/// The cached rows that the transaction changes.
#[derive(Default)]
struct Changed {
    images: Vec<ImageId>,
    customers: Vec<String>,
}

impl Session {
    /// Begins; without a time that is given, the database says what time it is.
    pub(super) async fn begin(
        connection: Object,
        connector: MakeRustlsConnect,
        mode: Mode,
        now: Option<Timestamp>,
    ) -> Result<Self> {
        let lent = Lent {
            connection: Some(connection),
            connector,
            settled: AtomicBool::new(false),
        };
        let now = match (mode.opening(), now) {
            (None, now) => now,
            (Some(opening), Some(now)) => {
                lent.client().batch_execute(opening).await?;
                Some(now)
            }
            (Some(opening), None) => {
                let answers = lent
                    .client()
                    .simple_query(&format!("{opening}{TIME}"))
                    .await?;
                Some(read_time(&answers)?)
            }
        };
        Ok(Self(Arc::new(Inner {
            lent,
            mode,
            now,
            changed: Lock::default(),
            wakes: AtomicBool::new(false),
        })))
    }

    /// When the transaction began, by the only clock there is.
    pub(super) fn now(&self) -> Timestamp {
        self.0.now.expect("only transactions are about time")
    }

    /// Every row of a query.
    pub(super) async fn rows(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let client = self.0.lent.client();
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    }

    /// The first row of a query.
    pub(super) async fn row(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// Every row of a query that is written anew each time: connections keep nothing of it.
    pub(super) async fn rows_once(
        &self,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>> {
        Ok(self.0.lent.client().query_typed(sql, params).await?)
    }

    /// The first column of what statements without values answer, as text.
    #[cfg(test)]
    pub(super) async fn simple(&self, sql: &str) -> Result<Vec<String>> {
        let answers = self.0.lent.client().simple_query(sql).await?;
        let rows = answers.iter().filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// How many rows a statement changed.
    pub(super) async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        let client = self.0.lent.client();
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, params).await?)
    }

    /// Notes that the transaction changes an image.
    pub(super) fn changes_image(&self, image: &ImageId) {
        self.0.changed.lock().images.push(image.clone());
    }

    /// Notes that the transaction changes a customer of this name.
    pub(super) fn changes_customer(&self, name: &str) {
        self.0
            .changed
            .lock()
            .customers
            .push(name.to_ascii_lowercase());
    }

    /// Notes that there is work once the transaction is over.
    pub(super) fn wakes_workers(&self) {
        self.0.wakes.store(true, Ordering::Relaxed);
    }

    /// Commits; whether workers are to be woken. No reader of this process finds a row from before afterwards.
    pub(super) async fn commit(&self, caches: &Caches) -> Result<bool> {
        let Changed { images, customers } = std::mem::take(&mut *self.0.changed.lock());
        let doubt = Doubt {
            caches,
            images,
            customers,
        };
        caches.images.doubt(&doubt.images);
        caches.customers.doubt(&doubt.customers);
        let closing = self.0.mode.closing();
        let committed = self.0.lent.client().batch_execute(closing).await;
        drop(doubt);
        match committed {
            Ok(()) => {
                self.0.lent.settle();
                Ok(self.0.wakes.load(Ordering::Relaxed))
            }
            Err(error) => Err(after_commit(error)),
        }
    }

    /// Ends what only reads or has failed.
    pub(super) async fn end(&self) {
        let ended = match self.0.mode {
            Mode::Single => Ok(()),
            _ => self.0.lent.client().batch_execute("ROLLBACK").await,
        };
        // Otherwise the connection is cleaned, or thrown away.
        if ended.is_ok() {
            self.0.lent.settle();
        }
    }
}

/// That it met another transaction says that nothing happened; anything else says nothing.
fn after_commit(error: tokio_postgres::Error) -> PgError {
    let failed = PgError::Database(error);
    match failed {
        PgError::Database(_) if failed.met_another() => failed,
        PgError::Database(error) => PgError::OutcomeUnknown(error),
        other => other,
    }
}

fn read_time(answers: &[SimpleQueryMessage]) -> Result<Timestamp> {
    answers
        .iter()
        .find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        })
        .map(Timestamp::from_micros)
        .ok_or(unreadable("clock"))
}

/// Ends the doubt about rows, also when the operation is given up while it commits.
struct Doubt<'a> {
    caches: &'a Caches,
    images: Vec<ImageId>,
    customers: Vec<String>,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        self.caches.images.settle(&self.images);
        self.caches.customers.settle(&self.customers);
    }
}

/// A connection that goes back to the pool clean, or not at all.
struct Lent {
    connection: Option<Object>,
    connector: MakeRustlsConnect,
    /// Nothing is open and nothing under way.
    settled: AtomicBool,
}

impl Lent {
    fn client(&self) -> &Object {
        self.connection
            .as_ref()
            .expect("the connection is given back last")
    }

    fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.settled.load(Ordering::Relaxed) {
            return;
        }
        match Handle::try_current() {
            Ok(runtime) if !connection.is_closed() => {
                // Its place in the pool is taken until it is clean: given-up operations cannot pile up in the server.
                drop(runtime.spawn(clean(connection, self.connector.clone())));
            }
            _ => drop(Object::take(connection)),
        }
    }
}

/// Stops what is under way on a connection, and closes it: the server rolls back.
///
/// It is not used again. The server may hear of the stop late, and would stop the next operation instead.
async fn clean(connection: Object, connector: MakeRustlsConnect) {
    let token = connection.cancel_token();
    let stopped = timeout(CLEANING, token.cancel_query(connector));
    if !matches!(stopped.await, Ok(Ok(()))) {
        tracing::debug!(
            "an operation that was given up could not be stopped; its connection is closed"
        );
    }
    drop(Object::take(connection));
}
