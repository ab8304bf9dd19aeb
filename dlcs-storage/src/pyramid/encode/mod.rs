//! The one place that writes image formats.

mod gif;
mod jp2;
mod jpeg;
mod pdf;
mod png;
mod sink;
mod tiff;
mod webp;

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

/// How much is lost where a format loses something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Losses {
    /// The quality of JPEG, and of what is in a PDF: 1 to 100.
    pub(super) jpeg: u8,
    /// The quality of WebP: 1 to 100.
    pub(super) webp: u8,
}

/// Encodes pixels as a whole.
///
/// Alpha is kept where the format carries it, in GIF as a yes or no; otherwise what is transparent lies on white.
fn encode(
    pixels: &Pixels,
    depth: Depth,
    format: Format,
    losses: Losses,
) -> Result<Vec<u8>, PyramidError> {
    match format {
        Format::Jpg => encode_jpeg(pixels, losses.jpeg, ChromaSampling::Quarter),
        Format::Png => png::encode_png(pixels, depth),
        Format::Webp => webp::encode_webp(pixels, depth, losses.webp),
        Format::Gif => gif::encode_gif(pixels, depth),
        Format::Jp2 => jp2::encode_jp2(pixels, depth),
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
