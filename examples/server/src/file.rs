//! The settings file.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::setting::{self, Setting};
use crate::stop::Stop;

/// A setting as it stands in the file.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Which one.
    pub(crate) name: &'static str,
    /// Its value, or values.
    pub(crate) values: Vec<String>,
    /// Its line, from 1.
    pub(crate) line: usize,
}

/// Reads a settings file.
///
/// # Errors
/// A file that cannot be read, is not TOML, or holds a key that is no setting.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, Stop> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::Usage(format!("--config cannot read `{shown}`: {error}")))?;
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(&text, &span));
        Stop::Usage(format!(
            "line {line} of `{shown}` is not TOML: {}",
            error.message()
        ))
    })?;
    let mut entries = Vec::new();
    for (key, value) in table.get_ref() {
        let line = line_of(&text, &key.span());
        let name = key.get_ref().replace('_', "-");
        let settings = || {
            setting::ALL
                .into_iter()
                .filter(|s| s.name != setting::CONFIG.name)
        };
        let Some(setting) = settings().find(|setting| setting.name == name) else {
            let nearest = settings()
                .min_by_key(|setting| distance(&name, setting.name))
                .expect("there are settings");
            return Err(Stop::Usage(format!(
                "line {line} of `{shown}` has the unknown key `{}`: did you mean `{}`?",
                key.get_ref(),
                nearest.name
            )));
        };
        let values = texts(setting, value.get_ref()).ok_or_else(|| {
            Stop::Usage(format!(
                "`{name}` in line {line} of `{shown}` cannot be of type {}: write a text{}",
                value.get_ref().type_str(),
                if setting.repeatable {
                    ", or an array of texts"
                } else {
                    " or a whole number"
                }
            ))
        })?;
        entries.push(Entry {
            name: setting.name,
            values,
            line,
        });
    }
    Ok(entries)
}

fn texts(setting: &Setting, value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::String(text) => Some(vec![text.clone().into_owned()]),
        DeValue::Integer(number) if number.radix() == 10 => Some(vec![number.as_str().to_owned()]),
        DeValue::Array(items) if setting.repeatable => items
            .iter()
            .map(|item| item.get_ref().as_str().map(ToOwned::to_owned))
            .collect(),
        _ => None,
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    1 + text.as_bytes()[..span.start.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}

/// How many letters must be added, removed or exchanged to get from one text to the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("lisen", "listen"), 1);
        assert_eq!(distance("workers", "workers"), 0);
        assert_eq!(distance("", "log"), 3);
    }
}
