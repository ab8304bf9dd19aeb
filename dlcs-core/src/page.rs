//! Pages of a listing.

/// How many items one page may hold: 1 to 500, 100 unless told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u32);

impl PageSize {
    /// The largest.
    pub const MAX: u32 = 500;

    /// Returns a page size; the default for anything outside 1 to [`Self::MAX`].
    #[must_use]
    pub const fn new(size: u32) -> Self {
        if size >= 1 && size <= Self::MAX {
            Self(size)
        } else {
            Self(100)
        }
    }

    /// The number of items.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(100)
    }
}

/// Which page of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// Pages before this one: 0 is the first.
    pub index: u64,
    /// Items to a page.
    pub size: PageSize,
}

impl PageRequest {
    /// The first page, of the default size.
    pub const FIRST: Self = Self {
        index: 0,
        size: PageSize(100),
    };

    /// How many items come before this page.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.index.saturating_mul(self.size.get() as u64)
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items of this page, in the order of the listing.
    pub items: Vec<T>,
    /// How many items the whole listing has.
    pub total: u64,
}

impl<T> Page<T> {
    /// The page with every item converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            total: self.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_outside_the_limits_are_the_default() {
        assert_eq!(
            [0, 1, 500, 501, u32::MAX].map(|n| PageSize::new(n).get()),
            [100, 1, 500, 100, 100]
        );
        assert_eq!(
            PageRequest {
                index: u64::MAX,
                size: PageSize::default()
            }
            .offset(),
            u64::MAX
        );
    }
}
