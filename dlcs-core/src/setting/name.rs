//! Names of settings that stand in addresses.

use std::fmt;

use thiserror::Error;

/// The longest name, in characters.
const MAX_CHARS: usize = 100;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "is not a name: 1 to {MAX_CHARS} of the letters a-z and A-Z, digits, `-`, `_`, `.` and `~`; not `.` or `..`"
)]
pub struct SettingNameError;

/// The name of a setting, as it stands in addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingName(String);

impl SettingName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`SettingNameError`], which states the rules.
    pub fn parse(text: impl Into<String>) -> Result<Self, SettingNameError> {
        let text = text.into();
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        let is_name = (1..=MAX_CHARS).contains(&text.len())
            && text.bytes().all(unreserved)
            && !matches!(text.as_str(), "." | "..");
        if is_name {
            Ok(Self(text))
        } else {
            Err(SettingNameError)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SettingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_addresses_as_they_are() {
        for bad in ["", ".", "..", "a b", "a/b", "é", "a?b", &"a".repeat(101)] {
            assert!(SettingName::parse(bad).is_err(), "{bad}");
        }
        for good in ["manifest", "a.b-c_d~e", "1", &"a".repeat(100)] {
            assert_eq!(SettingName::parse(good).unwrap().as_str(), good);
        }
    }
}
