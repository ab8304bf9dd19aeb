//! Turning a result by any angle.

use std::ops::Range;

use dlcs_core::iiif::{Dimensions, Rotation};
use image::metadata::Orientation;

use super::super::orientation;
use super::super::pixels::{Channels, Pixels};

/// Bits after the point of a position: the steps of the longest row add up to far less than a pixel.
const FRACTION: u32 = 32;

/// Squares of the result, so that reading down a column stays within the caches.
const SQUARE: usize = 64;

/// Swaps left and right.
pub(super) fn mirror(pixels: Pixels) -> Pixels {
    orientation::apply(pixels, Orientation::FlipHorizontal)
}

/// What lies beside a turned image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Corners {
    /// Nothing: the result has alpha.
    Transparent,
    /// Black: the result has the channels of the image.
    Black,
}

/// An image that is turned clockwise about its middle.
#[derive(Debug)]
pub(super) struct Turned {
    pixels: Pixels,
    rotation: Rotation,
    corners: Corners,
    size: Dimensions,
}

impl Turned {
    /// Turns pixels; the size is that of the result.
    pub(super) const fn new(
        pixels: Pixels,
        rotation: Rotation,
        corners: Corners,
        size: Dimensions,
    ) -> Self {
        Self {
            pixels,
            rotation,
            corners,
            size,
        }
    }

    /// Some rows of the result.
    pub(super) fn rows(&self, rows: Range<u32>) -> Pixels {
        let transparent = self.corners == Corners::Transparent;
        match (self.pixels.channels, transparent) {
            (Channels::Grey, false) => self.fill::<1, 1>(rows, Channels::Grey, mix_opaque),
            (Channels::Rgb, false) => self.fill::<3, 3>(rows, Channels::Rgb, mix_opaque),
            (Channels::Grey, true) => self.fill::<1, 2>(rows, Channels::GreyAlpha, mix_alpha),
            (Channels::Rgb, true) => self.fill::<3, 4>(rows, Channels::Rgba, mix_alpha),
            (Channels::GreyAlpha, _) => self.fill::<2, 2>(rows, Channels::GreyAlpha, mix_alpha),
            (Channels::Rgba, _) => self.fill::<4, 4>(rows, Channels::Rgba, mix_alpha),
        }
    }

    fn fill<const N: usize, const TO: usize>(
        &self,
        rows: Range<u32>,
        channels: Channels,
        mix: impl Fn([Option<[u8; N]>; 4], [u32; 4]) -> [u8; TO],
    ) -> Pixels {
        let source = self.pixels.data.as_chunks::<N>().0;
        let (width, height) = (i64::from(self.pixels.width), i64::from(self.pixels.height));
        let at = |x: i64, y: i64| {
            ((0..width).contains(&x) && (0..height).contains(&y))
                .then(|| source[(y * width + x) as usize])
        };
        let mut result = Pixels::blank(self.size.width(), rows.end - rows.start, channels);
        let target_width = self.size.width() as usize;
        let target = result.data.as_chunks_mut::<TO>().0;
        let (sin, cos) = self.rotation.sin_cos();
        let fixed = |value: f64| (value * (1_u64 << FRACTION) as f64).round() as i64;
        let (step_x, step_y) = (fixed(cos), fixed(-sin));
        let lines = rows.len();
        for top in (0..lines).step_by(SQUARE) {
            for left in (0..target_width).step_by(SQUARE) {
                for line in top..lines.min(top + SQUARE) {
                    // From the middle of the result to the middle of this pixel, turned back.
                    let dx = left as f64 + 0.5 - f64::from(self.size.width()) / 2.0;
                    let dy = f64::from(rows.start) + line as f64 + 0.5
                        - f64::from(self.size.height()) / 2.0;
                    let mut x = fixed(dx * cos + dy * sin + width as f64 / 2.0 - 0.5);
                    let mut y = fixed(dy * cos - dx * sin + height as f64 / 2.0 - 0.5);
                    let end = target_width.min(left + SQUARE);
                    for pixel in &mut target[line * target_width..][left..end] {
                        let (column, row) = (x >> FRACTION, y >> FRACTION);
                        if (-1..width).contains(&column) && (-1..height).contains(&row) {
                            let part = |value: i64| (value >> (FRACTION - 8)) as u32 & 0xFF;
                            let (right, below) = (part(x), part(y));
                            *pixel = mix(
                                [
                                    at(column, row),
                                    at(column + 1, row),
                                    at(column, row + 1),
                                    at(column + 1, row + 1),
                                ],
                                [
                                    (256 - right) * (256 - below),
                                    right * (256 - below),
                                    (256 - right) * below,
                                    right * below,
                                ],
                            );
                        }
                        x += step_x;
                        y += step_y;
                    }
                }
            }
        }
        result
    }
}

/// Four neighbours by their weights, which add up to 65536; what lies outside is black.
fn mix_opaque<const N: usize>(neighbours: [Option<[u8; N]>; 4], weights: [u32; 4]) -> [u8; N] {
    let mut sums = [0x8000_u32; N];
    for (neighbour, weight) in neighbours.into_iter().zip(weights) {
        for (sum, value) in sums.iter_mut().zip(neighbour.unwrap_or([0; N])) {
            *sum += u32::from(value) * weight;
        }
    }
    sums.map(|sum| (sum >> 16) as u8)
}

/// The same with alpha: colours count as much as they are seen, and what lies outside is not seen.
fn mix_alpha<const N: usize, const TO: usize>(
    neighbours: [Option<[u8; N]>; 4],
    weights: [u32; 4],
) -> [u8; TO] {
    let colours = TO - 1;
    let (mut sums, mut seen) = ([0_u64; TO], 0_u64);
    for (neighbour, weight) in neighbours.into_iter().zip(weights) {
        let Some(neighbour) = neighbour else { continue };
        let alpha = if N == TO {
            u64::from(neighbour[N - 1])
        } else {
            255
        };
        let weight = u64::from(weight) * alpha;
        seen += weight;
        for (sum, value) in sums[..colours].iter_mut().zip(neighbour) {
            *sum += u64::from(value) * weight;
        }
    }
    if seen == 0 {
        return [0; TO];
    }
    let mut result = sums.map(|sum| ((sum + seen / 2) / seen) as u8);
    result[colours] = ((seen + 0x8000) >> 16) as u8;
    result
}
