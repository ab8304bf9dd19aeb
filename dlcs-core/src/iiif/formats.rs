//! Sets of formats: what a renderer writes, what an operator serves.

use super::Format;

/// A set of output formats.
///
/// # Examples
/// ```
/// use dlcs_core::iiif::{Format, FormatSet};
///
/// let served = FormatSet::of(&[Format::Webp, Format::Jpg]);
/// assert!(served.contains(Format::Jpg) && !served.contains(Format::Png));
/// assert!(served.iter().eq([Format::Jpg, Format::Webp]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FormatSet(u16);

impl FormatSet {
    /// Every format.
    pub const ALL: Self = Self::of(&Format::ALL);

    /// JPEG and PNG, which level 2 of the Image API asks for.
    pub const LEVEL_2: Self = Self::of(&[Format::Jpg, Format::Png]);

    /// The set of these formats.
    #[must_use]
    pub const fn of(formats: &[Format]) -> Self {
        let mut bits = 0;
        let mut rest = formats;
        while let [format, others @ ..] = rest {
            bits |= bit(*format);
            rest = others;
        }
        Self(bits)
    }

    /// Whether a format is in the set.
    #[must_use]
    pub const fn contains(self, format: Format) -> bool {
        self.0 & bit(format) != 0
    }

    /// Whether every format of another set is in this one.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The formats that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The formats, in the order of [`Format::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Format> {
        let all = Format::ALL.into_iter();
        all.filter(move |format| self.contains(*format))
    }
}

impl FromIterator<Format> for FormatSet {
    fn from_iter<I: IntoIterator<Item = Format>>(formats: I) -> Self {
        let bits = formats.into_iter().map(bit);
        Self(bits.fold(0, std::ops::BitOr::bitor))
    }
}

const fn bit(format: Format) -> u16 {
    1 << format as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        for format in Format::ALL {
            let alone = FormatSet::of(&[format]);
            assert!(
                Format::ALL
                    .iter()
                    .all(|other| alone.contains(*other) == (*other == format))
            );
            assert!(FormatSet::ALL.contains(format));
        }
        let both = FormatSet::ALL.intersection(FormatSet::LEVEL_2);
        assert_eq!(both, FormatSet::from_iter([Format::Png, Format::Jpg]));
        assert!(FormatSet::ALL.contains_all(both) && !both.contains_all(FormatSet::ALL));
    }
}
