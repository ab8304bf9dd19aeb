//! Strips and tiles: how large they are and where their bytes are.

use std::io::Read;
use std::io::{BufReader, Seek, SeekFrom, Take};

use dlcs_core::derivative::ProcessError;

use super::super::super::spool::{SpoolReader, SpooledFile};
use super::ifd::{Directory, NumberList};
use super::{bad, tag, unread};

/// Tiles smaller than the specification allows would cost more than their pixels.
const LEAST_TILE_SIDE: u64 = 16;
/// Larger tiles than any image that is read here.
const MOST_TILE_SIDE: u64 = 1 << 17;
/// How many bytes are read at once.
const BUFFER: u64 = 1 << 16;

/// The bytes of a chunk as they are in the file.
pub(super) type ChunkReader = BufReader<Take<SpoolReader>>;

/// How an image is divided.
#[derive(Debug, Clone)]
pub(super) struct Chunks {
    /// Of each chunk; the last strip may have fewer rows.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Side by side, and one below the other.
    pub(super) columns: u32,
    pub(super) rows: u32,
    pub(super) tiled: bool,
    places: Places,
}

/// Where the bytes of the chunks are.
#[derive(Debug, Clone)]
enum Places {
    Listed {
        offsets: NumberList,
        /// Missing in very old files.
        lengths: Option<NumberList>,
    },
    One {
        offset: u64,
        length: u64,
    },
}

impl Chunks {
    pub(super) fn read(
        directory: &Directory,
        (width, height): (u32, u32),
        planes: usize,
        file_length: u64,
    ) -> Result<Self, ProcessError> {
        let number = |tag| directory.number(tag);
        let tiled = directory.has(tag::TILE_WIDTH) || directory.has(tag::TILE_OFFSETS);
        let (chunk_width, chunk_height, tags) = if tiled {
            let missing = || bad("it does not say how large its tiles are");
            let tile_width = number(tag::TILE_WIDTH)?.ok_or_else(missing)?;
            let tile_height = number(tag::TILE_LENGTH)?.ok_or_else(missing)?;
            let (least, most) = (tile_width.min(tile_height), tile_width.max(tile_height));
            if least == 0 {
                return Err(bad("its tiles have no pixels"));
            }
            if least < LEAST_TILE_SIDE || most > MOST_TILE_SIDE {
                return Err(unread(format!(
                    "its tiles are of {tile_width} × {tile_height} pixels"
                )));
            }
            (
                tile_width as u32,
                tile_height as u32,
                (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS),
            )
        } else {
            let rows = number(tag::ROWS_PER_STRIP)?.unwrap_or(u64::MAX);
            if rows == 0 {
                return Err(bad("its strips have no rows"));
            }
            (
                width,
                rows.min(u64::from(height)) as u32,
                (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS),
            )
        };
        let (columns, rows) = (width.div_ceil(chunk_width), height.div_ceil(chunk_height));
        let needed = u64::from(columns) * u64::from(rows) * planes as u64;
        // Some writers of tiles use the tags of strips.
        let list = |tag, other| match directory.list(tag)? {
            Some(list) => Ok(Some(list)),
            None => directory.list(other),
        };
        let offsets = list(tags.0, tag::STRIP_OFFSETS)?
            .ok_or_else(|| bad("it does not say where its pixels are"))?;
        let lengths = list(tags.1, tag::STRIP_BYTE_COUNTS)?;
        let short = |list: &NumberList| list.count() < needed;
        if short(&offsets) || lengths.as_ref().is_some_and(short) {
            return Err(bad("it does not say where all its pixels are"));
        }
        if lengths.is_none() && needed > 1 {
            return Err(bad("it does not say how long its parts are"));
        }
        // Every chunk has a byte of its own at the least.
        if needed > file_length {
            return Err(bad("it has more parts than bytes"));
        }
        Ok(Self {
            width: chunk_width,
            height: chunk_height,
            columns,
            rows,
            tiled,
            places: Places::Listed { offsets, lengths },
        })
    }

    /// The one stream of an image in the older JPEG compression.
    pub(super) fn of_old_jpeg(
        directory: &Directory,
        (width, height): (u32, u32),
        planes: usize,
        file_length: u64,
    ) -> Result<Self, ProcessError> {
        let kind = "its older JPEG compression does not hold one whole stream";
        let Some(offset) = directory.number(tag::JPEG_INTERCHANGE_FORMAT)? else {
            return Err(unread(kind));
        };
        if planes != 1 || offset >= file_length {
            return Err(unread(kind));
        }
        let there = file_length - offset;
        let length = directory.number(tag::JPEG_INTERCHANGE_FORMAT_LENGTH)?;
        // The length often covers the tables alone; the stream has an end of its own.
        let length = length.map_or(there, |length| length.max(there)).min(there);
        Ok(Self {
            width,
            height,
            columns: 1,
            rows: 1,
            tiled: false,
            places: Places::One { offset, length },
        })
    }

    /// Pixel rows of a chunk that belong to the image or, in a tile, fill it up.
    pub(super) fn rows_of(&self, row: u32, image_height: u32) -> u32 {
        if self.tiled {
            self.height
        } else {
            self.height.min(image_height - row * self.height)
        }
    }

    /// Where a chunk begins and how many bytes it has; `plain`: how many it must have where it is not compressed.
    pub(super) fn place(
        &mut self,
        (column, row, plane): (u32, u32, usize),
        plain: Option<u64>,
        file_length: u64,
    ) -> Result<(u64, u64), ProcessError> {
        let index = (plane as u64 * u64::from(self.rows) + u64::from(row))
            * u64::from(self.columns)
            + u64::from(column);
        let is_only = self.rows == 1 && self.columns == 1;
        let (offset, length) = match &mut self.places {
            Places::One { offset, length } => (*offset, *length),
            Places::Listed { offsets, lengths } => {
                let offset = offsets.get(index)?;
                let length = match lengths {
                    Some(lengths) => lengths.get(index)?,
                    None => plain.unwrap_or_else(|| file_length.saturating_sub(offset)),
                };
                // Of a single strip some writers give a wrong length.
                match plain {
                    Some(plain) if is_only && offset > 0 => (offset, plain),
                    _ => (offset, length),
                }
            }
        };
        if length == 0 || offset == 0 || plain.is_some_and(|plain| length < plain) {
            return Err(bad("a part of its pixels is missing"));
        }
        match offset.checked_add(length) {
            Some(end) if end <= file_length => Ok((offset, length)),
            _ => Err(bad("it ends early")),
        }
    }
}

/// A reader of one stretch of the file.
pub(super) fn read_stretch(
    file: &SpooledFile,
    (offset, length): (u64, u64),
) -> Result<ChunkReader, ProcessError> {
    let mut reader = file.reader();
    reader
        .seek(SeekFrom::Start(offset))
        .map_err(super::super::super::error::PyramidError::Spool)?;
    Ok(BufReader::with_capacity(
        length.min(BUFFER) as usize,
        reader.take(length),
    ))
}
