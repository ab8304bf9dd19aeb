//! From the bytes of a source to rows of upright pixels.
//!
//! A format opens a file by its header alone ([`open`]): what the image is, and what memory its rows will take. Only then, when that memory
//! is granted, does it start to decode ([`Source::start`]). Rows come as the file has them; [`colour`] makes them what is stored.

#[cfg(feature = "source-avif")]
mod avif;
mod bmp;
mod cicp;
pub(super) mod colour;
#[cfg(test)]
mod format_tests;
mod frame;
mod gif;
#[cfg(feature = "source-heic")]
mod heic;
mod jp2;
pub(super) mod jpeg;
mod limits;
mod palette;
#[cfg(feature = "source-pdf")]
mod pdf;
mod pieces;
mod png;
pub(super) mod tiff;
mod webp;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;

use super::sniff::{SNIFFED, SourceFormat, sniff};
use super::spool::SpooledFile;
pub(super) use limits::SourceLimits;

/// The most bytes that one piece of metadata may have; what is larger is left out.
const METADATA_CAP: u32 = 4 << 20;

/// What the colours of a source are, before any profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColourModel {
    /// One channel; the largest value is white.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// Cyan, magenta, yellow, black; the largest value is full ink.
    Cmyk,
    /// CIE L*a*b* (D50): `L*` from 0 to 100 over the range of the sample; `a*` and `b*` from −128 to 127 with the middle of the range as 0.
    /// As floats: the values themselves.
    Lab,
}

impl ColourModel {
    pub(super) const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb | Self::Lab => 3,
            Self::Cmyk => 4,
        }
    }
}

/// How one sample is written, in the byte order of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// 0 to 255.
    U8,
    /// 0 to 65535.
    U16,
    /// 0.0 to 1.0; what lies outside is cut off.
    F32,
}

impl Depth {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::F32 => 4,
        }
    }
}

/// What the last sample of each pixel says of its opacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpha {
    /// There is none.
    None,
    /// The colours are as if opaque.
    Straight,
    /// The colours have been multiplied with the opacity.
    Premultiplied,
}

/// How the rows of a source are written: interleaved, the alpha last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) model: ColourModel,
    pub(super) depth: Depth,
    pub(super) alpha: Alpha,
}

impl Samples {
    /// Samples of one pixel.
    pub(super) const fn per_pixel(self) -> usize {
        self.model.channels() + !matches!(self.alpha, Alpha::None) as usize
    }

    /// Bytes of one pixel.
    pub(super) const fn pixel_bytes(self) -> usize {
        self.per_pixel() * self.depth.bytes()
    }
}

/// What the colours mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Profile {
    /// Nothing is said: sRGB, its grey, the usual CMYK, or Lab.
    Untagged,
    /// The bytes of an ICC profile.
    Icc(Vec<u8>),
    /// The samples are a power of light: this exponent gives light from samples (2.2 for common screens, 1.0 for light itself).
    Gamma(f64),
}

/// Whether an image has shades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// It may have: photographs, and everything that does not say.
    Shaded,
    /// It is black and white alone, or its colours are those of a palette. JPEG would smear its edges.
    Flat,
}

/// What the header of a source says.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// Columns and rows as they are stored, before any turn.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) samples: Samples,
    pub(super) nature: Nature,
    pub(super) profile: Profile,
    /// The turn that makes it upright.
    pub(super) orientation: Orientation,
    /// The most bytes that decoding holds at once beyond a few rows: a whole frame where the format cannot be read by rows.
    pub(super) held_bytes: u64,
}

impl Header {
    /// Bytes of one row.
    pub(super) const fn row_bytes(&self) -> usize {
        self.width as usize * self.samples.pixel_bytes()
    }
}

/// Rows from top to bottom.
pub(super) trait Rows: Send {
    /// Fills `row`, which has [`Header::row_bytes`] bytes, with the next row. Called at most [`Header::height`] times.
    ///
    /// # Errors
    /// [`ProcessError::Damaged`] where the file ends or makes no sense; rows that were never there are never made up.
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError>;

    /// Checks, after the last row, what could not be checked before: that nothing was missing.
    ///
    /// # Errors
    /// [`ProcessError::Damaged`].
    fn finish(&mut self) -> Result<(), ProcessError> {
        Ok(())
    }
}

/// What starts the decoder of one file.
type Start = Box<dyn FnOnce() -> Result<Box<dyn Rows>, ProcessError> + Send>;

/// A source that has been opened and not been decoded.
pub(super) struct Source {
    pub(super) format: SourceFormat,
    pub(super) header: Header,
    start: Start,
}

impl Source {
    fn new(
        format: SourceFormat,
        header: Header,
        start: impl FnOnce() -> Result<Box<dyn Rows>, ProcessError> + Send + 'static,
    ) -> Self {
        Self {
            format,
            header,
            start: Box::new(start),
        }
    }

    /// Starts to decode.
    pub(super) fn start(self) -> Result<Box<dyn Rows>, ProcessError> {
        let (format, start) = (self.format, self.start);
        let rows = guarded(format, start)?;
        Ok(Box::new(Guarded { format, rows }))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("format", &self.format)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Finds the format of a source from its bytes.
pub(super) fn recognise(file: &SpooledFile) -> Result<SourceFormat, ProcessError> {
    let start = file.read_up_to(0, SNIFFED)?;
    sniff(&start).map_err(|seen| ProcessError::Unrecognised { seen })
}

/// Reads the header of a source and refuses what is too large, before anything is allocated for its pixels.
pub(super) fn open(
    file: &SpooledFile,
    format: SourceFormat,
    limits: &SourceLimits,
) -> Result<Source, ProcessError> {
    let source = guarded(format, || match format {
        #[cfg(feature = "source-avif")]
        SourceFormat::Avif => avif::open(file, limits),
        SourceFormat::Bmp => bmp::open(file, limits),
        SourceFormat::Gif => gif::open(file, limits),
        #[cfg(feature = "source-heic")]
        SourceFormat::Heic => heic::open(file, limits),
        SourceFormat::Jp2 => jp2::open(file, limits),
        SourceFormat::Jpeg => jpeg::open(file, limits),
        #[cfg(feature = "source-pdf")]
        SourceFormat::Pdf => pdf::open(file, limits),
        SourceFormat::Png => png::open(file, limits),
        SourceFormat::Tiff => tiff::open(file, limits),
        SourceFormat::WebP => webp::open(file, limits),
    })?;
    // Some decoders let it pass; the one of WebP takes a side of 16384 pixels, which the format does not allow, for none.
    if source.header.width == 0 || source.header.height == 0 {
        return Err(damaged(format, "it has no pixels"));
    }
    Ok(source)
}

/// Some decoders panic on rare files; that is the file's fault, and nothing of ours is touched by then.
fn guarded<T>(
    format: SourceFormat,
    decode: impl FnOnce() -> Result<T, ProcessError>,
) -> Result<T, ProcessError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(damaged(
            format,
            "the decoder cannot read a file of this kind",
        ))
    })
}

/// Rows whose decoder may panic.
struct Guarded {
    format: SourceFormat,
    rows: Box<dyn Rows>,
}

impl Rows for Guarded {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        guarded(self.format, || self.rows.next_row(row))
    }

    fn finish(&mut self) -> Result<(), ProcessError> {
        guarded(self.format, || self.rows.finish())
    }
}

/// Brings samples that are written with the high byte first into the order of this machine.
fn native_order(samples: &mut [u8], depth: Depth) {
    if depth == Depth::U16 {
        for sample in samples.as_chunks_mut::<2>().0 {
            *sample = u16::from_be_bytes(*sample).to_ne_bytes();
        }
    }
}

fn unsupported(format: SourceFormat, reason: impl Into<String>) -> ProcessError {
    ProcessError::Unsupported {
        format: format.name(),
        reason: reason.into(),
    }
}

fn damaged(format: SourceFormat, reason: impl Into<String>) -> ProcessError {
    ProcessError::Damaged {
        format: format.name(),
        reason: reason.into(),
    }
}
