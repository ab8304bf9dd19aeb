//! Pictures that say which version of an image they are: by their size and by their colour.

use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use crate::Result;

/// How many pictures there are: versions that many apart look the same.
pub(crate) const PICTURES: u32 = 64;
/// How far a pixel may be from its colour, after two compressions.
const TOLERANCE: u8 = 12;

fn size(picture: u32) -> (u32, u32) {
    (32 + picture % 8 * 4, 24 + picture / 8 * 4)
}

fn colour(picture: u32) -> [u8; 3] {
    let channel = |step: u32| u8::try_from(32 + step % 4 * 64).unwrap_or(u8::MAX);
    [
        channel(picture),
        channel(picture / 4),
        channel(picture / 16),
    ]
}

/// The file of a version.
pub(crate) fn encode(version: u32) -> Result<Vec<u8>> {
    let picture = version % PICTURES;
    let (width, height) = size(picture);
    let pixels = colour(picture).repeat((width * height) as usize);
    let encoder = Encoder::new(&pixels, width as usize, height as usize, PixelFormat::Rgb);
    let file = encoder
        .quality(95)
        .subsampling(Subsampling::S444)
        .encode()
        .map_err(|error| format!("a picture cannot be made: {error}"))?;
    Ok(file)
}

/// Which picture a file shows, whole.
///
/// # Errors
/// Why it shows none.
pub(crate) fn decode(file: &[u8]) -> Result<u32, String> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(file), options);
    let pixels = decoder.decode().map_err(|error| format!("{error:?}"))?;
    let info = decoder.info().ok_or("it has no header")?;
    let found = (u32::from(info.width), u32::from(info.height));
    let picture = (0..PICTURES)
        .find(|picture| size(*picture) == found)
        .ok_or_else(|| format!("no version has {} x {} pixels", found.0, found.1))?;
    let colour = colour(picture);
    let wrong = pixels.chunks(3).position(|pixel| {
        pixel
            .iter()
            .zip(colour)
            .any(|(a, b)| a.abs_diff(b) > TOLERANCE)
    });
    match wrong {
        None => Ok(picture),
        Some(place) => Err(format!(
            "pixel {place} of picture {picture} has not its colour"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_is_told_from_the_others() {
        for version in 0..PICTURES {
            assert_eq!(decode(&encode(version + PICTURES).unwrap()), Ok(version));
        }
    }

    #[test]
    fn half_a_picture_is_none() {
        let file = encode(7).unwrap();
        assert!(decode(&file[..file.len() - 40]).is_err());
        assert!(decode(b"").is_err());
    }

    #[test]
    fn a_picture_in_the_colour_of_another_is_none() {
        let (width, height) = size(9);
        let pixels = colour(17).repeat((width * height) as usize);
        let encoder = Encoder::new(&pixels, width as usize, height as usize, PixelFormat::Rgb);
        assert!(decode(&encoder.quality(95).encode().unwrap()).is_err());
    }
}
