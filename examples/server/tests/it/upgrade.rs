//! The program dies in the middle of bringing an old schema up to date: the next start does the rest, and every row is what it would have been.

use std::path::Path;
use std::process::{Command, Stdio};

use dlcs_testkit::program::{find, say};

use crate::database::Database;
use crate::program::{self, Program};
use crate::proxy::Proxy;

/// The first schema of SQLite, and rows in it.
const SQLITE: &str =
    include_str!("../../../../dlcs-storage/migrations/sqlite/0001_create-catalogue-and-queue.sql");
const SQLITE_ROWS: &str = "
    INSERT INTO customers VALUES (1, 'default', 'Default', 'administrator', 10);
    INSERT INTO spaces VALUES (1, 1, 'default', '[]', '[]', -1, NULL, NULL, 11, 401);
    INSERT INTO batches VALUES (7, 1, 20, 400, 0, 400, 33, 400, 0);
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 400)
        INSERT INTO batch_images SELECT 7, 1, 'failed ' || n, 'failed', 'it broke', 33 FROM n;
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 400)
        INSERT INTO images (customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
            manifests, max_unauthorised, delivery_channels, created, queued, dequeued, batch, generation, state, state_since, error)
        SELECT 1, 1, 'failed ' || n, 'https://example.org/' || n, 'a', '', '', n, 0, -9, '[\"x, y\"]', '[]', '[]', -1, '[]', 30 + n, 31, 32, 7, 1,
            'failed', 33, 'it broke' FROM n;
    INSERT INTO images (row_id, customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
        manifests, max_unauthorised, delivery_channels, created, queued, generation, state)
        VALUES (999, 1, 1, 'waiting', 'https://example.org/w', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 2, 'waiting');
    INSERT INTO jobs (id, image, customer, lane, generation, attempt, crashes, run_at) VALUES (50, 999, 1, 0, 2, 0, 0, 31);
    INSERT INTO queue_customers VALUES (1, 1, 0, 5);
    UPDATE sequences SET last = 7 WHERE name = 'batch';
    PRAGMA application_id = 1145848659;
    PRAGMA user_version = 1;
";

/// The first schema of PostgreSQL, and rows in it.
const POSTGRES: &str = include_str!(
    "../../../../dlcs-storage/migrations/postgres/0003_create-catalogue-and-queue.sql"
);
const POSTGRES_ROWS: &str = "
    CREATE TABLE dlcs_migrations (number bigint PRIMARY KEY, applied bigint NOT NULL);
    INSERT INTO dlcs_migrations VALUES (3, 7);
    INSERT INTO customers VALUES (1, 'default', 'Default', 'administrator', 10);
    INSERT INTO spaces VALUES (1, 1, 'default', '[]', '[]', -1, NULL, NULL, 11, 401);
    INSERT INTO batches (id, customer, submitted, count, completed, errors, finished, current, superseded, lane) OVERRIDING SYSTEM VALUE
        VALUES (7, 1, 20, 400, 0, 400, 33, 400, FALSE, 0);
    INSERT INTO batch_images SELECT 7, 1, 'failed ' || n, 'failed', 'it broke', 33 FROM generate_series(1, 400) AS n;
    INSERT INTO images (row_id, customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
        manifests, max_unauthorised, delivery_channels, created, queued, dequeued, batch, generation, state, state_since, error)
        OVERRIDING SYSTEM VALUE
        SELECT n, 1, 1, 'failed ' || n, 'https://example.org/' || n, 'a', '', '', n, 0, -9, '[\"x, y\"]', '[]', '[]', -1, '[]', 30 + n, 31, 32, 7, 1,
            'failed', 33, 'it broke' FROM generate_series(1, 400) AS n;
    INSERT INTO images (row_id, customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
        manifests, max_unauthorised, delivery_channels, created, queued, generation, state) OVERRIDING SYSTEM VALUE
        VALUES (999, 1, 1, 'waiting', 'https://example.org/w', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 2, 'waiting');
    INSERT INTO jobs (id, image, customer, lane, host, generation, attempt, crashes, crashes_alone, set_apart, run_at) OVERRIDING SYSTEM VALUE
        VALUES (50, 999, 1, 0, 'example.org', 2, 0, 0, 0, FALSE, 31);
    INSERT INTO queue_shares VALUES (1, 0, 1, 0, 0, 400, 5, 1000);
    INSERT INTO queue_lines (customer, lane, host, run_at, job) VALUES (1, 0, 'example.org', 31, 50);
    UPDATE sequences SET last = 7 WHERE name = 'batch';
";

/// Whatever has rows that a start of its own does not add to; and what is random or the time of the upgrade is left out.
const TABLES: [(&str, &str); 9] = [
    ("customers", "*"),
    ("spaces", "*"),
    ("batches", "*"),
    ("batch_images", "*"),
    ("images", "*"),
    ("jobs", "*"),
    ("queue_shares", "*"),
    ("queue_lines", "*"),
    (
        "settings",
        "customer, kind, space, name, body, created, modified",
    ),
];

fn data_of_the_first_schema(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir(folder).unwrap();
    let database = rusqlite::Connection::open(folder.join("dlcs.sqlite")).unwrap();
    database.execute_batch(SQLITE).unwrap();
    database.execute_batch(SQLITE_ROWS).unwrap();
}

/// Every row, and the schema.
fn sqlite_rows(folder: &Path) -> Vec<String> {
    let database = rusqlite::Connection::open(folder.join("dlcs.sqlite")).unwrap();
    let read = |sql: &str| {
        let mut statement = database.prepare(sql).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at));
            let values: rusqlite::Result<Vec<_>> = values.collect();
            Ok(format!("{:?}", values?))
        };
        let rows = statement.query_map([], row).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let mut all = read("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
    all.extend(read("SELECT * FROM pragma_integrity_check"));
    all.extend(read("SELECT * FROM pragma_user_version"));
    for (table, columns) in TABLES {
        let mut rows = read(&format!("SELECT {columns} FROM {table}"));
        rows.sort();
        all.push(table.to_owned());
        all.extend(rows);
    }
    all
}

/// Starts the program, which brings the schema up to date where it is not yet, stops it, and checks everything.
fn start_and_check(data: &Path, flags: &[&str]) {
    let serve = [flags, &["--workers", "0"]].concat();
    let mut program = Program::start(data, &serve);
    program.sigterm();
    assert!(program.wait().success(), "{}", program.stderr());
    let mut fsck = program::command();
    let fsck = fsck.arg("fsck").arg("--data-dir").arg(data).args(flags);
    let output = fsck.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
}

/// Starts the program under `strace`, which kills it before it makes a call on the database for the `time`th time; whether it came to that.
fn dies_at(strace: &Path, data: &Path, call: &str, time: usize) -> bool {
    let mut command = Command::new(strace);
    let log = data.with_extension("log");
    command.args(["-f", "-qq", "-o"]).arg(&log);
    command.args(["-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:signal=SIGKILL:when={time}")]);
    for file in ["dlcs.sqlite", "dlcs.sqlite-wal", "dlcs.sqlite-journal"] {
        command.arg("-P").arg(data.join(file));
    }
    // As every command that opens the catalogue it does what a start does, and ends.
    command.arg(program::command().get_program());
    command.arg("fsck").arg("--data-dir").arg(data);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    !command.status().unwrap().success()
}

#[test]
fn an_upgrade_of_sqlite_that_is_killed_anywhere_is_finished_by_the_next_start() {
    let test = "an_upgrade_of_sqlite_that_is_killed_anywhere_is_finished_by_the_next_start";
    let Some([strace]) = find(test, ["strace"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    data_of_the_first_schema(&data);
    start_and_check(&data, &[]);
    let expected = sqlite_rows(&data);
    assert!(expected.len() > 800, "{} rows", expected.len());

    let mut deaths = [0; 2];
    let mut versions = std::collections::BTreeSet::new();
    for (kind, (call, step)) in [("fsync,fdatasync", 1), ("pwrite64", 23)]
        .into_iter()
        .enumerate()
    {
        for time in (1..).step_by(step) {
            data_of_the_first_schema(&data);
            if !dies_at(&strace, &data, call, time) {
                break;
            }
            deaths[kind] += 1;
            let database = rusqlite::Connection::open(data.join("dlcs.sqlite")).unwrap();
            let version = database.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
            versions.insert(version.unwrap());
            drop(database);
            start_and_check(&data, &[]);
            let rows = sqlite_rows(&data);
            let differs = expected.iter().zip(&rows).find(|(one, other)| one != other);
            assert_eq!(differs, None, "killed before {call} {time}");
            assert_eq!(rows.len(), expected.len(), "killed before {call} {time}");
        }
    }
    say(&format!(
        "killed before {deaths:?} syncs and writes, at versions {versions:?}"
    ));
    assert!(deaths.iter().all(|deaths| *deaths >= 5), "{deaths:?}");
    assert!(
        (1..=4).all(|version| versions.contains(&version)),
        "{versions:?}"
    );
}

async fn postgres_rows(database: &Database) -> Vec<String> {
    let mut all = Vec::new();
    for (table, columns) in TABLES {
        let rows = format!(
            "SELECT row_to_json(r)::text FROM (SELECT {columns} FROM {table}) AS r ORDER BY 1"
        );
        all.push(table.to_owned());
        all.extend(database.texts(&rows).await);
    }
    let columns = "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1";
    all.extend(database.texts(columns).await);
    all.extend(
        database
            .texts("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
            .await,
    );
    all.extend(
        database
            .texts("SELECT number::text FROM dlcs_migrations ORDER BY 1")
            .await,
    );
    all
}

async fn schema_of_the_first_version(database: &Database) {
    database
        .batch("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .await;
    database.batch(POSTGRES).await;
    database.batch(POSTGRES_ROWS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_of_postgresql_that_is_killed_anywhere_is_finished_by_the_next_start() {
    /// There are some ninety words; each takes a second.
    const STEP: usize = 3;
    let test = "an_upgrade_of_postgresql_that_is_killed_anywhere_is_finished_by_the_next_start";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let proxy = Proxy::start(&database.server()).await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (near, far) = (database.url(), database.url_by(&proxy));
    let check = || {
        tokio::task::block_in_place(|| start_and_check(&data, &["--database-url", &near]));
    };
    schema_of_the_first_version(&database).await;
    check();
    let expected = postgres_rows(&database).await;
    assert!(expected.len() > 800, "{} rows", expected.len());

    let mut versions = std::collections::BTreeSet::new();
    let mut deaths = 0;
    for words in (0..).step_by(STEP) {
        schema_of_the_first_version(&database).await;
        proxy.release();
        // Whatever the program says after so many words is not heard any more.
        proxy.hold_after(words);
        let mut command = program::command();
        command
            .arg("fsck")
            .arg("--data-dir")
            .arg(&data)
            .args(["--database-url", &far]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let process = child.id();
        let mut ending = tokio::task::spawn_blocking(move || child.wait().unwrap());
        tokio::select! {
            () = proxy.is_held() => program::signal(process, "KILL"),
            status = &mut ending => {
                assert!(status.unwrap().success());
                break;
            }
        }
        ending.await.unwrap();
        proxy.cut();
        deaths += 1;
        let version = "SELECT max(number) FROM dlcs_migrations";
        versions.insert(database.number(version).await);
        check();
        let rows = postgres_rows(&database).await;
        let differs = expected.iter().zip(&rows).find(|(one, other)| one != other);
        assert_eq!(differs, None, "killed after {words} words");
        assert_eq!(rows.len(), expected.len(), "killed after {words} words");
    }
    say(&format!("killed {deaths} times, at versions {versions:?}"));
    assert!(
        [3, 4, 5]
            .into_iter()
            .all(|version| versions.contains(&version)),
        "{versions:?}"
    );
    database.drop().await;
}
