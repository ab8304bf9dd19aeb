//! Whether a TIFF already is a pyramid of tiles that can be served as they are.

use dlcs_core::derivative::ProcessError;
use dlcs_core::iiif::{Dimensions, TileSize};
use image::metadata::Orientation;

use super::super::colour::Converter;
use super::super::{Alpha, Depth, Header};
use super::chunks::read_stretch;
use super::ifd::Directory;
use super::jpeg::Frame;
use super::{bad, tag};
use crate::pyramid::spool::SpooledFile;

/// More tiles than the largest image of the smallest tiles has.
const MAX_TILES: u64 = 1 << 18;
/// The largest tables of JPEG tiles.
const MAX_TABLES: u64 = 1 << 16;

/// What a TIFF is to a server of tiles.
#[derive(Debug)]
pub(in crate::pyramid) enum Original {
    /// A pyramid that can be served.
    Pyramid(OriginalPyramid),
    /// Something else, and why.
    Other(&'static str),
}

/// A pyramid, full resolution first, down to a level of one tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pyramid) struct OriginalPyramid {
    pub(in crate::pyramid) tile: TileSize,
    /// Whether tiles have red, green and blue (as YCbCr in JPEG), and not grey alone.
    pub(in crate::pyramid) is_coloured: bool,
    pub(in crate::pyramid) levels: Vec<OriginalLevel>,
}

/// One level: each side is half of the one before, rounded up or down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pyramid) struct OriginalLevel {
    pub(in crate::pyramid) dimensions: Dimensions,
    pub(in crate::pyramid) coding: OriginalCoding,
    /// Offset and length of each tile in the file, row by row; tiles at the right and the bottom are filled up to their size.
    pub(in crate::pyramid) tiles: Vec<(u64, u32)>,
}

/// How tiles are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pyramid) enum OriginalCoding {
    /// Streams of grey or YCbCr.
    Jpeg {
        /// A stream of tables that each tile needs; empty where tiles have their own.
        tables: Vec<u8>,
        /// How many columns and rows share one sample of colour; of grey (1, 1).
        sampling: (u8, u8),
    },
    /// Deflated.
    Deflate {
        /// As differences of neighbours.
        differences: bool,
    },
    /// The samples themselves.
    Plain,
}

/// Looks at the directories of a TIFF that was opened with this header.
///
/// # Errors
/// [`ProcessError::Damaged`] where a directory cannot be read or tiles are not in the file.
pub(in crate::pyramid) fn original(
    file: &SpooledFile,
    header: &Header,
) -> Result<Original, ProcessError> {
    let samples = header.samples;
    if samples.depth != Depth::U8
        || samples.alpha != Alpha::None
        || !Converter::new(header).copies()
    {
        return Ok(Original::Other("its samples are not those that are served"));
    }
    if header.orientation != Orientation::NoTransforms {
        return Ok(Original::Other("it is not upright"));
    }
    let first = Directory::first(file)?;
    let full = match level(file, &first)? {
        Ok(level) => level,
        Err(reason) => return Ok(Original::Other(reason)),
    };
    if (full.width, full.height) != (header.width, header.height) {
        return Ok(Original::Other("it begins with another image"));
    }
    let Some(tile) = TileSize::new(full.tile) else {
        return Ok(Original::Other("its tiles are of an unusual size"));
    };
    let is_last = |level: &Level| level.width.max(level.height) <= level.tile;
    let mut levels = vec![full];
    for directory in first.children().chain(first.followers()) {
        let before = &levels[levels.len() - 1];
        if is_last(before) {
            break;
        }
        let directory = directory?;
        // Other pages come after the levels of the first one.
        if directory.number(tag::NEW_SUBFILE_TYPE)?.unwrap_or(0) & 1 == 0
            && !first.has(tag::SUB_IFDS)
        {
            break;
        }
        let next = match level(file, &directory)? {
            Ok(next) => next,
            Err(reason) => return Ok(Original::Other(reason)),
        };
        if !before.is_followed_by(&next) {
            return Ok(Original::Other("its levels do not halve"));
        }
        levels.push(next);
    }
    if !levels.last().is_some_and(is_last) {
        return Ok(Original::Other("it has no levels down to one tile"));
    }
    let is_coloured = levels[0].channels == 3;
    let levels = levels
        .into_iter()
        .map(|level| {
            Some(OriginalLevel {
                dimensions: Dimensions::new(level.width, level.height)?,
                coding: level.coding,
                tiles: level.tiles,
            })
        })
        .collect::<Option<_>>()
        .ok_or_else(|| bad("it has no pixels"))?;
    Ok(Original::Pyramid(OriginalPyramid {
        tile,
        is_coloured,
        levels,
    }))
}

/// What one directory describes.
struct Level {
    width: u32,
    height: u32,
    tile: u32,
    channels: u64,
    coding: OriginalCoding,
    tiles: Vec<(u64, u32)>,
}

impl Level {
    fn is_followed_by(&self, next: &Self) -> bool {
        let halves =
            |whole: u32, half: u32| half == whole.div_ceil(2) || half == (whole / 2).max(1);
        let same_kind = match (&self.coding, &next.coding) {
            (
                OriginalCoding::Jpeg { sampling: one, .. },
                OriginalCoding::Jpeg {
                    sampling: other, ..
                },
            ) => one == other,
            (one, other) => one == other,
        };
        halves(self.width, next.width)
            && halves(self.height, next.height)
            && self.tile == next.tile
            && self.channels == next.channels
            && same_kind
    }
}

/// Reads one directory; a reason where it is no level of tiles that can be served.
fn level(
    file: &SpooledFile,
    directory: &Directory,
) -> Result<Result<Level, &'static str>, ProcessError> {
    let number = |tag, default| Ok::<_, ProcessError>(directory.number(tag)?.unwrap_or(default));
    let (width, height) = (number(tag::IMAGE_WIDTH, 0)?, number(tag::IMAGE_LENGTH, 0)?);
    let (tile_width, tile_height) = (number(tag::TILE_WIDTH, 0)?, number(tag::TILE_LENGTH, 0)?);
    let (Ok(width), Ok(height), Ok(tile)) = (
        u32::try_from(width),
        u32::try_from(height),
        u32::try_from(tile_width),
    ) else {
        return Ok(Err("it is too large"));
    };
    if tile == 0 || tile_width != tile_height {
        return Ok(Err("it has no square tiles"));
    }
    let channels = number(tag::SAMPLES_PER_PIXEL, 1)?;
    let photometric = number(tag::PHOTOMETRIC, 1)?;
    let bits = directory.numbers(tag::BITS_PER_SAMPLE, 4)?;
    let is_usual = bits.is_some_and(|bits| bits.iter().all(|bits| *bits == 8))
        && number(tag::PLANAR_CONFIGURATION, 1)? == 1
        && number(tag::FILL_ORDER, 1)? == 1
        && number(tag::SAMPLE_FORMAT, 1)? == 1;
    if !is_usual {
        return Ok(Err("its samples are written in an unusual way"));
    }
    let columns = u64::from(width.div_ceil(tile));
    let count = columns * u64::from(height.div_ceil(tile));
    let tiles = match tiles(file, directory, count)? {
        Ok(tiles) => tiles,
        Err(reason) => return Ok(Err(reason)),
    };
    let coding = match (number(tag::COMPRESSION, 1)?, photometric, channels) {
        (7, 1, 1) | (7, 6, 3) => match jpeg(file, directory, &tiles, (tile, channels))? {
            Ok(coding) => coding,
            Err(reason) => return Ok(Err(reason)),
        },
        (1, 1, 1) | (1, 2, 3) => {
            let whole = u64::from(tile) * u64::from(tile) * channels;
            if tiles.iter().any(|(_, length)| u64::from(*length) < whole) {
                return Err(bad("a part of its pixels is missing"));
            }
            OriginalCoding::Plain
        }
        (8 | 32_946, 1, 1) | (8 | 32_946, 2, 3) => match number(tag::PREDICTOR, 1)? {
            1 => OriginalCoding::Deflate { differences: false },
            2 => OriginalCoding::Deflate { differences: true },
            _ => return Ok(Err("its samples were replaced by something unusual")),
        },
        _ => return Ok(Err("its tiles are compressed in a way that is not served")),
    };
    Ok(Ok(Level {
        width,
        height,
        tile,
        channels,
        coding,
        tiles,
    }))
}

/// Offset and length of each tile.
type Tiles = Vec<(u64, u32)>;

/// Where the tiles are; a reason where they cannot be served.
fn tiles(
    file: &SpooledFile,
    directory: &Directory,
    count: u64,
) -> Result<Result<Tiles, &'static str>, ProcessError> {
    let lists = (
        directory.list(tag::TILE_OFFSETS)?,
        directory.list(tag::TILE_BYTE_COUNTS)?,
    );
    let (Some(mut offsets), Some(mut lengths)) = lists else {
        return Ok(Err("it does not say where its tiles are"));
    };
    if count > MAX_TILES {
        return Ok(Err("it has too many tiles"));
    }
    let mut tiles = Vec::with_capacity(count.min(offsets.count()) as usize);
    for index in 0..count {
        let (offset, length) = (offsets.get(index)?, lengths.get(index)?);
        let Ok(length) = u32::try_from(length) else {
            return Ok(Err("its tiles are too long"));
        };
        if length == 0 || offset == 0 {
            return Ok(Err("a tile is missing"));
        }
        let end = offset.checked_add(u64::from(length));
        if end.is_none_or(|end| end > file.length()) {
            return Err(bad("it ends early"));
        }
        tiles.push((offset, length));
    }
    Ok(Ok(tiles))
}

/// What all streams of a level, and its tables, are.
fn jpeg(
    file: &SpooledFile,
    directory: &Directory,
    tiles: &[(u64, u32)],
    (tile, channels): (u32, u64),
) -> Result<Result<OriginalCoding, &'static str>, ProcessError> {
    let tables = directory.bytes(tag::JPEG_TABLES, MAX_TABLES)?;
    let tables = tables.unwrap_or_default();
    if tables.is_empty() && directory.has(tag::JPEG_TABLES) {
        return Ok(Err("its tables are too long"));
    }
    let mut common = None;
    for (offset, length) in tiles {
        let mut stream = read_stretch(file, (*offset, u64::from(*length)))?;
        let frame = Frame::read(&mut stream)?;
        if (frame.width, frame.height) != (tile, tile) || frame.channels as u64 != channels {
            return Ok(Err("its streams are of another size than its tiles"));
        }
        let sampling = if channels == 1 {
            Some((1, 1))
        } else {
            frame.sampling
        };
        let Some(sampling @ (1 | 2 | 4, 1 | 2 | 4)) = sampling else {
            return Ok(Err("its colours are sampled in an unusual way"));
        };
        if *common.get_or_insert(sampling) != sampling {
            return Ok(Err("its colours are sampled in several ways"));
        }
    }
    Ok(match common {
        Some(sampling) => Ok(OriginalCoding::Jpeg { tables, sampling }),
        None => Err("it has no tiles"),
    })
}
