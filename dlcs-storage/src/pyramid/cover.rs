//! Which pixels of a level a region needs.

use std::ops::RangeInclusive;

use dlcs_core::iiif::{Level, Pyramid, Rect, StoredLevel};

use super::pixels::Channels;
use super::resample::Crop;

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
    /// Finds them; a smaller level is taken where this one needs too many bytes. There is at least one level.
    pub(super) fn of(
        pyramid: Pyramid,
        levels: &[StoredLevel],
        channels: Channels,
        region: Rect,
        wanted: u32,
        max_bytes: u64,
    ) -> Self {
        let wanted = (wanted as usize).min(levels.len() - 1);
        let mut covers = levels[wanted..]
            .iter()
            .map(|stored| Self::of_level(pyramid, region, stored.level));
        let mut cover = covers.next().expect("there is at least one level");
        for smaller in covers {
            if cover.bytes(channels) <= max_bytes {
                break;
            }
            cover = smaller;
        }
        cover
    }

    /// Bytes of its pixels.
    pub(super) fn bytes(&self, channels: Channels) -> u64 {
        u64::from(self.area.width) * u64::from(self.area.height) * channels.count() as u64
    }

    fn of_level(pyramid: Pyramid, region: Rect, level: Level) -> Self {
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

    /// Column and row of every tile that has some of the area, row by row.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (u32, u32)> {
        let (columns, rows) = self.spans();
        rows.flat_map(move |row| columns.clone().map(move |column| (column, row)))
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
