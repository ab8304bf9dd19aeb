//! `dlcs backup` while the server works, and a start on the copy.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::library::{Library, flip, objects};
use crate::program::{self, Program};

fn run(command: &str, data: &Path, more: &[&str]) -> Output {
    let data = data.to_str().unwrap();
    Program::run(&[&[command, "--data-dir", data, "--log", "warn"][..], more].concat())
}

#[track_caller]
fn assert_code(output: &Output, code: i32) -> String {
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{out}{errors}");
    out + &errors
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_made_under_load_serves_everything_acknowledged_before() {
    let folder = tempfile::tempdir().unwrap();
    let (data, library) = (folder.path().join("data"), Arc::new(Library::open().await));
    let program = Arc::new(Program::start(&data, &Library::flags()));
    let mut acknowledged = Vec::new();
    for number in 0..10 {
        let id = format!("image-{number}");
        library.register(&program, &id, number).await;
        acknowledged.push(id);
    }
    library.send(&program, "sent").await;
    acknowledged.push("sent".to_owned());
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let (library, program, stop) = (
            Arc::clone(&library),
            Arc::clone(&program),
            Arc::clone(&stop),
        );
        // New images, and those that are there again and again.
        tokio::spawn(async move {
            let mut round = 0;
            while !stop.load(Ordering::SeqCst) {
                let new: Vec<_> = (0..20)
                    .map(|number| format!("new-{round}-{number}"))
                    .collect();
                library.submit(&program, &new).await;
                library
                    .register(&program, &format!("image-{}", round % 10), round)
                    .await;
                round += 1;
            }
            round
        })
    };
    for backup in 0..4 {
        let copy = folder.path().join(format!("copy-{backup}"));
        let output =
            tokio::task::block_in_place(|| run("backup", &data, &[copy.to_str().unwrap()]));
        let said = assert_code(&output, 0);
        assert!(
            said.starts_with("copied to ") && !said.contains("missing"),
            "{said}"
        );
    }
    stop.store(true, Ordering::SeqCst);
    assert!(load.await.unwrap() > 0, "there was no load");
    drop(Arc::try_unwrap(program).map(Program::sigkill));

    for backup in 0..4 {
        let copy = folder.path().join(format!("copy-{backup}"));
        // Not a row without its object, not an object without its row.
        let output = tokio::task::block_in_place(|| run("fsck", &copy, &[]));
        assert_code(&output, 0);
        let restored = Program::start(&copy, &Library::flags());
        for id in &acknowledged {
            library.assert_served(&restored, id).await;
        }
        library.drained(&restored).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_broken_off_is_none_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, library) = (folder.path().join("data"), Library::open().await);
    let program = Program::start(&data, &Library::flags());
    let ids: Vec<_> = (0..20).map(|number| format!("image-{number}")).collect();
    library.submit(&program, &ids).await;
    library.drained(&program).await;
    let mut killed = 0;
    for step in 0..12 {
        let copy = folder.path().join(format!("copy-{step}"));
        let mut command = program::command();
        command.args(["backup", "--log", "warn", "--data-dir"]);
        command.args([&data, &copy]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(2 + step * 8)).await;
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        if copy.try_exists().unwrap() {
            let output = tokio::task::block_in_place(|| run("fsck", &copy, &[]));
            assert_code(&output, 0);
            assert_eq!(objects(&copy.join("derivatives/images")).len(), ids.len());
        }
    }
    assert!(killed > 0, "nothing was broken off");
    for id in &ids {
        library.assert_served(&program, id).await;
    }
    drop(program);
    let output = tokio::task::block_in_place(|| run("fsck", &data, &[]));
    assert_code(&output, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_on_another_disk_shares_nothing_with_the_original() {
    let test = "a_copy_on_another_disk_shares_nothing_with_the_original";
    let folder = tempfile::tempdir().unwrap();
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev());
    let elsewhere = match device(Path::new("/dev/shm")) {
        Ok(other) if other != device(folder.path()).unwrap() => {
            tempfile::tempdir_in("/dev/shm").unwrap()
        }
        _ => return dlcs_testkit::program::skip(test, "another file system at `/dev/shm`"),
    };
    let (data, library) = (folder.path().join("data"), Library::open().await);
    let program = Program::start(&data, &Library::flags());
    library.register(&program, "a", 1).await;
    let copy = elsewhere.path().join("copy");
    let output = tokio::task::block_in_place(|| run("backup", &data, &[copy.to_str().unwrap()]));
    let said = assert_code(&output, 0);
    assert!(said.contains("links to the originals: 0"), "{said}");
    drop(program);
    flip(&objects(&data.join("derivatives/images"))[0]);
    let output = tokio::task::block_in_place(|| run("fsck", &copy, &[]));
    assert_code(&output, 0);
    let restored = Program::start(&copy, &Library::flags());
    library.assert_served(&restored, "a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let said = assert_code(&run("backup", &data, &[copy.to_str().unwrap()]), 1);
    assert!(said.contains("there is no catalogue in"), "{said}");
    let library = Library::open().await;
    let program = Program::start(&data, &Library::flags());
    library.register(&program, "a", 1).await;
    library.register(&program, "b", 2).await;
    for (flag, url) in [
        ("--store-url", "s3://bucket"),
        ("--database-url", "postgres://localhost/dlcs"),
    ] {
        let said = assert_code(
            &run("backup", &data, &[copy.to_str().unwrap(), flag, url]),
            2,
        );
        assert!(said.contains(flag), "{said}");
    }
    assert_code(&run("backup", &data, &[]), 2);

    // Something that is no object has the name of one.
    let files = objects(&data.join("derivatives/images"));
    let aside = folder.path().join("aside");
    std::fs::rename(&files[0], &aside).unwrap();
    std::fs::create_dir(&files[0]).unwrap();
    let said = assert_code(&run("backup", &data, &[copy.to_str().unwrap()]), 1);
    assert!(said.contains("cannot be copied"), "{said}");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "the data and what was put aside: {left:?}");

    // An object that is missing is missing in the copy, which is made all the same, and it is said.
    std::fs::remove_dir(&files[0]).unwrap();
    let said = assert_code(&run("backup", &data, &[copy.to_str().unwrap()]), 0);
    assert!(said.contains("is missing in the original, too"), "{said}");
    let said = assert_code(&run("backup", &data, &[copy.to_str().unwrap()]), 1);
    assert!(said.contains("is there already"), "{said}");
    let said = assert_code(&run("fsck", &copy, &[]), 1);
    assert!(
        said.contains("is missing: a repair has it made again"),
        "{said}"
    );
    assert_eq!(objects(&copy.join("derivatives/images")).len(), 1);
    for file in ["dlcs.sqlite", "credentials.key"] {
        assert!(copy.join(file).is_file(), "{file}");
    }
    drop(program);
}
