//! Chunks that are JPEG streams. [Adobe's technical note 2 on TIFF]

use std::io::{BufRead, Cursor, Read};

use dlcs_core::derivative::ProcessError;
use mozjpeg::ColorSpace;

use super::super::super::spool::SpooledFile;
use super::super::jpeg::decoder::{Decoder, Stopped, has_warned};
use super::super::jpeg::markers::Fault;
use super::super::jpeg::scan;
use super::chunk_rows::{self, ChunkRows, Whole, fault};
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
    let pixels = decode(image, stream(image, file, stretch)?, rows);
    // The decoder makes up what is missing and warns of it; but it warns of bytes too many as well, which are no damage.
    if has_warned() || pixels.is_err() {
        scan::check(stream(image, file, stretch)?).map_err(|fault| match fault {
            Fault::Io(error) => chunk_rows::fault(error),
            Fault::Damaged(reason) => bad(reason),
        })?;
    }
    let pixels = pixels.map_err(|_| bad("a part of it is no sound JPEG stream"))?;
    Ok(Box::new(Whole { pixels, next: 0 }))
}

fn decode(image: &TiffImage, stream: impl BufRead, rows: u32) -> Result<Vec<u8>, Stopped> {
    let mut converts = false;
    let mut decoder = Decoder::start_as(stream, |stored| {
        converts = image.ycbcr.is_some() && stored == ColorSpace::JCS_YCbCr;
        if converts {
            ColorSpace::JCS_RGB
        } else {
            // Whatever the decoder takes it for: the directory knows better.
            stored
        }
    })?;
    let samples = image.chunk_samples();
    let mut pixels = vec![0; image.chunks.width as usize * samples * rows as usize];
    decoder.read(&mut pixels)?;
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

/// What the head of a stream says.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: usize,
    /// How many samples of the first channel, across and down, come with one of each other channel; `None` where that is no whole number.
    pub(super) sampling: Option<(u8, u8)>,
    /// Whether its coefficients come in more than one scan.
    has_scans: bool,
}

impl Frame {
    /// Walks over the markers to the first scan, and in a progressive stream over all scans.
    pub(super) fn read(reader: &mut impl BufRead) -> Result<Self, ProcessError> {
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
                (0xC0..=0xC2, [depth, h1, h0, w1, w0, channels, rest @ ..]) => {
                    if *depth != 8 {
                        return Err(unread("its JPEG streams have other than 8 bits"));
                    }
                    frame = Some(Self {
                        width: u32::from(u16::from_be_bytes([*w1, *w0])),
                        height: u32::from(u16::from_be_bytes([*h1, *h0])),
                        channels: usize::from(*channels),
                        sampling: sampling(rest),
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

/// How the first of these channels is sampled, where all others have one sample for several of its.
fn sampling(channels: &[u8]) -> Option<(u8, u8)> {
    let [[_, first, _], others @ ..] = channels.as_chunks::<3>().0 else {
        return None;
    };
    let are_single = others.iter().all(|[_, factors, _]| *factors == 0x11);
    (are_single && !others.is_empty()).then_some((first >> 4, first & 15))
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
