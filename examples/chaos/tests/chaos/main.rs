//! The program against the real `dlcs` beside it; `.ci/run chaos` does more of the same.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::{Command, Output};

use dlcs_testkit::program::{find, say};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dlcs-chaos"));
    command.args(arguments).output().unwrap()
}

/// Runs a part to its end, and returns what it said.
fn passes(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    say(said.trim());
    assert!(output.status.success(), "{arguments:?}: {said}{errors}");
    said
}

#[test]
fn a_program_that_is_not_there_is_said_how_to_build() {
    let output = run(&["order", "--program", "/nowhere/dlcs"]);
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    let advice = "build it first, with `cargo build -p dlcs-server`";
    assert!(errors.contains(advice), "{errors}");
}

#[test]
fn nothing_is_lost_and_nothing_half_is_seen() {
    let said = passes(&["kill", "--rounds", "8"]);
    for figure in ["lost=0", "duplicated=0", "half-visible=0", "violations=0"] {
        assert!(said.contains(figure), "{said}");
    }
    for none in ["acknowledged=0", "reads=0", "looks=0"] {
        assert!(!said.contains(none), "nothing was seen: {said}");
    }
}

#[test]
fn what_is_answered_is_on_the_disk() {
    if find("what_is_answered_is_on_the_disk", ["strace"]).is_some() {
        let said = passes(&["order"]);
        assert!(said.contains("order of one put: right"), "{said}");
        assert!(said.contains("order of one batch: right"), "{said}");
    }
}

#[test]
fn what_is_acknowledged_survives_a_loss_of_power() {
    let name = "what_is_acknowledged_survives_a_loss_of_power";
    if find(name, ["strace"]).is_some() {
        let said = passes(&["power", "--losses", "8"]);
        for figure in ["losses=8", "lost=0", "half-visible=0", "violations=0"] {
            assert!(said.contains(figure), "{said}");
        }
        for none in ["acknowledged=0", "at-risk=0"] {
            assert!(!said.contains(none), "nothing was at risk: {said}");
        }
    }
}

#[test]
fn a_program_that_does_not_wait_for_its_disk_is_found_out() {
    let name = "a_program_that_does_not_wait_for_its_disk_is_found_out";
    if find(name, ["strace"]).is_some() {
        let output = run(&["power", "--losses", "16", "--forget", "wal"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains("lost: "), "{said}");
    }
}
