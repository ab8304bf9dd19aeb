//! The one writer: a thread that commits operations in groups.
//!
//! A commit waits for the disk, an operation hardly does: whatever arrives during one commit shares the next.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use dlcs_core::time::{Clock, Timestamp};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::changes::Changes;
use super::error::{Result, SqliteError};

/// The most operations of one transaction.
const GROUP_MAX: usize = 256;
/// The most work of one transaction, in images: who joins late must not wait for long. One that is as large by itself has its own.
pub(super) const WORK_MAX: usize = 2000;
/// Operations that may wait before callers do.
const INBOX: usize = 4 * GROUP_MAX;

/// What an operation needs besides its turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Whether workers are woken when it has been committed.
    pub(super) wakes: bool,
    /// How many images it is about: groups are bounded by that.
    pub(super) images: usize,
    /// Whether its caller waits until it survives a loss of power. Otherwise it does so with the next one that waits, and a loss before takes
    /// it back.
    pub(super) durable: bool,
}

impl Terms {
    pub(super) const DURABLE: Self = Self {
        wakes: false,
        images: 1,
        durable: true,
    };
    pub(super) const RELAXED: Self = Self {
        durable: false,
        ..Self::DURABLE
    };

    /// The same, and workers are woken.
    pub(super) const fn waking(self) -> Self {
        Self {
            wakes: true,
            ..self
        }
    }

    /// The same, about so many images.
    pub(super) const fn about(self, images: usize) -> Self {
        Self { images, ..self }
    }
}

/// Hands operations to the thread that owns the writing connection.
pub(super) struct Writer {
    inbox: Option<mpsc::Sender<Box<dyn Operation>>>,
    thread: Option<JoinHandle<()>>,
    wakeups: watch::Sender<u64>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        connection: Connection,
        changes: Changes,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let (inbox, operations) = mpsc::channel(INBOX);
        let wakeups = watch::Sender::new(0);
        let thread = std::thread::Builder::new()
            .name("dlcs-sqlite-writer".to_owned())
            .spawn({
                let wakeups = wakeups.clone();
                move || {
                    let database = Database {
                        connection,
                        changes,
                        waits: Cell::new(true),
                    };
                    work(&database, operations, clock.as_ref(), &wakeups);
                }
            })?;
        Ok(Self {
            inbox: Some(inbox),
            thread: Some(thread),
            wakeups,
        })
    }

    /// Runs an operation in a transaction and returns once it is committed, and durable where its terms say so.
    ///
    /// The time that the operation is given is the one at which it runs.
    pub(super) async fn run<T, F>(&self, terms: Terms, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Timestamp) -> Result<T> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let queued = Queued {
            work: Some(operation),
            outcome: None,
            reply,
            terms,
        };
        let inbox = self.inbox.as_ref().ok_or(SqliteError::Closed)?;
        inbox
            .send(Box::new(queued))
            .await
            .map_err(|_| SqliteError::Closed)?;
        outcome.await.map_err(|_| SqliteError::Closed)?
    }

    /// Returns a receiver that changes when workers are to be woken.
    pub(super) fn wakeups(&self) -> watch::Receiver<u64> {
        self.wakeups.subscribe()
    }
}

impl Drop for Writer {
    /// Waits for what has been handed over, so that the database is closed afterwards.
    fn drop(&mut self) {
        self.inbox = None;
        if let Some(thread) = self.thread.take() {
            // It catches the panics of operations; there is nobody to tell of another one.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer(..)")
    }
}

/// An operation on its way through a group.
trait Operation: Send {
    /// Runs, and leaves nothing of itself when it fails; not at all when nobody waits for it any more.
    fn run(&mut self, connection: &Connection, company: Company, now: Timestamp);
    /// Takes a success back: its transaction came to nothing.
    fn void(&mut self, cause: &Arc<rusqlite::Error>);
    fn terms(&self) -> Terms;
    /// Whether it has failed.
    fn has_failed(&self) -> bool;
    /// Whether workers are to be woken.
    fn wakes(&self) -> bool;
    /// Answers the caller.
    fn reply(self: Box<Self>);
}

/// Whether an operation shares its transaction.
#[derive(Debug, Clone, Copy)]
enum Company {
    /// It does not: when it fails, the transaction is rolled back.
    Alone,
    /// It does: it runs in a savepoint. What that costs grows with the square of what the operation changes, because each statement walks the
    /// journal of all before it.
    Group,
}

struct Queued<T, F> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
    terms: Terms,
}

impl<T, F> Operation for Queued<T, F>
where
    T: Send,
    F: FnOnce(&Connection, Timestamp) -> Result<T> + Send,
{
    fn run(&mut self, connection: &Connection, company: Company, now: Timestamp) {
        let Some(work) = self.work.take() else { return };
        if self.reply.is_closed() {
            return;
        }
        let work = || {
            catch_unwind(AssertUnwindSafe(|| work(connection, now)))
                .unwrap_or(Err(SqliteError::Panicked))
        };
        self.outcome = Some(match company {
            Company::Alone => undone_with_its_transaction(connection, work),
            Company::Group => in_savepoint(connection, work),
        });
    }

    fn void(&mut self, cause: &Arc<rusqlite::Error>) {
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(SqliteError::RolledBack(Arc::clone(cause))));
        }
    }

    fn terms(&self) -> Terms {
        self.terms
    }

    fn has_failed(&self) -> bool {
        matches!(self.outcome, Some(Err(_)))
    }

    fn wakes(&self) -> bool {
        self.terms.wakes && matches!(self.outcome, Some(Ok(_)))
    }

    fn reply(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // A caller that has gone away does not want it.
            let _ = self.reply.send(outcome);
        }
    }
}

fn undone_with_its_transaction<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let outcome = work();
    if outcome.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.execute([])?;
    }
    outcome
}

fn in_savepoint<T>(connection: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    connection
        .prepare_cached("SAVEPOINT operation")?
        .execute([])?;
    let outcome = work();
    if connection.is_autocommit() {
        return outcome;
    }
    let execute = |sql| connection.prepare_cached(sql)?.execute([]);
    let undone = if outcome.is_err() {
        execute("ROLLBACK TO operation").map(drop)
    } else {
        Ok(())
    };
    if let Err(error) = undone.and_then(|()| execute("RELEASE operation").map(drop)) {
        // Nobody knows what is left of the operation: the whole group goes, and is told so.
        let _ = execute("ROLLBACK");
        return Err(error.into());
    }
    outcome
}

/// The connection that writes, and what it changes.
struct Database {
    connection: Connection,
    changes: Changes,
    /// Whether its commits wait for the disk, as they do from the start.
    waits: Cell<bool>,
}

impl Database {
    /// Lets commits wait for the disk from now on, or not. What has been committed without waiting is on it after the next that waits.
    fn wait_for_disk(&self, waits: bool) -> rusqlite::Result<()> {
        if self.waits.get() != waits {
            let synchronous = if waits { "FULL" } else { "NORMAL" };
            self.connection
                .pragma_update(None, "synchronous", synchronous)?;
            self.waits.set(waits);
        }
        Ok(())
    }
}

fn work(
    database: &Database,
    mut operations: mpsc::Receiver<Box<dyn Operation>>,
    clock: &dyn Clock,
    wakeups: &watch::Sender<u64>,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    let mut held_over = None;
    while let Some(first) = held_over.take().or_else(|| operations.blocking_recv()) {
        let mut images = first.terms().images;
        group.push(first);
        while group.len() < GROUP_MAX
            && images < WORK_MAX
            && let Ok(next) = operations.try_recv()
        {
            if next.terms().images >= WORK_MAX {
                held_over = Some(next);
                break;
            }
            images += next.terms().images;
            group.push(next);
        }
        commit(database, &mut group, clock);
        if group.iter().any(|operation| operation.wakes()) {
            wakeups.send_modify(|count| *count += 1);
        }
        for operation in group.drain(..) {
            operation.reply();
        }
    }
}

/// Runs a group in one transaction. Afterwards each operation has an outcome, and every success among them is durable that is to be.
fn commit(database: &Database, group: &mut [Box<dyn Operation>], clock: &dyn Clock) {
    let mut rest = group;
    while !rest.is_empty() {
        match run_group(database, rest, clock) {
            Ok(()) => return,
            Err((done, cause)) => {
                let cause = Arc::new(cause);
                let (failed, remaining) = rest.split_at_mut(done);
                for operation in failed {
                    operation.void(&cause);
                }
                rest = remaining;
            }
        }
    }
}

/// On failure nothing is stored, and the first so many operations have had their turn.
fn run_group(
    database: &Database,
    group: &mut [Box<dyn Operation>],
    clock: &dyn Clock,
) -> std::result::Result<(), (usize, rusqlite::Error)> {
    let Database {
        connection,
        changes,
        ..
    } = database;
    let all = group.len();
    let waits = group.iter().any(|operation| operation.terms().durable);
    database
        .wait_for_disk(waits)
        .map_err(|error| (all, error))?;
    let execute = |sql| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
    };
    changes.clear();
    execute("BEGIN IMMEDIATE").map_err(|error| (all, error))?;
    let company = if all == 1 {
        Company::Alone
    } else {
        Company::Group
    };
    for (index, operation) in group.iter_mut().enumerate() {
        operation.run(connection, company, clock.now());
        // One that was alone has failed; or the engine has rolled back everything before as well, as it does on a full disk.
        if connection.is_autocommit() {
            return Err((index + 1, rolled_back()));
        }
        if matches!(company, Company::Alone) && operation.has_failed() {
            // It could not be rolled back: what is left of it must not be committed. When this fails too, the next `BEGIN` says so.
            let _ = execute("ROLLBACK");
            return Err((index + 1, rolled_back()));
        }
    }
    changes.around(|| {
        execute("COMMIT").map_err(|error| {
            if !connection.is_autocommit() {
                // The transaction is open still; when this fails too, the next `BEGIN` says so.
                let _ = execute("ROLLBACK");
            }
            (all, error)
        })?;
        Ok(())
    })
}

fn rolled_back() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
        Some("the engine rolled the transaction back".to_owned()),
    )
}

#[cfg(test)]
mod tests;
