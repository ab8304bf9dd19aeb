//! `dlcs migrate`: from a data directory to PostgreSQL and a bucket, whole or not at all, and again.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::bucket::Bucket;
use crate::database::Database;
use crate::library::{Library, flip, objects};
use crate::program::{self, Program};

const SECRET: &str = "canary-password";

/// A data directory, and where it is to be moved.
struct Move {
    folder: tempfile::TempDir,
    library: Library,
    database: Database,
    bucket: Bucket,
}

impl Move {
    async fn new(test: &str) -> Option<Self> {
        let database = Database::new(test).await?;
        Some(Self {
            folder: tempfile::tempdir().unwrap(),
            library: Library::open().await,
            database,
            bucket: Bucket::start().await,
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn target(&self) -> Vec<String> {
        [
            "--database-url",
            &self.database.url(),
            "--store-url",
            &self.bucket.store_url(),
        ]
        .map(ToOwned::to_owned)
        .into()
    }

    fn run(&self, command: &str, data: &Path, more: &[&str]) -> Output {
        let mut arguments = arguments(command, data, &self.target());
        arguments.extend(more.iter().map(|flag| (*flag).to_owned()));
        run(&arguments)
    }

    fn migrate(&self) -> Output {
        self.run("migrate", &self.data(), &[])
    }

    /// The sealing key of the data directory, as a flag takes it.
    fn sealing_key(&self) -> String {
        format!("@{}", self.data().join("credentials.key").display())
    }

    /// A node of the cluster that the data has been moved to.
    fn node(&self) -> Program {
        let key = self.sealing_key();
        let mut flags = self.target();
        flags.extend(["--sealing-key".to_owned(), key]);
        flags.extend(Library::flags().map(ToOwned::to_owned));
        let data = self.folder.path().join("node");
        Program::start_in(&data, &flags, &Bucket::variables())
    }

    fn fsck(&self) -> Output {
        let data = self.folder.path().join("fsck");
        self.run(
            "fsck",
            &data,
            &["--sealing-key", &self.sealing_key(), "--grace", "0"],
        )
    }
}

fn arguments(command: &str, data: &Path, target: &[String]) -> Vec<String> {
    let data = data.display().to_string();
    let flags = [command, "--data-dir", &data, "--log", "warn"];
    let flags = flags.into_iter().map(ToOwned::to_owned);
    flags.chain(target.iter().cloned()).collect()
}

fn run(arguments: &[String]) -> Output {
    tokio::task::block_in_place(|| Program::run_in(arguments, &Bucket::variables()))
}

#[track_caller]
fn assert_code(output: &Output, code: i32) -> String {
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{out}{errors}");
    out + &errors
}

fn stop(mut program: Program) {
    program.sigterm();
    assert_eq!(program.wait().code(), Some(0), "{}", program.stderr());
}

/// Images in every state, credentials, a queue: returns the ids of the images that are served.
async fn fill(moving: &Move) -> Vec<String> {
    let library = &moving.library;
    let program = Program::start(&moving.data(), &Library::flags());
    let mut ids: Vec<_> = (0..6).map(|number| format!("image {number}")).collect();
    for (number, id) in ids.iter().enumerate() {
        library
            .register(&program, &id.replace(' ', "%20"), number)
            .await;
    }
    library.send(&program, "sent").await;
    ids.push("sent".to_owned());
    let batch: Vec<_> = (0..5).map(|number| format!("batch-{number}")).collect();
    library.submit(&program, &batch).await;
    library.drained(&program).await;
    ids.extend(batch);
    let credentials = json!({ "user": "user", "password": SECRET }).to_string();
    let strategy = json!({
        "regex": "^http://127\\.0\\.0\\.1:[0-9]+/protected",
        "strategy": "basic-http-authentication",
        "credentials": credentials,
    });
    let status = library
        .post(&program, "/customers/1/originStrategies", &strategy)
        .await;
    assert_eq!(status, StatusCode::CREATED);
    stop(program);
    // What waits, waits there, too.
    let flags = [&Library::flags()[..], &["--workers", "0"]].concat();
    let program = Program::start(&moving.data(), &flags);
    library.submit(&program, &["waits".to_owned()]).await;
    stop(program);
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_moved_and_goes_on() {
    let Some(moving) = Move::new("everything_is_moved_and_goes_on").await else {
        return;
    };
    let library = &moving.library;
    let ids = fill(&moving).await;
    let said = assert_code(&moving.migrate(), 0);
    for line in [
        "customers: 1 rows, the same in both databases",
        "images: 13 rows, the same in both databases",
        "jobs: 1 rows, the same in both databases",
        "batches: 2 rows, the same in both databases",
        "origin_strategies: 1 rows, the same in both databases",
        "objects: 12, of ",
        "; there already: 0",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let said = assert_code(&moving.migrate(), 0);
    assert!(said.contains("; there already: 12"), "{said}");
    assert!(!said.contains("SFTP"), "{said}");
    std::fs::write(moving.data().join("known_hosts"), "").unwrap();
    let said = assert_code(&moving.migrate(), 0);
    assert!(
        said.contains("data/known_hosts: copy it to every node"),
        "{said}"
    );
    assert_code(&moving.fsck(), 0);

    let node = moving.node();
    for id in &ids {
        library.assert_served(&node, &id.replace(' ', "%20")).await;
    }
    library.drained(&node).await;
    library.assert_served(&node, "waits").await;
    // The credentials that were sealed here open there.
    library
        .register_protected(&node, "protected", "user", SECRET)
        .await;
    // Numbers go on: nothing of the old is overwritten.
    library.submit(&node, &["after".to_owned()]).await;
    library.drained(&node).await;
    let batches = library.get(&node, "/customers/1/queue/batches").await;
    assert_eq!(batches["totalItems"], json!(3), "{batches}");
    stop(node);
    assert_code(&moving.fsck(), 0);

    // Something works there now.
    let before = objects(&moving.bucket.objects());
    let said = assert_code(&moving.migrate(), 1);
    assert!(said.contains("which is not of this catalogue"), "{said}");
    assert_eq!(objects(&moving.bucket.objects()), before);
    let alone = [
        "migrate",
        "--data-dir",
        moving.data().to_str().unwrap(),
        "--database-url",
        &moving.database.url(),
    ]
    .map(ToOwned::to_owned);
    let said = tokio::task::block_in_place(|| assert_code(&Program::run(&alone), 1));
    assert!(
        said.contains("the database holds something else in `"),
        "{said}"
    );
    moving.database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalogue_and_the_objects_can_be_moved_one_after_the_other() {
    let test = "the_catalogue_and_the_objects_can_be_moved_one_after_the_other";
    let Some(moving) = Move::new(test).await else {
        return;
    };
    let (library, data) = (&moving.library, moving.data());
    let ids = fill(&moving).await;
    let target = moving.target();
    let (database, store) = target.split_at(2);
    let start = |target: &[String]| {
        let flags = Library::flags().map(ToOwned::to_owned);
        let flags = [target, &flags].concat();
        Program::start_in(&data, &flags, &Bucket::variables())
    };
    for (target, said) in [
        (store, "keeps the catalogue"),
        (database, "keeps the objects"),
    ] {
        let moved = run(&arguments("migrate", &data, target));
        let out = assert_code(&moved, 0);
        assert!(out.contains(said), "{out}");
        assert_code(&run(&arguments("fsck", &data, target)), 0);
    }
    // Each of them with what has stayed; nobody works, so that both hold the same.
    for target in [store, database, &target] {
        let node = start(&[target, &["--workers".to_owned(), "0".to_owned()]].concat());
        for id in &ids {
            library.assert_served(&node, &id.replace(' ', "%20")).await;
        }
        stop(node);
    }
    let node = start(&target);
    library.drained(&node).await;
    library.assert_served(&node, "waits").await;
    stop(node);
    moving.database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_move_goes_on_and_ends_right() {
    let Some(moving) = Move::new("an_interrupted_move_goes_on_and_ends_right").await else {
        return;
    };
    let ids = fill(&moving).await;
    let mut killed = 0;
    for step in 0..12_u64 {
        let arguments = arguments("migrate", &moving.data(), &moving.target());
        let mut command = program::command();
        command.args(arguments).envs(Bucket::variables());
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(20 + step * 60)).await;
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        // Nothing or everything.
        let made = "SELECT count(*) FROM pg_class WHERE relname = 'images' AND relkind = 'r'";
        if moving.database.number(made).await == 1 {
            let images = moving.database.number("SELECT count(*) FROM images").await;
            let origins = moving
                .database
                .number("SELECT count(*) FROM origin_strategies")
                .await;
            assert!(
                [(0, 0), (13, 1)].contains(&(images, origins)),
                "{images} {origins}"
            );
        }
    }
    assert!(killed > 0, "nothing was interrupted");
    assert_code(&moving.migrate(), 0);
    assert_code(&moving.fsck(), 0);
    let node = moving.node();
    for id in &ids {
        moving
            .library
            .assert_served(&node, &id.replace(' ', "%20"))
            .await;
    }
    stop(node);
    moving.database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_moved_is_said_and_nothing_has_moved() {
    let Some(moving) = Move::new("what_cannot_be_moved_is_said_and_nothing_has_moved").await else {
        return;
    };
    let missing = moving.folder.path().join("nothing");
    let said = assert_code(&moving.run("migrate", &missing, &[]), 1);
    assert!(said.contains("there is no catalogue in"), "{said}");
    let data = moving.data();
    let nowhere = ["migrate", "--data-dir", data.to_str().unwrap()];
    let said = tokio::task::block_in_place(|| assert_code(&Program::run(&nowhere), 2));
    assert!(
        said.contains("say where the data directory is to be moved"),
        "{said}"
    );
    let program = Program::start(&data, &Library::flags());
    moving.library.register(&program, "a", 1).await;
    moving.library.register(&program, "b", 1).await;
    let said = assert_code(&moving.migrate(), 1);
    assert!(said.contains("in use by another process"), "{said}");
    stop(program);
    let files = objects(&data.join("derivatives/images"));
    flip(&files[1]);
    let said = assert_code(&moving.migrate(), 1);
    assert!(said.contains("is missing or damaged where it is"), "{said}");
    let images = moving.database.number("SELECT count(*) FROM images").await;
    assert_eq!(images, 0);
    flip(&files[1]);
    assert_code(&moving.migrate(), 0);
    // An object that somebody has changed there is replaced, and one that is missing sent again.
    let sent = objects(&moving.bucket.objects());
    flip(&sent[0]);
    std::fs::remove_file(&sent[1]).unwrap();
    let said = assert_code(&moving.migrate(), 0);
    assert!(said.contains("; there already: 0"), "{said}");
    assert_code(&moving.fsck(), 0);
    moving.database.drop().await;
}
