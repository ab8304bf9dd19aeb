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
async fn what_is_alone_leaves_nothing_when_it_fails() {
    let (_folder, writer) = writer();
    let refused = writer.run(Terms::DURABLE, |c, _| {
        insert(c, 1)?;
        Err::<(), _>(SqliteError::LeaseLost)
    });
    assert!(matches!(refused.await, Err(SqliteError::LeaseLost)));
    let panicked = writer.run(Terms::DURABLE, |c, _| {
        insert(c, 2)?;
        assert!(c.is_autocommit(), "this one is meant to panic");
        Ok(())
    });
    assert!(matches!(panicked.await, Err(SqliteError::Panicked)));
    let unique = writer.run(Terms::DURABLE, |c, _| {
        insert(c, 3)?;
        insert(c, 3)
    });
    assert!(matches!(unique.await, Err(SqliteError::Engine(_))));
    assert_eq!(stored(&writer).await, Vec::<i64>::new());
    writer
        .run(Terms::DURABLE, |c, _| insert(c, 4))
        .await
        .unwrap();
    assert_eq!(stored(&writer).await, [4]);
}

#[tokio::test]
async fn what_is_large_shares_its_transaction_with_nobody() {
    let (_folder, writer) = writer();
    let (started, begun) = oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let first = writer.run(Terms::DURABLE, move |_, _| {
        let _ = (started.send(()), wait.recv());
        Ok(())
    });
    // Whether it runs in a savepoint, which who shares a transaction does, and only they.
    let shares = async |images| {
        let ask = |c: &Connection, _| {
            Ok(c.execute_batch("RELEASE operation; SAVEPOINT operation")
                .is_ok())
        };
        writer.run(Terms::DURABLE.about(images), ask).await.unwrap()
    };
    let rest = async {
        begun.await.unwrap();
        let mut rest = join_all([1, 1, WORK_MAX, 1, 1].map(shares));
        assert!(futures_util::poll!(&mut rest).is_pending());
        drop(go);
        rest.await
    };
    let (first, rest) = tokio::join!(first, rest);
    first.unwrap();
    assert_eq!(rest, [true, true, false, true, true]);
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
