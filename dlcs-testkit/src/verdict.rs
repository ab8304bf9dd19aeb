//! How a clause says that a contract is broken.

use std::fmt;
use std::time::Duration;

/// How long a clause waits for what ought to happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Words about what came, as they are.
pub(crate) struct Said(pub(crate) String);

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails a clause.
///
/// # Panics
/// Always.
#[track_caller]
pub(crate) fn broken(expected: impl fmt::Display, got: impl fmt::Debug, why: &str) -> ! {
    panic!(
        "the contract is broken\n  expected: {expected}\n  got: {got:?}\n  why it matters: {why}"
    );
}

/// Fails a clause unless a condition holds.
///
/// # Panics
/// When it does not.
#[track_caller]
pub(crate) fn require(holds: bool, expected: impl fmt::Display, got: impl fmt::Debug, why: &str) {
    if !holds {
        broken(expected, got, why);
    }
}

/// Waits for what ought to happen at once, and fails a clause when it does not.
///
/// # Panics
/// When it does not.
pub(crate) async fn soon<F: Future>(part: F, expected: &str, why: &str) -> F::Output {
    match tokio::time::timeout(SOON, part).await {
        Ok(output) => output,
        Err(_) => broken(expected, format_args!("nothing for {SOON:?}"), why),
    }
}

/// Says that a clause does not apply.
#[expect(clippy::print_stderr, reason = "what is not checked is said aloud")]
pub(crate) fn skipped(clause: &str, missing: &str) {
    eprintln!("skipped {clause}: the fixture gives no {missing}");
}
