//! The derivative as a file: a tiled pyramidal TIFF whose head holds everything but the pixels.
//!
//! Order in the file: header, directories (full resolution first, one for each level), their longer values, then the tiles, smallest level
//! first and each level row by row.

mod read;
mod write;

pub(super) use read::read_head;
pub(super) use write::write_head;

use dlcs_core::iiif::Pyramid;

use super::pixels::Channels;

const SUBFILE_TYPE: u16 = 254;
const IMAGE_WIDTH: u16 = 256;
const IMAGE_LENGTH: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const SAMPLES_PER_PIXEL: u16 = 277;
const PLANAR_CONFIGURATION: u16 = 284;
const TILE_WIDTH: u16 = 322;
const TILE_LENGTH: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_BYTE_COUNTS: u16 = 325;
const JPEG_TABLES: u16 = 347;
const YCBCR_SUBSAMPLING: u16 = 530;
const REFERENCE_BLACK_WHITE: u16 = 532;

const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const UNDEFINED: u16 = 7;
const LONG8: u16 = 16;

const COMPRESSION_JPEG: u16 = 7;
const PHOTOMETRIC_BLACK_IS_ZERO: u16 = 1;
const PHOTOMETRIC_YCBCR: u16 = 6;

/// Where every tile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) pyramid: Pyramid,
    pub(super) channels: Channels,
    /// Full resolution first.
    pub(super) levels: Vec<LevelIndex>,
}

/// Where the tiles of one level are, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LevelIndex {
    /// The tables that every tile of the level needs, as a stream of their own.
    pub(super) tables: Vec<u8>,
    pub(super) tiles: Vec<TilePlace>,
}

/// Where one tile is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TilePlace {
    pub(super) offset: u64,
    pub(super) length: u32,
}

impl TilePlace {
    /// The first byte after it.
    pub(super) const fn end(self) -> u64 {
        self.offset.saturating_add(self.length as u64)
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::iiif::{Dimensions, TileSize};

    use super::*;

    fn example(width: u32, height: u32, length: u32) -> (Pyramid, Vec<Vec<u32>>) {
        let pyramid = Pyramid {
            dimensions: Dimensions::new(width, height).unwrap(),
            tile: TileSize::Px256,
        };
        let lengths = pyramid
            .levels()
            .map(|level| {
                (0..level.columns * level.rows)
                    .map(|tile| length + tile)
                    .collect()
            })
            .collect();
        (pyramid, lengths)
    }

    #[test]
    fn what_is_written_is_read_back_in_both_variants() {
        for (channels, length) in [
            (Channels::Rgb, 1000),
            (Channels::Grey, 1),
            (Channels::Rgb, 900_000_000),
        ] {
            let (pyramid, lengths) = example(1025, 300, length);
            let head = write_head(pyramid, channels, b"tables", &lengths);
            let index = read_head(&head).unwrap();
            assert_eq!((index.pyramid, index.channels), (pyramid, channels));
            assert_eq!(head[2], if length > 1_000_000 { 43 } else { 42 });
            let mut end = head.len() as u64;
            for (level, lengths) in index.levels.iter().zip(&lengths).rev() {
                assert_eq!(level.tables, b"tables");
                assert_eq!(level.tiles.len(), lengths.len());
                for (tile, length) in level.tiles.iter().zip(lengths) {
                    assert_eq!((tile.offset, tile.length), (end, *length));
                    end = tile.end();
                }
            }
        }
    }

    #[test]
    fn mutated_heads_are_refused_or_read_and_never_panic() {
        let (pyramid, lengths) = example(700, 500, 1000);
        let big = example(700, 500, 2_000_000_000).1;
        for lengths in [lengths, big] {
            let head = write_head(pyramid, Channels::Rgb, b"tables", &lengths);
            for end in 0..head.len() {
                assert!(read_head(&head[..end]).is_err(), "cut at {end}");
            }
            let mut refused = 0;
            for position in 0..head.len() {
                for value in [0, 1, 2, 0x7F, 0x80, 0xFF, head[position] ^ 0x10] {
                    let mut bad = head.clone();
                    bad[position] = value;
                    refused += usize::from(read_head(&bad).is_err());
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
            assert!(read_head(garbage).is_err());
        }
    }
}
