//! JPEG, at once and row by row.

use dlcs_core::iiif::Dimensions;
use dlcs_core::policy::ChromaSampling;
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use mozjpeg::compress::CompressStarted;
use mozjpeg::{ColorSpace, Compress};

use super::super::error::PyramidError;
use super::super::pixels::{Channels, Pixels};
use super::failed;

/// Encodes pixels as JPEG; what is transparent lies on white.
pub(in super::super) fn encode_jpeg(
    pixels: &Pixels,
    quality: u8,
    sampling: ChromaSampling,
) -> Result<Vec<u8>, PyramidError> {
    let pixels = &pixels.on_white();
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let (format, sampling) = match (pixels.channels, sampling) {
        // libtiff refuses a single channel with any other factors than one.
        (Channels::Grey | Channels::GreyAlpha, _) => (PixelFormat::Grayscale, Subsampling::S444),
        (_, ChromaSampling::Full) => (PixelFormat::Rgb, Subsampling::S444),
        (_, ChromaSampling::Quarter) => (PixelFormat::Rgb, Subsampling::S420),
    };
    Encoder::new(&pixels.data, width, height, format)
        .quality(quality)
        .subsampling(sampling)
        .encode()
        .map_err(failed)
}

/// A JPEG that is written row by row, colours at 4:2:0.
pub(super) struct JpegRows {
    started: CompressStarted<Vec<u8>>,
}

impl JpegRows {
    /// Begins it; the channels have no alpha.
    pub(super) fn start(
        size: Dimensions,
        channels: Channels,
        quality: u8,
    ) -> Result<Self, PyramidError> {
        let is_grey = channels == Channels::Grey;
        let mut compress = Compress::new(if is_grey {
            ColorSpace::JCS_GRAYSCALE
        } else {
            ColorSpace::JCS_RGB
        });
        // What libjpeg does: neither scans nor tables are searched for.
        compress.set_fastest_defaults();
        compress.set_size(size.width() as usize, size.height() as usize);
        compress.set_quality(f32::from(quality));
        if !is_grey {
            compress.set_chroma_sampling_pixel_sizes((2, 2), (2, 2));
        }
        let started = compress.start_compress(Vec::new()).map_err(failed)?;
        Ok(Self { started })
    }

    pub(super) fn push(&mut self, strip: &Pixels) -> Result<(), PyramidError> {
        self.started.write_scanlines(&strip.data).map_err(failed)
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, PyramidError> {
        self.started.finish().map_err(failed)
    }
}
