//! How a clause fails: what was expected, what came, and why it matters.

use std::fmt::Debug;

/// Panics unless two values are the same.
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "clauses compare what they have just been handed"
)]
pub(crate) fn same<T: PartialEq + Debug>(got: T, expected: T, why: &str) {
    assert!(
        got == expected,
        "expected: {expected:?}\n     got: {got:?}\n     why: {why}"
    );
}

/// Panics unless a value matches a pattern.
macro_rules! matching {
    ($got:expr, $expected:pat $(if $guard:expr)?, $why:expr $(,)?) => {{
        let got = $got;
        assert!(
            matches!(&got, $expected $(if $guard)?),
            "expected: {}\n     got: {got:?}\n     why: {}",
            stringify!($expected $(if $guard)?),
            $why
        );
    }};
}

pub(crate) use matching;
