//! Samples as numbers, and alpha apart from the colours.

use super::super::{Alpha, Depth, Samples};

/// Widens samples of more than 8 bits to 16, in any case.
pub(super) fn widen(source: &[u8], depth: Depth, wide: &mut Vec<u16>) {
    wide.clear();
    match depth {
        Depth::U8 => wide.extend(source.iter().map(|sample| u16::from(*sample) * 257)),
        Depth::U16 => wide.extend(
            source
                .as_chunks::<2>()
                .0
                .iter()
                .map(|sample| u16::from_ne_bytes(*sample)),
        ),
        Depth::F32 => wide.extend(source.as_chunks::<4>().0.iter().map(|sample| {
            // Not a number becomes 0.
            (f32::from_ne_bytes(*sample).clamp(0.0, 1.0) * 65_535.0).round() as u16
        })),
    }
}

/// The nearest of 8 bits.
pub(super) const fn narrow(sample: u16) -> u8 {
    ((sample as u32 * 255 + 32_767) / 65_535) as u8
}

/// Takes rows with alpha apart.
#[derive(Default)]
pub(super) struct Splitter {
    /// Colours as the source has them, straight.
    pub(super) colours: Vec<u8>,
    /// Opacity, 8 bits.
    pub(super) alpha: Vec<u8>,
}

impl Splitter {
    /// Takes one row apart; premultiplied colours become straight ones.
    pub(super) fn split(&mut self, source: &[u8], samples: Samples) {
        self.colours.clear();
        self.alpha.clear();
        let multiplied = samples.alpha == Alpha::Premultiplied;
        let bytes = samples.depth.bytes();
        for pixel in source.chunks_exact(samples.pixel_bytes()) {
            let (colours, alpha) = pixel.split_at(pixel.len() - bytes);
            let alpha = Opacity::read(alpha, samples.depth);
            self.alpha.push(alpha.to_u8());
            if multiplied {
                alpha.straighten(colours, &mut self.colours);
            } else {
                self.colours.extend_from_slice(colours);
            }
        }
    }
}

/// The opacity of one pixel.
#[derive(Clone, Copy)]
enum Opacity {
    U8(u8),
    U16(u16),
    F32(f32),
}

impl Opacity {
    /// Reads the sample that these bytes are.
    fn read(bytes: &[u8], depth: Depth) -> Self {
        match (depth, bytes) {
            (Depth::U8, [a]) => Self::U8(*a),
            (Depth::U16, [a, b]) => Self::U16(u16::from_ne_bytes([*a, *b])),
            (Depth::F32, [a, b, c, d]) => Self::F32(f32::from_ne_bytes([*a, *b, *c, *d])),
            _ => Self::U8(u8::MAX),
        }
    }

    fn to_u8(self) -> u8 {
        match self {
            Self::U8(alpha) => alpha,
            Self::U16(alpha) => narrow(alpha),
            Self::F32(alpha) => (alpha.clamp(0.0, 1.0) * 255.0).round() as u8,
        }
    }

    /// Divides colours by the opacity; what cannot be seen at all is black.
    fn straighten(self, colours: &[u8], straight: &mut Vec<u8>) {
        match self {
            Self::U8(alpha) => {
                let alpha = u32::from(alpha);
                straight.extend(colours.iter().map(|sample| {
                    let sample = u32::from(*sample) * 255 + alpha / 2;
                    sample.checked_div(alpha).unwrap_or(0).min(255) as u8
                }));
            }
            Self::U16(alpha) => {
                let alpha = u64::from(alpha);
                for sample in colours.as_chunks::<2>().0 {
                    let sample = u64::from(u16::from_ne_bytes(*sample)) * 65_535 + alpha / 2;
                    let sample = sample.checked_div(alpha).unwrap_or(0).min(65_535) as u16;
                    straight.extend(sample.to_ne_bytes());
                }
            }
            Self::F32(alpha) => {
                for sample in colours.as_chunks::<4>().0 {
                    let sample = f32::from_ne_bytes(*sample) / alpha;
                    let sample = if sample.is_finite() { sample } else { 0.0 };
                    straight.extend(sample.to_ne_bytes());
                }
            }
        }
    }
}

/// Puts colours and their alpha together.
pub(super) fn join(colours: &[u8], alpha: &[u8], target: &mut [u8]) {
    let Some(channels) = colours.len().checked_div(alpha.len()) else {
        return;
    };
    let pixels = colours.chunks_exact(channels).zip(alpha);
    for (target, (colours, alpha)) in target.chunks_exact_mut(channels + 1).zip(pixels) {
        target[..channels].copy_from_slice(colours);
        target[channels] = *alpha;
    }
}
