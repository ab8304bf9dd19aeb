//! Named queries: templates that, with the arguments of an address, select images.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::SettingName;
use crate::id::{BatchId, CustomerId, SpaceId};
use crate::image::{ImageOrder, ImageOrderBy, ImageQuery, Third, shorten};

/// The longest template, in bytes.
const TEMPLATE_MAX_BYTES: usize = 2000;

/// A query that is delivered as a manifest.
///
/// Its template is made of `key=value`, with `&` between them. A value is text as it is (percent-encoded where it must be), or `p1`, `p2` …
/// for the first, the second … argument. Keys:
/// * `space` (a number), `spacename`, `s1` to `s3`, `n1` to `n3`, `batch`: what an image must have;
/// * `canvas` or `assetOrder`: by which of `s1` … `n3` images are ordered, each with `asc` or `desc` behind it or not, and `;` between them;
/// * `#`: an argument that comes after those of the address;
/// * anything else is kept and has no meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedQuery {
    /// Its name, unique within the customer.
    pub name: SettingName,
    /// Its template, as it was sent.
    pub template: String,
}

/// Why a template cannot be used, or not with these arguments.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NamedQueryError {
    /// Nothing in it, or more than a template may have.
    #[error("has {0} bytes: send 1 to {TEMPLATE_MAX_BYTES}")]
    Length(usize),
    /// A part that is not `key=value`.
    #[error("holds `{}`, which is not `key=value`", shorten(.0))]
    Part(String),
    /// Something that images cannot be ordered by.
    #[error("orders by `{}`: known are s1, s2, s3, n1, n2 and n3, with `asc` or `desc` behind them or not", shorten(.0))]
    Order(String),
    /// A number was needed.
    #[error("has `{}` for `{key}`, which takes a whole number", shorten(.value))]
    Number {
        /// The key.
        key: String,
        /// What was there instead.
        value: String,
    },
    /// The character NUL, which no image has in its fields.
    #[error("holds the character NUL, which no image has in its fields")]
    Nul,
    /// An argument that the address does not have.
    #[error("needs argument {0}, which the address does not have")]
    Argument(usize),
    /// An argument that no address could have.
    #[error("asks for `{}`: arguments are p1 to p{}", shorten(.0), NamedQuery::ARGUMENTS_MAX)]
    Parameter(String),
}

/// A space, as a query says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectedSpace {
    /// By its number.
    Id(SpaceId),
    /// By its name.
    Name(String),
    /// By a number that no space has.
    None,
}

/// The images that a named query selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// In this space only; the query does not know of it.
    pub space: Option<SelectedSpace>,
    /// Everything else.
    pub query: ImageQuery,
}

/// A value of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    /// From 0.
    Argument(usize),
}

impl NamedQuery {
    /// The most arguments that a template may ask for.
    pub const ARGUMENTS_MAX: usize = 100;

    /// Makes a query, unless its template could never be used.
    ///
    /// # Errors
    /// [`NamedQueryError`], which says what is wrong with the template.
    pub fn new(name: SettingName, template: impl Into<String>) -> Result<Self, NamedQueryError> {
        let template = template.into();
        Self::check(&template)?;
        Ok(Self { name, template })
    }

    /// Checks that a template could be used.
    ///
    /// # Errors
    /// [`NamedQueryError`], which says what is wrong with it.
    pub fn check(template: &str) -> Result<(), NamedQueryError> {
        if !(1..=TEMPLATE_MAX_BYTES).contains(&template.len()) {
            return Err(NamedQueryError::Length(template.len()));
        }
        // As good an argument as any, for numbers and for texts.
        let arguments = vec!["1".to_owned(); Self::ARGUMENTS_MAX];
        select(template, CustomerId::FIRST, &arguments).map(drop)
    }

    /// What it selects of a customer's images, with the arguments of an address.
    ///
    /// # Errors
    /// [`NamedQueryError`]: an argument is missing, or is not the number that it should be.
    pub fn select(
        &self,
        customer: CustomerId,
        arguments: &[String],
    ) -> Result<Selection, NamedQueryError> {
        select(&self.template, customer, arguments)
    }
}

/// What a template selects.
fn select(
    template: &str,
    customer: CustomerId,
    arguments: &[String],
) -> Result<Selection, NamedQueryError> {
    let mut selection = Selection {
        space: None,
        query: ImageQuery::of(customer),
    };
    let parts = parts(template)?;
    let further = parts.iter().filter(|(key, _)| *key == "#");
    let further = further.map(|(_, value)| decode(value));
    let arguments: Vec<_> = arguments.iter().cloned().chain(further).collect();
    for (key, value) in parts {
        selection.narrow(key, value, &arguments)?;
    }
    Ok(selection)
}

fn parts(template: &str) -> Result<Vec<(&str, &str)>, NamedQueryError> {
    let parts = template.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            part.split_once('=')
                .ok_or_else(|| NamedQueryError::Part(part.to_owned()))
        })
        .collect()
}

impl Selection {
    fn narrow(
        &mut self,
        key: &str,
        value: &str,
        arguments: &[String],
    ) -> Result<(), NamedQueryError> {
        let text = || {
            let text = match Value::read(value)? {
                Value::Text(text) => text,
                Value::Argument(place) => {
                    let argument = arguments.get(place).cloned();
                    argument.ok_or(NamedQueryError::Argument(place + 1))?
                }
            };
            // Not every database can be asked for it, so none is.
            if text.contains('\0') {
                return Err(NamedQueryError::Nul);
            }
            Ok(text)
        };
        match key {
            "space" => {
                let number: u32 = number(key, text()?)?;
                self.space =
                    Some(SpaceId::new(number).map_or(SelectedSpace::None, SelectedSpace::Id));
            }
            "spacename" => self.space = Some(SelectedSpace::Name(text()?)),
            "batch" => {
                let number: u64 = number(key, text()?)?;
                self.query.batches = Some(BatchId::new(number).into_iter().collect());
            }
            "canvas" | "assetOrder" => self.query.order = order(value)?,
            key => match field(key) {
                Some(ImageOrderBy::String(third)) => {
                    self.query.strings[third.index()] = Some(vec![text()?]);
                }
                Some(ImageOrderBy::Number(third)) => {
                    self.query.numbers[third.index()] = Some(vec![number(key, text()?)?]);
                }
                _ => {}
            },
        }
        Ok(())
    }
}

impl Value {
    fn read(text: &str) -> Result<Self, NamedQueryError> {
        let digits = text
            .strip_prefix('p')
            .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
        let Some(digits) = digits else {
            return Ok(Self::Text(decode(text)));
        };
        match digits.parse::<usize>() {
            Ok(place @ 1..=NamedQuery::ARGUMENTS_MAX) => Ok(Self::Argument(place - 1)),
            _ => Err(NamedQueryError::Parameter(text.to_owned())),
        }
    }
}

/// `s1` to `s3`, and `n1` to `n3`.
fn field(name: &str) -> Option<ImageOrderBy> {
    let thirds = [Third::First, Third::Second, Third::Third];
    let third = |digit: &str| {
        let place: usize = digit.parse().ok()?;
        thirds.get(place.checked_sub(1)?).copied()
    };
    match name.split_at_checked(1)? {
        ("s", digit) => third(digit).map(ImageOrderBy::String),
        ("n", digit) => third(digit).map(ImageOrderBy::Number),
        _ => None,
    }
}

fn order(value: &str) -> Result<Vec<ImageOrder>, NamedQueryError> {
    let value = decode(&value.replace('+', " "));
    let orders = value
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    orders
        .map(|part| {
            let (name, direction) = part
                .split_once(char::is_whitespace)
                .unwrap_or((part, "asc"));
            match (field(name), direction.trim()) {
                (Some(by), "asc") => Ok(ImageOrder::ascending(by)),
                (Some(by), "desc") => Ok(ImageOrder::descending(by)),
                _ => Err(NamedQueryError::Order(part.to_owned())),
            }
        })
        .collect()
}

fn number<N: FromStr>(key: &str, value: String) -> Result<N, NamedQueryError> {
    value.parse().map_err(|_| NamedQueryError::Number {
        key: key.to_owned(),
        value,
    })
}

/// What cannot be decoded stands for itself.
fn decode(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8()
        .map_or_else(|_| text.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(template: &str) -> Result<NamedQuery, NamedQueryError> {
        NamedQuery::new(SettingName::parse("q").unwrap(), template)
    }

    fn select(template: &str, arguments: &[&str]) -> Result<Selection, NamedQueryError> {
        let arguments: Vec<_> = arguments.iter().map(|it| (*it).to_owned()).collect();
        query(template)?.select(CustomerId::FIRST, &arguments)
    }

    #[test]
    fn arguments_stand_where_the_template_says() {
        let selection = select("canvas=n1&space=p1&s1=p2", &["5", "bib 1"]).unwrap();
        assert_eq!(selection.space, SpaceId::new(5).map(SelectedSpace::Id));
        let mut expected = ImageQuery::of(CustomerId::FIRST);
        expected.strings[0] = Some(vec!["bib 1".to_owned()]);
        expected.order = vec![ImageOrder::ascending(ImageOrderBy::Number(Third::First))];
        assert_eq!(selection.query, expected);
    }

    #[test]
    fn literals_stand_for_themselves_and_further_arguments_come_last() {
        let selection = select(
            "spacename=my%20space&s2=p2&n3=-7&batch=p3&#=p%20&#=12",
            &["x"],
        );
        let selection = selection.unwrap();
        assert_eq!(
            selection.space,
            Some(SelectedSpace::Name("my space".to_owned()))
        );
        assert_eq!(selection.query.strings[1], Some(vec!["p ".to_owned()]));
        assert_eq!(selection.query.numbers[2], Some(vec![-7]));
        assert_eq!(
            selection.query.batches,
            Some(vec![BatchId::new(12).unwrap()])
        );
    }

    #[test]
    fn images_are_ordered_by_several_things_in_turn() {
        for spelled in ["canvas=n2;s1 desc;n1 asc", "assetOrder=n2;+s1%20desc+;n1;"] {
            let order = select(spelled, &[]).unwrap().query.order;
            let expected = [
                ImageOrder::ascending(ImageOrderBy::Number(Third::Second)),
                ImageOrder::descending(ImageOrderBy::String(Third::First)),
                ImageOrder::ascending(ImageOrderBy::Number(Third::First)),
            ];
            assert_eq!(order, expected, "{spelled}");
        }
    }

    #[test]
    fn what_has_no_meaning_does_no_harm() {
        let selection = select("manifest=s1&coverpage=x&s4=p1&&s1=a", &[]).unwrap();
        let mut expected = ImageQuery::of(CustomerId::FIRST);
        expected.strings[0] = Some(vec!["a".to_owned()]);
        assert_eq!(selection.query, expected);
    }

    #[test]
    fn what_is_missing_or_no_number_is_named() {
        assert_eq!(
            select("s1=p1&s2=p3", &["a", "b"]),
            Err(NamedQueryError::Argument(3))
        );
        let not_a_number = |key: &str, value: &str| {
            Err(NamedQueryError::Number {
                key: key.to_owned(),
                value: value.to_owned(),
            })
        };
        assert_eq!(select("n1=p1", &["a"]), not_a_number("n1", "a"));
        assert_eq!(select("space=p1", &["-1"]), not_a_number("space", "-1"));
        assert_eq!(
            select("space=p1", &["0"]).unwrap().space,
            Some(SelectedSpace::None)
        );
        assert_eq!(
            select("batch=p1", &["0"]).unwrap().query.batches,
            Some(vec![])
        );
    }

    #[test]
    fn templates_that_could_never_be_used_are_refused() {
        for (template, error) in [
            ("", NamedQueryError::Length(0)),
            ("s1", NamedQueryError::Part("s1".to_owned())),
            ("canvas=x", NamedQueryError::Order("x".to_owned())),
            (
                "canvas=n1 down",
                NamedQueryError::Order("n1 down".to_owned()),
            ),
            ("s1=p0", NamedQueryError::Parameter("p0".to_owned())),
            ("s1=p101", NamedQueryError::Parameter("p101".to_owned())),
            (
                "s1=p99999999999999999999",
                NamedQueryError::Parameter("p99999999999999999999".to_owned()),
            ),
        ] {
            assert_eq!(query(template), Err(error), "{template}");
        }
        assert!(query("n1=x").is_err());
        assert_eq!(query("s1=a%00"), Err(NamedQueryError::Nul));
        assert_eq!(select("s1=p1&#=%00", &[]), Err(NamedQueryError::Nul));
        assert!(query(&"a".repeat(2001)).is_err());
    }
}
