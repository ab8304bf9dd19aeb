//! Tiles cut out of a JPEG without loss: its blocks of coefficients are put together anew, and none is decoded to pixels.
//!
//! A block needs no other one but for its average, which is written as the difference to the block before. So a tile is made of the codes
//! of its blocks as they are in the source, copied bit by bit, with new differences. Nothing but the tiles of one row is in memory.

mod block;
mod header;
mod open;
mod stream;
mod tables;

use std::fmt;
use std::io::Read;

use dlcs_core::derivative::ProcessError;
use dlcs_core::iiif::TileSize;

use super::pixels::Channels;
use super::source::jpeg::bits::Bits;
use super::source::jpeg::{bad, fault};
use super::spool::{SpoolReader, SpooledFile};
use block::{BlockError, Channel};
use header::TileHeader;
use stream::{BlockSink, TileStream};

/// Whether the tiles of a source can be cut.
#[derive(Debug)]
pub(super) enum Cut {
    Cutter(Box<Cutter>),
    /// Why not: something that the image has.
    Impossible(&'static str),
}

/// One tile as abbreviated JPEG streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CutTile {
    /// A stream of the full size of a tile: what lies beyond the image is made up.
    pub(super) padded: Vec<u8>,
    /// A stream of the size that the image has there, where that is less.
    pub(super) exact: Option<Vec<u8>>,
}

/// Cuts one source, a row of tiles at a time.
pub(super) struct Cutter {
    bits: Bits<SpoolReader>,
    width: u32,
    height: u32,
    tile: u32,
    channels: Vec<Channel>,
    tables: Vec<u8>,
    header: TileHeader,
    restarts: Restarts,
    /// Of each channel: the average of the last block that was read.
    averages: [i32; 3],
    next_row: u32,
}

impl fmt::Debug for Cutter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cutter")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("tile", &self.tile)
            .field("next_row", &self.next_row)
            .finish_non_exhaustive()
    }
}

impl Cutter {
    /// Reads the headers of a JPEG and says whether its tiles can be cut.
    ///
    /// # Errors
    /// [`ProcessError::Damaged`] where the headers make no sense, [`ProcessError::Backend`] where the file cannot be read.
    pub(super) fn open(file: &SpooledFile, tile: TileSize) -> Result<Cut, ProcessError> {
        open::open(file, tile)
    }

    /// Grey, or RGB, which the streams write as YCbCr.
    pub(super) fn channels(&self) -> Channels {
        match self.channels.len() {
            1 => Channels::Grey,
            _ => Channels::Rgb,
        }
    }

    /// How many times more columns and rows the luma has than each chroma: 1, 2 or 4.
    pub(super) fn sampling(&self) -> (u8, u8) {
        (self.channels[0].h as u8, self.channels[0].v as u8)
    }

    /// The tables that every stream needs, as a stream of their own.
    pub(super) fn tables(&self) -> &[u8] {
        &self.tables
    }

    /// Cuts the next row of tiles, from left to right; empty after the last one.
    ///
    /// # Errors
    /// [`ProcessError::Damaged`] where blocks are missing, or after the last row the end of the image.
    pub(super) fn next_row(&mut self) -> Result<Vec<CutTile>, ProcessError> {
        let top = self.next_row * self.tile;
        if top >= self.height {
            return Ok(Vec::new());
        }
        self.next_row += 1;
        let (unit_width, unit_height) = self.unit();
        let real_height = self.tile.min(self.height - top);
        let columns = self.width.div_ceil(self.tile);
        let mut tiles: Vec<OpenTile> = (0..columns)
            .map(|column| OpenTile::new(self, column, real_height))
            .collect();
        for _ in 0..real_height.div_ceil(unit_height) {
            for tile in &mut tiles {
                tile.cut(self)?;
            }
        }
        if top + real_height == self.height {
            self.finish()?;
        }
        let per_row = self.tile / unit_width;
        let missing = (self.tile - real_height) / unit_height * per_row;
        Ok(tiles
            .into_iter()
            .map(|tile| tile.close(self, missing))
            .collect())
    }

    /// Width and height of what all channels have a turn in.
    fn unit(&self) -> (u32, u32) {
        (8 * self.channels[0].h, 8 * self.channels[0].v)
    }

    /// Copies one unit of blocks.
    fn copy_unit(
        &mut self,
        averages: &mut [i32; 3],
        sink: &mut impl BlockSink,
    ) -> Result<(), ProcessError> {
        if self.restarts.is_due() {
            self.restarts.pass(&mut self.bits)?;
            self.averages = [0; 3];
        }
        for (index, channel) in self.channels.iter().enumerate() {
            let (source, target) = (&mut self.averages[index], &mut averages[index]);
            for _ in 0..channel.h * channel.v {
                channel
                    .copy(&mut self.bits, source, target, sink)
                    .map_err(|BlockError| missing(&mut self.bits))?;
            }
        }
        if self.bits.is_overdrawn() {
            return Err(missing(&mut self.bits));
        }
        Ok(())
    }

    /// Reads on to the end of the image.
    fn finish(&mut self) -> Result<(), ProcessError> {
        loop {
            match self.bits.next_marker().map_err(fault)? {
                0xD9 => return Ok(()),
                0x01 | 0xD0..=0xD8 => {}
                0xDA => return Err(bad("it has a scan too many")),
                _ => {
                    self.bits.segment().map_err(fault)?;
                }
            }
        }
    }
}

/// What a block that makes no sense says of the image, unless the file cannot be read.
fn missing<R: Read>(bits: &mut Bits<R>) -> ProcessError {
    match bits.failure() {
        Err(failure) => fault(failure),
        Ok(()) => bad("a part of its pixels is missing"),
    }
}

/// Where the source begins anew, so that damage stays in its place.
#[derive(Debug)]
struct Restarts {
    /// Units between two of them; 0 for none.
    interval: u32,
    left: u32,
    number: u8,
}

impl Restarts {
    const fn new(interval: u32) -> Self {
        Self {
            interval,
            left: interval,
            number: 0,
        }
    }

    /// Counts one unit; whether a restart comes before it.
    fn is_due(&mut self) -> bool {
        let is_due = self.interval > 0 && self.left == 0;
        if is_due {
            self.left = self.interval;
        }
        self.left = self.left.saturating_sub(1);
        is_due
    }

    fn pass(&mut self, bits: &mut Bits<SpoolReader>) -> Result<(), ProcessError> {
        if bits.next_marker().map_err(fault)? != 0xD0 + self.number {
            return Err(bad("a part of its pixels is missing"));
        }
        self.number = (self.number + 1) % 8;
        bits.begin();
        Ok(())
    }
}

/// A tile that is being cut.
struct OpenTile {
    /// What the image has of it, in pixels.
    width: u32,
    height: u32,
    padded: TileStream,
    /// The same without what is made up, where the tile reaches over the right edge.
    exact: Option<TileStream>,
    /// Of each channel: the average of the last block that was written.
    averages: [i32; 3],
}

impl OpenTile {
    fn new(cutter: &Cutter, column: u32, height: u32) -> Self {
        let side = cutter.tile;
        let width = side.min(cutter.width - column * side);
        Self {
            width,
            height,
            padded: TileStream::new(cutter.header.stream(side, side)),
            exact: (width < side).then(|| TileStream::new(cutter.header.stream(width, height))),
            averages: [0; 3],
        }
    }

    /// Copies the next row of units of this tile.
    fn cut(&mut self, cutter: &mut Cutter) -> Result<(), ProcessError> {
        let (unit, _) = cutter.unit();
        let real = self.width.div_ceil(unit);
        if let Some(exact) = &mut self.exact {
            let mut both = (&mut self.padded, exact);
            for _ in 0..real {
                cutter.copy_unit(&mut self.averages, &mut both)?;
            }
        } else {
            for _ in 0..real {
                cutter.copy_unit(&mut self.averages, &mut self.padded)?;
            }
        }
        self.pad(cutter, cutter.tile / unit - real);
        Ok(())
    }

    /// Makes up units.
    fn pad(&mut self, cutter: &Cutter, units: u32) {
        for _ in 0..units {
            for channel in &cutter.channels {
                channel.pad_unit(&mut self.padded);
            }
        }
    }

    fn close(mut self, cutter: &Cutter, missing_units: u32) -> CutTile {
        let exact = self.exact.take().or_else(|| {
            (self.height < cutter.tile).then(|| {
                let header = cutter.header.stream(self.width, self.height);
                self.padded.with_header(&header)
            })
        });
        self.pad(cutter, missing_units);
        CutTile {
            padded: self.padded.finish(),
            exact: exact.map(TileStream::finish),
        }
    }
}

#[cfg(test)]
mod tests;
