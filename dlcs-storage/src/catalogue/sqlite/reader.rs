//! The readers: a few connections that see a snapshot each, outside the async threads.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection;
use super::error::{Result, SqliteError};
use crate::lock::Lock;

/// How many reads may run at once.
const READERS: usize = 4;

/// Lends out reading connections; they are opened when first needed.
#[derive(Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Lock<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Makes a pool for a database that exists.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path: Arc::new(path),
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Runs a read in a snapshot that sees every write that has returned.
    pub(super) async fn run<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| SqliteError::Closed)?;
        let readers = self.clone();
        tokio::task::spawn_blocking(move || {
            // The read goes on when its caller goes away, and its turn with it.
            let _permit = permit;
            let connection = readers.take()?;
            let outcome = in_snapshot(&connection, read);
            if connection.is_autocommit() {
                readers.idle.lock().push(connection);
            }
            outcome
        })
        .await
        .map_err(|_| SqliteError::Panicked)?
    }

    fn take(&self) -> Result<Connection> {
        if let Some(connection) = self.idle.lock().pop() {
            return Ok(connection);
        }
        Ok(connection::open_reader(&self.path)?)
    }
}

fn in_snapshot<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let outcome = read(connection);
    connection.prepare_cached("COMMIT")?.execute([])?;
    outcome
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readers(..)")
    }
}
