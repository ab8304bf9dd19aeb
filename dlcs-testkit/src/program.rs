//! Programs of other people that tests compare ours with.
//!
//! A test without its program is skipped, and says so in a line that starts with `SKIPPED:`; where the environment variable
//! `DLCS_TEST_REQUIRE` holds `tools` it fails instead.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Finds programs by their names; `None` when the test has to be skipped, which is said.
///
/// # Panics
/// When one is missing and tools are required.
#[must_use]
pub fn find<const N: usize>(test: &str, names: [&str; N]) -> Option<[PathBuf; N]> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = names.map(|name| {
        // The program of ImageMagick and no other of its name.
        let fixed = (name == "convert").then(|| PathBuf::from("/usr/bin/convert"));
        let anywhere = std::env::split_paths(&search).map(|directory| directory.join(name));
        fixed
            .into_iter()
            .chain(anywhere)
            .find(|path| path.is_file())
    });
    let missing: Vec<_> = names
        .iter()
        .zip(&found)
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Some(found.map(|path| path.expect("none is missing")));
    }
    skip(test, &missing.join(", "));
    None
}

/// Says that a test, or a part of it, is skipped because this machine lacks something.
///
/// # Panics
/// When tools are required.
pub fn skip(test: &str, missing: &str) {
    let required = std::env::var("DLCS_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == "tools"),
        "{test} needs {missing}"
    );
    say(&format!("SKIPPED: {test} needs {missing}"));
}

/// Prints a line that no test runner keeps back.
pub fn say(line: &str) {
    // A test that cannot be heard still counts.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Runs a test again in a process of its own, whose time and memory are those of the test; whether this is that process.
///
/// Give the `module_path!()` and the name of the test, and return from it unless this is true.
///
/// # Panics
/// When the test fails there.
#[must_use]
pub fn is_alone(module: &str, test: &str) -> bool {
    const ALONE: &str = "DLCS_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    // The harness knows tests without the name of their crate.
    let path = module.split_once("::").map_or("", |(_, path)| path);
    let output = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .args(["--exact", &format!("{path}::{test}"), "--nocapture"])
            .env(ALONE, "1")
            .output()
    });
    let output = output.expect("the program of the tests can be run again");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{errors}"
    );
    say(said.trim());
    false
}

/// The most memory that this process has held, in bytes; `None` where the system does not say.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    peak_memory_of(std::process::id())
}

/// As [`peak_memory`], of any process.
#[must_use]
pub fn peak_memory_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}
