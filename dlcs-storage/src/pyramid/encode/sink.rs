//! Encoders that take a picture from top to bottom.

use dlcs_core::iiif::{Dimensions, Format};

use super::super::error::PyramidError;
use super::super::pixels::{Channels, Pixels};
use super::jpeg::JpegRows;
use super::pdf::{PageImage, page};
use super::png::PngRows;
use super::tiff::TiffRows;
use super::{Depth, EncodeOptions, encode, is_bitonal};

/// What has more pixels than this is not held whole where its format lets rows go one by one.
pub(in super::super) const STREAMED_PIXELS: u64 = 16 * 512 * 512;

/// Whether a picture of so many pixels is encoded without being held whole.
pub(in super::super) fn streams(format: Format, area: u64) -> bool {
    match format {
        Format::Tif => true,
        Format::Jpg | Format::Png | Format::Pdf => area > STREAMED_PIXELS,
        _ => false,
    }
}

/// Takes strips of a picture, and makes a file of them.
pub(in super::super) struct Sink {
    format: Format,
    size: Dimensions,
    channels: Channels,
    depth: Depth,
    options: EncodeOptions,
    rows: Rows,
}

enum Rows {
    /// All that has come.
    Held(Option<Pixels>),
    Jpeg(Box<JpegRows>),
    Png(Box<PngRows>),
    Tiff(TiffRows),
    /// Bits that are packed.
    Bits(Vec<u8>),
}

impl Sink {
    /// Begins a picture of this size; strips must have these channels.
    pub(in super::super) fn start(
        format: Format,
        size: Dimensions,
        channels: Channels,
        depth: Depth,
        options: EncodeOptions,
    ) -> Result<Self, PyramidError> {
        let streams = streams(format, size.area());
        let rows = match format {
            Format::Pdf if is_bitonal(channels, depth) => Rows::Bits(Vec::new()),
            Format::Jpg | Format::Pdf if streams => Rows::Jpeg(Box::new(JpegRows::start(
                size,
                channels,
                options.jpeg_quality,
            )?)),
            Format::Png if streams => Rows::Png(Box::new(PngRows::start(size, channels, depth)?)),
            Format::Tif => Rows::Tiff(TiffRows::start(size, channels, depth)),
            _ => Rows::Held(None),
        };
        Ok(Self {
            format,
            size,
            channels,
            depth,
            options,
            rows,
        })
    }

    /// Takes the next rows.
    pub(in super::super) fn push(&mut self, strip: Pixels) -> Result<(), PyramidError> {
        match &mut self.rows {
            Rows::Held(Some(held)) => {
                held.height += strip.height;
                held.data.extend_from_slice(&strip.data);
                Ok(())
            }
            Rows::Held(held) => {
                let mut first = strip;
                let missing = u64::from(self.size.height() - first.height) * first.stride() as u64;
                first.data.reserve_exact(missing as usize);
                *held = Some(first);
                Ok(())
            }
            Rows::Jpeg(rows) => rows.push(&strip),
            Rows::Png(rows) => rows.push(&strip),
            Rows::Tiff(rows) => rows.push(&strip),
            Rows::Bits(bits) => {
                bits.extend(super::pack_bits(&strip));
                Ok(())
            }
        }
    }

    /// Ends the picture.
    pub(in super::super) fn finish(self) -> Result<Vec<u8>, PyramidError> {
        let (format, size, channels) = (self.format, self.size, self.channels);
        let bytes = match self.rows {
            Rows::Jpeg(rows) => rows.finish()?,
            Rows::Png(rows) => return rows.finish(),
            Rows::Tiff(rows) => return rows.finish(),
            Rows::Bits(bits) => return page(size, channels, &PageImage::Bits(bits)),
            Rows::Held(held) => {
                let pixels = held.ok_or_else(|| super::failed("a picture without rows"))?;
                let format = if format == Format::Pdf {
                    Format::Jpg
                } else {
                    format
                };
                encode(pixels, self.depth, format, &self.options)?
            }
        };
        match format {
            Format::Pdf => page(size, channels, &PageImage::Jpeg(bytes)),
            _ => Ok(bytes),
        }
    }
}
