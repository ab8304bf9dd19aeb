//! Regular expressions over addresses, as the .NET world writes them.

use std::fmt;
use std::sync::Arc;

use fancy_regex::{AstNode, Expr, Regex, RegexBuilder};
use thiserror::Error;

/// The longest pattern, in characters.
pub const PATTERN_MAX_CHARS: usize = 1024;
/// Steps of backtracking that one match may take.
const BACKTRACK_LIMIT: usize = 100_000;
/// Bytes that a compiled pattern may take.
const COMPILED_LIMIT: usize = 1 << 20;
/// Steps that the counted repeats of a pattern may come to.
const MOST_STEPS: usize = 5000;

/// Why a pattern is refused or does not come to an end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The empty pattern.
    #[error("the pattern is empty; `*` matches everything")]
    Empty,
    /// More than [`PATTERN_MAX_CHARS`].
    #[error("the pattern has {chars} characters; at most {PATTERN_MAX_CHARS} are allowed")]
    TooLong {
        /// Its length in characters.
        chars: usize,
    },
    /// Not a regular expression, or too large a one.
    #[error("the pattern does not compile: {reason}")]
    Invalid {
        /// What is wrong, and where.
        reason: String,
    },
    /// Counted repeats that come to too many, one within the other, or calls of groups.
    #[error(
        "the pattern repeats too much: counted repeats within others may come to {MOST_STEPS} steps, and groups cannot be called"
    )]
    TooManySteps,
    /// Matching took more than its share of steps.
    #[error("the pattern is too complex for this address")]
    TooComplex,
}

/// A regular expression over origin addresses: ignoring case, unanchored, compiled once.
///
/// A bare `*` matches everything. Look-behind and back-references are allowed; the time of a match is bounded.
#[derive(Clone)]
pub struct OriginPattern {
    text: Arc<str>,
    regex: Option<Arc<Regex>>,
}

impl OriginPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`PatternError`] for one that is empty, too long, or does not compile.
    pub fn compile(text: impl Into<String>) -> Result<Self, PatternError> {
        let text = text.into();
        let chars = text.chars().count();
        if chars == 0 {
            return Err(PatternError::Empty);
        }
        if chars > PATTERN_MAX_CHARS {
            return Err(PatternError::TooLong { chars });
        }
        if text == "*" {
            let text = text.into();
            return Ok(Self { text, regex: None });
        }
        if steps(&text).is_none_or(|steps| steps > MOST_STEPS) {
            return Err(PatternError::TooManySteps);
        }
        let regex = RegexBuilder::new(&text)
            .case_insensitive(true)
            .backtrack_limit(BACKTRACK_LIMIT)
            .delegate_size_limit(COMPILED_LIMIT)
            .build()
            .map_err(|error| PatternError::Invalid {
                reason: error.to_string(),
            })?;
        Ok(Self {
            text: text.into(),
            regex: Some(Arc::new(regex)),
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the byte range of the first match in an address.
    ///
    /// # Errors
    /// [`PatternError::TooComplex`] when matching does not end in time.
    pub fn find(&self, address: &str) -> Result<Option<std::ops::Range<usize>>, PatternError> {
        let Some(regex) = &self.regex else {
            return Ok(Some(0..address.len()));
        };
        let found = regex.find(address).map_err(|_| PatternError::TooComplex)?;
        Ok(found.map(|found| found.start()..found.end()))
    }
}

impl fmt::Debug for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OriginPattern").field(&self.text).finish()
    }
}

impl PartialEq for OriginPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for OriginPattern {}

/// How many steps the counted repeats of a pattern come to at one place of an address; `None` where that cannot be told.
///
/// The bound on backtracking does not see them: a repeat that never fails never goes back.
fn steps(text: &str) -> Option<usize> {
    // What does not parse is refused with its reason by the compiler.
    Expr::parse_tree(text).map_or(Some(0), |tree| steps_of(&tree.expr))
}

fn steps_of(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::SubroutineCall(_) | Expr::AstNode(AstNode::SubroutineCall(_), _) => None,
        Expr::AstNode(AstNode::AstGroup { inner, .. }, _) => steps_of(inner),
        Expr::Repeat { child, lo, hi, .. } => {
            // One without an end ends with the address, or goes back.
            let times = if *hi == usize::MAX { *lo } else { *hi };
            steps_of(child)?.checked_mul(times.max(1))
        }
        _ => expression
            .children_iter()
            .try_fold(1_usize, |sum, child| sum.checked_add(steps_of(child)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_patterns_say_why() {
        assert!(matches!(
            OriginPattern::compile("(((").unwrap_err(),
            PatternError::Invalid { .. }
        ));
        assert!(matches!(
            OriginPattern::compile("a".repeat(1025)).unwrap_err(),
            PatternError::TooLong { chars: 1025 }
        ));
        assert!(matches!(
            OriginPattern::compile("").unwrap_err(),
            PatternError::Empty
        ));
        assert!(OriginPattern::compile("(?:a{1000}){1000}").is_err());
    }

    #[test]
    fn endless_matching_is_cut_off() {
        let pattern = OriginPattern::compile(r"^(?:(a|aa)\1?)+$").unwrap();
        let outcome = pattern.find(&format!("{}!", "a".repeat(200)));
        assert!(
            matches!(outcome, Err(PatternError::TooComplex)),
            "{outcome:?}"
        );
        let pattern = OriginPattern::compile(r"(?=(a+)+$)(a+)+b\2").unwrap();
        let outcome = pattern.find(&format!("{}!", "a".repeat(200)));
        assert!(
            matches!(outcome, Err(PatternError::TooComplex) | Ok(None)),
            "{outcome:?}"
        );
    }

    #[test]
    fn repeats_within_repeats_are_bounded_before_they_run() {
        let nested =
            |depth: usize| format!("()(?:{}\\1{})", "(?:".repeat(depth), "){999}".repeat(depth));
        for text in [
            nested(2).as_str(),
            nested(5).as_str(),
            r"()(?:\1{0,99}){99,}",
            r"(a)(\g<1>\g<1>)(\g<2>\g<2>)",
            r"(?:()\1){100000}",
        ] {
            assert!(OriginPattern::compile(text).is_err(), "{text}");
        }
        for text in [
            r"^https://[a-z0-9-]{1,63}\.example\.org/(?:\d{4}/){2}",
            r"(?<!\.tif|\.tiff)$",
            r"(?:(a|b){1,20}c){1,20}",
            nested(1).as_str(),
        ] {
            let pattern = OriginPattern::compile(text).unwrap();
            assert!(pattern.find(&"a".repeat(2000)).is_ok(), "{text}");
        }
    }
}
