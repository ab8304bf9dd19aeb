//! TIFF: strips, Deflate, what every reader of baseline TIFF and Deflate knows.

use std::io::Write;

use dlcs_core::iiif::Dimensions;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::super::error::PyramidError;
use super::super::pixels::{Channels, Pixels};
use super::{Depth, failed, is_bitonal, pack_bits};

/// Bytes of pixels in one strip, about.
const STRIP: usize = 1 << 18;

// Tags, values and types of TIFF 6.0 and of its technical notes.
const IMAGE_WIDTH: u16 = 256;
const IMAGE_LENGTH: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC_INTERPRETATION: u16 = 262;
const STRIP_OFFSETS: u16 = 273;
const SAMPLES_PER_PIXEL: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_BYTE_COUNTS: u16 = 279;
const PLANAR_CONFIGURATION: u16 = 284;
const PREDICTOR: u16 = 317;
const EXTRA_SAMPLES: u16 = 338;
const BLACK_IS_ZERO: u32 = 1;
const RGB: u32 = 2;
const DEFLATE: u32 = 8;
const HORIZONTAL_DIFFERENCES: u32 = 2;
/// Alpha that the colours have not been multiplied by.
const UNASSOCIATED_ALPHA: u32 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// An entry of a directory.
struct Entry {
    tag: u16,
    kind: u16,
    values: Vec<u32>,
}

impl Entry {
    const fn short(tag: u16, values: Vec<u32>) -> Self {
        Self {
            tag,
            kind: SHORT,
            values,
        }
    }

    const fn long(tag: u16, values: Vec<u32>) -> Self {
        Self {
            tag,
            kind: LONG,
            values,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let values = self.values.iter();
        if self.kind == SHORT {
            values
                .flat_map(|value| (*value as u16).to_le_bytes())
                .collect()
        } else {
            values.flat_map(|value| value.to_le_bytes()).collect()
        }
    }
}

/// A TIFF that is written row by row: as many channels as the pixels have, one bit each where they are black and white.
pub(super) struct TiffRows {
    size: Dimensions,
    channels: Channels,
    is_bitonal: bool,
    /// Bytes of a row.
    stride: usize,
    /// Rows of a strip.
    rows: usize,
    /// Rows that are no whole strip yet.
    waiting: Vec<u8>,
    /// The file, without its directory.
    bytes: Vec<u8>,
    /// Where each strip begins in it.
    offsets: Vec<u32>,
    /// How long each is.
    lengths: Vec<u32>,
}

impl TiffRows {
    pub(super) fn start(size: Dimensions, channels: Channels, depth: Depth) -> Self {
        let is_bitonal = is_bitonal(channels, depth);
        let width = size.width() as usize;
        let stride = if is_bitonal {
            width.div_ceil(8)
        } else {
            width * channels.count()
        };
        Self {
            size,
            channels,
            is_bitonal,
            stride,
            rows: (STRIP / stride).clamp(1, size.height() as usize),
            waiting: Vec::new(),
            bytes: b"II*\0\0\0\0\0".to_vec(),
            offsets: Vec::new(),
            lengths: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, strip: &Pixels) -> Result<(), PyramidError> {
        if self.is_bitonal {
            self.waiting.extend(pack_bits(strip));
        } else {
            self.waiting.extend_from_slice(&strip.data);
        }
        let whole = self.rows * self.stride;
        let waiting = std::mem::take(&mut self.waiting);
        let strips = waiting.chunks_exact(whole);
        self.waiting = strips.remainder().to_vec();
        for strip in strips {
            let strip = self.compress(strip)?;
            self.append(&strip)?;
        }
        Ok(())
    }

    /// Writes the directory behind the strips.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, PyramidError> {
        if !self.waiting.is_empty() {
            let strip = self.compress(&self.waiting)?;
            self.append(&strip)?;
        }
        let samples = self.channels.count();
        let photometric = match self.channels {
            Channels::Grey | Channels::GreyAlpha => BLACK_IS_ZERO,
            Channels::Rgb | Channels::Rgba => RGB,
        };
        let bits = vec![if self.is_bitonal { 1 } else { 8 }; samples];
        let mut entries = vec![
            Entry::long(IMAGE_WIDTH, vec![self.size.width()]),
            Entry::long(IMAGE_LENGTH, vec![self.size.height()]),
            Entry::short(BITS_PER_SAMPLE, bits),
            Entry::short(COMPRESSION, vec![DEFLATE]),
            Entry::short(PHOTOMETRIC_INTERPRETATION, vec![photometric]),
            Entry::long(STRIP_OFFSETS, std::mem::take(&mut self.offsets)),
            Entry::short(SAMPLES_PER_PIXEL, vec![samples as u32]),
            Entry::long(ROWS_PER_STRIP, vec![self.rows as u32]),
            Entry::long(STRIP_BYTE_COUNTS, std::mem::take(&mut self.lengths)),
            Entry::short(PLANAR_CONFIGURATION, vec![1]),
        ];
        if !self.is_bitonal {
            entries.push(Entry::short(PREDICTOR, vec![HORIZONTAL_DIFFERENCES]));
        }
        if self.channels.has_alpha() {
            entries.push(Entry::short(EXTRA_SAMPLES, vec![UNASSOCIATED_ALPHA]));
        }
        self.write_directory(&entries)?;
        Ok(self.bytes)
    }

    /// Appends a strip at an even place.
    fn append(&mut self, strip: &[u8]) -> Result<(), PyramidError> {
        let offset = u32::try_from(self.bytes.len()).map_err(failed)?;
        self.offsets.push(offset);
        self.lengths.push(strip.len() as u32);
        self.bytes.extend_from_slice(strip);
        self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
        Ok(())
    }

    fn write_directory(&mut self, entries: &[Entry]) -> Result<(), PyramidError> {
        let start = u32::try_from(self.bytes.len()).map_err(failed)?;
        self.bytes[4..8].copy_from_slice(&start.to_le_bytes());
        let mut directory = (entries.len() as u16).to_le_bytes().to_vec();
        // Behind the directory: the values that have no room in it.
        let mut behind = Vec::new();
        let end = self.bytes.len() + 2 + 12 * entries.len() + 4;
        for entry in entries {
            let values = entry.bytes();
            directory.extend(entry.tag.to_le_bytes());
            directory.extend(entry.kind.to_le_bytes());
            directory.extend((entry.values.len() as u32).to_le_bytes());
            let mut place = [0; 4];
            if values.len() <= place.len() {
                place[..values.len()].copy_from_slice(&values);
            } else {
                let offset = u32::try_from(end + behind.len()).map_err(failed)?;
                place = offset.to_le_bytes();
                behind.extend(values);
            }
            directory.extend(place);
        }
        // No directory follows.
        directory.extend([0; 4]);
        self.bytes.extend(directory);
        self.bytes.extend(behind);
        Ok(())
    }

    fn compress(&self, strip: &[u8]) -> Result<Vec<u8>, PyramidError> {
        if self.is_bitonal {
            deflate(strip)
        } else {
            deflate(&differences(strip, self.stride, self.channels.count()))
        }
    }
}

/// Each sample less the one to its left, which compresses better.
fn differences(strip: &[u8], stride: usize, samples: usize) -> Vec<u8> {
    let mut result = Vec::with_capacity(strip.len());
    for row in strip.chunks_exact(stride) {
        result.extend_from_slice(&row[..samples]);
        let pairs = row[samples..].iter().zip(row);
        result.extend(pairs.map(|(value, left)| value.wrapping_sub(*left)));
    }
    result
}

pub(super) fn deflate(data: &[u8]) -> Result<Vec<u8>, PyramidError> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(data.len() / 2), Compression::fast());
    encoder
        .write_all(data)
        .and_then(|()| encoder.finish())
        .map_err(failed)
}
