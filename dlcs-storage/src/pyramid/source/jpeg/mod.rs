//! JPEG sources: read by rows, and never taken for whole where a part is missing.

pub(in crate::pyramid) mod bits;
pub(in crate::pyramid) mod decoder;
pub(in crate::pyramid) mod exif;
pub(in crate::pyramid) mod huffman;
mod icc;
#[cfg(test)]
pub(in crate::pyramid) mod made;
pub(in crate::pyramid) mod markers;
pub(in crate::pyramid) mod outline;
mod progress;
mod rows;
pub(in crate::pyramid) mod scan;
#[cfg(test)]
mod tests;

use std::io::BufReader;

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;
use moxcms::ColorProfile;

use super::super::error::PyramidError;
use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::{
    Alpha, ColourModel, Depth, Header, Nature, Profile, Samples, Source, SourceLimits, damaged,
    unsupported,
};
use markers::Fault;
use outline::{Encoding, Outline};
use rows::{DecodedRows, Job};

/// Bytes of one block of coefficients, and of the note which of them are not zero.
const BLOCK_BYTES: u64 = 64 * 2 + 8;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let outline = outline(file)?;
    if let Some(kind) = outline.unread_kind() {
        return Err(unsupported(SourceFormat::Jpeg, kind));
    }
    limits.check(outline.width.into(), outline.height.into())?;
    let mut job = Job {
        file: file.clone(),
        header: header(&outline),
        inverted: outline.has_inverted_inks(),
    };
    job.header.held_bytes = job.held_bytes() + coefficient_bytes(&outline);
    let header = job.header.clone();
    Ok(Source::new(SourceFormat::Jpeg, header, move || {
        Ok(Box::new(DecodedRows::start(job)?))
    }))
}

/// What the markers say of the image; not what its rows will take of memory.
pub(in crate::pyramid) fn header(outline: &Outline) -> Header {
    let model = match outline.encoding() {
        Encoding::Grey => ColourModel::Grey,
        Encoding::YCbCr | Encoding::Rgb => ColourModel::Rgb,
        Encoding::Cmyk => ColourModel::Cmyk,
    };
    let exif = outline.exif.as_deref();
    Header {
        width: outline.width,
        height: outline.height,
        samples: Samples {
            model,
            depth: Depth::U8,
            alpha: Alpha::None,
        },
        nature: Nature::Shaded,
        profile: profile(outline, model),
        orientation: exif.map_or(Orientation::NoTransforms, exif::orientation),
        held_bytes: 0,
    }
}

/// Reads what the markers of a file say.
pub(in crate::pyramid) fn outline(file: &SpooledFile) -> Result<Outline, ProcessError> {
    let mut reader = BufReader::with_capacity(1 << 16, file.reader());
    Outline::read(&mut reader).map_err(fault)
}

/// What several scans make the decoder keep until the last of them.
fn coefficient_bytes(outline: &Outline) -> u64 {
    if !outline.many_scans {
        return 0;
    }
    let blocks = outline.components.iter().map(|component| {
        let (columns, rows) = outline.padded_blocks(component);
        columns * rows
    });
    blocks.sum::<u64>() * BLOCK_BYTES
}

fn profile(outline: &Outline, model: ColourModel) -> Profile {
    if let Some(profile) = outline.profile() {
        return Profile::Icc(profile);
    }
    let is_adobe_rgb =
        model == ColourModel::Rgb && outline.exif.as_deref().is_some_and(exif::is_adobe_rgb);
    let adobe_rgb = is_adobe_rgb.then(|| ColorProfile::new_adobe_rgb().encode().ok());
    adobe_rgb.flatten().map_or(Profile::Untagged, Profile::Icc)
}

/// What a failure to read means for the source.
pub(in crate::pyramid) fn fault(fault: Fault) -> ProcessError {
    match fault {
        Fault::Io(error) => PyramidError::Spool(error).into(),
        Fault::Damaged(reason) => bad(&reason),
    }
}

/// An image that is damaged.
pub(in crate::pyramid) fn bad(reason: &str) -> ProcessError {
    damaged(SourceFormat::Jpeg, reason)
}
