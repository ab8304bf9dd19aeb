//! The largest sizes that are served.

use super::geometry::{confine, dimensions, proportional};
use super::{Dimensions, Format, Rotation, rotated_size};

/// No codec that is served here writes a longer side.
const LONGEST_SIDE: u32 = 65_500;

/// How many times the largest area the box around a turned image may have: that of a square takes two.
const TURNED: u64 = 2;

/// The largest sizes that are served, as information documents say them.
///
/// They bound the size that is asked for, before a turn. What is not limited here ends at [`Limits::LARGEST_AREA`]: images that are larger
/// get that as their largest area, and smaller ones, which are served whole, can be enlarged to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// The largest width in pixels; also the largest height where that is not set.
    pub max_width: Option<u32>,
    /// The largest height in pixels.
    pub max_height: Option<u32>,
    /// The largest number of pixels.
    pub max_area: Option<u64>,
}

impl Limits {
    /// The largest number of pixels of one result where no other is set.
    pub const LARGEST_AREA: u64 = 50_000_000;

    /// The limits that hold for an image of this size.
    #[must_use]
    pub fn of_image(self, image: Dimensions) -> Self {
        let (width, height) = self.sides();
        let sides_allow =
            !self.are_open() && u64::from(width) * u64::from(height) > Self::LARGEST_AREA;
        if self.max_area.is_none() && (sides_allow || image.area() > Self::LARGEST_AREA) {
            Self {
                max_area: Some(Self::LARGEST_AREA),
                ..self
            }
        } else {
            self
        }
    }

    /// Whether a size is served, of an image that is not turned.
    #[must_use]
    pub fn allow(&self, size: Dimensions) -> bool {
        self.ceiling(LONGEST_SIDE).fits(size)
    }

    /// What these limits come to for files of a format.
    pub(super) fn of_format(&self, format: Format) -> Ceiling {
        self.ceiling(format.longest_side())
    }

    /// Whether nothing is limited.
    fn are_open(&self) -> bool {
        *self == Self::default()
    }

    fn sides(&self) -> (u32, u32) {
        let width = self.max_width.unwrap_or(LONGEST_SIDE);
        let height = self.max_height.or(self.max_width).unwrap_or(LONGEST_SIDE);
        (width.clamp(1, LONGEST_SIDE), height.clamp(1, LONGEST_SIDE))
    }

    fn ceiling(&self, longest: u32) -> Ceiling {
        let (width, height) = self.sides();
        Ceiling {
            is_open: self.are_open(),
            width: width.min(longest),
            height: height.min(longest),
            area: self.max_area.unwrap_or(Self::LARGEST_AREA).max(1),
            longest,
        }
    }
}

/// What bounds the result of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ceiling {
    /// Whether this is not said anywhere.
    pub(super) is_open: bool,
    width: u32,
    height: u32,
    area: u64,
    /// The longest side that the format has room for.
    longest: u32,
}

impl Ceiling {
    fn fits(&self, size: Dimensions) -> bool {
        size.width() <= self.width && size.height() <= self.height && size.area() <= self.area
    }

    /// Whether a size is served with a turn: the box around a turned image is larger, and must not be so without bounds.
    pub(super) fn allows(&self, size: Dimensions, rotation: Rotation) -> bool {
        if !self.fits(size) {
            return false;
        }
        if rotation.quarter_turns().is_some() {
            return true;
        }
        let turned = rotated_size(size, rotation);
        let area = self
            .area
            .min(u64::from(self.width) * u64::from(self.height));
        turned.width().max(turned.height()) <= self.longest
            && turned.area() <= area.saturating_mul(TURNED)
    }

    /// The largest size of the shape of a region; larger than the region only where that is wanted.
    pub(super) fn largest(
        &self,
        region: Dimensions,
        rotation: Rotation,
        enlarge: bool,
    ) -> Dimensions {
        let mut size = if !enlarge && self.fits(region) {
            region
        } else {
            self.fill(region)
        };
        while !self.allows(size, rotation) && size.area() > 1 {
            size = self.smaller(region, size, rotation);
        }
        size
    }

    /// The largest size of the shape of a region that is not turned.
    fn fill(&self, region: Dimensions) -> Dimensions {
        let size = confine(region, self.width, self.height);
        let area = self.area;
        if size.area() <= area {
            return size;
        }
        // The longer side first: rounding it down loses the least.
        let by_area = |long: (u32, u32), short: (u32, u32)| {
            let ratio = u128::from(area) * u128::from(long.0) / u128::from(short.0);
            let length = (ratio.isqrt() as u64).clamp(1, u64::from(long.1).min(area)) as u32;
            let other = proportional(length, short.0, long.0)
                .clamp(1, (area / u64::from(length)).min(u64::from(short.1)));
            (length, other as u32)
        };
        let across = (region.width(), size.width());
        let down = (region.height(), size.height());
        if region.width() >= region.height() {
            let (width, height) = by_area(across, down);
            dimensions(width, height)
        } else {
            let (height, width) = by_area(down, across);
            dimensions(width, height)
        }
    }

    /// A size of the shape of a region that is smaller by what its turned box has too much, and by at least one pixel.
    fn smaller(&self, region: Dimensions, size: Dimensions, rotation: Rotation) -> Dimensions {
        let turned = rotated_size(size, rotation);
        let area = self
            .area
            .min(u64::from(self.width) * u64::from(self.height));
        let by_area = (area.saturating_mul(TURNED) as f64 / turned.area() as f64).sqrt();
        let by_side = f64::from(self.longest) / f64::from(turned.width().max(turned.height()));
        let ratio = by_area.min(by_side);
        let less = |side: u32| ((f64::from(side) * ratio) as u32).clamp(1, (side - 1).max(1));
        if size.width() >= size.height() {
            let width = less(size.width());
            let height = proportional(width, region.height(), region.width());
            dimensions(width, height.clamp(1, u64::from(size.height())) as u32)
        } else {
            let height = less(size.height());
            let width = proportional(height, region.width(), region.height());
            dimensions(width.clamp(1, u64::from(size.width())) as u32, height)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Dimensions {
        Dimensions::new(width, height).unwrap()
    }

    #[test]
    fn only_images_above_the_largest_area_have_one_of_themselves() {
        let open = Limits::default();
        assert_eq!(open.of_image(size(10_000, 5_000)), open);
        let limited = Limits {
            max_area: Some(Limits::LARGEST_AREA),
            ..open
        };
        assert_eq!(open.of_image(size(10_001, 5_000)), limited);
        let wide = Limits {
            max_width: Some(20_000),
            ..open
        };
        assert_eq!(wide.of_image(size(1, 1)).max_area, limited.max_area);
        let narrow = Limits {
            max_width: Some(7_000),
            ..open
        };
        assert_eq!(narrow.of_image(size(1, 1)), narrow);
        let generous = Limits {
            max_area: Some(1 << 40),
            ..open
        };
        assert_eq!(generous.of_image(size(60_000, 60_000)), generous);
        assert!(generous.allow(size(60_000, 60_000)) && !open.allow(size(60_000, 60_000)));
    }

    #[test]
    fn a_turned_image_is_bounded_by_the_box_around_it() {
        let diagonal = Rotation::parse("45").unwrap();
        for format in Format::ALL {
            let ceiling = Limits::default().of_format(format);
            for region in [
                size(7_000, 7_000),
                size(65_500, 700),
                size(1, 65_500),
                size(65_500, 1),
                size(65_500, 65_500),
                size(1, 1),
                size(16_383, 2),
            ] {
                for enlarge in [false, true] {
                    let largest = ceiling.largest(region, diagonal, enlarge);
                    let turned = rotated_size(largest, diagonal);
                    assert!(ceiling.allows(largest, diagonal), "{region} as {format:?}");
                    assert!(turned.area() <= 2 * Limits::LARGEST_AREA, "{region}");
                    assert!(turned.width() <= format.longest_side(), "{region}");
                    assert!(enlarge || largest.width() <= region.width());
                }
            }
        }
        let ceiling = Limits::default().of_format(Format::Jpg);
        // A square needs no more than twice its area.
        assert!(ceiling.allows(size(7_000, 7_000), diagonal));
        assert!(!ceiling.allows(size(65_500, 700), diagonal));
        assert!(ceiling.allows(size(65_500, 700), Rotation::DEG_90));
    }
}
