//! Runs of black and white, as facsimile machines write them. [ITU-T T.4, T.6; TIFF 6.0, sections 10 and 11]

use std::io::BufRead;

use dlcs_core::derivative::ProcessError;
use fax::BitReader;
use fax::maps::{Mode, black, mode, white};

use super::bad;
use super::chunk_rows::{ChunkRows, fault};
use super::coding::FaxCoding;

const SHORT: &str = "a part of its pixels is missing";
const BROKEN: &str = "its black and white runs do not fit into its rows";

/// Reads the rows of one chunk; black is 1.
pub(super) struct FaxRows<R> {
    bits: Bits<R>,
    coding: FaxCoding,
    width: u32,
    /// Where the colour changes in the row before, white first; `width` and more: nowhere.
    before: Vec<u32>,
    row: Vec<u32>,
}

impl<R: BufRead + Send> FaxRows<R> {
    pub(super) fn new(reader: R, coding: FaxCoding, width: u32) -> Self {
        Self {
            bits: Bits::new(reader),
            coding,
            width,
            before: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Reads where the colours of the next row change.
    fn changes(&mut self) -> Result<(), ProcessError> {
        std::mem::swap(&mut self.before, &mut self.row);
        self.row.clear();
        let leans = match self.coding {
            FaxCoding::Runs => {
                self.bits.align();
                false
            }
            FaxCoding::Group3 => {
                self.bits.pass_mark(true)?;
                false
            }
            FaxCoding::Group3TwoDimensional => {
                self.bits.pass_mark(false)?;
                self.bits.take(1)? == 0
            }
            FaxCoding::Group4 => true,
        };
        if leans {
            self.leaning_row()?;
        } else {
            self.row_of_runs()?;
        }
        if self.bits.is_overdrawn() {
            return Err(self.bits.failure(SHORT));
        }
        Ok(())
    }

    /// One-dimensional: runs alone.
    fn row_of_runs(&mut self) -> Result<(), ProcessError> {
        let mut at = 0;
        let mut is_black = false;
        while at < self.width {
            at += self.run(is_black)?;
            self.push(at)?;
            is_black = !is_black;
        }
        Ok(())
    }

    /// Two-dimensional: changes by their distance from those of the row before.
    fn leaning_row(&mut self) -> Result<(), ProcessError> {
        let mut at = 0;
        let mut is_start = true;
        let mut is_black = false;
        // Which change of the row before is looked at.
        let mut index = 0;
        while at < self.width {
            let change = |index: usize| self.before.get(index).map_or(self.width, |c| *c);
            let is_right = |index: usize| change(index) > at || is_start;
            while index > 0 && is_right(index - 1) {
                index -= 1;
            }
            while index < self.before.len() && !is_right(index) {
                index += 1;
            }
            // A change to the other colour than the one at hand.
            if (index % 2 == 1) != is_black {
                index += 1;
            }
            let (first, second) = (change(index), change(index + 1));
            match mode::decode(&mut self.bits) {
                Some(Mode::Pass) => at = second,
                Some(Mode::Vertical(distance)) => {
                    let place = first.min(self.width);
                    at = place
                        .checked_add_signed(i32::from(distance))
                        .filter(|place| *place >= at)
                        .ok_or_else(|| self.bits.failure(BROKEN))?;
                    self.push(at)?;
                    is_black = !is_black;
                }
                Some(Mode::Horizontal) => {
                    for colour in [is_black, !is_black] {
                        at += self.run(colour)?;
                        self.push(at)?;
                    }
                }
                Some(Mode::Extension) => {
                    return Err(super::unread("it holds parts that are not compressed"));
                }
                Some(Mode::EOF) => return Err(bad(SHORT)),
                None => return Err(self.bits.failure(BROKEN)),
            }
            is_start = false;
        }
        Ok(())
    }

    /// The length of one run, in as many codes as it takes.
    fn run(&mut self, is_black: bool) -> Result<u32, ProcessError> {
        let mut length = 0;
        loop {
            let code = if is_black {
                black::decode(&mut self.bits)
            } else {
                white::decode(&mut self.bits)
            };
            let code = code.ok_or_else(|| self.bits.failure(BROKEN))?;
            length += u32::from(code);
            if code < 64 {
                return Ok(length);
            }
            if length > self.width || self.bits.is_overdrawn() {
                return Err(self.bits.failure(BROKEN));
            }
        }
    }

    /// Notes a change of colour.
    fn push(&mut self, at: u32) -> Result<(), ProcessError> {
        // Runs of no length are allowed, but not for ever.
        if at > self.width
            || self.row.len() as u64 > 2 * u64::from(self.width) + 4
            || self.bits.is_overdrawn()
        {
            return Err(self.bits.failure(BROKEN));
        }
        self.row.push(at);
        Ok(())
    }
}

impl<R: BufRead + Send> ChunkRows for FaxRows<R> {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        self.changes()?;
        row.fill(0);
        for pair in self.row.chunks(2) {
            let start = pair[0];
            let end = pair.get(1).map_or(self.width, |end| *end);
            blacken(row, start as usize, end as usize);
        }
        Ok(())
    }
}

/// Sets the bits from `start` to before `end`.
fn blacken(row: &mut [u8], start: usize, end: usize) {
    if start >= end {
        return;
    }
    let (first, last) = (start / 8, (end - 1) / 8);
    let from = 0xFF_u8 >> (start % 8);
    let to = 0xFF_u8 << (7 - (end - 1) % 8);
    if first == last {
        row[first] |= from & to;
    } else {
        row[first] |= from;
        row[first + 1..last].fill(0xFF);
        row[last] |= to;
    }
}

/// Reads bits, the highest of a byte first; past the end they are 0, and counted.
struct Bits<R> {
    reader: R,
    held: u64,
    count: u32,
    /// Bits that were never there; they come last.
    missing: u32,
    error: Option<std::io::Error>,
}

impl<R: BufRead> Bits<R> {
    fn new(reader: R) -> Self {
        let mut bits = Self {
            reader,
            held: 0,
            count: 0,
            missing: 0,
            error: None,
        };
        bits.fill();
        bits
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let byte = match self.reader.fill_buf() {
                Ok(there) => there.first().copied(),
                Err(error) => {
                    self.error = Some(error);
                    None
                }
            };
            if byte.is_some() {
                self.reader.consume(1);
            } else {
                self.missing = self.missing.saturating_add(8);
            }
            self.held |= u64::from(byte.unwrap_or(0)) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Whether more bits were taken than there were.
    const fn is_overdrawn(&self) -> bool {
        self.missing > self.count
    }

    fn take(&mut self, length: u32) -> Result<u64, ProcessError> {
        if self.is_overdrawn() {
            return Err(self.failure(SHORT));
        }
        let value = self.held >> (64 - length);
        self.skip(length);
        Ok(value)
    }

    fn skip(&mut self, length: u32) {
        self.held <<= length;
        self.count -= length;
        // More than any code has is always there.
        if self.count < 32 {
            self.fill();
        }
    }

    /// Goes on to a whole byte.
    fn align(&mut self) {
        self.skip(self.count % 8);
    }

    /// Goes over the mark before a row, and the zeros before it; where marks are not needed, it may be missing.
    fn pass_mark(&mut self, may_be_missing: bool) -> Result<(), ProcessError> {
        if self.held >> 53 != 0 {
            return if may_be_missing {
                Ok(())
            } else {
                Err(self.failure(BROKEN))
            };
        }
        while self.take(1)? == 0 {}
        Ok(())
    }

    /// What went wrong: the file, or the reading of it.
    fn failure(&mut self, reason: &str) -> ProcessError {
        match self.error.take() {
            Some(error) => fault(error),
            None if self.is_overdrawn() => bad(SHORT),
            None => bad(reason),
        }
    }
}

impl<R: BufRead> BitReader for Bits<R> {
    type Error = std::convert::Infallible;

    fn peek(&self, bits: u8) -> Option<u16> {
        Some((self.held >> (64 - u32::from(bits))) as u16)
    }

    fn consume(&mut self, bits: u8) -> Result<(), Self::Error> {
        self.skip(u32::from(bits));
        Ok(())
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        (self.count % 8) as u8
    }
}
