//! Some stretches of a file, read as if they were all of it.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::super::spool::{SpoolReader, SpooledFile};

/// Reads stretches of a spooled file one after the other; what lies between them is not seen.
#[derive(Debug)]
pub(super) struct Pieces {
    reader: SpoolReader,
    stretches: Vec<Range<u64>>,
    /// Where reading goes on, counted over the stretches.
    position: u64,
}

impl Pieces {
    pub(super) fn new(file: &SpooledFile, stretches: Vec<Range<u64>>) -> Self {
        Self {
            reader: file.reader(),
            stretches,
            position: 0,
        }
    }

    /// Where in the file a position lies, and how many bytes of its stretch there are from there; `None` at the end.
    fn place(&self, position: u64) -> Option<(u64, u64)> {
        let mut passed = 0;
        for stretch in &self.stretches {
            let length = stretch.end - stretch.start;
            if position < passed + length {
                let within = position - passed;
                return Some((stretch.start + within, length - within));
            }
            passed += length;
        }
        None
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((start, left)) = self.place(self.position) else {
            return Ok(0);
        };
        let length = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        self.reader.seek(SeekFrom::Start(start))?;
        let read = self.reader.read(&mut buffer[..length])?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length: u64 = self
            .stretches
            .iter()
            .map(|stretch| stretch.end - stretch.start)
            .sum();
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(distance) => length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
