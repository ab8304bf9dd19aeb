//! A customer's origin strategies, and which of them an address matches.

use std::fmt;
use std::str::FromStr;

use fancy_regex::{Regex, RegexBuilder};
use thiserror::Error;
use url::{Position, Url};

use super::access::OriginAccess;
use crate::id::CustomerId;
use crate::time::Timestamp;

/// The longest pattern, in characters.
pub const PATTERN_MAX_CHARS: usize = 1024;
/// Steps of backtracking that one match may take.
const BACKTRACK_LIMIT: usize = 100_000;
/// Bytes that a compiled pattern may take.
const COMPILED_LIMIT: usize = 1 << 20;

/// The id of a customer's origin strategy, assigned by the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginStrategyId(uuid::Uuid);

impl OriginStrategyId {
    /// Returns a new id.
    #[must_use]
    pub fn assign() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl fmt::Display for OriginStrategyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OriginStrategyId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

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
    /// Matching took more than its share of steps.
    #[error("the pattern is too complex for this address")]
    TooComplex,
}

/// A regular expression over origin addresses: ignoring case, unanchored, compiled once.
///
/// A bare `*` matches everything. Look-behind and back-references are allowed; the time of a match is bounded.
#[derive(Clone)]
pub struct OriginPattern {
    text: String,
    regex: Option<Regex>,
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
            return Ok(Self { text, regex: None });
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
            text,
            regex: Some(regex),
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

/// How a customer's origins that match a pattern are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerOriginStrategy {
    /// Its id.
    pub id: OriginStrategyId,
    /// Whose it is.
    pub customer: CustomerId,
    /// Which addresses it is for; unique within the customer.
    pub pattern: OriginPattern,
    /// How to authenticate.
    pub access: OriginAccess,
    /// Its turn: lower numbers are tried first.
    pub order: i64,
    /// Kept for clients that set it.
    pub optimised: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// The strategy that an address matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedStrategy<'a> {
    /// The customer's strategy; `None` when none matches and the default is used.
    pub strategy: Option<&'a CustomerOriginStrategy>,
    /// How to authenticate: without credentials when the match does not cover the address's scheme and host.
    pub access: &'a OriginAccess,
    /// Whether the strategy has credentials, or may use those of this program, and they are held back for that reason.
    pub held_back: bool,
}

/// Returns the first of a customer's strategies, by ascending order, whose pattern is found in the address.
///
/// Credentials are given only when the match covers the scheme and the host: otherwise anybody could ask for
/// `https://evil.example/?https://trusted.example/` and be sent them.
///
/// # Errors
/// [`PatternError::TooComplex`] with the strategy whose pattern did not come to an end.
pub fn match_strategy<'a>(
    strategies: &'a [CustomerOriginStrategy],
    url: &Url,
) -> Result<MatchedStrategy<'a>, (OriginStrategyId, PatternError)> {
    let mut ordered: Vec<_> = strategies.iter().collect();
    ordered.sort_by_key(|strategy| (strategy.order, strategy.created, strategy.id));
    for strategy in ordered {
        let found = strategy
            .pattern
            .find(url.as_str())
            .map_err(|error| (strategy.id, error))?;
        let Some(range) = found else { continue };
        let covers_host = range.start == 0 && range.end >= url[..Position::AfterHost].len();
        let held_back = strategy.access.is_privileged() && !covers_host;
        let access = if held_back {
            &OriginAccess::Default
        } else {
            &strategy.access
        };
        return Ok(MatchedStrategy {
            strategy: Some(strategy),
            access,
            held_back,
        });
    }
    Ok(MatchedStrategy {
        strategy: None,
        access: &OriginAccess::Default,
        held_back: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Credentials;

    fn strategy(pattern: &str, order: i64) -> CustomerOriginStrategy {
        CustomerOriginStrategy {
            id: OriginStrategyId::assign(),
            customer: CustomerId::FIRST,
            pattern: OriginPattern::compile(pattern).unwrap(),
            access: OriginAccess::BasicHttp(Credentials::new("u", "p")),
            order,
            optimised: false,
            created: Timestamp::from_micros(order),
        }
    }

    fn matched(patterns: &[(&str, i64)], url: &str) -> Option<(String, bool)> {
        let strategies: Vec<_> = patterns
            .iter()
            .map(|(pattern, order)| strategy(pattern, *order))
            .collect();
        let matched = match_strategy(&strategies, &Url::parse(url).unwrap()).unwrap();
        matched
            .strategy
            .map(|found| (found.pattern.as_str().to_owned(), matched.held_back))
    }

    #[test]
    fn first_by_order_wins_unanchored_and_ignoring_case() {
        let rules = [("example", 5), ("EXAMPLE\\.ORG", 2), ("other", 1)];
        assert_eq!(
            matched(&rules, "https://example.org/a.tif").unwrap().0,
            "EXAMPLE\\.ORG"
        );
        assert_eq!(matched(&rules, "https://nowhere.net/"), None);
    }

    #[test]
    fn patterns_of_the_dotnet_world_work() {
        assert_eq!(
            matched(&[("*", 1)], "https://a.b/").unwrap(),
            ("*".into(), false)
        );
        let not_tiff = [(r"(?<!\.tif|\.tiff)$", 1)];
        assert_eq!(matched(&not_tiff, "https://a.b/x.tif"), None);
        assert_eq!(matched(&not_tiff, "https://a.b/x.tiff"), None);
        assert!(matched(&not_tiff, "https://a.b/x.jpg").is_some());
        assert!(matched(&[(r"(a)\1", 1)], "https://x.y/aa").is_some());
    }

    #[test]
    fn credentials_need_a_match_of_scheme_and_host() {
        for (pattern, url, held_back) in [
            (r"https://example\.com/", "https://example.com/a", false),
            (r"^http://127\.0\.0\.1", "http://127.0.0.1:18770/a", false),
            (r"^http://127\.0\.0\.1", "http://127.0.0.10/a", true),
            (
                r"https?://.*\.example\.com",
                "https://img.example.com:8443/a",
                false,
            ),
            (
                r"https?://.*\.example\.com(:\d+)?",
                "https://img.example.com:8443/a",
                false,
            ),
            (
                r"https://example\.com",
                "https://example.com.evil.example/a",
                true,
            ),
            (r"example\.com", "https://example.com/a", true),
            (
                r"https://example\.com",
                "https://evil.example/?https://example.com/",
                true,
            ),
            (r"https://example", "https://example.com/", true),
            (r"\.jpg$", "https://example.com/a.jpg", true),
        ] {
            assert_eq!(
                matched(&[(pattern, 1)], url).unwrap().1,
                held_back,
                "{pattern} {url}"
            );
        }
    }

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
        let pattern = OriginPattern::compile(r"(?=(a+)+$)(a+)+b\2").unwrap();
        let outcome = pattern.find(&format!("{}!", "a".repeat(200)));
        assert!(
            matches!(outcome, Err(PatternError::TooComplex) | Ok(None)),
            "{outcome:?}"
        );
    }
}
