//! Thumbnails: the whole image in a few sizes, ready to be sent.

use dlcs_core::iiif::{Dimensions, Level, Pyramid};
use dlcs_core::policy::TileCoding;
use dlcs_core::setting::ThumbnailSize;

use super::error::PyramidError;
use super::level::Strip;
use super::pixels::{Channels, Pixels};
use super::resample::{Crop, resize};
use super::tile::encode_tile;

/// Collects the level that thumbnails are made from, as its strips come by.
#[derive(Debug)]
pub(super) struct ThumbnailMaker {
    sizes: Vec<Dimensions>,
    /// The smallest level that is as large as the largest thumbnail.
    level: Level,
    pixels: Pixels,
    /// Bytes of the level that have come by.
    filled: usize,
}

/// Thumbnails that are encoded, smallest first.
#[derive(Debug, Default)]
pub(super) struct Thumbnails {
    /// The tables that every one of them needs.
    pub(super) tables: Vec<u8>,
    pub(super) streams: Vec<(Dimensions, Vec<u8>)>,
}

/// The sizes of the thumbnails of an image, ascending, each once.
pub(super) fn thumbnail_sizes(image: Dimensions, wanted: &[ThumbnailSize]) -> Vec<Dimensions> {
    let mut sizes: Vec<Dimensions> = wanted.iter().filter_map(|size| size.of(image)).collect();
    sizes.sort_by_key(|size| (size.width(), size.height()));
    sizes.dedup();
    sizes
}

impl ThumbnailMaker {
    /// Prepares to make thumbnails of these sizes; `None` where there are none to make.
    pub(super) fn new(
        pyramid: Pyramid,
        channels: Channels,
        sizes: Vec<Dimensions>,
    ) -> Option<Self> {
        let largest = *sizes.last()?;
        let level = pyramid.levels().rev().find(|level| {
            level.dimensions.width() >= largest.width()
                && level.dimensions.height() >= largest.height()
        })?;
        Some(Self {
            sizes,
            level,
            pixels: Pixels::blank(
                level.dimensions.width(),
                level.dimensions.height(),
                channels,
            ),
            filled: 0,
        })
    }

    /// Looks at a strip that is complete.
    pub(super) fn see(&mut self, strip: &Strip<'_>) {
        if strip.level == self.level {
            self.filled += strip.copy_to(&mut self.pixels.data[self.filled..]);
        }
    }

    /// Makes the thumbnails, once every strip has come by.
    pub(super) fn finish(self, coding: TileCoding) -> Result<Thumbnails, PyramidError> {
        let whole = Crop {
            left: 0.0,
            top: 0.0,
            width: f64::from(self.pixels.width),
            height: f64::from(self.pixels.height),
        };
        let mut thumbnails = Thumbnails::default();
        let mut pixels = self.pixels;
        let mut crop = whole;
        // From the largest to the smallest, each from the one before while that is at least twice as large: nothing is seen of the detour.
        for size in self.sizes.into_iter().rev() {
            let scaled = resize(&pixels, crop, size)?;
            let encoded = encode_tile(&scaled, coding)?;
            thumbnails.tables = encoded.tables;
            thumbnails.streams.push((size, encoded.stream));
            crop = Crop {
                width: f64::from(scaled.width),
                height: f64::from(scaled.height),
                ..crop
            };
            pixels = scaled;
        }
        thumbnails.streams.reverse();
        Ok(thumbnails)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(width: u32, height: u32) -> Vec<String> {
        let image = Dimensions::new(width, height).unwrap();
        thumbnail_sizes(image, &[1024, 400, 200, 100].map(ThumbnailSize::square))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn thumbnails_are_confined_never_enlarged_and_never_twice() {
        assert_eq!(
            sizes(4000, 3000),
            ["100 x 75", "200 x 150", "400 x 300", "1024 x 768"]
        );
        assert_eq!(
            sizes(700, 900),
            ["78 x 100", "156 x 200", "311 x 400", "700 x 900"]
        );
        assert_eq!(sizes(300, 150), ["100 x 50", "200 x 100", "300 x 150"]);
        assert_eq!(sizes(1, 1), ["1 x 1"]);
        assert_eq!(
            sizes(5000, 1),
            ["100 x 1", "200 x 1", "400 x 1", "1024 x 1"]
        );
    }
}
