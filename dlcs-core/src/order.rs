//! Orders of listings.

use std::cmp::Ordering;

use crate::time::Timestamp;

/// The order of a listing: by a property, upwards or downwards. What is equal goes the same way by what tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order<P> {
    /// The property.
    pub by: P,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl<P> Order<P> {
    /// The smallest first.
    #[must_use]
    pub const fn ascending(by: P) -> Self {
        let descending = false;
        Self { by, descending }
    }

    /// The largest first.
    #[must_use]
    pub const fn descending(by: P) -> Self {
        let descending = true;
        Self { by, descending }
    }
}

/// What a listing compares.
///
/// Times are microseconds, and what is true is 1. What is not set is 0 or the empty text. Lists are texts of JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A number.
    Number(i64),
    /// A text, compared byte by byte.
    Text(String),
}

impl Key {
    /// A list of texts, as JSON.
    #[must_use]
    pub fn list(texts: &[String]) -> Self {
        let items: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
        Self::Text(format!("[{}]", items.join(",")))
    }

    /// Whether it is a text.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Compares two keys, upwards or downwards.
    #[must_use]
    pub fn compare(&self, other: &Self, descending: bool) -> Ordering {
        if descending {
            other.cmp(self)
        } else {
            self.cmp(other)
        }
    }
}

impl From<i64> for Key {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Key {
    fn from(truth: bool) -> Self {
        Self::Number(truth.into())
    }
}

impl From<Timestamp> for Key {
    fn from(time: Timestamp) -> Self {
        Self::Number(time.as_micros())
    }
}

impl From<Option<Timestamp>> for Key {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Number(time.map_or(0, Timestamp::as_micros))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Option<&str>> for Key {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.unwrap_or_default().to_owned())
    }
}

/// A text as JSON writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => json.push(other),
        }
    }
    json.push('"');
    json
}
