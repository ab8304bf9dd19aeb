//! The program against the real `dlcs`: short runs of each part.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::Command;

/// Runs a part to its end, and returns what it said.
fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dlcs-chaos"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    dlcs_testkit::program::say(&said);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}{errors}");
    said
}

#[test]
fn a_program_that_is_not_there_is_said_how_to_build() {
    let output = Command::new(env!("CARGO_BIN_EXE_dlcs-chaos"))
        .args(["order", "--program", "/nowhere/dlcs"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("build it first, with `cargo build -p dlcs-server`"),
        "{errors}"
    );
    let _ = run;
}
