//! From the bytes of a source to upright pixels.

mod bits;
mod complete;
mod convert;
mod jpeg;
mod others;
mod scan;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;

use super::error::PyramidError;
use super::orientation;
use super::pixels::Pixels;
use super::sniff::{SNIFFED, SourceFormat, sniff};

/// What a source may ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecodeLimits {
    pub(super) max_side: u32,
    pub(super) max_pixels: u64,
    pub(super) max_bytes: u64,
}

impl DecodeLimits {
    /// Refuses sizes that are too large, before anything is allocated for them.
    fn check(&self, width: u64, height: u64) -> Result<(), ProcessError> {
        if width.max(height) > u64::from(self.max_side) {
            return Err(ProcessError::SideTooLong {
                width,
                height,
                limit: u64::from(self.max_side),
            });
        }
        self.check_pixels(width, height, self.max_pixels)
    }

    /// Refuses sizes whose pixels take too many bytes.
    fn check_bytes(
        &self,
        width: u64,
        height: u64,
        bytes_per_pixel: u64,
    ) -> Result<(), ProcessError> {
        self.check_pixels(width, height, self.max_bytes / bytes_per_pixel.max(1))
    }

    fn check_pixels(&self, width: u64, height: u64, limit: u64) -> Result<(), ProcessError> {
        if width.saturating_mul(height) > limit {
            return Err(ProcessError::TooManyPixels {
                width,
                height,
                limit,
            });
        }
        Ok(())
    }
}

/// Finds the format of a source from its bytes.
pub(super) fn recognise(file: &File) -> Result<SourceFormat, ProcessError> {
    let mut start = Vec::with_capacity(SNIFFED);
    rewind(file)?;
    file.take(SNIFFED as u64)
        .read_to_end(&mut start)
        .map_err(PyramidError::Spool)?;
    sniff(&start).map_err(|seen| ProcessError::Unrecognised { seen })
}

/// Decodes a source: grey stays grey, everything else becomes RGB, 8 bits a channel, upright and opaque.
pub(super) fn decode(
    file: &File,
    format: SourceFormat,
    limits: &DecodeLimits,
) -> Result<Pixels, ProcessError> {
    complete::check(file, format).map_err(|reason| damaged(format, reason))?;
    rewind(file)?;
    // Some decoders panic on rare files; that is the file's fault, and nothing of ours is touched by then.
    let decoded = catch_unwind(AssertUnwindSafe(|| match format {
        SourceFormat::Jpeg => jpeg::decode(file, limits),
        _ => others::decode(file, format, limits),
    }));
    let (pixels, orientation) = decoded.unwrap_or_else(|_| {
        Err(damaged(
            format,
            "the decoder cannot read a file of this kind",
        ))
    })?;
    Ok(orientation::apply(pixels, orientation))
}

fn rewind(mut file: &File) -> Result<(), PyramidError> {
    file.seek(SeekFrom::Start(0)).map_err(PyramidError::Spool)?;
    Ok(())
}

/// How many frames of pixels are held at once to turn an image upright.
const fn frames(orientation: Orientation) -> u64 {
    if orientation::needs_second_frame(orientation) {
        2
    } else {
        1
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
