//! The one place that writes image formats.

use std::io::Cursor;

use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

use super::error::PyramidError;
use super::pixels::{Channels, Pixels};

/// Encodes pixels as JPEG, colours at 4:2:0; what is transparent lies on white.
pub(super) fn encode_jpeg(pixels: &Pixels, quality: u8) -> Result<Vec<u8>, PyramidError> {
    let pixels = &pixels.on_white();
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let (format, sampling) = match pixels.channels {
        // libtiff refuses a single channel with any other factors than one.
        Channels::Grey | Channels::GreyAlpha => (PixelFormat::Grayscale, Subsampling::S444),
        Channels::Rgb | Channels::Rgba => (PixelFormat::Rgb, Subsampling::S420),
    };
    Encoder::new(&pixels.data, width, height, format)
        .quality(quality)
        .subsampling(sampling)
        .encode()
        .map_err(|error| PyramidError::Encode(error.into()))
}

/// Encodes pixels as PNG, for speed rather than size.
pub(super) fn encode_png(pixels: &Pixels) -> Result<Vec<u8>, PyramidError> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width, pixels.height);
    encoder.set_color(match pixels.channels {
        Channels::Grey => png::ColorType::Grayscale,
        Channels::GreyAlpha => png::ColorType::GrayscaleAlpha,
        Channels::Rgb => png::ColorType::Rgb,
        Channels::Rgba => png::ColorType::Rgba,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder
        .write_header()
        .and_then(|mut writer| {
            writer.write_image_data(&pixels.data)?;
            writer.finish()
        })
        .map_err(|error| PyramidError::Encode(error.into()))?;
    Ok(bytes.into_inner())
}
