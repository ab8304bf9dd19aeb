//! Reading the head, trusting nothing in it.

use std::collections::HashMap;

use dlcs_core::iiif::{Dimensions, Level, Pyramid, TileSize};

use super::super::pixels::Channels;
use super::streams::{self, Streams};
use super::{
    COMPRESSION, COMPRESSION_DEFLATE, COMPRESSION_JPEG, COMPRESSION_NONE, Coding, IMAGE_LENGTH,
    IMAGE_WIDTH, Index, JPEG_TABLES, LONG, LONG8, LevelIndex, PHOTOMETRIC,
    PHOTOMETRIC_BLACK_IS_ZERO, PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR, PREDICTOR, PREDICTOR_HORIZONTAL,
    Place, RATIONAL, SAMPLES_PER_PIXEL, SHORT, STREAMS, Samples, TILE_BYTE_COUNTS, TILE_LENGTH,
    TILE_OFFSETS, TILE_WIDTH, UNDEFINED, YCBCR_SUBSAMPLING,
};

/// Reads the head of a derivative, which begins at `base` in it.
///
/// # Errors
/// One sentence on what is wrong.
pub(in super::super) fn read_head(head: &[u8], base: u64) -> Result<Index, &'static str> {
    let bytes = Bytes {
        head,
        base,
        big: match head.get(..4) {
            Some(b"II*\0") => false,
            Some(b"II+\0") => true,
            _ => return Err("it does not begin as a TIFF"),
        },
    };
    let mut next = if bytes.big {
        bytes.unsigned(base.saturating_add(8), 8)?
    } else {
        bytes.unsigned(base.saturating_add(4), 4)?
    };
    let first = bytes.directory(next)?;
    let pyramid = first.pyramid()?;
    let channels = first.channels()?;
    let streams = match first.entries.get(&STREAMS) {
        Some((_, value)) => streams::read(value)?,
        None => Streams::default(),
    };
    let mut levels = Vec::new();
    for level in pyramid.levels() {
        if next == 0 {
            break;
        }
        let directory = bytes.directory(next)?;
        levels.push(directory.level(level, pyramid.tile, channels)?);
        next = directory.next;
    }
    if next != 0 {
        return Err("there are more levels than the image has");
    }
    Ok(Index {
        pyramid,
        channels,
        levels,
        thumbnails: streams.thumbnails,
        thumbnail_tables: streams.thumbnail_tables,
        has_exact: streams.has_exact,
    })
}

#[derive(Clone, Copy)]
struct Bytes<'a> {
    head: &'a [u8],
    /// Where the head begins in the file: every offset counts from the start of that.
    base: u64,
    big: bool,
}

impl<'a> Bytes<'a> {
    fn slice(self, offset: u64, length: u64) -> Result<&'a [u8], &'static str> {
        let range = || {
            let start = usize::try_from(offset.checked_sub(self.base)?).ok()?;
            let end = start.checked_add(usize::try_from(length).ok()?)?;
            self.head.get(start..end)
        };
        range().ok_or("it refers to bytes outside its head")
    }

    fn unsigned(self, offset: u64, length: u64) -> Result<u64, &'static str> {
        self.slice(offset, length).map(little_endian)
    }

    fn directory(self, offset: u64) -> Result<Directory<'a>, &'static str> {
        let (count_length, entry_length, word) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.unsigned(offset, count_length)?;
        if count > 64 {
            return Err("a directory has too many entries");
        }
        let start = offset.saturating_add(count_length);
        let mut entries = HashMap::new();
        for entry in 0..count {
            let at = start.saturating_add(entry * entry_length);
            let tag = self.unsigned(at, 2)? as u16;
            let kind = self.unsigned(at + 2, 2)? as u16;
            let Some(size) = size_of(kind) else { continue };
            let count = self.unsigned(at + 4, word)?;
            let length = count
                .checked_mul(size)
                .ok_or("a directory entry is too long")?;
            let place = at + 4 + word;
            let place = if length <= word {
                place
            } else {
                self.unsigned(place, word)?
            };
            let value = self.slice(place, length)?;
            entries.insert(tag, (size as usize, value));
        }
        Ok(Directory {
            entries,
            next: self.unsigned(start.saturating_add(count * entry_length), word)?,
        })
    }
}

struct Directory<'a> {
    /// By tag: the size of one value, and all of them.
    entries: HashMap<u16, (usize, &'a [u8])>,
    next: u64,
}

impl Directory<'_> {
    fn numbers(&self, tag: u16) -> Result<impl ExactSizeIterator<Item = u64>, &'static str> {
        let (size, value) = self
            .entries
            .get(&tag)
            .ok_or("a directory entry is missing")?;
        Ok(value.chunks_exact(*size).map(little_endian))
    }

    fn number(&self, tag: u16) -> Result<u32, &'static str> {
        self.numbers(tag)?
            .next()
            .and_then(|value| u32::try_from(value).ok())
            .ok_or("a directory entry has no usable value")
    }

    fn dimensions(&self) -> Result<Dimensions, &'static str> {
        Dimensions::new(self.number(IMAGE_WIDTH)?, self.number(IMAGE_LENGTH)?)
            .ok_or("a level has no pixels")
    }

    fn pyramid(&self) -> Result<Pyramid, &'static str> {
        Ok(Pyramid {
            dimensions: self.dimensions()?,
            tile: TileSize::new(self.number(TILE_WIDTH)?)
                .ok_or("its tiles have an unknown size")?,
        })
    }

    fn channels(&self) -> Result<Channels, &'static str> {
        let photometric = self.number(PHOTOMETRIC)?;
        match (self.number(SAMPLES_PER_PIXEL)?, u16::try_from(photometric)) {
            (1, Ok(PHOTOMETRIC_BLACK_IS_ZERO)) => Ok(Channels::Grey),
            (2, Ok(PHOTOMETRIC_BLACK_IS_ZERO)) => Ok(Channels::GreyAlpha),
            (3, Ok(PHOTOMETRIC_YCBCR | PHOTOMETRIC_RGB)) => Ok(Channels::Rgb),
            (4, Ok(PHOTOMETRIC_RGB)) => Ok(Channels::Rgba),
            _ => Err("its colours are unknown"),
        }
    }

    fn coding(&self) -> Result<Coding, &'static str> {
        match u16::try_from(self.number(COMPRESSION)?) {
            Ok(COMPRESSION_JPEG) => {
                let (_, tables) = self
                    .entries
                    .get(&JPEG_TABLES)
                    .ok_or("a level has no tables")?;
                Ok(Coding::Jpeg {
                    tables: tables.to_vec(),
                    sampling: self.sampling()?,
                })
            }
            Ok(COMPRESSION_NONE) => Ok(Coding::Plain),
            Ok(COMPRESSION_DEFLATE) if !self.entries.contains_key(&PREDICTOR) => {
                Ok(Coding::Deflate(Samples::Plain))
            }
            Ok(COMPRESSION_DEFLATE)
                if self.number(PREDICTOR)? == u32::from(PREDICTOR_HORIZONTAL) =>
            {
                Ok(Coding::Deflate(Samples::Differences))
            }
            _ => Err("the coding of a level is unknown"),
        }
    }

    fn sampling(&self) -> Result<(u8, u8), &'static str> {
        if !self.entries.contains_key(&YCBCR_SUBSAMPLING) {
            return Ok((1, 1));
        }
        let mut factors = self.numbers(YCBCR_SUBSAMPLING)?;
        let mut factor = || u8::try_from(factors.next()?).ok();
        factor()
            .zip(factor())
            .ok_or("the sampling of a level is unknown")
    }

    fn level(
        &self,
        level: Level,
        tile: TileSize,
        channels: Channels,
    ) -> Result<LevelIndex, &'static str> {
        let (coding, dimensions) = (self.coding()?, self.dimensions()?);
        // Others halve rounding down.
        let is_near = dimensions.width().abs_diff(level.dimensions.width()) <= 1
            && dimensions.height().abs_diff(level.dimensions.height()) <= 1;
        if !is_near
            || self.number(TILE_WIDTH)? != tile.get()
            || self.number(TILE_LENGTH)? != tile.get()
            || self.channels()? != channels
        {
            return Err("a level is not as the image demands");
        }
        let level = Level::new(level.exponent, dimensions, tile);
        let count = u64::from(level.columns) * u64::from(level.rows);
        let (offsets, lengths) = (self.numbers(TILE_OFFSETS)?, self.numbers(TILE_BYTE_COUNTS)?);
        if offsets.len() as u64 != count || lengths.len() as u64 != count {
            return Err("a level has the wrong number of tiles");
        }
        let tiles = offsets
            .zip(lengths)
            .map(|(offset, length)| {
                Some(Place {
                    offset,
                    length: u32::try_from(length).ok()?,
                })
            })
            .collect::<Option<_>>()
            .ok_or("a tile is too long")?;
        Ok(LevelIndex {
            level,
            coding,
            tiles,
        })
    }
}

const fn size_of(kind: u16) -> Option<u64> {
    match kind {
        UNDEFINED => Some(1),
        SHORT => Some(2),
        LONG => Some(4),
        RATIONAL | LONG8 => Some(8),
        _ => None,
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}
