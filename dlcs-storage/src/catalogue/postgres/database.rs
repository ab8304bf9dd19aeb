//! Operations: what is run on the database, in one transaction each, and again where another one was in the way.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use dlcs_core::time::{Clock, Timestamp};
use tokio::time::{sleep, timeout};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cache::Caches;
use super::error::{PgError, Result};
use super::listener::Listener;
use super::session::{Mode, Session};

/// How long the smallest thing may take: a connection that says nothing for so long says nothing any more.
const ANSWER: Duration = Duration::from_secs(3);
/// How often an operation is run again that met another one.
const MEETINGS: u32 = 8;
/// How often an operation is begun again whose connection turned out to be broken.
const BROKEN: u32 = 3;

/// The database, as operations see it.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) pool: Pool,
    pub(super) connector: Connector,
    pub(super) caches: Arc<Caches>,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) listener: Listener,
}

/// What encrypts connections.
#[derive(Clone)]
pub(super) struct Connector(pub(super) MakeRustlsConnect);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector(..)")
    }
}

impl Database {
    /// Runs an operation of one statement that reads.
    pub(super) async fn read<T, F, R>(&self, run: F) -> Result<T>
    where
        F: Fn(Session) -> R + Send + Sync,
        R: Future<Output = Result<T>> + Send,
        T: Send,
    {
        self.run(Mode::Single, run).await
    }

    /// Runs an operation that reads what was there at one instant.
    pub(super) async fn snapshot<T, F, R>(&self, run: F) -> Result<T>
    where
        F: Fn(Session) -> R + Send + Sync,
        R: Future<Output = Result<T>> + Send,
        T: Send,
    {
        self.run(Mode::Snapshot, run).await
    }

    /// Runs an operation that writes, and returns once it is durable.
    pub(super) async fn write<T, F, R>(&self, run: F) -> Result<T>
    where
        F: Fn(Session) -> R + Send + Sync,
        R: Future<Output = Result<T>> + Send,
        T: Send,
    {
        self.run(Mode::Durable, run).await
    }

    /// Runs an operation; it must be safe to run again after it was rolled back.
    pub(super) async fn run<T, F, R>(&self, mode: Mode, run: F) -> Result<T>
    where
        F: Fn(Session) -> R + Send + Sync,
        R: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let (mut meetings, mut broken) = (0, 0);
        loop {
            let error = match timeout(mode.patience(), self.run_once(mode, &run)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(_) => PgError::TimedOut,
            };
            if error.met_another() && meetings < MEETINGS {
                meetings += 1;
                sleep(pause(meetings)).await;
            } else if error.is_of_the_connection() && broken < BROKEN {
                broken += 1;
            } else {
                return Err(error);
            }
            tracing::debug!(%error, meetings, broken, "an operation is run again");
        }
    }

    async fn run_once<T, F, R>(&self, mode: Mode, run: &F) -> Result<T>
    where
        F: Fn(Session) -> R + Send + Sync,
        R: Future<Output = Result<T>> + Send,
        T: Send,
    {
        let connection = self.pool.get().await?;
        let connector = self.connector.0.clone();
        let begun = Session::begin(connection, connector, mode, self.given_time());
        let session = match mode {
            // It waits for those who write.
            Mode::Overhaul => begun.await?,
            _ => answered(begun).await?,
        };
        let outcome = match mode {
            Mode::Single => answered(run(session.clone())).await,
            _ => run(session.clone()).await,
        };
        match &outcome {
            Ok(_) if mode.writes() => {
                if session.commit(&self.caches).await? {
                    self.listener.announce();
                }
            }
            // A broken connection is not asked for anything more.
            Err(error) if error.is_of_the_connection() => {}
            _ => session.end().await,
        }
        outcome
    }

    /// The time, where it is not the database that says it.
    pub(super) fn given_time(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(|clock| clock.now())
    }
}

async fn answered<T>(operation: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let outcome = timeout(ANSWER, operation).await;
    outcome.unwrap_or(Err(PgError::Silent))
}

/// Those who have met once do not meet again if they wait differently long.
fn pause(meetings: u32) -> Duration {
    let mut random = [0; 1];
    // Without random numbers all of them wait for the same time, which is no worse than not to wait.
    let _ = getrandom::fill(&mut random);
    Duration::from_micros(u64::from(random[0]) * 10 * u64::from(meetings))
}
