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
/// The most work of one transaction, in images: who joins late must not wait for long.
const WORK_MAX: usize = 2000;
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
    /// Runs inside a savepoint of its own, which is rolled back when it fails; not at all when nobody waits for it any more.
    fn run(&mut self, connection: &Connection, now: Timestamp);
    /// Takes a success back: its transaction came to nothing.
    fn void(&mut self, cause: &Arc<rusqlite::Error>);
    fn terms(&self) -> Terms;
    /// Whether workers are to be woken.
    fn wakes(&self) -> bool;
    /// Answers the caller.
    fn reply(self: Box<Self>);
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
    fn run(&mut self, connection: &Connection, now: Timestamp) {
        let Some(work) = self.work.take() else { return };
        if self.reply.is_closed() {
            return;
        }
        self.outcome = Some(in_savepoint(connection, || work(connection, now)));
    }

    fn void(&mut self, cause: &Arc<rusqlite::Error>) {
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(SqliteError::RolledBack(Arc::clone(cause))));
        }
    }

    fn terms(&self) -> Terms {
        self.terms
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

fn in_savepoint<T>(connection: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    connection
        .prepare_cached("SAVEPOINT operation")?
        .execute([])?;
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(SqliteError::Panicked));
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
    while let Some(first) = operations.blocking_recv() {
        let mut images = first.terms().images;
        group.push(first);
        while group.len() < GROUP_MAX
            && images < WORK_MAX
            && let Ok(next) = operations.try_recv()
        {
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
    for (index, operation) in group.iter_mut().enumerate() {
        operation.run(connection, clock.now());
        // After some failures (a full disk, say) the engine has rolled back everything before as well.
        if connection.is_autocommit() {
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
mod tests {
    use dlcs_core::time::SystemClock;
    use futures_util::future::join_all;

    use super::super::cache::Caches;
    use super::*;

    fn writer() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let connection = super::super::connection::open_writer(&path).unwrap();
        super::super::migrate::migrate(&connection, &path).unwrap();
        connection
            .execute_batch("CREATE TABLE numbers (n INTEGER PRIMARY KEY) STRICT")
            .unwrap();
        let changes = Changes::watch(&connection, Arc::new(Caches::new())).unwrap();
        let writer = Writer::start(connection, changes, Arc::new(SystemClock)).unwrap();
        (folder, writer)
    }

    fn insert(connection: &Connection, n: i64) -> Result<()> {
        connection.execute("INSERT INTO numbers VALUES (?1)", [n])?;
        Ok(())
    }

    async fn stored(writer: &Writer) -> Vec<i64> {
        writer
            .run(Terms::DURABLE, |c, _| {
                super::super::query_all(c, "SELECT n FROM numbers ORDER BY n", [], |columns| {
                    columns.get()
                })
            })
            .await
            .unwrap()
    }

    /// Holds the writer until everything that is to share a transaction has been handed over.
    async fn in_one_group(
        writer: &Writer,
        operations: impl IntoIterator<Item = i64>,
        run: fn(&Connection, i64) -> Result<()>,
    ) -> Vec<Result<()>> {
        let (started, begun) = oneshot::channel();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = writer.run(Terms::DURABLE, move |_, _| {
            // Whichever way the wait ends, everybody has been handed over.
            let _ = (started.send(()), wait.recv());
            Ok(())
        });
        let rest = async {
            begun.await.unwrap();
            let mut rest = join_all(
                operations
                    .into_iter()
                    .map(|n| writer.run(Terms::DURABLE, move |c, _| run(c, n))),
            );
            assert!(futures_util::poll!(&mut rest).is_pending());
            drop(go);
            rest.await
        };
        let (first, rest) = tokio::join!(first, rest);
        first.unwrap();
        rest
    }

    #[tokio::test]
    async fn one_failing_operation_rolls_back_alone() {
        let (_folder, writer) = writer();
        let outcomes = in_one_group(&writer, 0..100, |c, n| {
            insert(c, n)?;
            if n % 10 == 3 {
                return Err(SqliteError::LeaseLost);
            }
            if n % 10 == 4 {
                insert(c, n - 2)?;
            }
            Ok(())
        })
        .await;
        let expected: Vec<i64> = (0..100).filter(|n| ![3, 4].contains(&(n % 10))).collect();
        let succeeded: Vec<i64> = (0..)
            .zip(&outcomes)
            .filter(|(_, o)| o.is_ok())
            .map(|(n, _)| n)
            .collect();
        assert_eq!(succeeded, expected);
        assert_eq!(stored(&writer).await, expected);
    }

    #[tokio::test]
    async fn a_panic_rolls_back_its_operation_and_nothing_else() {
        let (_folder, writer) = writer();
        let outcomes = in_one_group(&writer, 0..3, |c, n| {
            insert(c, n)?;
            assert!(n != 1, "this one is meant to panic");
            Ok(())
        })
        .await;
        assert!(matches!(outcomes[1], Err(SqliteError::Panicked)));
        assert_eq!(stored(&writer).await, [0, 2]);
    }

    #[tokio::test]
    async fn nobody_is_told_of_a_success_that_the_engine_took_back() {
        let (_folder, writer) = writer();
        let outcomes = in_one_group(&writer, 0..4, |c, n| {
            insert(c, n)?;
            if n == 2 {
                // As the engine does by itself on a full disk.
                c.execute_batch("ROLLBACK")?;
            }
            Ok(())
        })
        .await;
        for outcome in &outcomes[..3] {
            assert!(
                matches!(outcome, Err(SqliteError::RolledBack(_))),
                "{outcome:?}"
            );
        }
        assert!(outcomes[3].is_ok());
        assert_eq!(stored(&writer).await, [3]);
    }

    #[tokio::test]
    async fn an_operation_whose_caller_has_gone_is_not_begun() {
        let (_folder, writer) = writer();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = writer.run(Terms::DURABLE, move |_, _| {
            let _ = wait.recv();
            Ok(())
        });
        let abandon = async {
            let mut second = Box::pin(writer.run(Terms::DURABLE, |c, _| insert(c, 1)));
            assert!(futures_util::poll!(&mut second).is_pending());
            drop(second);
            drop(go);
        };
        let (first, ()) = tokio::join!(first, abandon);
        first.unwrap();
        assert_eq!(stored(&writer).await, Vec::<i64>::new());
    }

    #[tokio::test]
    async fn commits_wait_for_the_disk_where_somebody_waits_for_them() {
        let (_folder, writer) = writer();
        let synchronous = async |terms| {
            let ask = |c: &Connection, _| {
                let value = c.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
                Ok(value?)
            };
            writer.run(terms, ask).await.unwrap()
        };
        let (full, normal) = (2, 1);
        assert_eq!(synchronous(Terms::DURABLE).await, full);
        assert_eq!(synchronous(Terms::RELAXED).await, normal);
        assert_eq!(synchronous(Terms::DURABLE.waking()).await, full);
        // Both in one group.
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = writer.run(Terms::RELAXED, move |_, _| {
            let _ = wait.recv();
            Ok(())
        });
        let mut others = join_all([Terms::RELAXED, Terms::DURABLE].map(synchronous));
        let both = async {
            assert!(futures_util::poll!(&mut others).is_pending());
            drop(go);
            others.await
        };
        let (first, both) = tokio::join!(first, both);
        first.unwrap();
        assert_eq!(both, [full, full]);
    }

    #[tokio::test]
    async fn workers_are_woken_by_what_was_stored_only() {
        let (_folder, writer) = writer();
        let mut wakeups = writer.wakeups();
        let refused = writer.run(Terms::DURABLE.waking(), |_, _| {
            Err::<(), _>(SqliteError::LeaseLost)
        });
        refused.await.unwrap_err();
        assert!(!wakeups.has_changed().unwrap());
        writer
            .run(Terms::DURABLE.waking(), |c, _| insert(c, 1))
            .await
            .unwrap();
        assert!(wakeups.has_changed().unwrap());
        wakeups.mark_unchanged();
        writer
            .run(Terms::DURABLE, |c, _| insert(c, 2))
            .await
            .unwrap();
        assert!(!wakeups.has_changed().unwrap());
    }
}
