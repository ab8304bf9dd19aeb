//! What a render takes of the machine, found before anything is read.

use dlcs_core::iiif::{Dimensions, Format};

use super::super::cover::Cover;
use super::super::encode::{Depth, STREAMED_PIXELS, streams};
use super::super::pixels::Channels;
use super::finish::Look;
use super::strips::STRIP;
use super::tiles::Band;

/// What a render takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Cost {
    /// Whether it decodes and returns few pixels.
    pub(in super::super) is_small: bool,
    /// The most bytes of memory at one time.
    pub(in super::super) bytes: u64,
}

impl Cost {
    /// Adds up what is held at one time.
    pub(super) fn of(cover: &Cover, channels: Channels, look: &Look, bands: &[Band]) -> Self {
        let (scaled, result) = (look.scaled(), look.size());
        let tile = u64::from(cover.tile) * u64::from(cover.tile);
        let decoded = cover.tile_count().saturating_mul(tile);
        let count = channels.count() as u64;
        // Rows that wait for those below them: one row of tiles, and what a row of the result reaches.
        let reach = 2.0 * cover.scaling(scaled).reach();
        let rows = (f64::from(cover.tile) + reach).ceil() as u64 + 1;
        let rows = rows.min(u64::from(cover.area.height));
        let window = rows * u64::from(cover.area.width) * count;
        // The resampler works first along rows, then down columns.
        let between = rows * u64::from(scaled.width()) * count;
        let strip = bytes_of_strip(scaled, channels);
        let turned = if look.turns() {
            area_bytes(scaled, look.upright()) + bytes_of_strip(result, look.channels())
        } else {
            0
        };
        let bytes = streams_at_once(bands)
            + tile * count
            + window
            + between
            // As scaled, and as it is changed.
            + 2 * strip
            + turned
            + encoder(look)
            + encoded(look.format(), result, look.channels(), look.depth());
        Self {
            is_small: decoded <= STREAMED_PIXELS
                && scaled.area() <= STREAMED_PIXELS
                && result.area() <= STREAMED_PIXELS,
            bytes,
        }
    }
}

/// One band is decoded, one waits, and one is being read.
fn streams_at_once(bands: &[Band]) -> u64 {
    let most = bands.iter().map(|band| band.bytes).max().unwrap_or(0);
    most * bands.len().min(3) as u64
}

const fn area_bytes(size: Dimensions, channels: Channels) -> u64 {
    size.area() * channels.count() as u64
}

fn bytes_of_strip(size: Dimensions, channels: Channels) -> u64 {
    let row = u64::from(size.width()) * channels.count() as u64;
    area_bytes(size, channels).min(STRIP.max(row))
}

/// What an encoder holds beside what it has written.
fn encoder(look: &Look) -> u64 {
    let (size, format) = (look.size(), look.format());
    if streams(format, size) {
        // Some rows.
        return STRIP;
    }
    let (held, area) = (area_bytes(size, look.channels()), size.area());
    let is_large = area > STREAMED_PIXELS;
    held + match format {
        // Three channels or four, planes of luma and half as much of chroma, and alpha; without loss much more.
        Format::Webp if !is_large && look.depth() == Depth::Bit => 24 * area,
        Format::Webp => {
            let spread = if look.channels().without_colour() == look.channels() {
                area * if look.channels().has_alpha() { 4 } else { 3 }
            } else {
                0
            };
            let alpha = match (look.channels().has_alpha(), is_large) {
                (false, _) => 0,
                (true, true) => 2 * area,
                (true, false) => 24 * area,
            };
            spread + 2 * area + alpha
        }
        // The place of every pixel, and the quantiser's samples and answers.
        Format::Gif => area + (4 << 20),
        // A tile in wide numbers, and its code blocks.
        Format::Jp2 => (16 << 20) + area_bytes(size, look.channels()).min(32 << 20),
        // Planes of the picture.
        _ => 2 * area,
    }
}

/// How long the result may be: the compressed size of noise where nothing is lost, and more than that of any photograph elsewhere.
fn encoded(format: Format, size: Dimensions, channels: Channels, depth: Depth) -> u64 {
    let samples = area_bytes(size, channels);
    let bits = size.area() / 8;
    match (format, depth) {
        (Format::Png | Format::Tif | Format::Pdf, Depth::Bit) => bits,
        (Format::Png | Format::Tif, Depth::Byte) => samples,
        (Format::Gif, _) => size.area(),
        _ => samples / 3,
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::iiif::{GrammarVersion, ImageRequest, Limits, Pyramid, TileSize};

    use super::*;

    /// The cost of a request for an image of 32768 x 32768 pixels, with bands of a megabyte.
    fn cost(path: &str, channels: Channels, level: u32) -> Cost {
        let image = Dimensions::new(32_768, 32_768).unwrap();
        let pyramid = Pyramid {
            dimensions: image,
            tile: TileSize::Px512,
        };
        let parts: Vec<&str> = path.split('/').collect();
        let request =
            ImageRequest::parse(GrammarVersion::V3, parts[0], parts[1], parts[2], parts[3])
                .unwrap()
                .resolve(image, &Limits::default())
                .unwrap();
        let cover = Cover::of(pyramid, request.region, pyramid.level(level).unwrap());
        let band = Band::of(0..1, 1 << 20);
        Cost::of(&cover, channels, &Look::of(channels, &request), &[band])
    }

    #[test]
    fn what_is_held_at_one_time_is_added_up() {
        // 1:1, one tile: its stream, the tile, the window and what lies between, twice the strip, the encoder with the picture, the result.
        let tile = 512 * 512;
        assert_eq!(
            cost("0,0,512,512/512,512/0/gray.jpg", Channels::Grey, 0),
            Cost {
                is_small: true,
                bytes: (1 << 20) + tile + tile + tile + 2 * tile + (tile + 2 * tile) + tile / 3,
            }
        );
        // 7071 x 7071 of a level of 8192 x 8192: rows of one row of tiles and 2 * (3 * 8192 / 7071 + 1) more.
        let (side, level, rows) = (7071_u64, 8192_u64, 512 + 9 + 1);
        let area = side * side;
        let strip = 4 << 20;
        assert_eq!(
            cost("full/max/0/default.jpg", Channels::Rgb, 2),
            Cost {
                is_small: false,
                bytes: (1 << 20)
                    + 3 * tile
                    + 3 * rows * level
                    + 3 * rows * side
                    + 2 * strip
                    + strip
                    + 3 * area / 3,
            }
        );
        // A turn holds all that is turned, and a strip of the result.
        let upright = cost("full/max/0/default.jpg", Channels::Rgb, 2).bytes;
        assert_eq!(
            cost("full/max/90/default.jpg", Channels::Rgb, 2).bytes,
            upright + 3 * area + strip
        );
    }

    #[test]
    fn few_pixels_are_small_however_they_come() {
        for (path, level, is_small) in [
            ("full/300,300/0/default.jpg", 6, true),
            ("0,0,2048,2048/max/0/default.jpg", 0, true),
            ("0,0,2049,2048/max/0/default.jpg", 0, false),
            ("0,0,2049,2048/10,/0/default.jpg", 0, false),
            ("0,0,10,10/^2049,2048/0/default.jpg", 0, false),
            ("0,0,2048,2048/max/45/default.jpg", 0, false),
        ] {
            assert_eq!(
                cost(path, Channels::Rgb, level).is_small,
                is_small,
                "{path}"
            );
        }
    }
}
