//! Colours without a profile.
//!
//! Inks without a profile are taken as ideal ones, each of which leaves its own part of the light: what ImageMagick, libtiff and browsers
//! show, and the exact inverse of how they make such files. Any other choice would assume one printing press of many.

use std::sync::LazyLock;

use super::super::{ColourModel, Depth, Samples};
use super::samples::narrow;
use super::transform::Transform;

/// The conversion of what says nothing of its colours.
pub(super) const fn untagged(samples: Samples) -> Transform {
    match samples.model {
        ColourModel::Grey | ColourModel::Rgb => Transform::Copy,
        ColourModel::Cmyk => Transform::Inks,
        ColourModel::Lab => Transform::Lab,
    }
}

/// The conversion of samples that are a power of light; of inks and Lab it says nothing.
pub(super) fn gamma(samples: Samples, exponent: f64) -> Transform {
    let means_light = matches!(samples.model, ColourModel::Grey | ColourModel::Rgb);
    if means_light && exponent.is_finite() && exponent > 0.0 {
        table(samples.depth, |sample| sample.powf(exponent))
    } else {
        untagged(samples)
    }
}

/// A look-up from samples over the light that they mean, both from 0 to 1; nothing where it would hardly change anything.
pub(super) fn table(depth: Depth, light: impl Fn(f64) -> f64) -> Transform {
    let largest = if depth == Depth::U8 { 255_u16 } else { 65_535 };
    let plain = |sample: u16| match depth {
        Depth::U8 => sample as u8,
        Depth::U16 | Depth::F32 => narrow(sample),
    };
    let table: Box<[u8]> = (0..=largest)
        .map(|sample| encode(light(f64::from(sample) / f64::from(largest))))
        .collect();
    let changes = (0..=largest)
        .zip(&table)
        .any(|(sample, found)| found.abs_diff(plain(sample)) > 1);
    if changes {
        Transform::Table(table)
    } else {
        Transform::Copy
    }
}

/// The sample of 8 bits that shows this much light, by the curve of sRGB (IEC 61966-2-1). Not a number is dark.
pub(super) fn encode(light: f64) -> u8 {
    let light = light.clamp(0.0, 1.0);
    let sample = if light <= 0.003_130_8 {
        12.92 * light
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    };
    (sample * 255.0).round() as u8
}

/// [`encode`] for light in steps of 1/65535: a quarter of a percent of a sample where the curve is steepest.
static ENCODED: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    (0..=u16::MAX)
        .map(|light| encode(f64::from(light) / 65_535.0))
        .collect()
});

/// Converts cyan, magenta, yellow and black of 8 bits.
pub(super) fn from_inks(source: &[u8], target: &mut [u8]) {
    let pixels = source.as_chunks::<4>().0.iter();
    for (target, [c, m, y, k]) in target.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        let left = 255 - u32::from(*k);
        *target = [*c, *m, *y].map(|ink| (((255 - u32::from(ink)) * left + 127) / 255) as u8);
    }
}

/// Converts cyan, magenta, yellow and black of 16 bits.
pub(super) fn from_wide_inks(source: &[u16], target: &mut [u8]) {
    let pixels = source.as_chunks::<4>().0.iter();
    for (target, [c, m, y, k]) in target.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        let left = u64::from(65_535 - k);
        *target = [*c, *m, *y]
            .map(|ink| narrow(((u64::from(65_535 - ink) * left + 32_767) / 65_535) as u16));
    }
}

/// Converts L*a*b* as [`ColourModel::Lab`] lays it out.
pub(super) fn from_lab(source: &[u8], depth: Depth, target: &mut [u8]) {
    let targets = target.as_chunks_mut::<3>().0.iter_mut();
    match depth {
        Depth::U8 => {
            for (target, [l, a, b]) in targets.zip(source.as_chunks::<3>().0) {
                let l = f32::from(*l) * (100.0 / 255.0);
                *target = lab_to_srgb(l, f32::from(*a) - 128.0, f32::from(*b) - 128.0);
            }
        }
        Depth::U16 => {
            let pixels = source.as_chunks::<2>().0.as_chunks::<3>().0;
            for (target, pixel) in targets.zip(pixels) {
                let [l, a, b] = pixel.map(|sample| f32::from(u16::from_ne_bytes(sample)));
                let l = l * (100.0 / 65_535.0);
                *target = lab_to_srgb(l, a / 256.0 - 128.0, b / 256.0 - 128.0);
            }
        }
        Depth::F32 => {
            let pixels = source.as_chunks::<4>().0.as_chunks::<3>().0;
            for (target, pixel) in targets.zip(pixels) {
                let [l, a, b] = pixel.map(f32::from_ne_bytes);
                *target = lab_to_srgb(l, a, b);
            }
        }
    }
}

/// From XYZ, each relative to D50, to the light of sRGB: the inverse of its primaries, adapted by the Bradford method.
const D50_TO_SRGB: [[f32; 3]; 3] = {
    // Rows of the matrix from XYZ (D50), and the white that L*a*b* is relative to.
    let matrix = [
        [3.133_856, -1.616_866_7, -0.490_614_6],
        [-0.978_768_4, 1.916_141_5, 0.033_454],
        [0.071_945_3, -0.228_991_4, 1.405_242_7],
    ];
    let white = [0.964_22, 1.0, 0.825_21];
    let mut scaled = [[0.0; 3]; 3];
    let mut row = 0;
    while row < 3 {
        let mut column = 0;
        while column < 3 {
            scaled[row][column] = matrix[row][column] * white[column];
            column += 1;
        }
        row += 1;
    }
    scaled
};

/// CIE 15:2004, 8.2.1.1, backwards.
fn lab_to_srgb(l: f32, a: f32, b: f32) -> [u8; 3] {
    let relative = |t: f32| {
        if t > 6.0 / 29.0 {
            t * t * t
        } else {
            (t - 4.0 / 29.0) * (108.0 / 841.0)
        }
    };
    let y = (l + 16.0) / 116.0;
    let xyz = [y + a / 500.0, y, y - b / 200.0].map(relative);
    D50_TO_SRGB.map(|row| {
        let light = row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2];
        // Not a number becomes 0.
        ENCODED[(light.clamp(0.0, 1.0) * 65_535.0).round() as u16 as usize]
    })
}

/// The light that an L* means, from 0 to 1.
pub(super) fn light_of_lightness(l: f64) -> f64 {
    if l > 8.0 {
        ((l + 16.0) / 116.0).powi(3)
    } else {
        l * (27.0 / 24_389.0)
    }
}
