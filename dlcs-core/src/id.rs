//! Ids: customers, spaces, images, batches.

use std::fmt;
use std::fmt::Display;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use thiserror::Error;

/// The longest model id, in bytes of UTF-8.
pub const MODEL_ID_MAX_BYTES: usize = 220;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdError {
    /// Not a number from 1 to the largest, in ASCII digits.
    #[error("is not a positive whole number")]
    NotANumber,
    /// The empty text.
    #[error("is empty")]
    Empty,
    /// More than [`MODEL_ID_MAX_BYTES`].
    #[error("is longer than {MODEL_ID_MAX_BYTES} bytes")]
    TooLong,
    /// `.` or `..`, which a URL path cannot hold as a segment.
    #[error("is `.` or `..`, which cannot stand in a URL path")]
    DotSegment,
    /// Holds `/` or `\`.
    #[error("holds `/` or `\\`: an id is one segment of a URL path")]
    Separator,
    /// Holds a control character.
    #[error("holds a control character")]
    Control,
    /// Not `customer/space/id`.
    #[error("is not of the form `customer/space/id`")]
    NotATriple,
}

fn parse_digits<T: FromStr>(text: &str) -> Result<T, IdError> {
    // `FromStr` of integers accepts a leading `+`; an id is ASCII digits only.
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(IdError::NotANumber);
    }
    text.parse().map_err(|_| IdError::NotANumber)
}

/// The number of a customer, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(NonZeroU32);

impl CustomerId {
    /// The customer that a first start creates.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// Returns the id with this number; `None` for zero.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CustomerId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_digits(text).map(Self)
    }
}

/// The number of a space, from 1, unique within its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceId(NonZeroU32);

impl SpaceId {
    /// The space that a first start creates.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// Returns the id with this number; `None` for zero.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl Display for SpaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SpaceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_digits(text).map(Self)
    }
}

/// The number of a batch, from 1, unique within the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(NonZeroU64);

impl BatchId {
    /// Returns the id with this number; `None` for zero and past `i64::MAX`, which databases cannot hold.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(n) if number <= i64::MAX as u64 => Some(Self(n)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BatchId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(parse_digits(text)?).ok_or(IdError::NotANumber)
    }
}

/// The last element of an image's id: unique within its space, chosen by its owner.
///
/// Invariants:
/// * 1 to [`MODEL_ID_MAX_BYTES`] bytes of UTF-8, kept byte for byte (no normalisation);
/// * not `.` or `..`;
/// * no `/`, no `\`, no control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(String);

impl ModelId {
    /// Parses a model id.
    ///
    /// # Errors
    /// The [`IdError`] that names the broken invariant.
    ///
    /// # Examples
    /// ```
    /// use dlcs_core::ModelId;
    /// assert!(ModelId::parse("MS 66 / f. 1r").is_err());
    /// assert_eq!(ModelId::parse("MS 66 f. 1r").unwrap().as_str(), "MS 66 f. 1r");
    /// ```
    pub fn parse(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > MODEL_ID_MAX_BYTES {
            return Err(IdError::TooLong);
        }
        if text == "." || text == ".." {
            return Err(IdError::DotSegment);
        }
        if text.contains(['/', '\\']) {
            return Err(IdError::Separator);
        }
        if text.chars().any(char::is_control) {
            return Err(IdError::Control);
        }
        Ok(Self(text))
    }

    /// Returns a new id that sorts by the time of its making (UUID version 7).
    #[must_use]
    pub fn assign() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ModelId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

/// The id of an image: `customer/space/model`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId {
    customer: CustomerId,
    space: SpaceId,
    model: ModelId,
}

impl ImageId {
    /// Joins the three parts.
    #[must_use]
    pub const fn new(customer: CustomerId, space: SpaceId, model: ModelId) -> Self {
        Self {
            customer,
            space,
            model,
        }
    }

    /// The customer that the image belongs to.
    #[must_use]
    pub const fn customer(&self) -> CustomerId {
        self.customer
    }

    /// The space that the image is in.
    #[must_use]
    pub const fn space(&self) -> SpaceId {
        self.space
    }

    /// The last part, unique within the space.
    #[must_use]
    pub const fn model(&self) -> &ModelId {
        &self.model
    }
}

impl Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.customer, self.space, self.model)
    }
}

impl FromStr for ImageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut parts = text.splitn(3, '/');
        let (Some(customer), Some(space), Some(model)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(IdError::NotATriple);
        };
        Ok(Self::new(
            customer.parse()?,
            space.parse()?,
            ModelId::parse(model)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ascii_digits_above_zero() {
        for bad in ["0", "-1", "+1", "1e1", "٣", "99999999999", "", " 1", "1.0"] {
            assert_eq!(
                bad.parse::<CustomerId>(),
                Err(IdError::NotANumber),
                "{bad:?}"
            );
            assert_eq!(bad.parse::<SpaceId>(), Err(IdError::NotANumber), "{bad:?}");
        }
        assert_eq!("4294967295".parse::<SpaceId>().unwrap().get(), u32::MAX);
        assert_eq!(
            "9223372036854775808".parse::<BatchId>(),
            Err(IdError::NotANumber)
        );
    }

    #[test]
    fn model_id_refusals_name_their_reason() {
        let long = "é".repeat(110) + "x";
        for (text, error) in [
            ("", IdError::Empty),
            (".", IdError::DotSegment),
            ("..", IdError::DotSegment),
            ("a/b", IdError::Separator),
            ("a\\b", IdError::Separator),
            ("C:\\", IdError::Separator),
            ("a\0", IdError::Control),
            ("a\r\n", IdError::Control),
            (long.as_str(), IdError::TooLong),
        ] {
            assert_eq!(ModelId::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn model_id_keeps_its_bytes() {
        let limit = "é".repeat(110);
        for text in [
            "%2e%2e",
            "..;",
            "....",
            "CON",
            "a b",
            "a?b#c;d:e(f)",
            "e\u{301}",
            "\u{e9}",
            "🗺",
            "\u{200b}",
            &limit,
        ] {
            assert_eq!(ModelId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn image_id_round_trips() {
        let id: ImageId = "2/5/a b".parse().unwrap();
        assert_eq!(
            (id.customer().get(), id.space().get(), id.model().as_str()),
            (2, 5, "a b")
        );
        assert_eq!(id.to_string(), "2/5/a b");
        assert_eq!("2/5".parse::<ImageId>(), Err(IdError::NotATriple));
        assert_eq!("2/5/a/b".parse::<ImageId>(), Err(IdError::Separator));
    }
}
