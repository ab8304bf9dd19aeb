//! How a clause says that a contract is broken: what was expected, what came, why it matters.

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

/// Fails a clause unless two values are the same.
///
/// # Panics
/// When they are not.
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "clauses compare what they have just been handed"
)]
pub(crate) fn same<T: PartialEq + fmt::Debug>(got: T, expected: T, why: &str) {
    require(got == expected, format_args!("{expected:?}"), &got, why);
}

/// Fails a clause unless a value matches a pattern.
macro_rules! matching {
    ($got:expr, $expected:pat $(if $guard:expr)?, $why:expr $(,)?) => {{
        let got = $got;
        $crate::verdict::require(
            matches!(&got, $expected $(if $guard)?),
            stringify!($expected $(if $guard)?),
            &got,
            $why,
        );
    }};
}

pub(crate) use matching;
