//! `dlcs fsck`, as an operator and a script see it.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::database::Database;
use crate::library::{Library, flip, objects};
use crate::program::Program;

const SOUND: i32 = 0;
const FAULTS: i32 = 1;
const WRONG_SETTINGS: i32 = 2;
const NOT_CHECKED: i32 = 3;

fn fsck(data: &Path, flags: &[&str]) -> Output {
    let data = data.to_str().unwrap();
    let arguments = [&["fsck", "--data-dir", data, "--log", "warn"][..], flags].concat();
    Program::run(&arguments)
}

/// Its lines, when it ends as it should.
#[track_caller]
fn said(output: &Output, code: i32) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{errors}");
    out.lines().map(ToOwned::to_owned).collect()
}

fn stop(mut program: Program) {
    program.sigterm();
    assert_eq!(program.wait().code(), Some(0), "{}", program.stderr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_checked_is_not_called_sound() {
    let data = tempfile::tempdir().unwrap();
    let missing = data.path().join("nothing");
    let output = fsck(&missing, &[]);
    assert_eq!(said(&output, NOT_CHECKED), Vec::<String>::new());
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(sentence.contains("there is no catalogue in"), "{sentence}");
    assert!(!missing.try_exists().unwrap(), "looking makes nothing");
    let program = Program::start(data.path(), &Library::flags());
    let output = fsck(data.path(), &[]);
    said(&output, NOT_CHECKED);
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(sentence.contains("in use by another process"), "{sentence}");
    let output = fsck(data.path(), &["--grace", "soon"]);
    said(&output, WRONG_SETTINGS);
    stop(program);
    let lines = said(&fsck(data.path(), &["--workers", "3"]), SOUND);
    assert_eq!(
        lines,
        ["checked 0 images, 0 served from 0 bytes, 0 objects stored, and all counts: sound"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_named_and_healed() {
    let (data, library) = (tempfile::tempdir().unwrap(), Library::open().await);
    let program = Program::start(data.path(), &Library::flags());
    let ids: Vec<_> = (0..4).map(|number| format!("image-{number}")).collect();
    for (number, id) in ids.iter().enumerate() {
        library.register(&program, id, number).await;
    }
    library.send(&program, "sent").await;
    // Killed: what is left behind is no fault.
    program.sigkill();
    let lines = said(&fsck(data.path(), &[]), SOUND);
    assert!(
        lines[0].starts_with("checked 5 images, 5 served from "),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 1, "{lines:?}");

    let files = objects(&data.path().join("derivatives/images"));
    assert_eq!(files.len(), 5);
    let is_of =
        |line: &str, file: &Path| line.contains(file.file_name().unwrap().to_str().unwrap());
    flip(&files[0]);
    std::fs::remove_file(&files[1]).unwrap();
    let orphan = files[2].with_file_name("7-99999.tif");
    std::fs::copy(&files[2], &orphan).unwrap();
    let database = rusqlite::Connection::open(data.path().join("dlcs.sqlite")).unwrap();
    let changed = database.execute("UPDATE spaces SET image_count = image_count + 2", []);
    assert_eq!(changed.unwrap(), 1);
    drop(database);

    let lines = said(&fsck(data.path(), &[]), FAULTS);
    assert_eq!(lines.len(), 5, "{lines:?}");
    let has = |lines: &[String], words: &[&str]| {
        let found = lines
            .iter()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} in {lines:#?}");
    };
    has(&lines, &["is damaged: its checksum is"]);
    has(&lines, &["is missing"]);
    assert!(
        lines.iter().any(|line| is_of(line, &files[0])),
        "{lines:#?}"
    );
    has(
        &lines,
        &[
            "no row names the object",
            "7-99999.tif",
            "a repair deletes it",
        ],
    );
    has(
        &lines,
        &[
            "space 1 of customer 1 counts 7 images of ",
            " bytes and has 5 of ",
            ": a repair puts it right",
        ],
    );
    assert!(
        lines[4].ends_with("and all counts: 4 faults, 4 left"),
        "{lines:?}"
    );

    let lines = said(&fsck(data.path(), &["--repair"]), FAULTS);
    assert!(!orphan.try_exists().unwrap());
    has(
        &lines,
        &["no row names the object", "7-99999.tif", "deleted"],
    );
    has(&lines, &["space 1 of customer 1", "put right"]);
    let sent_is_damaged = lines.iter().any(|line| line.contains("`1/1/sent`"));
    let queued = if sent_is_damaged {
        "1 queued"
    } else {
        "2 queued"
    };
    has(&lines, &["4 faults, 2 put right", queued]);

    let program = Program::start(data.path(), &Library::flags());
    library.drained(&program).await;
    if sent_is_damaged {
        library.register(&program, "sent", 1).await;
    }
    for id in &ids {
        library.assert_served(&program, id).await;
    }
    stop(program);
    said(&fsck(data.path(), &[]), SOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_checked_while_it_works() {
    let Some(database) = Database::new("a_cluster_is_checked_while_it_works").await else {
        return;
    };
    let (folder, library, bucket) = (
        tempfile::tempdir().unwrap(),
        Library::open().await,
        Bucket::start().await,
    );
    let (url, store, sealing_key) = (database.url(), bucket.store_url(), "7".repeat(64));
    let shared = [
        "--database-url",
        &url,
        "--store-url",
        &store,
        "--sealing-key",
        &sealing_key,
    ];
    let node = folder.path().join("node");
    let flags = [&shared[..], &Library::flags()].concat();
    let program = Program::start_in(&node, &flags, &Bucket::variables());
    let fsck = |more: &[&str]| {
        let data = folder.path().join("fsck");
        let own = [
            "fsck",
            "--log",
            "warn",
            "--data-dir",
            data.to_str().unwrap(),
        ];
        let flags = [&own[..], &shared[..], more].concat();
        Program::run_in(&flags, &Bucket::variables())
    };

    let ids: Vec<_> = (0..150).map(|number| format!("image-{number}")).collect();
    for _ in 0..2 {
        library.submit(&program, &ids).await;
        // While they are made, and made again.
        said(&tokio::task::block_in_place(|| fsck(&[])), SOUND);
    }
    library.drained(&program).await;
    let lines = said(
        &tokio::task::block_in_place(|| fsck(&["--grace", "0"])),
        SOUND,
    );
    assert!(
        lines[0].starts_with("checked 150 images, 150 served from "),
        "{lines:?}"
    );

    let changed = database
        .execute("UPDATE queue_shares SET waiting = waiting + 1 WHERE lane = 0")
        .await;
    assert_eq!(changed, 1);
    // What was made first is there still, for those who are reading it.
    let mut objects = objects(&bucket.objects().join("images"));
    objects.retain(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("2-")
    });
    assert_eq!(objects.len(), 150);
    std::fs::remove_file(&objects[3]).unwrap();
    flip(&objects[5]);
    let lines = said(&tokio::task::block_in_place(|| fsck(&[])), FAULTS);
    assert!(lines[3].ends_with(": 3 faults, 3 left"), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.starts_with(
            "the queue counts 1 waiting and 0 leased images of customer 1 in lane 0 and has 0 and 0"
        )),
        "{lines:#?}"
    );
    tokio::task::block_in_place(|| fsck(&["--repair"]));
    let begun = Instant::now();
    loop {
        let output = tokio::task::block_in_place(|| fsck(&[]));
        if output.status.code() == Some(SOUND) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{output:?}");
    }
    for id in [&ids[0], &ids[149]] {
        library.assert_served(&program, id).await;
    }
    stop(program);
    database.drop().await;
}
