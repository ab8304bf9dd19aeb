//! Data directories that are of no use, or hold what is not this program's.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use dlcs_testkit::program::{find, skip};

use super::{Start, newer, refused, sentence};
use crate::program::{self, Program};

#[test]
fn a_newer_schema_in_the_data_directory_is_refused_and_left_alone() {
    let start = Start::new();
    let mut program = Program::start(&start.data(), &[] as &[&str]);
    program.sigterm();
    assert!(program.wait().success());
    let file = start.data().join("dlcs.sqlite");
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute_batch("PRAGMA user_version = 77").unwrap();
    drop(database);
    let before = std::fs::read(&file).unwrap();
    assert_eq!(start.refused(1, &[]), newer("77"));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    // Of another program altogether.
    std::fs::write(&file, "this is no database, but a text that is long enough to have a head of one hundred bytes and more").unwrap();
    let said = start.refused(1, &[]);
    assert!(
        said.contains("is not a database of this program: choose another place"),
        "{said}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    // What is below a file, and what nobody may make, whoever runs this.
    for data in [file.clone(), file.join("data"), "/proc/dlcs-data".into()] {
        let said = refused("serve", &data, 1, &[]);
        let expected = format!(
            "dlcs: cannot make the data directory `{}`: name another with --data-dir, or let this user write there: ",
            data.display()
        );
        assert!(said.starts_with(&expected), "{said}");
    }
    let said = refused("serve", Path::new("/proc/self/task"), 1, &[]);
    let expected = "dlcs: cannot write in the data directory `/proc/self/task`: name another with --data-dir, or let this user write there: ";
    assert!(said.starts_with(expected), "{said}");
}

/// A file system that is there to be read only, as after a fault of the disk.
#[test]
fn a_data_directory_that_can_only_be_read_is_named() {
    let test = "a_data_directory_that_can_only_be_read_is_named";
    let Some([unshare]) = find(test, ["unshare"]) else {
        return;
    };
    let start = Start::new();
    let mut program = Program::start(&start.data(), &[] as &[&str]);
    program.sigterm();
    assert!(program.wait().success());
    let data = start.data();
    let mut script =
        "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 99\n".to_owned();
    writeln!(
        script,
        "exec \"$2\" serve --listen 127.0.0.1:0 --data-dir \"$1\""
    )
    .unwrap();
    let begun = Instant::now();
    let output = Command::new(unshare)
        .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
        .arg(&data)
        .arg(program::command().get_program())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if matches!(output.status.code(), Some(99)) || output.stderr.starts_with(b"unshare") {
        skip(test, "leave to mount");
        return;
    }
    let said = sentence(&output, 1, begun);
    let expected = format!(
        "dlcs: cannot write in the data directory `{}`: name another with --data-dir, or let this user write there: Read-only file system (os error 30)",
        data.display()
    );
    assert_eq!(said, expected);
}
