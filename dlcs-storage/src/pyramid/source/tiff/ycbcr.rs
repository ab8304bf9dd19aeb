//! Brightness and colour differences, and the red, green and blue that they stand for. [TIFF 6.0, section 21]

use std::io::Read;

use dlcs_core::derivative::ProcessError;

use super::chunk_rows::{ChunkRows, fault};
use super::ifd::Directory;
use super::{bad, tag, unread};

/// ITU-R BT.601, where the file says nothing else.
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];
/// The whole range of a byte.
const FULL_RANGE: [f64; 6] = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];

/// How colours are written.
#[derive(Debug, Clone)]
pub(super) struct YCbCr {
    /// Pixels that share their colour differences: across and down.
    pub(super) subsampling: (u8, u8),
    tables: Box<Tables>,
}

/// What each value adds.
#[derive(Debug, Clone)]
struct Tables {
    luma: [f32; 256],
    /// Of the difference to red: to red, and to green.
    red: [(f32, f32); 256],
    /// Of the difference to blue: to blue, and to green.
    blue: [(f32, f32); 256],
}

impl YCbCr {
    pub(super) fn read(directory: &Directory) -> Result<Self, ProcessError> {
        let subsampling = match directory
            .numbers(tag::YCBCR_SUBSAMPLING, 2)?
            .as_deref()
            .unwrap_or(&[2, 2])
        {
            [across @ (1 | 2 | 4), down @ (1 | 2 | 4)] => (*across as u8, *down as u8),
            _ => return Err(unread("its colours are sampled in an unusual way")),
        };
        let [red, green, blue] = directory
            .fractions(tag::YCBCR_COEFFICIENTS)
            .filter(|[_, green, _]: &[f64; 3]| green.abs() > 1e-6)
            .unwrap_or(LUMA);
        let range: [f64; 6] = directory
            .fractions(tag::REFERENCE_BLACK_WHITE)
            .unwrap_or(FULL_RANGE);
        let value = |code: f64, black: f64, white: f64, full: f64| {
            let width = if white == black { 1.0 } else { white - black };
            (code - black) * full / width
        };
        let mut tables = Tables {
            luma: [0.0; 256],
            red: [(0.0, 0.0); 256],
            blue: [(0.0, 0.0); 256],
        };
        for (code, ((luma, by_red), by_blue)) in (0..256).zip(
            tables
                .luma
                .iter_mut()
                .zip(&mut tables.red)
                .zip(&mut tables.blue),
        ) {
            let code = f64::from(code);
            *luma = value(code, range[0], range[1], 255.0) as f32;
            let difference = value(code, range[4], range[5], 127.0);
            let to_red = (2.0 - 2.0 * red) * difference;
            *by_red = (to_red as f32, (-to_red * red / green) as f32);
            let difference = value(code, range[2], range[3], 127.0);
            let to_blue = (2.0 - 2.0 * blue) * difference;
            *by_blue = (to_blue as f32, (-to_blue * blue / green) as f32);
        }
        Ok(Self {
            subsampling,
            tables: Box::new(tables),
        })
    }

    /// Converts the first three samples of each pixel in place.
    pub(super) fn to_rgb(&self, pixels: &mut [u8], samples: usize) {
        for pixel in pixels.chunks_exact_mut(samples) {
            let [first, second, third, ..] = pixel else {
                return;
            };
            let luma = self.tables.luma[usize::from(*first)];
            let (to_blue, green_of_blue) = self.tables.blue[usize::from(*second)];
            let (to_red, green_of_red) = self.tables.red[usize::from(*third)];
            // Casts of floats stay within the range of a byte.
            *first = (luma + to_red + 0.5) as u8;
            *second = (luma + green_of_red + green_of_blue + 0.5) as u8;
            *third = (luma + to_blue + 0.5) as u8;
        }
    }
}

/// Rows of red, green and blue from units of several pixels with one pair of colour differences.
pub(super) struct Subsampled<R> {
    reader: R,
    ycbcr: YCbCr,
    unit: Vec<u8>,
    /// Of the row of units: which of its pixel rows comes next.
    line: usize,
}

impl<R: Read + Send> Subsampled<R> {
    /// Reads chunks of this width.
    pub(super) fn new(reader: R, ycbcr: YCbCr, width: u32) -> Self {
        let (across, down) = ycbcr.subsampling;
        let units = (width as usize).div_ceil(usize::from(across));
        Self {
            reader,
            unit: vec![0; units * (usize::from(across) * usize::from(down) + 2)],
            ycbcr,
            line: 0,
        }
    }

    /// Bytes of the units of one chunk.
    pub(super) fn chunk_bytes(ycbcr: &YCbCr, width: u32, rows: u32) -> u64 {
        let (across, down) = ycbcr.subsampling;
        let (across, down) = (u64::from(across), u64::from(down));
        u64::from(width).div_ceil(across) * u64::from(rows).div_ceil(down) * (across * down + 2)
    }
}

impl<R: Read + Send> ChunkRows for Subsampled<R> {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        let (across, down) = self.ycbcr.subsampling;
        let (across, down) = (usize::from(across), usize::from(down));
        if self.line == 0 {
            self.reader.read_exact(&mut self.unit).map_err(fault)?;
        }
        let units = self.unit.chunks_exact(across * down + 2);
        for (pixels, unit) in row.chunks_mut(3 * across).zip(units) {
            let (brightness, differences) = unit.split_at(across * down);
            let Some(brightness) = brightness.get(self.line * across..) else {
                return Err(bad("its colours are sampled in an impossible way"));
            };
            for (pixel, brightness) in pixels.chunks_exact_mut(3).zip(brightness) {
                pixel[0] = *brightness;
                pixel[1..].copy_from_slice(differences);
            }
        }
        self.line = (self.line + 1) % down;
        self.ycbcr.to_rgb(row, 3);
        Ok(())
    }
}
