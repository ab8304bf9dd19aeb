//! From pixels to a derivative: tiles in a spool file, and the head that finds them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use bytes::Bytes;
use dlcs_core::derivative::{Checksum, ProcessError};
use dlcs_core::iiif::{Pyramid, TileSize};

use super::encode::encode_tile;
use super::error::PyramidError;
use super::jpeg::Abbreviated;
use super::level::{LevelBuilder, Strip};
use super::pixels::Channels;
use super::spool::{SpooledFile, spool_file};
use super::tiff::write_head;
use super::upright::UprightRows;

/// How many bytes of tiles are read at once.
const CHUNK: u64 = 1 << 20;

/// What to build, and with what.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuildOptions<'a> {
    pub(super) tile: TileSize,
    pub(super) quality: u8,
    pub(super) threads: NonZeroUsize,
    pub(super) spool_directory: Option<&'a Path>,
}

/// A derivative that lies in pieces: its head in memory, its tiles in a file.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) pyramid: Pyramid,
    pub(super) head: Bytes,
    pub(super) length: u64,
    pub(super) checksum: Checksum,
    pub(super) tiles: StoredTiles,
}

/// Tiles in the order of the derivative, read from a spool file that has another order.
#[derive(Debug)]
pub(super) struct StoredTiles {
    file: SpooledFile,
    /// Stretches of the file: where, and how long.
    stretches: Vec<(u64, u64)>,
}

impl StoredTiles {
    /// Reads the next bytes after a position in the derivative's order; `None` at the end.
    fn read(&self, cursor: &mut Cursor) -> Result<Option<Bytes>, PyramidError> {
        let Some((start, length)) = self.stretches.get(cursor.stretch).copied() else {
            return Ok(None);
        };
        let left = length - cursor.done;
        let now = left.min(CHUNK);
        let bytes = self.file.read(start + cursor.done, now as usize)?;
        if now == left {
            *cursor = Cursor {
                stretch: cursor.stretch + 1,
                done: 0,
            };
        } else {
            cursor.done += now;
        }
        Ok(Some(bytes))
    }

    /// Reads everything, piece by piece.
    pub(super) fn into_pieces(self) -> impl Iterator<Item = Result<Bytes, PyramidError>> + Send {
        let mut cursor = Cursor::default();
        std::iter::from_fn(move || self.read(&mut cursor).transpose())
    }
}

#[derive(Debug, Default)]
struct Cursor {
    stretch: usize,
    done: u64,
}

/// Builds the derivative of an upright image as its rows arrive.
pub(super) fn build(
    mut rows: UprightRows,
    options: BuildOptions<'_>,
) -> Result<Built, ProcessError> {
    let channels = rows.channels();
    let pyramid = Pyramid {
        dimensions: rows.dimensions(),
        tile: options.tile,
    };
    let mut builder = LevelBuilder::new(pyramid, channels);
    let mut writer = TileWriter::new(pyramid, options)?;
    let mut row = vec![0; pyramid.dimensions.width() as usize * channels.count()];
    for _ in 0..pyramid.dimensions.height() {
        rows.next_row(&mut row)?;
        builder.push_row(&row, &mut |strip: &Strip<'_>| writer.write(strip))?;
    }
    rows.finish()?;
    Ok(writer.finish(pyramid, channels)?)
}

struct TileWriter<'a> {
    options: BuildOptions<'a>,
    file: BufWriter<File>,
    end: u64,
    tables: Vec<u8>,
    /// Of each level: where each tile begins in the file, and how long it is.
    tiles: Vec<Vec<(u64, u32)>>,
}

impl<'a> TileWriter<'a> {
    fn new(pyramid: Pyramid, options: BuildOptions<'a>) -> Result<Self, PyramidError> {
        Ok(Self {
            options,
            file: BufWriter::with_capacity(1 << 18, spool_file(options.spool_directory)?),
            end: 0,
            tables: Vec::new(),
            tiles: vec![Vec::new(); pyramid.level_count() as usize],
        })
    }

    fn write(&mut self, strip: &Strip<'_>) -> Result<(), PyramidError> {
        let index = &mut self.tiles[strip.level.exponent as usize];
        for tile in encode_strip(strip, self.options)? {
            self.file
                .write_all(&tile.stream)
                .map_err(PyramidError::Spool)?;
            let length = u32::try_from(tile.stream.len())
                .map_err(|error| PyramidError::Encode(error.into()))?;
            index.push((self.end, length));
            self.end += u64::from(length);
            self.tables = tile.tables;
        }
        Ok(())
    }

    fn finish(self, pyramid: Pyramid, channels: Channels) -> Result<Built, PyramidError> {
        let lengths: Vec<Vec<u32>> = self
            .tiles
            .iter()
            .map(|level| level.iter().map(|(_, length)| *length).collect())
            .collect();
        let head = write_head(pyramid, channels, &self.tables, &lengths);
        let mut stretches: Vec<(u64, u64)> = Vec::new();
        for (start, length) in self.tiles.iter().rev().flatten().copied() {
            match stretches.last_mut() {
                Some((last, total)) if *last + *total == start => *total += u64::from(length),
                _ => stretches.push((start, u64::from(length))),
            }
        }
        let file = self
            .file
            .into_inner()
            .map_err(|error| PyramidError::Spool(error.into_error()))?;
        let tiles = StoredTiles {
            file: SpooledFile::new(file)?,
            stretches,
        };
        let mut hash = blake3::Hasher::new();
        hash.update(&head);
        let mut cursor = Cursor::default();
        while let Some(bytes) = tiles.read(&mut cursor)? {
            hash.update(&bytes);
        }
        Ok(Built {
            pyramid,
            length: head.len() as u64 + self.end,
            head: head.into(),
            checksum: Checksum(*hash.finalize().as_bytes()),
            tiles,
        })
    }
}

/// Encodes the tiles of a strip from left to right, on several threads where there are several.
fn encode_strip(
    strip: &Strip<'_>,
    options: BuildOptions<'_>,
) -> Result<Vec<Abbreviated>, PyramidError> {
    let columns: Vec<u32> = (0..strip.level.columns).collect();
    let share = columns.len().div_ceil(options.threads.get()).max(1);
    let encode = |columns: &[u32]| -> Result<Vec<Abbreviated>, PyramidError> {
        columns
            .iter()
            .map(|column| encode_tile(&strip.tile(*column), options.quality))
            .collect()
    };
    std::thread::scope(|scope| {
        let mut shares = columns.chunks(share);
        let own = shares.next().unwrap_or_default();
        let others: Vec<_> = shares
            .map(|columns| scope.spawn(move || encode(columns)))
            .collect();
        let mut tiles = encode(own)?;
        for other in others {
            let more = other
                .join()
                .map_err(|_| PyramidError::Encode("an encoding thread panicked".into()))?;
            tiles.append(&mut more?);
        }
        Ok(tiles)
    })
}
