//! Reading the properties of a JSON object, and collecting everything that is wrong with them.

use std::collections::HashSet;

use dlcs_core::image::{LIST_MAX_ITEMS, shorten};
use serde_json::{Map, Value};

use crate::error::{ApiError, Problem};

/// The most problems that are listed: all of a batch of the usual size, whatever is wrong with each image.
const MOST: usize = 20_000;
/// How far a name may be from a known one to be taken for a slip.
const NEAR: usize = 2;
/// How many names of one object are looked at for slips: more would be work for nothing.
const LOOKED_AT: usize = 100;
/// Read-only properties that are addresses, in which only the path counts: clients may know a host by another name.
const LINKS: [&str; 8] = [
    "batch",
    "infoJson",
    "imageService",
    "thumbnailInfoJson",
    "thumbnailImageService",
    "thumbnail400",
    "degradedInfoJson",
    "manifest",
];

/// Everything that was found wrong, and slips that are named when the request fails anyway.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    pointers: HashSet<String>,
    slips: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    /// Adds a problem.
    pub(crate) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.list.len() >= MOST {
            self.left_out += 1;
            return;
        }
        let problem = Problem {
            pointer: pointer.into(),
            detail: detail.into(),
        };
        self.pointers.insert(problem.pointer.clone());
        self.list.push(problem);
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether something is wrong at a place.
    pub(crate) fn is_at(&self, pointer: &str) -> bool {
        self.pointers.contains(pointer)
    }

    /// Takes what has been found.
    pub(crate) fn take(&mut self) -> Vec<Problem> {
        let mut list = std::mem::take(&mut self.list);
        if self.left_out > 0 {
            let detail = format!("and {} more", std::mem::take(&mut self.left_out));
            list.push(Problem {
                pointer: String::new(),
                detail,
            });
        }
        list
    }

    /// Says otherwise where everything is that has been found.
    pub(crate) fn rename(&mut self, name: impl Fn(&str) -> String) {
        for problem in &mut self.list {
            problem.pointer = name(&problem.pointer);
        }
    }

    /// Refuses the request when something is wrong with it.
    pub(crate) fn check(&mut self) -> Result<(), ApiError> {
        if self.list.is_empty() {
            Ok(())
        } else {
            Err(self.refuse())
        }
    }

    /// Refuses the request for what has been found.
    pub(crate) fn refuse(&mut self) -> ApiError {
        let list = self.take();
        self.explain(ApiError::invalid(list))
    }

    /// Names the slips in an error about the same body.
    pub(crate) fn explain(&mut self, error: ApiError) -> ApiError {
        error.with_slips(std::mem::take(&mut self.slips))
    }
}

/// The properties of one object; names are matched ignoring case, and nulls count as absent.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: String,
    known: &'static [&'static str],
}

impl<'a> Fields<'a> {
    /// Looks at an object that may have the known properties; others are ignored.
    pub(crate) fn new(
        object: &'a Map<String, Value>,
        pointer: impl Into<String>,
        known: &'static [&'static str],
        problems: &mut Problems,
    ) -> Self {
        let fields = Self {
            object,
            pointer: pointer.into(),
            known,
        };
        for name in object.keys().take(LOOKED_AT) {
            if let Some(meant) = meant_by(name, known) {
                let pointer = fields.pointer_to(name);
                let detail = format!(
                    "`{}` is not known here: did you mean '{meant}'?",
                    shorten(name)
                );
                problems.slips.push(Problem { pointer, detail });
            }
        }
        fields
    }

    /// The JSON pointer to a property, as the client spelt it.
    pub(crate) fn at(&self, name: &str) -> String {
        self.pointer_to(self.entry(name).map_or(name, |(spelt, _)| spelt))
    }

    /// The value of a property, whatever its type.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.entry(name).map(|(_, value)| value)
    }

    /// A text.
    pub(crate) fn text(&self, name: &str, problems: &mut Problems) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text.clone()),
            other => self.wrong(name, other, "a string", problems),
        }
    }

    /// A whole number of 64 bits.
    pub(crate) fn integer(&self, name: &str, problems: &mut Problems) -> Option<i64> {
        let value = self.value(name)?;
        value.as_i64().or_else(|| {
            self.wrong(
                name,
                value,
                "a whole number of 64 bits, without quotes, fraction or exponent",
                problems,
            )
        })
    }

    /// True or false.
    pub(crate) fn boolean(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(truth) => Some(*truth),
            other => self.wrong(name, other, "true or false", problems),
        }
    }

    /// A list of anything.
    pub(crate) fn list(&self, name: &str, problems: &mut Problems) -> Option<&'a Vec<Value>> {
        match self.value(name)? {
            Value::Array(items) => Some(items),
            other => self.wrong(name, other, "a list in brackets", problems),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let items = self.list(name, problems)?;
        let mut texts = Vec::with_capacity(items.len());
        // The core says that there are too many; naming each that is wrong besides helps nobody.
        for (place, item) in items.iter().enumerate().take(LIST_MAX_ITEMS + 1) {
            match item {
                Value::String(text) => texts.push(text.clone()),
                other => {
                    let detail = format!("an item of `{name}` is {}; give a string", shown(other));
                    problems.add(format!("{}/{place}", self.at(name)), detail);
                }
            }
        }
        Some(texts)
    }

    /// The name of a policy or a strategy, which may be given as its address.
    pub(crate) fn name_or_url(&self, name: &str, problems: &mut Problems) -> Option<String> {
        self.text(name, problems)
            .map(|text| last_segment(&text).to_owned())
    }

    /// Refuses properties that the program sets, unless they say what is stored, or nothing of what is not stored.
    pub(crate) fn check_read_only(
        &self,
        names: &[&str],
        stored: Option<&Value>,
        problems: &mut Problems,
    ) {
        for name in names {
            let Some(value) = self.value(name) else {
                continue;
            };
            let is = stored.and_then(|stored| stored.get(name));
            let accepted = match is {
                Some(is) => same(value, is) || (LINKS.contains(name) && same_path(value, is)),
                None => is_empty(value),
            };
            if !accepted {
                let detail = format!("`{name}` is set by the program: leave it out");
                problems.add(self.at(name), detail);
            }
        }
    }

    fn entry(&self, name: &str) -> Option<(&'a str, &'a Value)> {
        debug_assert!(
            self.known.contains(&name),
            "`{name}` is read but not listed as known"
        );
        let object = self.object;
        let exact = object.get_key_value(name);
        let found = exact.or_else(|| {
            object
                .iter()
                .find(|(spelt, _)| spelt.eq_ignore_ascii_case(name))
        });
        found
            .filter(|(_, value)| !value.is_null())
            .map(|(spelt, value)| (spelt.as_str(), value))
    }

    fn pointer_to(&self, name: &str) -> String {
        format!(
            "{}/{}",
            self.pointer,
            name.replace('~', "~0").replace('/', "~1")
        )
    }

    fn wrong<T>(
        &self,
        name: &str,
        value: &Value,
        wanted: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        problems.add(
            self.at(name),
            format!("`{name}` is {}; give {wanted}", shown(value)),
        );
        None
    }
}

/// The part of an address after its last slash; a plain name is its own.
pub(crate) fn last_segment(text: &str) -> &str {
    text.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
}

/// A value as an error shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("the string `{}`", shorten(text)),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
    }
}

/// Whether two values say the same; dates may differ in their number of digits.
fn same(given: &Value, stored: &Value) -> bool {
    let date = |value: &Value| {
        value
            .as_str()
            .and_then(dlcs_core::time::Timestamp::parse_rfc3339)
    };
    given == stored || date(given).is_some_and(|given| date(stored) == Some(given))
}

/// Whether two addresses lead to the same path, whatever their scheme and host.
fn same_path(given: &Value, stored: &Value) -> bool {
    let path = |value: &Value| {
        let url = url::Url::parse(value.as_str()?).ok()?;
        Some(url.path().trim_end_matches('/').to_owned())
    };
    path(given).is_some_and(|given| path(stored) == Some(given))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}

/// The known name that an unknown one is a slip of.
pub(crate) fn meant_by(name: &str, known: &[&'static str]) -> Option<&'static str> {
    if name.starts_with('@')
        || name.len() > 60
        || known.iter().any(|known| known.eq_ignore_ascii_case(name))
    {
        return None;
    }
    let name = name.to_lowercase();
    let near = |known: &&&'static str| distance(&name, &known.to_lowercase());
    let best = known.iter().min_by_key(near)?;
    // A short name is near everything.
    (near(&best) <= NEAR.min(name.chars().count() / 2)).then_some(*best)
}

/// How many insertions, deletions and replacements turn one text into the other, a swap of neighbours counting as two.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = corner + usize::from(from != *to);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KNOWN: &[&str] = &["origin", "number1", "tags", "width", "created", "infoJson"];

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn names_match_in_any_case_and_nulls_are_absent() {
        let (object, mut problems) = (
            object(&json!({"ORIGIN": "a", "number1": null})),
            Problems::default(),
        );
        let fields = Fields::new(&object, "/member/3", KNOWN, &mut problems);
        assert_eq!(fields.text("origin", &mut problems).as_deref(), Some("a"));
        assert_eq!(fields.integer("number1", &mut problems), None);
        assert_eq!(
            (fields.at("origin"), problems.is_empty()),
            ("/member/3/ORIGIN".to_owned(), true)
        );
    }

    #[test]
    fn numbers_are_whole_and_of_64_bits() {
        for bad in [
            "1e3",
            "1.5",
            "1.0",
            "\"5\"",
            "9223372036854775808",
            "true",
            "[]",
        ] {
            let object = object(&serde_json::from_str(&format!("{{\"number1\":{bad}}}")).unwrap());
            let mut problems = Problems::default();
            let fields = Fields::new(&object, "", KNOWN, &mut problems);
            assert_eq!(fields.integer("number1", &mut problems), None);
            assert!(problems.is_at("/number1"), "{bad}");
        }
    }

    #[test]
    fn slips_are_recognised_and_other_names_are_not() {
        assert_eq!(meant_by("orgin", KNOWN), Some("origin"));
        assert_eq!(meant_by("Tag", KNOWN), Some("tags"));
        assert_eq!(meant_by("nubmer1", KNOWN), Some("number1"));
        for other in ["origin", "label", "@id", "x", "totalItems"] {
            assert_eq!(meant_by(other, KNOWN), None, "{other}");
        }
    }

    #[test]
    fn read_only_properties_may_say_what_is_stored() {
        let stored = json!({"width": 10, "created": "2016-05-04T10:20:30.123456Z", "infoJson": "http://a/1/1/x/info.json"});
        let check = |body: Value, stored: Option<&Value>| {
            let (object, mut problems) = (object(&body), Problems::default());
            Fields::new(&object, "", KNOWN, &mut problems).check_read_only(
                &["width", "created", "infoJson"],
                stored,
                &mut problems,
            );
            problems.is_empty()
        };
        assert!(check(
            json!({"width": 10, "created": "2016-05-04T10:20:30.1234560Z"}),
            Some(&stored)
        ));
        assert!(check(json!({"width": 0}), None));
        assert!(!check(json!({"width": 0}), Some(&stored)));
        for (link, accepted) in [
            ("http://a/1/1/x/info.json", true),
            ("https://other.example:8443/1/1/x/info.json", true),
            ("https://a/1/1/y/info.json", false),
            ("", false),
        ] {
            let body = json!({ "infoJson": link });
            assert_eq!(check(body, Some(&stored)), accepted, "{link}");
        }
        assert!(!check(json!({"width": 10}), None));
    }
}
