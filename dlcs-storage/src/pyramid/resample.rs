//! From the pixels of a level to those of a response.

use dlcs_core::iiif::{Dimensions, Quality, Rotation};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;

use super::error::PyramidError;
use super::orientation;
use super::pixels::{Channels, Pixels};

/// A rectangle between pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Crop {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Scales a part of the pixels to exactly this size.
pub(super) fn resize(pixels: Pixels, crop: Crop, size: Dimensions) -> Result<Pixels, PyramidError> {
    let (width, height) = (size.width(), size.height());
    let everything = Crop {
        left: 0.0,
        top: 0.0,
        width: f64::from(pixels.width),
        height: f64::from(pixels.height),
    };
    if crop == everything && (pixels.width, pixels.height) == (width, height) {
        return Ok(pixels);
    }
    let kind = match pixels.channels {
        Channels::Grey => PixelType::U8,
        Channels::GreyAlpha => PixelType::U8x2,
        Channels::Rgb => PixelType::U8x3,
        Channels::Rgba => PixelType::U8x4,
    };
    // Softer where pixels have to be made up: sharp filters ring.
    let enlarges = f64::from(width) > crop.width || f64::from(height) > crop.height;
    let filter = if enlarges {
        FilterType::CatmullRom
    } else {
        FilterType::Lanczos3
    };
    let source = ImageRef::new(pixels.width, pixels.height, &pixels.data, kind)
        .map_err(|error| PyramidError::Resize(error.into()))?;
    let mut target = Image::new(width, height, kind);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter))
        .crop(crop.left, crop.top, crop.width, crop.height);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(|error| PyramidError::Resize(error.into()))?;
    Ok(Pixels {
        width,
        height,
        channels: pixels.channels,
        data: target.into_vec(),
    })
}

/// Mirrors, then turns clockwise.
pub(super) fn turn(pixels: Pixels, mirror: bool, rotation: Rotation) -> Pixels {
    let orientation = match (mirror, rotation.quarter_turns()) {
        (false, Some(1)) => Orientation::Rotate90,
        (false, Some(2)) => Orientation::Rotate180,
        (false, Some(3)) => Orientation::Rotate270,
        (false, _) => Orientation::NoTransforms,
        // Mirroring first and turning a quarter is turning the other way and mirroring then.
        (true, Some(1)) => Orientation::Rotate270FlipH,
        (true, Some(2)) => Orientation::FlipVertical,
        (true, Some(3)) => Orientation::Rotate90FlipH,
        (true, _) => Orientation::FlipHorizontal,
    };
    orientation::apply(pixels, orientation)
}

/// Reduces the colours to those of a quality.
pub(super) fn reduce(pixels: Pixels, quality: Quality) -> Pixels {
    match quality {
        Quality::Default | Quality::Color => pixels,
        Quality::Gray => grey(pixels),
        Quality::Bitonal => {
            let mut pixels = grey(pixels);
            for value in &mut pixels.data {
                *value = if *value < 128 { 0 } else { 255 };
            }
            pixels
        }
    }
}

fn grey(pixels: Pixels) -> Pixels {
    let (channels, data) = match pixels.channels {
        Channels::Grey | Channels::GreyAlpha => return pixels,
        Channels::Rgb => {
            let colours = pixels.data.as_chunks::<3>().0.iter();
            (Channels::Grey, colours.copied().map(luma).collect())
        }
        Channels::Rgba => {
            let colours = pixels.data.as_chunks::<4>().0.iter();
            let data = colours.flat_map(|[r, g, b, alpha]| [luma([*r, *g, *b]), *alpha]);
            (Channels::GreyAlpha, data.collect())
        }
    };
    Pixels {
        channels,
        data,
        ..pixels
    }
}

/// Luma of Rec. 601, as in JPEG.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b);
    ((sum + 32_768) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_comes_before_the_turn() {
        let pixels = Pixels {
            width: 3,
            height: 2,
            channels: Channels::Grey,
            data: vec![1, 2, 3, 4, 5, 6],
        };
        for rotation in [
            Rotation::DEG_0,
            Rotation::DEG_90,
            Rotation::DEG_180,
            Rotation::DEG_270,
        ] {
            let mirrored = turn(pixels.clone(), true, Rotation::DEG_0);
            assert_eq!(mirrored.data, [3, 2, 1, 6, 5, 4]);
            assert_eq!(
                turn(pixels.clone(), true, rotation),
                turn(mirrored, false, rotation),
                "{rotation:?}"
            );
        }
        assert_eq!(
            turn(pixels, false, Rotation::DEG_90).data,
            [4, 1, 5, 2, 6, 3]
        );
    }
}
