//! WebP, by libwebp at its fastest.

use webp::{Encoder, PixelLayout, WebPConfig};

use super::super::error::PyramidError;
use super::super::pixels::{Channels, Pixels};
use super::{Depth, STREAMED_PIXELS, failed, is_bitonal};

/// Encodes pixels as WebP with this quality; without loss where they are black and white and not many.
///
/// The format has no single channel: grey becomes three equal ones.
pub(super) fn encode_webp(
    pixels: Pixels,
    depth: Depth,
    quality: u8,
) -> Result<Vec<u8>, PyramidError> {
    let (width, height, channels) = (pixels.width, pixels.height, pixels.channels);
    // What is spread is not held twice.
    let data = match channels {
        Channels::Grey => spread::<1, 3>(pixels.data, |[v]| [v, v, v]),
        Channels::GreyAlpha => spread::<2, 4>(pixels.data, |[v, a]| [v, v, v, a]),
        Channels::Rgb | Channels::Rgba => pixels.data,
    };
    let layout = if channels.has_alpha() {
        PixelLayout::Rgba
    } else {
        PixelLayout::Rgb
    };
    let mut config =
        WebPConfig::new().map_err(|()| failed("libwebp is of another version than expected"))?;
    config.method = 0;
    // What is coded without loss takes some twenty bytes of memory for every pixel.
    let is_large = u64::from(width) * u64::from(height) > STREAMED_PIXELS;
    config.alpha_compression = i32::from(!is_large);
    if is_bitonal(channels, depth) && !is_large {
        config.lossless = 1;
        config.quality = 0.0;
    } else {
        config.quality = f32::from(quality);
    }
    Encoder::new(&data, layout, width, height)
        .encode_advanced(&config)
        .map(|bytes| bytes.to_vec())
        .map_err(|error| failed(format!("libwebp: {error:?}")))
}

/// Spreads the channels of pixels over more of them, and lets go of the pixels.
fn spread<const FROM: usize, const TO: usize>(
    data: Vec<u8>,
    one: impl Fn([u8; FROM]) -> [u8; TO],
) -> Vec<u8> {
    let mut spread = vec![0; data.len() / FROM * TO];
    let targets = spread.as_chunks_mut::<TO>().0;
    for (target, pixel) in targets.iter_mut().zip(data.as_chunks::<FROM>().0) {
        *target = one(*pixel);
    }
    drop(data);
    spread
}
