//! The one place that writes image formats.

mod gif;
mod jp2;
mod jpeg;
mod pdf;
mod png;
mod sink;
mod tiff;
mod webp;

use std::path::PathBuf;

use dlcs_core::iiif::{Format, FormatSet};
use dlcs_core::policy::ChromaSampling;

use super::error::PyramidError;
use super::pixels::{Channels, Pixels};
pub(super) use jpeg::encode_jpeg;
pub(super) use sink::{STREAMED_PIXELS, Sink, streams};

/// The formats that have an encoder here.
pub(super) const FORMATS: FormatSet = FormatSet::of(&[
    Format::Jpg,
    Format::Png,
    Format::Webp,
    Format::Gif,
    Format::Tif,
    Format::Jp2,
    Format::Pdf,
]);

/// How many bits a sample has where the format leaves a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Black and white: a single channel of nothing but 0 and 255.
    Bit,
    /// Eight bits.
    Byte,
}

/// What encoders are told beside the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EncodeOptions {
    /// The quality of JPEG, and of what is in a PDF: 1 to 100.
    pub(super) jpeg_quality: u8,
    /// The quality of WebP: 1 to 100.
    pub(super) webp_quality: u8,
    /// Where an encoder that must have a file makes it; `None`: the temporary directory of the system.
    pub(super) spool_directory: Option<PathBuf>,
}

/// Encodes pixels as a whole.
///
/// Alpha is kept where the format carries it, in GIF as a yes or no; otherwise what is transparent lies on white.
fn encode(
    pixels: Pixels,
    depth: Depth,
    format: Format,
    options: &EncodeOptions,
) -> Result<Vec<u8>, PyramidError> {
    match format {
        Format::Jpg => encode_jpeg(&pixels, options.jpeg_quality, ChromaSampling::Quarter),
        Format::Png => png::encode_png(&pixels, depth),
        Format::Webp => webp::encode_webp(pixels, depth, options.webp_quality),
        Format::Gif => gif::encode_gif(&pixels, depth),
        Format::Jp2 => jp2::encode_jp2(&pixels, depth, options.spool_directory.as_deref()),
        _ => Err(failed(format!(
            "{} has no encoder of whole pictures",
            format.extension()
        ))),
    }
}

/// Rows of one bit a pixel, white set, each padded to whole bytes.
fn pack_bits(pixels: &Pixels) -> Vec<u8> {
    let mut packed = Vec::with_capacity(pixels.data.len() / 8 + pixels.height as usize);
    for row in pixels.rows() {
        packed.extend(row.chunks(8).map(|eight| {
            eight
                .iter()
                .enumerate()
                .fold(0, |byte, (bit, value)| byte | (value & 0x80) >> bit)
        }));
    }
    packed
}

/// Whether pixels are to be written with one bit each.
fn is_bitonal(channels: Channels, depth: Depth) -> bool {
    depth == Depth::Bit && channels == Channels::Grey
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PyramidError {
    PyramidError::Encode(error.into())
}
