//! Chunks that are JPEG streams. [Adobe's technical note 2 on TIFF]

use std::io::{BufRead, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use dlcs_core::derivative::ProcessError;
use mozjpeg::{ColorSpace, Decompress};

use super::super::super::error::PyramidError;
use super::super::super::spool::SpooledFile;
use super::super::jpeg::markers::Fault;
use super::super::jpeg::scan;
use super::chunk_rows::{ChunkRows, Whole, fault};
use super::chunks::read_stretch;
use super::image::TiffImage;
use super::{bad, unread};

/// More scans than any honest stream has: each one costs a pass over the whole chunk.
const MAX_SCANS: usize = 100;
const SOI: [u8; 2] = [0xFF, 0xD8];

/// Decodes one chunk, of which so many rows are wanted.
pub(super) fn open(
    image: &TiffImage,
    file: &SpooledFile,
    stretch: (u64, u64),
    rows: u32,
) -> Result<Box<dyn ChunkRows>, ProcessError> {
    let frame = Frame::read(&mut stream(image, file, stretch)?)?;
    let samples = image.chunk_samples();
    // The last strip may be a whole one, and a strip's width a little more than the image's where colours are shared.
    if frame.width != image.chunks.width || frame.height < rows || frame.channels != samples {
        return Err(bad("a part of it is of another size than it should be"));
    }
    scan::check(stream(image, file, stretch)?).map_err(|fault| match fault {
        Fault::Io(error) => PyramidError::Spool(error).into(),
        Fault::Damaged(reason) => bad(reason),
    })?;
    let stream = stream(image, file, stretch)?;
    // The decoder unwinds where it cannot go on.
    let pixels = catch_unwind(AssertUnwindSafe(|| decode(image, stream, rows)))
        .unwrap_or_else(|cause| Err(bad(said(cause.as_ref()))))?;
    Ok(Box::new(Whole { pixels, next: 0 }))
}

fn decode(image: &TiffImage, stream: impl BufRead, rows: u32) -> Result<Vec<u8>, ProcessError> {
    let decoder = Decompress::new_reader(stream).map_err(fault)?;
    let stored = decoder.color_space();
    let converts = image.ycbcr.is_some() && stored == ColorSpace::JCS_YCbCr;
    // To what is stored already: nothing is converted then, whatever the decoder takes it for.
    let mut decoder = decoder
        .to_colorspace(if converts {
            ColorSpace::JCS_RGB
        } else {
            stored
        })
        .map_err(fault)?;
    let samples = image.chunk_samples();
    let mut pixels = vec![0; decoder.width() * samples * rows as usize];
    decoder.read_scanlines_into(&mut pixels).map_err(fault)?;
    if let Some(ycbcr) = image.ycbcr.as_ref().filter(|_| !converts) {
        ycbcr.to_rgb(&mut pixels, samples);
    }
    Ok(pixels)
}

/// A chunk as one whole stream: the tables of the directory, then its own.
fn stream(
    image: &TiffImage,
    file: &SpooledFile,
    (offset, length): (u64, u64),
) -> Result<impl BufRead + use<>, ProcessError> {
    let no_stream = || bad("a part of it is no JPEG stream");
    if length < 4 || file.read(offset, 2)?[..] != SOI {
        return Err(no_stream());
    }
    let tables = image.jpeg_tables.as_slice();
    let tables = tables.strip_prefix(&SOI).unwrap_or(tables);
    let tables = tables.strip_suffix(&[0xFF, 0xD9]).unwrap_or(tables);
    let start = [&SOI[..], tables].concat();
    let rest = read_stretch(file, (offset + 2, length - 2))?;
    Ok(Cursor::new(start).chain(rest))
}

/// The most bytes that one chunk holds: its pixels and, where it has several scans, its coefficients.
pub(super) fn state_bytes(image: &mut TiffImage, file: &SpooledFile) -> Result<u64, ProcessError> {
    let place = image.chunks.place((0, 0, 0), None, file.length())?;
    let frame = Frame::read(&mut stream(image, file, place)?)?;
    let samples = u64::from(image.chunks.width)
        * u64::from(image.chunks.height)
        * image.chunk_samples() as u64;
    Ok(if frame.has_scans { 4 } else { 1 } * samples)
}

/// What a decoder said when it gave up.
fn said(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map_or("", String::as_str);
    let text = text.trim_start_matches("libjpeg fatal error: ");
    format!("a part of it is no sound JPEG stream: {text}")
}

/// What the head of a stream says.
#[derive(Debug)]
struct Frame {
    width: u32,
    height: u32,
    channels: usize,
    /// Whether its coefficients come in more than one scan.
    has_scans: bool,
}

impl Frame {
    /// Walks over the markers to the first scan, and in a progressive stream over all scans.
    fn read(reader: &mut impl BufRead) -> Result<Self, ProcessError> {
        let mut start = [0; 2];
        reader.read_exact(&mut start).map_err(fault)?;
        let mut frame = None;
        let mut scans = 0;
        loop {
            let marker = next_marker(reader)?;
            match marker {
                0x01 | 0xD0..=0xD8 => continue,
                0xD9 => break,
                _ => {}
            }
            let mut length = [0; 2];
            reader.read_exact(&mut length).map_err(fault)?;
            let length = u16::from_be_bytes(length)
                .checked_sub(2)
                .ok_or_else(|| bad("a part of it is no JPEG stream"))?;
            let mut segment = vec![0; usize::from(length)];
            reader.read_exact(&mut segment).map_err(fault)?;
            match (marker, segment.as_slice()) {
                (0xC0..=0xC2, [depth, h1, h0, w1, w0, channels, ..]) => {
                    if *depth != 8 {
                        return Err(unread("its JPEG streams have other than 8 bits"));
                    }
                    frame = Some(Self {
                        width: u32::from(u16::from_be_bytes([*w1, *w0])),
                        height: u32::from(u16::from_be_bytes([*h1, *h0])),
                        channels: usize::from(*channels),
                        has_scans: marker == 0xC2,
                    });
                }
                (0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF, _) => {
                    return Err(unread("its JPEG streams are of an unusual kind"));
                }
                (0xDA, [channels, ..]) => {
                    scans += 1;
                    let Some(frame) = &mut frame else {
                        break;
                    };
                    if scans > MAX_SCANS {
                        return Err(unread("its JPEG streams have too many scans"));
                    }
                    frame.has_scans |= usize::from(*channels) < frame.channels;
                    if !frame.has_scans {
                        break;
                    }
                }
                _ => {}
            }
        }
        frame.ok_or_else(|| bad("a part of it is no JPEG stream"))
    }
}

/// The next marker; codes before it are passed over.
fn next_marker(reader: &mut impl BufRead) -> Result<u8, ProcessError> {
    let mut byte = [0; 1];
    loop {
        reader.skip_until(0xFF).map_err(fault)?;
        loop {
            reader.read_exact(&mut byte).map_err(fault)?;
            if byte[0] != 0xFF {
                break;
            }
        }
        if byte[0] != 0 {
            return Ok(byte[0]);
        }
    }
}
