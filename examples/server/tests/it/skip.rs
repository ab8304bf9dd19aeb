//! Skips are loud: one line, and a failure where `DLCS_TEST_REQUIRE` names what is missing.

use std::io::Write;

/// Says that a test, or a part of it, is skipped because this machine lacks something.
pub(crate) fn tool(test: &str, what: &str) {
    let required = std::env::var("DLCS_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name == "tools"),
        "{test} needs {what}"
    );
    let _ = writeln!(std::io::stdout(), "SKIPPED: {test} needs {what}");
}
