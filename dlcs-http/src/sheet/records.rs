//! The rows of a table, as the parser gives them.

use csv_core::ReadRecordResult;

use super::{COLUMNS, MOST_CELLS, malformed};
use crate::error::ApiError;

fn is_empty(cells: &[String]) -> bool {
    cells.iter().all(|cell| cell.trim().is_empty())
}

/// The rows of a table with their numbers, as spreadsheets count them: empty ones count, and lines within a cell do not.
pub(super) struct Records<'a> {
    reader: csv_core::Reader,
    rest: &'a [u8],
    number: usize,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    pub(super) fn new(text: &'a str, delimiter: u8) -> Self {
        Self {
            reader: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            rest: text.as_bytes(),
            number: 0,
            output: vec![0; 1024],
            ends: vec![0; COLUMNS.len()],
        }
    }

    /// Passes over lines without anything, which the reader would not count.
    fn pass_empty_lines(&mut self) {
        while let Some(rest) = self
            .rest
            .strip_prefix(b"\r\n")
            .or_else(|| self.rest.strip_prefix(b"\n"))
            .or_else(|| self.rest.strip_prefix(b"\r"))
        {
            self.rest = rest;
            self.number += 1;
        }
    }
}

impl Records<'_> {
    /// The next row in which something is.
    pub(super) fn next_filled(&mut self) -> Result<Option<(usize, Vec<String>)>, ApiError> {
        loop {
            match self.next_row()? {
                Some((_, cells)) if is_empty(&cells) => {}
                row => return Ok(row),
            }
        }
    }

    fn next_row(&mut self) -> Result<Option<(usize, Vec<String>)>, ApiError> {
        self.pass_empty_lines();
        let (mut written, mut count) = (0, 0);
        loop {
            let (output, ends) = (&mut self.output[written..], &mut self.ends[count..]);
            let (result, read, wrote, ended) = self.reader.read_record(self.rest, output, ends);
            let ended_in_return = read > 0 && self.rest[read - 1] == b'\r';
            self.rest = &self.rest[read..];
            (written, count) = (written + wrote, count + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() > MOST_CELLS => {
                    return Err(malformed(&format!(
                        "row {} of the table has more than {MOST_CELLS} cells",
                        self.number + 1
                    )));
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    // The rest of the end of this line, which is no line of its own.
                    if ended_in_return {
                        self.rest = self.rest.strip_prefix(b"\n").unwrap_or(self.rest);
                    }
                    self.number += 1;
                    let mut start = 0;
                    let cells = self.ends[..count].iter().map(|end| {
                        let cell = String::from_utf8_lossy(&self.output[start..*end]).into_owned();
                        start = *end;
                        cell
                    });
                    return Ok(Some((self.number, cells.collect())));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }
}
