//! Photographs to register: of real detail and of ten megapixels and more, with the pixels that they were made from.

use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

/// Where Debian's package `mate-backgrounds` puts its photographs.
const PHOTOGRAPHS: &str = "/usr/share/backgrounds/mate/nature";

/// A file, and what it shows.
pub(crate) struct Photograph {
    pub(crate) name: &'static str,
    pub(crate) file: Vec<u8>,
    pub(crate) pixels: RgbImage,
}

/// Every kind of file that is registered end to end; with real photographs where the machine has some.
pub(crate) fn all() -> Vec<Photograph> {
    let mut all = vec![
        jpeg("synthetic.jpg", synthetic(4001, 3003, 1)),
        png("synthetic.png", synthetic(1537, 1025, 2)),
        encoded("synthetic.webp", synthetic(900, 1201, 3), ImageFormat::WebP),
        encoded("synthetic.tif", synthetic(2048, 1536, 4), ImageFormat::Tiff),
        grey_png("grey.png", &synthetic(1000, 700, 5)),
        jpeg("one-tile.jpg", synthetic(512, 512, 6)),
        png(
            "dot.png",
            RgbImage::from_pixel(1, 1, image::Rgb([200, 30, 30])),
        ),
    ];
    match mosaic(&["Garden.jpg", "Wood.jpg", "Storm.jpg", "YellowFlower.jpg"]) {
        Some(pixels) => all.push(jpeg("mosaic.jpg", pixels)),
        None => dlcs_testkit::program::skip(
            "a_whole_deep_zoom_session",
            "the photographs of Debian's mate-backgrounds",
        ),
    }
    all
}

/// A small photograph that differs by its number.
pub(crate) fn small(number: u32) -> Photograph {
    jpeg(
        "small.jpg",
        synthetic(700 + number % 7, 500 + number % 5, u64::from(number)),
    )
}

/// One that costs next to nothing to process.
pub(crate) fn tiny(number: u32) -> Photograph {
    jpeg("tiny.jpg", synthetic(60 + number, 40, u64::from(number)))
}

pub(crate) fn jpeg(name: &'static str, pixels: RgbImage) -> Photograph {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let encoder = Encoder::new(pixels.as_raw(), width, height, PixelFormat::Rgb);
    let file = encoder
        .quality(92)
        .subsampling(Subsampling::S420)
        .encode()
        .unwrap();
    Photograph { name, file, pixels }
}

/// A pyramid of libvips with tiles of 256 pixels; `None` where it is missing, which is said.
pub(crate) fn pyramid(test: &str, pixels: &RgbImage) -> Option<Vec<u8>> {
    let [vips] = dlcs_testkit::program::find(test, ["vips"])?;
    let directory = tempfile::tempdir().unwrap();
    let (source, target) = (
        directory.path().join("a.png"),
        directory.path().join("a.tif"),
    );
    pixels.save(&source).unwrap();
    let how = "--tile --pyramid --compression jpeg --tile-width 256 --tile-height 256";
    let output = std::process::Command::new(vips)
        .arg("tiffsave")
        .args([&source, &target])
        .args(how.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(std::fs::read(target).unwrap())
}

fn png(name: &'static str, pixels: RgbImage) -> Photograph {
    encoded(name, pixels, ImageFormat::Png)
}

fn grey_png(name: &'static str, pixels: &RgbImage) -> Photograph {
    let grey: GrayImage = DynamicImage::ImageRgb8(pixels.clone()).into_luma8();
    let file = write(&DynamicImage::ImageLuma8(grey.clone()), ImageFormat::Png);
    Photograph {
        name,
        file,
        pixels: DynamicImage::ImageLuma8(grey).into_rgb8(),
    }
}

fn encoded(name: &'static str, pixels: RgbImage, format: ImageFormat) -> Photograph {
    let file = write(&DynamicImage::ImageRgb8(pixels.clone()), format);
    Photograph { name, file, pixels }
}

fn write(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Four photographs, two by two.
fn mosaic(names: &[&str; 4]) -> Option<RgbImage> {
    let read = |name: &&str| {
        let bytes = std::fs::read(Path::new(PHOTOGRAPHS).join(name)).ok()?;
        decode_jpeg(&bytes).ok()
    };
    let parts = names.iter().map(read).collect::<Option<Vec<_>>>()?;
    let width = parts.iter().map(RgbImage::width).min()?;
    let height = parts.iter().map(RgbImage::height).min()?;
    Some(RgbImage::from_fn(width * 2, height * 2, |x, y| {
        let part = &parts[(2 * (y / height) + x / width) as usize];
        *part.get_pixel(x % width, y % height)
    }))
}

/// Waves, edges and grain: detail at every scale, the same for the same seed.
fn synthetic(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut grain = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 9) as f32 - 4.0
    };
    let phase = seed as f32;
    RgbImage::from_fn(width, height, |x, y| {
        let (fx, fy) = (x as f32, y as f32);
        let waves = 40.0 * (fx / 97.0 + phase).sin()
            + 30.0 * (fy / 61.0 - phase).cos()
            + 20.0 * ((fx + fy) / 13.0).sin();
        let edge = if (x / 150 + y / 110) % 2 == 0 {
            25.0
        } else {
            -25.0
        };
        let light = 128.0 + waves + edge + grain();
        let warm = 20.0 * (fx / 300.0).sin();
        image::Rgb([light + warm, light, light - warm].map(|value| value.clamp(0.0, 255.0) as u8))
    })
}

/// Decodes a JPEG as RGB, strictly.
pub(crate) fn decode_jpeg(bytes: &[u8]) -> Result<RgbImage, String> {
    use zune_core::bytestream::ZCursor;
    use zune_core::colorspace::ColorSpace;
    use zune_core::options::DecoderOptions;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|error| format!("{error:?}"))?;
    let info = decoder.info().ok_or("no header")?;
    RgbImage::from_raw(info.width.into(), info.height.into(), pixels)
        .ok_or_else(|| "a short image".to_owned())
}

/// The peak signal-to-noise ratio of two images of one size, in dB.
pub(crate) fn psnr(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let squares: f64 = one
        .as_raw()
        .iter()
        .zip(other.as_raw())
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    let mean = squares / one.as_raw().len() as f64;
    if mean == 0.0 {
        f64::INFINITY
    } else {
        10.0 * (255.0 * 255.0 / mean).log10()
    }
}

/// The image at a scale factor: each pixel the mean of those that it covers.
pub(crate) fn scaled_down(image: &RgbImage, factor: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    RgbImage::from_fn(width.div_ceil(factor), height.div_ceil(factor), |x, y| {
        let (right, bottom) = (width.min((x + 1) * factor), height.min((y + 1) * factor));
        let mut sums = [0_u64; 3];
        for v in y * factor..bottom {
            for u in x * factor..right {
                for (sum, value) in sums.iter_mut().zip(image.get_pixel(u, v).0) {
                    *sum += u64::from(value);
                }
            }
        }
        let count = u64::from(right - x * factor) * u64::from(bottom - y * factor);
        image::Rgb(sums.map(|sum| ((sum + count / 2) / count) as u8))
    })
}
