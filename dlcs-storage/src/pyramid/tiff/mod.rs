//! The derivative as a file: a tiled pyramidal TIFF whose head holds everything but the pixels.
//!
//! Order in the file: header, directories (full resolution first, one for each level), their longer values, then the thumbnails, then the
//! tiles, smallest level first, each level row by row.
//!
//! The slots of a TIFF hold padded tiles, as the format demands. What IIIF clients ask for beyond them are [exact ones](super::exact), which are
//! taken out of these, and thumbnails, further streams that a private tag points to; other programs pass it over.

mod layout;
mod read;
mod streams;
mod write;

pub(super) use layout::{LevelOutline, Outline, lay_out};
pub(super) use read::read_head;
pub(super) use write::{Variant, write_head};

use dlcs_core::iiif::{Dimensions, Level, Pyramid};

use super::pixels::Channels;

const SUBFILE_TYPE: u16 = 254;
const IMAGE_WIDTH: u16 = 256;
const IMAGE_LENGTH: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const SAMPLES_PER_PIXEL: u16 = 277;
const PLANAR_CONFIGURATION: u16 = 284;
const PREDICTOR: u16 = 317;
const TILE_WIDTH: u16 = 322;
const TILE_LENGTH: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_BYTE_COUNTS: u16 = 325;
const EXTRA_SAMPLES: u16 = 338;
const JPEG_TABLES: u16 = 347;
const YCBCR_SUBSAMPLING: u16 = 530;
const REFERENCE_BLACK_WHITE: u16 = 532;
/// A tag of our own, from the range that anybody may use, in the first directory: see [`streams`].
const STREAMS: u16 = 65_117;

const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const UNDEFINED: u16 = 7;
const LONG8: u16 = 16;

const COMPRESSION_NONE: u16 = 1;
const COMPRESSION_JPEG: u16 = 7;
const COMPRESSION_DEFLATE: u16 = 8;
const PREDICTOR_HORIZONTAL: u16 = 2;
const EXTRA_SAMPLES_UNASSOCIATED: u16 = 2;
const PHOTOMETRIC_BLACK_IS_ZERO: u16 = 1;
const PHOTOMETRIC_RGB: u16 = 2;
const PHOTOMETRIC_YCBCR: u16 = 6;

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) pyramid: Pyramid,
    pub(super) channels: Channels,
    /// Full resolution first; the smallest ones may be missing.
    pub(super) levels: Vec<LevelIndex>,
    /// Whole images, as JPEG.
    pub(super) thumbnails: Vec<ThumbnailIndex>,
    /// The tables that every thumbnail needs, as a stream of their own.
    pub(super) thumbnail_tables: Vec<u8>,
    /// Whether tiles of JPEG that their level fills only in part hold their exact ones.
    pub(super) has_exact: bool,
}

/// Where the tiles of one level are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LevelIndex {
    pub(super) level: Level,
    pub(super) coding: Coding,
    /// Row by row.
    pub(super) tiles: Vec<Place>,
}

/// How the tiles of a level are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Coding {
    /// As abbreviated JPEG streams.
    Jpeg {
        /// The tables that every tile needs, as a stream of their own.
        tables: Vec<u8>,
        /// How many columns and rows share one sample of colour.
        sampling: (u8, u8),
    },
    /// Deflated: what is stored here as differences of neighbours.
    Deflate(Samples),
    /// As they are; in originals that are kept.
    Plain,
}

/// What has been deflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    /// Differences of neighbours.
    Differences,
    /// The samples themselves; in originals that are kept.
    Plain,
}

/// Where one thumbnail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThumbnailIndex {
    pub(super) dimensions: Dimensions,
    pub(super) place: Place,
}

/// Where one stream is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: u32,
}

impl Place {
    /// The first byte after it.
    pub(super) const fn end(self) -> u64 {
        self.offset.saturating_add(self.length as u64)
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::iiif::TileSize;

    use super::*;

    fn jpeg() -> Coding {
        Coding::Jpeg {
            tables: b"tables".to_vec(),
            sampling: (2, 2),
        }
    }

    fn example(
        (width, height): (u32, u32),
        length: u32,
        channels: Channels,
        coding: &Coding,
    ) -> Outline {
        let pyramid = Pyramid {
            dimensions: Dimensions::new(width, height).unwrap(),
            tile: TileSize::Px256,
        };
        let lengths = |count: usize| (0..count as u32).map(|place| length + place).collect();
        let levels = pyramid
            .levels()
            .map(|level| LevelOutline {
                coding: coding.clone(),
                tiles: lengths((level.columns * level.rows) as usize),
            })
            .collect();
        Outline {
            pyramid,
            channels,
            levels,
            thumbnails: vec![(Dimensions::new(10, 9).unwrap(), 77)],
            thumbnail_tables: b"thumbnail tables".to_vec(),
            has_exact: matches!(coding, Coding::Jpeg { .. }),
        }
    }

    #[test]
    fn what_is_written_is_read_back_in_both_variants() {
        for (channels, length, coding) in [
            (Channels::Rgb, 1000, jpeg()),
            (Channels::Grey, 1, jpeg()),
            (Channels::Rgb, 900_000_000, jpeg()),
            (Channels::Rgba, 1000, Coding::Deflate(Samples::Differences)),
            (
                Channels::GreyAlpha,
                1000,
                Coding::Deflate(Samples::Differences),
            ),
            (Channels::Grey, 1000, Coding::Deflate(Samples::Differences)),
            (Channels::Rgb, 1000, Coding::Deflate(Samples::Differences)),
        ] {
            let coding = match (channels, coding) {
                (Channels::Grey, Coding::Jpeg { tables, .. }) => Coding::Jpeg {
                    tables,
                    sampling: (1, 1),
                },
                (_, coding) => coding,
            };
            let outline = example((1025, 300), length, channels, &coding);
            let laid_out = lay_out(&outline, u32::MAX);
            let head = laid_out.head;
            let index = read_head(&head, 0).unwrap();
            assert_eq!(
                (index.pyramid, index.channels),
                (outline.pyramid, outline.channels)
            );
            assert_eq!(index.thumbnail_tables, outline.thumbnail_tables);
            assert_eq!(index.has_exact, outline.has_exact);
            assert_eq!(head[2], if length > 1_000_000 { 43 } else { 42 });
            let mut end = head.len() as u64;
            assert_eq!(index.thumbnails[0].place.offset, end);
            end = index.thumbnails[0].place.end();
            for (level, outline) in index.levels.iter().zip(&outline.levels).rev() {
                assert_eq!(level.coding, coding);
                assert_eq!(level.tiles.len(), outline.tiles.len());
                for (place, length) in level.tiles.iter().zip(&outline.tiles) {
                    assert_eq!((place.offset, place.length), (end, *length));
                    end = place.end();
                }
            }
            assert_eq!(laid_out.length, end);
        }
    }

    #[test]
    fn mutated_heads_are_refused_or_read_and_never_panic() {
        for length in [1000, 2_000_000_000] {
            let outline = example((700, 500), length, Channels::Rgb, &jpeg());
            let head = lay_out(&outline, u32::MAX).head;
            for end in 0..head.len() {
                assert!(read_head(&head[..end], 0).is_err(), "cut at {end}");
            }
            let mut refused = 0;
            for position in 0..head.len() {
                for value in [0, 1, 2, 0x7F, 0x80, 0xFF, head[position] ^ 0x10] {
                    let mut bad = head.clone();
                    bad[position] = value;
                    refused += usize::from(read_head(&bad, 0).is_err());
                }
            }
            assert!(refused > head.len(), "{refused} of {}", head.len());
        }
        for garbage in [
            &b""[..],
            b"II",
            b"II*\0",
            b"II*\0\x08\0\0\0\xFF\xFF",
            b"II+\0\x08\0\0\0",
        ] {
            assert!(read_head(garbage, 0).is_err());
        }
    }
}
