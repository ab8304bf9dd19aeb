//! What people say of an image: strings, numbers, tags, roles.

use std::num::NonZeroU32;

/// The longest string of metadata, in characters.
pub const STRING_MAX_CHARS: usize = 1000;
/// The most tags, roles or manifests of one image.
pub const LIST_MAX_ITEMS: usize = 100;

/// Free metadata of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `string1` to `string3`; empty when not set.
    pub strings: [String; 3],
    /// `number1` to `number3`; 0 when not set.
    pub numbers: [i64; 3],
    /// Tags, in the order given.
    pub tags: Vec<String>,
    /// Roles, in the order given.
    pub roles: Vec<String>,
    /// Names of manifests that the image is in.
    pub manifests: Vec<String>,
}

/// How large an image may be seen without a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpenAccess {
    /// In full; −1 on the wire.
    #[default]
    Full,
    /// Not at all; 0 on the wire.
    Denied,
    /// Whole-image sizes up to this many pixels.
    UpTo(NonZeroU32),
}

impl OpenAccess {
    /// Reads the number on the wire; `None` for one below −1 or past 32 bits.
    #[must_use]
    pub fn from_wire(number: i64) -> Option<Self> {
        match number {
            -1 => Some(Self::Full),
            0 => Some(Self::Denied),
            _ => u32::try_from(number)
                .ok()
                .and_then(NonZeroU32::new)
                .map(Self::UpTo),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> i64 {
        match self {
            Self::Full => -1,
            Self::Denied => 0,
            Self::UpTo(pixels) => pixels.get() as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_access_reads_and_writes_the_wire() {
        for number in [-1, 0, 1, 400, i64::from(u32::MAX)] {
            assert_eq!(OpenAccess::from_wire(number).unwrap().to_wire(), number);
        }
        assert_eq!(
            [-2, i64::from(u32::MAX) + 1].map(OpenAccess::from_wire),
            [None, None]
        );
    }
}
