//! Pixels of any depth to 8 bits, grey or RGB, without alpha.

use image::ColorType;

use super::super::pixels::Channels;

/// Converts within the buffer; `None` for kinds of pixels that are not known here.
///
/// Alpha is composed on white. Samples of more than 8 bits are in the byte order of the machine.
pub(super) fn to_eight_bits(colours: ColorType, mut data: Vec<u8>) -> Option<(Channels, Vec<u8>)> {
    let length = match colours {
        ColorType::L8 | ColorType::Rgb8 | ColorType::La8 | ColorType::Rgba8 => data.len(),
        ColorType::L16 | ColorType::Rgb16 | ColorType::La16 | ColorType::Rgba16 => {
            narrow(&mut data, |sample: [u8; 2]| {
                ((u32::from(u16::from_ne_bytes(sample)) * 255 + 32_767) / 65_535) as u8
            })
        }
        ColorType::Rgb32F | ColorType::Rgba32F => narrow(&mut data, |sample: [u8; 4]| {
            // Not a number becomes 0.
            (f32::from_ne_bytes(sample).clamp(0.0, 1.0) * 255.0).round() as u8
        }),
        _ => return None,
    };
    data.truncate(length);
    let channels = if colours.has_color() {
        Channels::Rgb
    } else {
        Channels::Grey
    };
    if colours.has_alpha() {
        let length = match channels {
            Channels::Grey => compose::<2, 1>(&mut data),
            Channels::Rgb => compose::<4, 3>(&mut data),
        };
        data.truncate(length);
    }
    Some((channels, data))
}

/// Writes one byte for each sample; returns how many.
fn narrow<const N: usize>(data: &mut [u8], byte: impl Fn([u8; N]) -> u8) -> usize {
    let count = data.len() / N;
    for index in 0..count {
        let mut sample = [0; N];
        sample.copy_from_slice(&data[index * N..(index + 1) * N]);
        data[index] = byte(sample);
    }
    count
}

/// Composes pixels of `N` samples, the last of them alpha, on white; returns how many bytes are left.
fn compose<const N: usize, const KEPT: usize>(data: &mut [u8]) -> usize {
    let count = data.len() / N;
    for index in 0..count {
        let alpha = u32::from(data[index * N + KEPT]);
        for channel in 0..KEPT {
            let value = u32::from(data[index * N + channel]);
            data[index * KEPT + channel] =
                ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        }
    }
    count * KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_are_rounded_and_alpha_lies_on_white() {
        let wide = |samples: &[u16]| -> Vec<u8> {
            samples
                .iter()
                .flat_map(|sample| sample.to_ne_bytes())
                .collect()
        };
        for (colours, data, expected) in [
            (ColorType::L8, vec![7], vec![7]),
            (
                ColorType::La8,
                vec![0, 255, 0, 0, 0, 128],
                vec![0, 255, 127],
            ),
            (
                ColorType::Rgba8,
                vec![10, 20, 30, 255, 10, 20, 30, 0],
                vec![10, 20, 30, 255, 255, 255],
            ),
            (
                ColorType::L16,
                wide(&[0, 128, 129, 257, 65_535]),
                vec![0, 0, 1, 1, 255],
            ),
            (
                ColorType::Rgba16,
                wide(&[65_535, 0, 257, 65_535]),
                vec![255, 0, 1],
            ),
        ] {
            let (_, converted) = to_eight_bits(colours, data).unwrap();
            assert_eq!(converted, expected, "{colours:?}");
        }
        let floats: Vec<u8> = [-1.0_f32, f32::NAN, 2.0]
            .iter()
            .flat_map(|v| v.to_ne_bytes())
            .collect();
        assert_eq!(
            to_eight_bits(ColorType::Rgb32F, floats).unwrap().1,
            [0, 0, 255]
        );
    }
}
