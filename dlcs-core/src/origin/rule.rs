//! A customer's origin strategies, and which of them an address matches.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use url::{Position, Url};

use super::access::OriginAccess;
use super::pattern::{OriginPattern, PatternError};
use crate::id::CustomerId;
use crate::time::Timestamp;

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
        let held_back =
            strategy.access.is_privileged() && !covers_host(&strategy.pattern, &range, url);
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

/// A host that nobody has (RFC 2606).
const NOBODY: &str = "nobody.invalid";

/// Whether a match says that the scheme and the host are meant.
///
/// To span them is not enough: in `^https://.*\\.example\\.com` the dots may run through any host into the path. So the same address at
/// nobody's host must not match; unless that host alone does, because then the pattern opens every host.
fn covers_host(pattern: &OriginPattern, range: &Range<usize>, url: &Url) -> bool {
    if range.start != 0 || range.end < url[..Position::AfterHost].len() {
        return false;
    }
    let scheme = url.scheme();
    let rest = &url[Position::AfterHost..];
    let matches =
        |address: &str| matches!(pattern.find(address), Ok(Some(found)) if found.start == 0);
    matches(&format!("{scheme}://{NOBODY}/")) || !matches(&format!("{scheme}://{NOBODY}{rest}"))
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
            (
                r"^https?://.*\.example\.com",
                "http://127.0.0.1:8080/x.example.com",
                true,
            ),
            (
                r"^https?://.*\.example\.com",
                "https://evil.example/?a.example.com",
                true,
            ),
            (
                r"^https://example\.com/.*\.tif$",
                "https://example.com/a/b.tif",
                false,
            ),
            (r"^https?://", "https://example.com/a", true),
            (r"^https?://.*", "https://example.com/a", false),
            (r"^s3://masters/", "s3://masters/a.tif", false),
            (r"^s3://fil", "s3://files/a.tif", true),
        ] {
            assert_eq!(
                matched(&[(pattern, 1)], url).unwrap().1,
                held_back,
                "{pattern} {url}"
            );
        }
    }
}
