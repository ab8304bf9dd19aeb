//! The query string of a listing.

use std::fmt;

use dlcs_core::image::shorten;
use dlcs_core::order::Order;
use dlcs_core::page::{PageRequest, PageSize};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::error::{ApiError, Kind};
use crate::fields::{Problems, meant_by};

/// What stands in a query string as it is: RFC 3986's unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where the next page begins: only links to it have this.
pub(crate) const AFTER: &str = "after";

/// What listings of images are asked for by.
pub(crate) const PARAMETERS: &[&str] = &[
    "page",
    "pageSize",
    "orderBy",
    "orderByDescending",
    AFTER,
    "q",
    "string1",
    "string2",
    "string3",
    "number1",
    "number2",
    "number3",
    "tags",
    "id",
    "batch",
    "error",
    "ingesting",
];

/// What every other listing is asked for by.
pub(crate) const PAGING: &[&str] = PARAMETERS.split_at(4).0;

/// What images are filtered by, as parameters and in `q`.
pub(crate) const FILTERS: &[&str] = PARAMETERS.split_at(6).1;

/// The parameters of a query string, in their order; names are matched ignoring case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses a query string as forms write it: a plus is a space.
    pub(crate) fn parse(raw: Option<&str>) -> Result<Self, ApiError> {
        let mut pairs = Vec::new();
        for part in raw
            .unwrap_or_default()
            .split('&')
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// Every parameter, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The page and the order that a listing is asked for, unless something is wrong with any of it.
    pub(crate) fn listing<P: Copy>(
        &self,
        properties: &[(&str, P)],
    ) -> Result<(PageRequest, Option<Order<P>>), ApiError> {
        let mut problems = Problems::default();
        self.check_names(PAGING, &mut problems);
        let page = self.read_page(&mut problems);
        let order = self.read_order(properties, &mut problems);
        problems.check()?;
        Ok((page, order))
    }

    /// The page that is asked for: below 1 is 1, and a size out of bounds is the default.
    pub(crate) fn read_page(&self, problems: &mut Problems) -> PageRequest {
        let mut integer = |name: &str| {
            let text = self.get(name)?;
            let number = text.parse::<i128>().ok();
            if number.is_none() {
                problems.add("", wrong(name, text, "a whole number"));
            }
            number
        };
        let page = integer("page").unwrap_or(1).max(1) - 1;
        let size = integer("pageSize").and_then(|size| u32::try_from(size).ok());
        PageRequest {
            index: u64::try_from(page).unwrap_or(u64::MAX),
            size: size.map_or_else(PageSize::default, PageSize::new),
        }
    }

    /// Refuses names of parameters that are not known: what they ask for would not be done.
    pub(crate) fn check_names(&self, known: &[&'static str], problems: &mut Problems) {
        for (name, _) in &self.0 {
            let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(name));
            if is_known || is_harmless(name) {
                continue;
            }
            let advice = match meant_by(name, known) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => format!("known are {}", known.join(", ")),
            };
            let name = shorten(name);
            problems.add(
                "",
                format!("the parameter `{name}` is not known here: {advice}"),
            );
        }
    }

    /// The order that is asked for, by one of these properties.
    pub(crate) fn read_order<P: Copy>(
        &self,
        properties: &[(&str, P)],
        problems: &mut Problems,
    ) -> Option<Order<P>> {
        let mut read = |parameter: &str, descending| {
            let text = self.get(parameter)?;
            let mut found = properties.iter();
            let found = found.find(|(name, _)| name.eq_ignore_ascii_case(text));
            if found.is_none() {
                let names: Vec<_> = properties.iter().map(|(name, _)| *name).collect();
                let wanted = format!("one of {}", names.join(", "));
                problems.add("", wrong(parameter, text, &wanted));
            }
            let (_, by) = *found?;
            Some(Order { by, descending })
        };
        let (ascending, descending) = (read("orderBy", false), read("orderByDescending", true));
        ascending.or(descending)
    }

    /// The same query for another page; it begins where pages of that size do.
    pub(crate) fn at_page(&self, page: u64, size: PageSize) -> Self {
        let pairs = self.0.iter();
        let kept = pairs.filter(|(name, _)| {
            let replaced = ["page", "pageSize", AFTER];
            !replaced
                .iter()
                .any(|other| name.eq_ignore_ascii_case(other))
        });
        let mut pairs: Vec<_> = kept.cloned().collect();
        pairs.push(("page".to_owned(), page.to_string()));
        pairs.push(("pageSize".to_owned(), size.get().to_string()));
        Self(pairs)
    }

    /// What tells this query from others that begin elsewhere, in however many pages they go on.
    pub(crate) fn fingerprint(&self) -> String {
        let pairs = self
            .0
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value));
        let mut pairs: Vec<_> = pairs.filter(|(name, _)| name != AFTER).collect();
        // The first of several values may count: only names are put in order.
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut hash = Sha256::new();
        for text in pairs.iter().flat_map(|(name, value)| [name, *value]) {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
        hash.finalize()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// As it follows a path.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.iter().enumerate() {
            let mark = if place == 0 { '?' } else { '&' };
            let name = utf8_percent_encode(name, QUERY);
            write!(f, "{mark}{name}={}", utf8_percent_encode(value, QUERY))?;
        }
        Ok(())
    }
}

/// What is wrong with a parameter whose value cannot be.
pub(crate) fn wrong(name: &str, value: &str, wanted: &str) -> String {
    let value = shorten(value);
    format!("the parameter `{name}` is `{value}`; give {wanted}")
}

/// Whether a parameter asks for nothing: caches are outwitted, and visitors followed, by such names.
fn is_harmless(name: &str) -> bool {
    matches!(name, "_" | "cb") || name.starts_with("utm_")
}

fn decode(text: &str) -> Result<String, ApiError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| {
        ApiError::new(
            Kind::InvalidPath,
            "the query string is not UTF-8 once it is decoded",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_below_one_and_sizes_out_of_bounds_are_tamed() {
        let page = |raw: &str| {
            Query::parse(Some(raw))
                .unwrap()
                .listing::<()>(&[])
                .map(|(page, _)| (page.index, page.size.get()))
        };
        assert_eq!(page("").unwrap(), (0, 100));
        assert_eq!(page("page=-1&pageSize=1000000000").unwrap(), (0, 100));
        assert_eq!(page("PAGE=3&pagesize=7").unwrap(), (2, 7));
        assert_eq!(page("page=99999999999999999999999").unwrap().0, u64::MAX);
        for bad in ["page=x", "page=", "pageSize=1.5", "page=1e3"] {
            assert!(page(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_what_is_asked_for() {
        let print = |raw: &str| Query::parse(Some(raw)).unwrap().fingerprint();
        let asked = print("string1=a&page=2");
        assert_eq!(asked, print("PAGE=2&after=x&string1=%61"));
        for other in [
            "string1=a&page=3",
            "string1=ap&age=2",
            "string1=b&page=2",
            "page=2",
        ] {
            assert_ne!(asked, print(other), "{other}");
        }
    }

    #[test]
    fn names_that_are_not_known_are_refused() {
        let check = |raw: &str| {
            let mut problems = Problems::default();
            let query = Query::parse(Some(raw)).unwrap();
            query.check_names(PARAMETERS, &mut problems);
            problems.check().map_err(|error| error.to_string())
        };
        for (slip, advice) in [
            ("pagesize_=1", "did you mean 'pageSize'?"),
            ("order_by=id", "did you mean 'orderBy'?"),
            ("sting1=a", "did you mean 'string1'?"),
            ("tag=a", "did you mean 'tags'?"),
            ("pge=2", "did you mean 'page'?"),
            ("colour=red", "known are page, pageSize, orderBy, "),
            ("t=2", "known are "),
            ("__=2", "known are "),
            ("=2", "known are "),
            ("utm=2", "known are "),
        ] {
            let refused = check(slip).unwrap_err();
            assert!(refused.contains(advice), "{slip}: {refused}");
        }
        for other in ["_=1", "cb=3", "utm_source=x", "TAGS=a", "PageSize=1", ""] {
            assert_eq!(check(other), Ok(()), "{other}");
        }
        let query = Query::parse(Some("string1=a")).unwrap();
        assert!(query.listing::<()>(&[]).is_err());
    }

    #[test]
    fn other_pages_keep_every_parameter() {
        let raw = "string1=a%26b+c&page=2&x&tags=%C3%A9,b&after=abc";
        let query = Query::parse(Some(raw)).unwrap();
        assert_eq!(
            query.at_page(3, PageSize::new(10)).to_string(),
            "?string1=a%26b%20c&x=&tags=%C3%A9%2Cb&page=3&pageSize=10"
        );
        assert_eq!(query.get("String1"), Some("a&b c"));
        assert!(Query::parse(Some("a=%ff")).is_err());
    }
}
