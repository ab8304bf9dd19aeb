//! Rows of the image from the rows of its chunks.

use dlcs_core::derivative::ProcessError;

use super::super::super::spool::SpooledFile;
use super::super::Rows;
use super::chunk_rows::{self, ChunkRows};
use super::image::TiffImage;
use super::unpack::Unpacker;

/// How many bytes of rows of a strip are made at once.
const STRIP_BAND: u64 = 1 << 18;
/// A row of tiles of up to this size is unpacked tile by tile; beyond it all tiles of the row are open at once.
const TILE_BAND: u64 = 64 << 20;
/// How many bytes of rows are made at once from tiles that are open together.
const OPEN_BAND: u64 = 8 << 20;

/// Rows of pixels that are made together.
fn band_rows(image: &TiffImage) -> u32 {
    let row = u64::from(image.width) * image.samples.pixel_bytes() as u64;
    let chunk = u64::from(image.chunks.height.min(image.height));
    let most = if image.chunks.columns == 1 && !image.planar {
        STRIP_BAND
    } else if chunk.saturating_mul(row) <= TILE_BAND {
        TILE_BAND
    } else {
        OPEN_BAND
    };
    (most / row.max(1)).clamp(1, chunk) as u32
}

/// The most bytes that are held at once.
pub(super) fn held_bytes(image: &mut TiffImage, file: &SpooledFile) -> Result<u64, ProcessError> {
    let rows = band_rows(image);
    let row = u64::from(image.width) * image.samples.pixel_bytes() as u64;
    let is_open = u64::from(rows) < u64::from(image.chunks.height.min(image.height));
    let planes = if image.planar { image.picked.len() } else { 1 };
    let open = if is_open {
        u64::from(image.chunks.columns) * planes as u64
    } else {
        1
    };
    let state = chunk_rows::state_bytes(image, file)?;
    Ok(row * u64::from(rows) + open.saturating_mul(state) + 2 * image.chunk_row_bytes() as u64)
}

/// The rows of a TIFF.
pub(super) struct TiffRows {
    image: TiffImage,
    file: SpooledFile,
    unpacker: Unpacker,
    band_rows: u32,
    /// Rows of pixels as they are delivered.
    band: Vec<u8>,
    /// The first row of the image that is not in the band or before it.
    band_end: u32,
    next: u32,
    /// Chunks that are not read to their end, from left to right, plane by plane.
    open: Vec<Box<dyn ChunkRows>>,
    chunk_row: Vec<u8>,
}

impl TiffRows {
    pub(super) fn new(image: TiffImage, file: SpooledFile) -> Self {
        Self {
            unpacker: Unpacker::new(&image),
            band_rows: band_rows(&image),
            band: Vec::new(),
            band_end: 0,
            next: 0,
            open: Vec::new(),
            chunk_row: vec![0; image.chunk_row_bytes()],
            image,
            file,
        }
    }

    /// Makes the next rows.
    fn fill(&mut self) -> Result<(), ProcessError> {
        let (width, height) = (self.image.width, self.image.height);
        let chunk = self.image.chunks.height;
        let row = self.next / chunk;
        let within = self.next % chunk;
        // Rows of padding at the end of the last chunks are never read.
        let left = chunk.min(height - row * chunk) - within;
        let rows = self.band_rows.min(left);
        let pixel = self.image.samples.pixel_bytes();
        let row_bytes = width as usize * pixel;
        self.band.resize(row_bytes * rows as usize, 0);
        let planes = if self.image.planar {
            self.image.picked.clone()
        } else {
            vec![0]
        };
        let mut open = std::mem::take(&mut self.open).into_iter();
        for column in 0..self.image.chunks.columns {
            let start = column * self.image.chunks.width;
            let columns = self.image.chunks.width.min(width - start) as usize;
            let start = start as usize * pixel;
            for (index, plane) in planes.iter().enumerate() {
                let mut chunk_rows = match open.next() {
                    Some(rows) => rows,
                    None => chunk_rows::open(&mut self.image, &self.file, (column, row, *plane))?,
                };
                for band_row in self.band.chunks_exact_mut(row_bytes) {
                    let target = &mut band_row[start..start + columns * pixel];
                    if self.unpacker.copies() && target.len() == self.chunk_row.len() {
                        chunk_rows.next_row(target)?;
                        continue;
                    }
                    chunk_rows.next_row(&mut self.chunk_row)?;
                    if self.unpacker.copies() {
                        target.copy_from_slice(&self.chunk_row[..target.len()]);
                    } else {
                        let plane = self.image.planar.then_some(index);
                        self.unpacker.unpack(&self.chunk_row, plane, target);
                    }
                }
                if rows < left {
                    self.open.push(chunk_rows);
                }
            }
        }
        if let Some(ycbcr) = self.image.ycbcr.as_ref().filter(|_| self.image.planar) {
            ycbcr.to_rgb(&mut self.band, pixel);
        }
        self.band_end = self.next + rows;
        Ok(())
    }
}

impl Rows for TiffRows {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        if self.next == self.band_end {
            self.fill()?;
        }
        let in_band = self.band.len() / row.len() - (self.band_end - self.next) as usize;
        row.copy_from_slice(&self.band[in_band * row.len()..][..row.len()]);
        self.next += 1;
        Ok(())
    }
}
