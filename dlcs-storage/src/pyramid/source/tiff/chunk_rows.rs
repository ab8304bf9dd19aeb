//! The unpacked rows of one strip or tile, whatever packed it.

use std::io::{self, BufRead, Read};

use dlcs_core::derivative::ProcessError;

use super::super::super::error::PyramidError;
use super::super::super::spool::SpooledFile;
use super::chunks::{ChunkReader, read_stretch};
use super::coding::Coding;
use super::fax::FaxRows;
use super::ifd::ByteOrder;
use super::image::TiffImage;
use super::packed::{Lzw, PackBits, ReversedBits};
use super::predictor::Predictor;
use super::ycbcr::Subsampled;
use super::{bad, jpeg, webp};

/// The memory that the state of a decoder of bytes takes, buffers included.
const STATE_BYTES: u64 = 192 << 10;
/// The largest window of Zstandard: what its highest levels ask for.
const MAX_WINDOW_BITS: u32 = 27;

/// Rows of one chunk, from top to bottom.
pub(super) trait ChunkRows: Send {
    /// Fills a row of [`TiffImage::chunk_row_bytes`] bytes, as they would be in an uncompressed file.
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError>;
}

/// What an error of a reader says of the file, or of the machine.
pub(super) fn fault(error: io::Error) -> ProcessError {
    if error.raw_os_error().is_some() {
        return PyramidError::Spool(error).into();
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => bad("a part of its pixels is missing"),
        _ => bad(format!("its pixels cannot be unpacked: {error}").replace('\n', " ")),
    }
}

/// Opens the chunk at a column, row and plane.
pub(super) fn open(
    image: &mut TiffImage,
    file: &SpooledFile,
    place: (u32, u32, usize),
) -> Result<Box<dyn ChunkRows>, ProcessError> {
    let rows = image.chunks.rows_of(place.1, image.height);
    // Differences of colour are shared by pixels only where channels are interleaved; a stream of JPEG or WebP is converted already.
    let ycbcr = match &image.ycbcr {
        Some(ycbcr) if !image.planar && !image.coding.is_whole() => Some(ycbcr.clone()),
        _ => None,
    };
    let plain = (image.coding == Coding::Plain).then(|| match &ycbcr {
        Some(ycbcr) => Subsampled::<ChunkReader>::chunk_bytes(ycbcr, image.chunks.width, rows),
        None => image.chunk_row_bytes() as u64 * u64::from(rows),
    });
    let stretch = image.chunks.place(place, plain, file.length())?;
    match image.coding {
        Coding::Jpeg | Coding::OldJpeg => return jpeg::open(image, file, stretch, rows),
        Coding::WebP => return webp::open(image, file, stretch),
        _ => {}
    }
    let reader = read_stretch(file, stretch)?;
    let width = image.chunks.width;
    if let Coding::Fax(coding) = image.coding {
        return Ok(if image.reversed_bits {
            Box::new(FaxRows::new(ReversedBits::new(reader), coding, width))
        } else {
            Box::new(FaxRows::new(reader, coding, width))
        });
    }
    let bytes = if image.reversed_bits {
        unpack(image.coding, ReversedBits::new(reader))?
    } else {
        unpack(image.coding, reader)?
    };
    Ok(match ycbcr {
        Some(ycbcr) => Box::new(Subsampled::new(bytes, ycbcr, width)),
        None => Box::new(Bytes {
            reader: bytes,
            predictor: image.predictor,
            samples: image.chunk_samples(),
            order: image.order,
            spare: Vec::new(),
        }),
    })
}

/// A reader of the bytes that a compression packed.
fn unpack(
    coding: Coding,
    reader: impl BufRead + Send + 'static,
) -> Result<Box<dyn Read + Send>, ProcessError> {
    Ok(match coding {
        Coding::PackBits => Box::new(PackBits::new(reader)),
        Coding::Lzw => Box::new(Lzw::new(reader).map_err(fault)?),
        Coding::Deflate => Box::new(flate2::bufread::ZlibDecoder::new(reader)),
        Coding::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(reader).map_err(fault)?;
            decoder.window_log_max(MAX_WINDOW_BITS).map_err(fault)?;
            Box::new(decoder)
        }
        Coding::Plain | Coding::Fax(_) | Coding::Jpeg | Coding::OldJpeg | Coding::WebP => {
            Box::new(reader)
        }
    })
}

/// The most bytes that an open chunk holds.
pub(super) fn state_bytes(image: &mut TiffImage, file: &SpooledFile) -> Result<u64, ProcessError> {
    let rows = u64::from(image.chunks.height);
    let whole = image.chunk_row_bytes() as u64 * rows;
    Ok(match image.coding {
        Coding::Jpeg | Coding::OldJpeg => jpeg::state_bytes(image, file)?,
        // The packed bytes, and the pixels with their opacity.
        Coding::WebP => 3 * whole,
        Coding::Zstd => STATE_BYTES + zstd_window(image, file)?,
        _ => STATE_BYTES,
    })
}

/// The window that the first chunk asks for; the others are written by the same encoder. [RFC 8878, section 3.1.1.1]
fn zstd_window(image: &mut TiffImage, file: &SpooledFile) -> Result<u64, ProcessError> {
    let (offset, _) = image.chunks.place((0, 0, 0), None, file.length())?;
    let mut head = file.read_up_to(offset, 14)?.to_vec();
    if image.reversed_bits {
        head.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
    }
    let [_, _, _, _, descriptor, window, ..] = head.as_slice() else {
        return Ok(0);
    };
    if descriptor & 0x20 != 0 {
        // A single segment: the window is the whole chunk.
        return Ok(image.chunk_row_bytes() as u64 * u64::from(image.chunks.height));
    }
    let base = 1_u64 << (10 + (window >> 3).min(31));
    Ok((base + base / 8 * u64::from(window & 7)).min(1 << MAX_WINDOW_BITS))
}

/// Rows of bytes that come one after the other.
struct Bytes {
    reader: Box<dyn Read + Send>,
    predictor: Predictor,
    samples: usize,
    order: ByteOrder,
    spare: Vec<u8>,
}

impl ChunkRows for Bytes {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        self.reader.read_exact(row).map_err(fault)?;
        self.predictor
            .undo(row, self.samples, self.order, &mut self.spare);
        Ok(())
    }
}

/// Rows of a chunk that was decoded whole.
pub(super) struct Whole {
    pub(super) pixels: Vec<u8>,
    pub(super) next: usize,
}

impl ChunkRows for Whole {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        let end = self.next + row.len();
        let there = self
            .pixels
            .get(self.next..end)
            .ok_or_else(|| bad("a part of its pixels is missing"))?;
        row.copy_from_slice(there);
        self.next = end;
        Ok(())
    }
}
