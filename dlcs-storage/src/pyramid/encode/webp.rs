//! WebP, by libwebp at its fastest.

use std::borrow::Cow;

use webp::{Encoder, PixelLayout, WebPConfig};

use super::super::error::PyramidError;
use super::super::pixels::{Channels, Pixels};
use super::{Depth, STREAMED_PIXELS, failed, is_bitonal};

/// Encodes pixels as WebP with this quality; without loss where they are black and white and not many.
///
/// The format has no single channel: grey becomes three equal ones.
pub(super) fn encode_webp(
    pixels: &Pixels,
    depth: Depth,
    quality: u8,
) -> Result<Vec<u8>, PyramidError> {
    let data = match pixels.channels {
        Channels::Grey => Cow::Owned(spread::<1, 3>(&pixels.data, |[v]| [v, v, v])),
        Channels::GreyAlpha => Cow::Owned(spread::<2, 4>(&pixels.data, |[v, a]| [v, v, v, a])),
        Channels::Rgb | Channels::Rgba => Cow::Borrowed(pixels.data.as_slice()),
    };
    let layout = if pixels.channels.has_alpha() {
        PixelLayout::Rgba
    } else {
        PixelLayout::Rgb
    };
    let mut config =
        WebPConfig::new().map_err(|()| failed("libwebp is of another version than expected"))?;
    config.method = 0;
    // What is coded without loss takes some twenty bytes of memory for every pixel.
    let is_large = u64::from(pixels.width) * u64::from(pixels.height) > STREAMED_PIXELS;
    config.alpha_compression = i32::from(!is_large);
    if is_bitonal(pixels.channels, depth) && !is_large {
        config.lossless = 1;
        config.quality = 0.0;
    } else {
        config.quality = f32::from(quality);
    }
    Encoder::new(&data, layout, pixels.width, pixels.height)
        .encode_advanced(&config)
        .map(|bytes| bytes.to_vec())
        .map_err(|error| failed(format!("libwebp: {error:?}")))
}

fn spread<const FROM: usize, const TO: usize>(
    data: &[u8],
    one: impl Fn([u8; FROM]) -> [u8; TO],
) -> Vec<u8> {
    data.as_chunks::<FROM>()
        .0
        .iter()
        .flat_map(|pixel| one(*pixel))
        .collect()
}
