//! TIFF sources: strips and tiles, read row by row.
//!
//! A file is opened by its directory alone ([`ifd`], [`image`]). Then each strip or tile is unpacked by its compression into the rows that an
//! uncompressed file would have ([`chunk_rows`]), its samples become those of the row ([`unpack`]), and rows of chunks side by side become
//! rows of the image ([`rows`]). To add a compression: a variant of [`coding::Coding`] and its reader in [`chunk_rows`].

mod chunk_rows;
mod chunks;
mod coding;
mod fax;
mod ifd;
mod image;
mod jpeg;
pub(in crate::pyramid) mod original;
mod packed;
mod predictor;
mod rows;
mod tag;
#[cfg(test)]
mod tests;
mod unpack;
mod webp;
mod ycbcr;

use dlcs_core::derivative::ProcessError;

use self::image::TiffImage;
use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::{Header, Source, SourceLimits, damaged, unsupported};
use ifd::Directory;
use rows::TiffRows;

/// Opens a TIFF by its directory.
pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let directory = Directory::of_image(file)?;
    let mut image = TiffImage::read(&directory, file.length(), limits)?;
    let held_bytes = rows::held_bytes(&mut image, file)?;
    let header = Header {
        width: image.width,
        height: image.height,
        samples: image.samples,
        nature: image.nature(),
        profile: image.profile.clone(),
        orientation: image.orientation,
        held_bytes,
    };
    let file = file.clone();
    Ok(Source::new(SourceFormat::Tiff, header, move || {
        Ok(Box::new(TiffRows::new(image, file)))
    }))
}

/// A file that contradicts itself or ends early.
fn bad(reason: impl Into<String>) -> ProcessError {
    damaged(SourceFormat::Tiff, reason)
}

/// A kind of TIFF that is not read.
fn unread(reason: impl Into<String>) -> ProcessError {
    unsupported(SourceFormat::Tiff, reason)
}
