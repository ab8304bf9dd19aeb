//! How a clause says that a contract is broken: what was expected, what came, why it matters.

use std::fmt;
use std::panic::Location;
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
    broken_at(Location::caller(), &expected, &got, why)
}

fn broken_at(
    clause: &Location<'_>,
    expected: &dyn fmt::Display,
    got: &dyn fmt::Debug,
    why: &str,
) -> ! {
    let contract = contract_of(clause.file());
    panic!(
        "the contract is broken\n  expected: {expected}\n  got: {got:?}\n  why it matters: {why}\n  where to read: {contract}, and the clause at {clause}"
    );
}

/// The documentation that a clause holds its subject to, by the suite that the clause stands in.
fn contract_of(file: &str) -> &'static str {
    const CONTRACTS: [(&str, &str); 5] = [
        ("fsck", "the behaviour of `dlcs_core::fsck::Ledger`"),
        (
            "origin",
            "the behaviour of `dlcs_core::origin::OriginStrategy`",
        ),
        (
            "catalogue",
            "the behaviour of `dlcs_core::catalogue::Catalogue`",
        ),
        ("queue", "the behaviour of `dlcs_core::queue::IngestQueue`"),
        (
            "derivative",
            "the behaviour of `dlcs_core::derivative::DerivativeStore`",
        ),
    ];
    let inside = file.rsplit("src").next().unwrap_or(file);
    CONTRACTS
        .iter()
        .find(|(suite, _)| inside.contains(suite))
        .map_or("the documentation of `dlcs_core`", |(_, contract)| contract)
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
#[track_caller]
pub(crate) fn soon<F: Future>(
    part: F,
    expected: &str,
    why: &str,
) -> impl Future<Output = F::Output> {
    let clause = Location::caller();
    async move {
        match tokio::time::timeout(SOON, part).await {
            Ok(output) => output,
            Err(_) => {
                let got = format_args!("nothing for {SOON:?}");
                broken_at(clause, &expected, &got, why)
            }
        }
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

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn said(part: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let panic = catch_unwind(part).expect_err("it fails");
        *panic.downcast::<String>().expect("it says why")
    }

    #[test]
    fn a_broken_contract_says_what_why_and_where() {
        let text = said(|| same(1, 2, "numbers matter"));
        for part in [
            "expected: 2",
            "got: 1",
            "why it matters: numbers matter",
            "where to read: the documentation of `dlcs_core`, and the clause at ",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(text.contains(file!()), "{text}");
    }

    #[test]
    fn each_suite_has_its_contract() {
        for (file, contract) in [
            ("dlcs-testkit/src/origin.rs", "OriginStrategy"),
            ("/home/origin/testkit/src/queue/claim.rs", "IngestQueue"),
            ("src/catalogue/key.rs", "Catalogue"),
            ("src/derivative/mod.rs", "DerivativeStore"),
        ] {
            assert!(contract_of(file).contains(contract), "{file}");
        }
    }
}
