//! Rows of an image that stands otherwise than its source lies, from a spool file.
//!
//! The source is read some rows at a time. Each of these strips is turned in memory and written as it will stand: strips follow each other
//! from top to bottom, or lie side by side where width and height change places. Then rows are read across them.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;

use super::error::PyramidError;
use super::orientation::{apply, swaps_sides};
use super::pixels::{Channels, Pixels};
use super::spool::{SpooledFile, spool_file};

/// About how many bytes of the source are turned at once, and about how many rows are read at once.
const BAND: usize = 8 << 20;

/// A turned part of the image in the spool file.
#[derive(Debug, Clone, Copy)]
struct Strip {
    start: u64,
    width: u32,
    height: u32,
}

/// Takes rows as they lie.
#[derive(Debug)]
pub(super) struct Turner {
    file: File,
    orientation: Orientation,
    strips: Vec<Strip>,
    end: u64,
    /// Rows that have not been turned yet.
    rows: Pixels,
    /// About how many bytes are turned, and read, at once.
    at_once: usize,
}

/// The bytes that turning rows of this many bytes holds at once: strips and bands, of one row at least, each twice.
pub(super) fn held_bytes(row_bytes: u64, turned_row_bytes: u64) -> u64 {
    let band = BAND as u64;
    2 * (row_bytes.max(band) + turned_row_bytes.max(band))
}

impl Turner {
    /// For rows of `width` pixels.
    pub(super) fn new(
        width: u32,
        channels: Channels,
        orientation: Orientation,
        directory: Option<&Path>,
    ) -> Result<Self, PyramidError> {
        Ok(Self {
            file: spool_file(directory)?,
            orientation,
            strips: Vec::new(),
            end: 0,
            rows: Pixels {
                width,
                height: 0,
                channels,
                data: Vec::with_capacity(BAND),
            },
            at_once: BAND,
        })
    }

    /// Takes the next row of the source.
    pub(super) fn push(&mut self, row: &[u8]) -> Result<(), PyramidError> {
        if self.rows.height > 0 && self.rows.data.len() + row.len() > self.at_once {
            self.turn()?;
        }
        self.rows.data.extend_from_slice(row);
        self.rows.height += 1;
        Ok(())
    }

    fn turn(&mut self) -> Result<(), PyramidError> {
        let rows = Pixels {
            height: 0,
            data: Vec::with_capacity(self.at_once),
            ..self.rows
        };
        let turned = apply(std::mem::replace(&mut self.rows, rows), self.orientation);
        self.strips.push(Strip {
            start: self.end,
            width: turned.width,
            height: turned.height,
        });
        self.file
            .write_all(&turned.data)
            .map_err(PyramidError::Spool)?;
        self.end += turned.data.len() as u64;
        Ok(())
    }

    /// Ends, after the last row.
    pub(super) fn finish(mut self) -> Result<TurnedRows, PyramidError> {
        if self.rows.height > 0 {
            self.turn()?;
        }
        // Where the last row of the source is seen at the top, or at the left.
        let is_backwards = matches!(
            self.orientation,
            Orientation::FlipVertical
                | Orientation::Rotate180
                | Orientation::Rotate90
                | Orientation::Rotate270FlipH
        );
        if is_backwards {
            self.strips.reverse();
        }
        Ok(TurnedRows {
            file: SpooledFile::new(self.file)?,
            are_beside: swaps_sides(self.orientation),
            pixel: self.rows.channels.count(),
            strips: self.strips,
            at_once: self.at_once,
            band: Vec::new(),
            next_in_band: 0,
            next: 0,
        })
    }
}

/// Gives rows as they stand.
#[derive(Debug)]
pub(super) struct TurnedRows {
    file: SpooledFile,
    /// From top to bottom, or from left to right.
    strips: Vec<Strip>,
    are_beside: bool,
    /// Bytes of a pixel.
    pixel: usize,
    at_once: usize,
    /// Rows that have been read.
    band: Vec<u8>,
    next_in_band: usize,
    /// The first row behind the band; or the first strip, where they follow each other.
    next: u32,
}

impl TurnedRows {
    /// Width and height of the whole.
    pub(super) fn size(&self) -> (u32, u32) {
        let (widths, heights) = (
            self.strips.iter().map(|strip| strip.width),
            self.strips.iter().map(|strip| strip.height),
        );
        if self.are_beside {
            (widths.sum(), heights.max().unwrap_or(0))
        } else {
            (widths.max().unwrap_or(0), heights.sum())
        }
    }

    /// Fills one row with the next one. Called at most as often as there are rows.
    pub(super) fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        if self.next_in_band == self.band.len() {
            if self.are_beside {
                self.read_across(row.len())?;
            } else {
                self.read_strip()?;
            }
            self.next_in_band = 0;
        }
        let rows = &self.band[self.next_in_band..];
        row.copy_from_slice(&rows[..row.len()]);
        self.next_in_band += row.len();
        Ok(())
    }

    /// Reads the next strip whole.
    fn read_strip(&mut self) -> Result<(), PyramidError> {
        let strip = self.strips[self.next as usize];
        let stride = strip.width as usize * self.pixel;
        self.band.resize(stride * strip.height as usize, 0);
        self.next += 1;
        self.file.read_into(strip.start, &mut self.band)
    }

    /// Reads the next rows out of all strips.
    fn read_across(&mut self, stride: usize) -> Result<(), PyramidError> {
        let left = self.size().1 - self.next;
        let rows = ((self.at_once / stride).max(1) as u32).min(left);
        self.band.resize(stride * rows as usize, 0);
        let mut column = 0;
        let mut part = Vec::new();
        for strip in &self.strips {
            let bytes = strip.width as usize * self.pixel;
            part.resize(bytes * rows as usize, 0);
            let start = strip.start + u64::from(self.next) * bytes as u64;
            self.file.read_into(start, &mut part)?;
            let targets = self.band.chunks_exact_mut(stride);
            for (target, row) in targets.zip(part.chunks_exact(bytes)) {
                target[column..column + bytes].copy_from_slice(row);
            }
            column += bytes;
        }
        self.next += rows;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_turned_in_a_file_is_what_is_turned_in_memory() {
        let (width, height) = (37, 23);
        for (channels, value) in [Channels::Grey, Channels::Rgb, Channels::Rgba]
            .into_iter()
            .flat_map(|channels| (1..=8).map(move |value| (channels, value)))
        {
            let orientation = Orientation::from_exif(value).unwrap();
            let length = width as usize * height as usize * channels.count();
            let pixels = Pixels {
                width,
                height,
                channels,
                data: (0..length).map(|at| (at * 7 % 251) as u8).collect(),
            };
            let expected = apply(pixels.clone(), orientation);
            for at_once in [1, 200, 500, BAND] {
                let mut turner = Turner::new(width, channels, orientation, None).unwrap();
                turner.at_once = at_once;
                for row in pixels.rows() {
                    turner.push(row).unwrap();
                }
                let mut rows = turner.finish().unwrap();
                assert_eq!(rows.size(), (expected.width, expected.height));
                let mut row = vec![0; expected.stride()];
                for wanted in expected.rows() {
                    rows.next_row(&mut row).unwrap();
                    assert!(
                        row == wanted,
                        "{channels:?}, {value}, {at_once} bytes at once"
                    );
                }
            }
        }
    }
}
