//! Which pixels of a level a region needs.

use std::ops::RangeInclusive;

use dlcs_core::iiif::{Dimensions, Level, Pyramid, Rect};

use super::pixels::Channels;
use super::resample::{Crop, Scaling};

/// The pixels of a level that a region needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cover {
    pub(super) level: Level,
    pub(super) tile: u32,
    /// Whole pixels of the level.
    pub(super) area: Rect,
    /// The region within that area.
    pub(super) crop: Crop,
}

impl Cover {
    /// Finds them.
    pub(super) fn of(pyramid: Pyramid, region: Rect, level: Level) -> Self {
        let factor = (1_u64 << level.exponent) as f64;
        let span = |start: u32, length: u32, end: u32, level_end: u32| {
            let from = f64::from(start) / factor;
            // The last pixel of a level may stand for less than the factor.
            let to = if start + length == end {
                f64::from(level_end)
            } else {
                f64::from(start + length) / factor
            };
            // A level that was halved rounding down may end before the region begins.
            let from = from.min(f64::from(level_end) - 1.0);
            let to = to.min(f64::from(level_end));
            let (first, last) = (from.floor() as u32, to.ceil() as u32);
            (first, last - first, from - from.floor(), to - from)
        };
        let image = pyramid.dimensions;
        let (x, width, left, crop_width) = span(
            region.x,
            region.width,
            image.width(),
            level.dimensions.width(),
        );
        let (y, height, top, crop_height) = span(
            region.y,
            region.height,
            image.height(),
            level.dimensions.height(),
        );
        Self {
            level,
            tile: pyramid.tile.get(),
            area: Rect {
                x,
                y,
                width,
                height,
            },
            crop: Crop {
                left,
                top,
                width: crop_width,
                height: crop_height,
            },
        }
    }

    /// Bytes of its pixels.
    pub(super) fn bytes(&self, channels: Channels) -> u64 {
        u64::from(self.area.width) * u64::from(self.area.height) * channels.count() as u64
    }

    /// How the region becomes this large.
    pub(super) const fn scaling(&self, size: Dimensions) -> Scaling {
        Scaling {
            area: (self.area.width, self.area.height),
            crop: self.crop,
            size,
        }
    }

    /// The columns of tiles that have some of the area.
    pub(super) fn columns(&self) -> RangeInclusive<u32> {
        self.spans().0
    }

    /// The rows of tiles that have some of the area.
    pub(super) fn rows(&self) -> RangeInclusive<u32> {
        self.spans().1
    }

    /// How many tiles those are.
    pub(super) fn tile_count(&self) -> u64 {
        let (columns, rows) = self.spans();
        u64::from(columns.end() - columns.start() + 1) * u64::from(rows.end() - rows.start() + 1)
    }

    fn spans(&self) -> (RangeInclusive<u32>, RangeInclusive<u32>) {
        let Rect {
            x,
            y,
            width,
            height,
        } = self.area;
        (
            x / self.tile..=(x + width - 1) / self.tile,
            y / self.tile..=(y + height - 1) / self.tile,
        )
    }
}
