//! Tiles cut out of a JPEG without loss: its blocks of coefficients are put together anew, and none is decoded to pixels. In the same way a tile
//! that its level fills only in part is padded.
//!
//! A block needs no other one but for its average, which is written as the difference to the block before. So a tile is made of the codes
//! of its blocks as they are in the source, copied bit by bit, with new differences. Nothing but the tiles of one row is in memory.

mod block;
mod header;
mod open;
mod stream;
mod tables;

use std::fmt;
use std::io::{Cursor, Read};
use std::ops::Range;

use dlcs_core::derivative::ProcessError;
use dlcs_core::iiif::TileSize;

use super::error::PyramidError;
use super::exact::{Exact, RunEnd, fill};
use super::pixels::Channels;
use super::source::jpeg::bits::Bits;
use super::source::jpeg::outline::Outline;
use super::source::jpeg::{bad, fault};
use super::spool::{SpoolReader, SpooledFile};
use block::{BlockError, Channel};
use header::TileHeader;
use stream::TileStream;

/// Whether the tiles of a source can be cut.
#[derive(Debug)]
pub(super) enum Cut {
    Cutter(Box<Cutter>),
    /// Why not: something that the image has.
    Impossible(&'static str),
}

/// Cuts one source, a row of tiles at a time.
pub(super) struct Cutter<R = SpoolReader> {
    bits: Bits<R>,
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

impl<R> fmt::Debug for Cutter<R> {
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
}

/// Pads a whole JPEG stream to a tile: abbreviated, with the exact one in it.
pub(super) fn pad(stream: Vec<u8>, tile: TileSize) -> Result<Vec<u8>, PyramidError> {
    let unusable = |error: ProcessError| PyramidError::Encode(error.into());
    let outline = Outline::read(&mut &stream[..]).map_err(|error| unusable(fault(error)))?;
    let bits = Bits::new(Cursor::new(stream));
    let opened = open::cutter(bits, &outline, tile).map_err(unusable)?;
    let mut cutter = opened.map_err(|reason| PyramidError::Encode(reason.into()))?;
    let tiles = cutter.next_row().map_err(unusable)?;
    let tile = tiles.into_iter().next();
    tile.ok_or_else(|| PyramidError::Encode("the encoder wrote no JPEG".into()))
}

impl<R: Read> Cutter<R> {
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

    /// Cuts the next row of tiles as abbreviated streams, from left to right; empty after the last one. A tile that reaches over an edge is
    /// padded, and holds the exact one.
    ///
    /// # Errors
    /// [`ProcessError::Damaged`] where blocks are missing, or after the last row the end of the image.
    pub(super) fn next_row(&mut self) -> Result<Vec<Vec<u8>>, ProcessError> {
        let top = self.next_row * self.tile;
        if top >= self.height {
            return Ok(Vec::new());
        }
        self.next_row += 1;
        let (_, unit_height) = self.unit();
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
        tiles.into_iter().map(|tile| tile.close(self)).collect()
    }

    /// Width and height of what all channels have a turn in.
    fn unit(&self) -> (u32, u32) {
        (8 * self.channels[0].h, 8 * self.channels[0].v)
    }

    /// Copies one unit of blocks.
    fn copy_unit(
        &mut self,
        averages: &mut [i32; 3],
        tile: &mut TileStream,
    ) -> Result<(), ProcessError> {
        if self.restarts.is_due() {
            self.restarts.pass(&mut self.bits)?;
            self.averages = [0; 3];
        }
        for (index, channel) in self.channels.iter().enumerate() {
            let (source, target) = (&mut self.averages[index], &mut averages[index]);
            for _ in 0..channel.h * channel.v {
                channel
                    .copy(&mut self.bits, source, target, tile)
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

    fn pass(&mut self, bits: &mut Bits<impl Read>) -> Result<(), ProcessError> {
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
    stream: TileStream,
    /// What the image has of it, where that is less than all.
    exact: Option<Exact>,
    /// Rows of units in all, and those that are written.
    rows: u32,
    written: u32,
    /// Units of a row, those that are made up included.
    units: u32,
    /// Where runs of what is real end.
    ends: Vec<RunEnd>,
    /// Of each real unit of the last row, and in it of each channel: the average of its last block.
    averages: Vec<[i32; 3]>,
}

/// Where the exact tile's segment begins in a stream.
const SAID: usize = 2;

impl OpenTile {
    fn new(cutter: &Cutter<impl Read>, column: u32, height: u32) -> Self {
        let side = cutter.tile;
        let width = side.min(cutter.width - column * side);
        let (unit_width, unit_height) = cutter.unit();
        let (units, real) = (side / unit_width, width.div_ceil(unit_width));
        let begins_anew = width < side;
        let exact = (width < side || height < side).then_some(Exact {
            width: width as u16,
            height: height as u16,
            interval: if begins_anew { real as u16 } else { 0 },
        });
        let mut said = Vec::new();
        if let Some(exact) = exact {
            let rows = height.div_ceil(unit_height) as usize;
            said = exact.segment(if begins_anew { rows } else { 1 });
        }
        if begins_anew {
            said.extend([0xFF, 0xDD, 0, 4]);
            said.extend((units as u16).to_be_bytes());
        }
        Self {
            stream: TileStream::new(cutter.header.stream(side, &said)),
            exact,
            rows: side / unit_height,
            written: 0,
            units,
            ends: Vec::new(),
            averages: vec![[0; 3]; real as usize],
        }
    }

    /// Whether its rows begin anew, so that what is real of each can be taken.
    fn begins_anew(&self) -> bool {
        self.exact.is_some_and(|exact| exact.interval > 0)
    }

    /// Copies the next row of units.
    fn cut(&mut self, cutter: &mut Cutter<impl Read>) -> Result<(), ProcessError> {
        let mut averages = self.begin_row();
        for of_unit in &mut self.averages {
            cutter.copy_unit(&mut averages, &mut self.stream)?;
            *of_unit = averages;
        }
        if self.begins_anew() {
            self.ends.push(self.stream.run_end());
            self.pad(cutter, averages, self.averages.len()..self.units as usize)?;
        }
        self.written += 1;
        Ok(())
    }

    /// Begins a row; returns what its averages are compared with: those of the last unit, which is real or as flat as that, or nothing.
    fn begin_row(&mut self) -> [i32; 3] {
        if !self.begins_anew() {
            return self.averages.last().copied().unwrap_or_default();
        }
        if self.written > 0 {
            self.stream.restart((self.written - 1) as u8);
        }
        [0; 3]
    }

    /// Makes up units of a row, flat and each like the last real one above or beside it: decoders let colours run over the edges of blocks. The first
    /// of them comes after blocks with these averages.
    fn pad(
        &mut self,
        cutter: &Cutter<impl Read>,
        mut before: [i32; 3],
        units: Range<usize>,
    ) -> Result<(), ProcessError> {
        let last = self.averages.last().copied().unwrap_or_default();
        for unit in units {
            let averages = self.averages.get(unit).copied().unwrap_or(last);
            for (index, channel) in cutter.channels.iter().enumerate() {
                let difference = averages[index] - before[index];
                channel
                    .pad_unit(difference, &mut self.stream)
                    .map_err(|BlockError| bad("a block is too bright or too dark"))?;
            }
            before = averages;
        }
        Ok(())
    }

    fn close(mut self, cutter: &Cutter<impl Read>) -> Result<Vec<u8>, ProcessError> {
        if self.exact.is_some() && !self.begins_anew() {
            self.ends.push(self.stream.run_end());
        }
        while self.written < self.rows {
            let before = self.begin_row();
            self.pad(cutter, before, 0..self.units as usize)?;
            self.written += 1;
        }
        if self.exact.is_some() {
            fill(&mut self.stream.bytes()[SAID..], &self.ends)
                .ok_or_else(|| bad("a part of it has too many bytes"))?;
        }
        Ok(self.stream.finish())
    }
}

#[cfg(test)]
mod tests;
