//! What a render takes of the machine, found before anything is read.

use dlcs_core::iiif::{Dimensions, Format};

use super::super::cover::Cover;
use super::super::encode::{Depth, STREAMED_PIXELS, streams};
use super::super::pixels::Channels;
use super::finish::Look;
use super::strips::STRIP;
use super::tiles::Band;

/// How many times the area that was asked for the box around a turned image may have.
const TURNED: u64 = 2;

/// The bytes of a row of a tile of the largest size.
const TILE_ROW: u64 = 4 * 1024;

/// What a render takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Cost {
    /// Whether it decodes and returns few pixels.
    pub(in super::super) is_small: bool,
    /// The most bytes of memory at one time.
    pub(in super::super) bytes: u64,
    /// The most bytes of the result.
    pub(in super::super) result: u64,
}

impl Cost {
    /// Adds up what is held at one time: while rows are gathered, while they are turned, or while they are encoded.
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
        let shape = Shape::of(look);
        let gathering = streams_at_once(bands)
            + tile * count
            + window
            + between
            // As scaled, and as it is changed.
            + 2 * bytes_of_strip(scaled, channels)
            + shape.gathered();
        Self {
            is_small: decoded <= STREAMED_PIXELS
                && scaled.area() <= STREAMED_PIXELS
                && result.area() <= STREAMED_PIXELS,
            bytes: gathering.max(shape.finishing()),
            result: shape.encoded(),
        }
    }

    /// What the costliest result of an area takes, however it is turned, made from as small a level as need be.
    pub(in super::super) fn most(area: u64) -> u64 {
        let turns = [(false, 1), (true, 1), (true, TURNED)];
        let channels = [
            Channels::Grey,
            Channels::GreyAlpha,
            Channels::Rgb,
            Channels::Rgba,
        ];
        let depths = [Depth::Bit, Depth::Byte];
        Format::ALL
            .into_iter()
            .flat_map(|format| turns.map(|turn| (format, turn)))
            .flat_map(|shape| channels.map(|channels| (shape, channels)))
            .flat_map(|shape| depths.map(|depth| (shape, depth)))
            .map(|(((format, (turns, times)), channels), depth)| {
                let shape = Shape {
                    format,
                    depth,
                    upright: channels,
                    channels,
                    scaled: area,
                    result: area.saturating_mul(times),
                    turns,
                };
                let gathering = shape.gathered().saturating_add(least_level(area));
                gathering.max(shape.finishing())
            })
            .max()
            .unwrap_or(0)
    }
}

/// What gathering a result of an area takes beside it, where it is made from a level of one tile: the tile in several shapes, its rows as
/// long as those of the result, and some strips.
fn least_level(area: u64) -> u64 {
    1024 * (4 * area.min(65_536) + 6 * TILE_ROW) + 3 * STRIP
}

/// One band is decoded, one waits, and one is being read.
fn streams_at_once(bands: &[Band]) -> u64 {
    let most = bands.iter().map(|band| band.bytes).max().unwrap_or(0);
    most * bands.len().min(3) as u64
}

fn bytes_of_strip(size: Dimensions, channels: Channels) -> u64 {
    let row = u64::from(size.width()) * channels.count() as u64;
    (size.area() * channels.count() as u64).min(STRIP.max(row))
}

/// What of a request says how much memory its pixels take once they are scaled.
struct Shape {
    format: Format,
    depth: Depth,
    /// Of the scaled region, and of the result.
    upright: Channels,
    channels: Channels,
    /// Pixels of the scaled region, and of the result.
    scaled: u64,
    result: u64,
    turns: bool,
}

impl Shape {
    fn of(look: &Look) -> Self {
        Self {
            format: look.format(),
            depth: look.depth(),
            upright: look.upright(),
            channels: look.channels(),
            scaled: look.scaled().area(),
            result: look.size().area(),
            turns: look.turns(),
        }
    }

    fn streams(&self) -> bool {
        streams(self.format, self.result)
    }

    /// The scaled region as a whole, where it is turned.
    const fn frame(&self) -> u64 {
        self.scaled.saturating_mul(self.upright.count() as u64)
    }

    /// The result as a whole, where its encoder needs that.
    const fn held(&self) -> u64 {
        self.result.saturating_mul(self.channels.count() as u64)
    }

    /// What an encoder has of the rows that have come.
    fn taken(&self) -> u64 {
        if self.streams() {
            // Some rows, and what is written of the others.
            STRIP.saturating_add(self.encoded())
        } else {
            self.held()
        }
    }

    /// What there is of the result before it is turned.
    fn gathered(&self) -> u64 {
        if self.turns {
            self.frame()
        } else {
            self.taken()
        }
    }

    /// What there is while it is turned, or encoded as a whole.
    fn finishing(&self) -> u64 {
        let turning = if self.turns {
            self.frame()
                .saturating_add(self.held().min(2 * STRIP))
                .saturating_add(self.taken())
        } else {
            0
        };
        turning.max(self.encoding())
    }

    fn encoding(&self) -> u64 {
        let (area, held) = (self.result, self.held());
        let is_large = area > STREAMED_PIXELS;
        let has_alpha = self.channels.has_alpha();
        let times = |count: u64| area.saturating_mul(count);
        let encoded = self.encoded();
        match self.format {
            // Pages are put around what is encoded.
            Format::Pdf if self.streams() => encoded.saturating_mul(2),
            _ if self.streams() => 0,
            // Without loss much more than pixels.
            Format::Webp if !is_large && self.depth == Depth::Bit => {
                held.saturating_add(times(24)).saturating_add(encoded)
            }
            Format::Webp => {
                let is_spread = self.channels.without_colour() == self.channels;
                let colours = times(if has_alpha { 4 } else { 3 });
                // A copy of four bytes a pixel, planes of luma and half as much of chroma, and alpha; the result is copied once.
                let alpha = match (has_alpha, is_large) {
                    (false, _) => 0,
                    (true, true) => times(2),
                    (true, false) => times(24),
                };
                let planes = times(4 + 2).saturating_add(alpha);
                let encoding = colours
                    .saturating_add(planes)
                    .saturating_add(encoded.saturating_mul(2));
                let spreading = held.saturating_add(colours);
                encoding.max(if is_spread { spreading } else { 0 })
            }
            // The place of every pixel, the quantiser's samples and answers, and codes that are copied into blocks.
            Format::Gif => held
                .saturating_add(times(1) + (4 << 20))
                .saturating_add(encoded.saturating_mul(2)),
            // A tile in wide numbers, and its code blocks.
            Format::Jp2 => held
                .saturating_add((16 << 20) + held.min(32 << 20))
                .saturating_add(encoded),
            // Planes of the picture.
            _ => held
                .saturating_add(times(2))
                .saturating_add(encoded.saturating_mul(2)),
        }
    }

    /// How long the result may be: the compressed size of noise where nothing is lost, and more than that of any photograph elsewhere.
    fn encoded(&self) -> u64 {
        let samples = self.held();
        match (self.format, self.depth) {
            (Format::Png | Format::Tif | Format::Pdf, Depth::Bit) => self.result / 8,
            (Format::Png | Format::Tif, Depth::Byte) => samples,
            // Codes of up to twelve bits.
            (Format::Gif, _) => self.result.saturating_add(self.result / 2),
            // Its alpha is not compressed where there is much of it.
            (Format::Webp, _) if self.channels.has_alpha() => self.result.saturating_mul(2),
            (Format::Webp, _) => self.result,
            _ => samples / 3,
        }
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
        // 1:1, one tile: its stream, the tile, the window and what lies between, twice the strip, the picture.
        let tile = 512 * 512;
        assert_eq!(
            cost("0,0,512,512/512,512/0/gray.jpg", Channels::Grey, 0),
            Cost {
                is_small: true,
                bytes: (1 << 20) + tile + tile + tile + 2 * tile + tile,
                result: tile / 3,
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
                result: area,
            }
        );
        // A turn holds all that is turned, and what is written of the result.
        assert_eq!(
            cost("full/max/90/default.jpg", Channels::Rgb, 2).bytes,
            3 * area + 2 * strip + strip + area
        );
        // A picture that is encoded as a whole has let go of what it was turned from.
        assert_eq!(
            cost("full/max/90/default.gif", Channels::Rgb, 2).bytes,
            4 * area + strip + 2 * (area + area / 2)
        );
    }

    #[test]
    fn the_costliest_request_of_an_area_takes_no_more_than_was_foreseen() {
        let most = Cost::most(Limits::LARGEST_AREA);
        assert!(most <= 1_600_000_000, "{most}");
        for format in ["jpg", "png", "webp", "gif", "tif", "jp2", "pdf"] {
            for (turn, quality) in ["0", "90", "180", "45", "22.5", "!45"]
                .into_iter()
                .flat_map(|turn| ["default", "gray", "bitonal"].map(|quality| (turn, quality)))
            {
                for channels in [
                    Channels::Grey,
                    Channels::GreyAlpha,
                    Channels::Rgb,
                    Channels::Rgba,
                ] {
                    for size in ["max", "14000,1", "1,14000", "^65500,760"] {
                        if size == "^65500,760" && (format == "webp" || !matches!(turn, "0" | "90"))
                        {
                            continue;
                        }
                        let path = format!("full/{size}/{turn}/{quality}.{format}");
                        let found = cost(&path, channels, 6);
                        let bytes = found.bytes;
                        assert!(found.is_small || bytes <= most, "{path}: {bytes}");
                    }
                }
            }
        }
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
