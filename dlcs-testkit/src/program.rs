//! Programs of other people that tests compare ours with.
//!
//! A test without its program is skipped, and says so in a line that starts with `SKIPPED:`; where the environment variable
//! `DLCS_TEST_REQUIRE` holds `tools` it fails instead.

use std::io::Write;
use std::path::PathBuf;

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
