//! GIF: at most 256 colours, one of which may be transparent.

use std::borrow::Cow;
use std::collections::HashMap;

use color_quant::NeuQuant;
use gif::{Encoder, Frame};

use super::super::error::PyramidError;
use super::super::pixels::{Channels, Pixels};
use super::{Depth, failed, is_bitonal};

/// How many colours fit.
const COLOURS: usize = 256;

/// What is at least as opaque as this is opaque.
const OPAQUE: u8 = 128;

/// The quantiser looks at this many pixels at most: more make no better colours.
const SAMPLES: usize = 1 << 18;

/// Places in a palette.
struct Indexed {
    palette: Vec<u8>,
    transparent: Option<u8>,
    places: Vec<u8>,
}

/// Encodes pixels as a GIF of one frame; 256 colours or fewer, and greys, are exact.
pub(super) fn encode_gif(pixels: &Pixels, depth: Depth) -> Result<Vec<u8>, PyramidError> {
    let side = |length: u32| {
        u16::try_from(length).map_err(|_| failed("a GIF has at most 65535 pixels a side"))
    };
    let (width, height) = (side(pixels.width)?, side(pixels.height)?);
    let indexed = if is_bitonal(pixels.channels, depth) {
        Indexed {
            palette: vec![0, 0, 0, 255, 255, 255],
            transparent: None,
            places: pixels.data.iter().map(|value| value >> 7).collect(),
        }
    } else {
        match pixels.channels {
            Channels::Grey => Indexed {
                palette: (0..=255).flat_map(|value| [value; 3]).collect(),
                transparent: None,
                places: pixels.data.clone(),
            },
            Channels::GreyAlpha => index(pixels, |[v, a]: [u8; 2]| ([v, v, v], a)),
            Channels::Rgb => index(pixels, |colour: [u8; 3]| (colour, u8::MAX)),
            Channels::Rgba => index(pixels, |[r, g, b, a]: [u8; 4]| ([r, g, b], a)),
        }
    };
    let frame = Frame {
        width,
        height,
        transparent: indexed.transparent,
        buffer: Cow::Owned(indexed.places),
        ..Frame::default()
    };
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, width, height, &indexed.palette)
        .and_then(|mut encoder| encoder.write_frame(&frame))
        .map_err(failed)?;
    Ok(bytes)
}

/// Finds a palette and the place of every pixel in it.
fn index<const N: usize>(pixels: &Pixels, take: impl Fn([u8; N]) -> ([u8; 3], u8)) -> Indexed {
    let all = || {
        pixels
            .data
            .as_chunks::<N>()
            .0
            .iter()
            .map(|pixel| take(*pixel))
    };
    let is_seen = |(_, alpha): &([u8; 3], u8)| *alpha >= OPAQUE;
    let transparent = !all().all(|pixel| is_seen(&pixel));
    let room = COLOURS - usize::from(transparent);
    let mut indexed = exact(all().filter(is_seen), room).map_or_else(
        || quantised(&all, is_seen, room),
        |places| {
            let mut palette = vec![0; 3 * places.len()];
            for (colour, place) in &places {
                palette[3 * usize::from(*place)..][..3].copy_from_slice(colour);
            }
            Indexed {
                palette,
                transparent: None,
                places: all()
                    .map(|(colour, _)| places.get(&colour).copied().unwrap_or_default())
                    .collect(),
            }
        },
    );
    if transparent {
        // There is room for one more: at most 255 colours were given away.
        let place = (indexed.palette.len() / 3) as u8;
        indexed.palette.extend([0; 3]);
        indexed.transparent = Some(place);
        for (target, pixel) in indexed.places.iter_mut().zip(all()) {
            if !is_seen(&pixel) {
                *target = place;
            }
        }
    }
    indexed
}

/// A place for every colour; `None` where there are too many.
fn exact(
    colours: impl Iterator<Item = ([u8; 3], u8)>,
    room: usize,
) -> Option<HashMap<[u8; 3], u8>> {
    let mut places = HashMap::new();
    let mut last = None;
    for (colour, _) in colours {
        if last == Some(colour) {
            continue;
        }
        last = Some(colour);
        if !places.contains_key(&colour) {
            if places.len() == room {
                return None;
            }
            places.insert(colour, places.len() as u8);
        }
    }
    Some(places)
}

fn quantised<I: Iterator<Item = ([u8; 3], u8)>>(
    all: &impl Fn() -> I,
    is_seen: impl Fn(&([u8; 3], u8)) -> bool,
    room: usize,
) -> Indexed {
    let count = all().filter(&is_seen).count();
    let samples: Vec<u8> = all()
        .filter(is_seen)
        .step_by(count.div_ceil(SAMPLES).max(1))
        .flat_map(|([r, g, b], _)| [r, g, b, u8::MAX])
        .collect();
    let quantiser = NeuQuant::new(1, room, &samples);
    // Searching the palette is slow: neighbouring colours, six bits a channel, share an answer.
    let mut answers: Vec<Option<u8>> = vec![None; 1 << 18];
    let places = all()
        .map(|(colour, _)| {
            let [r, g, b] = colour.map(|value| usize::from(value >> 2));
            *answers[r << 12 | g << 6 | b].get_or_insert_with(|| {
                let [r, g, b] = colour.map(|value| value & !3 | 2);
                quantiser.index_of(&[r, g, b, u8::MAX]) as u8
            })
        })
        .collect();
    Indexed {
        palette: quantiser.color_map_rgb(),
        transparent: None,
        places,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_takes_nothing_from_the_palette() {
        // A little picture of many colours in a large empty one.
        let (width, height) = (2048, 1024);
        let mut pixels = Pixels::blank(width, height, Channels::Rgba);
        for (place, pixel) in pixels.data.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let (x, y) = (place as u32 % width, place as u32 / width);
            if x < 64 && y < 64 {
                *pixel = [(4 * x) as u8, (4 * y) as u8, (2 * (x + y)) as u8, 255];
            }
        }
        let indexed = index(&pixels, |[r, g, b, a]: [u8; 4]| ([r, g, b], a));
        let mut squares = 0;
        for (pixel, place) in pixels.data.as_chunks::<4>().0.iter().zip(&indexed.places) {
            if pixel[3] == 255 {
                let colour = &indexed.palette[3 * usize::from(*place)..][..3];
                let distance = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b)).pow(2);
                squares += pixel.iter().zip(colour).map(distance).sum::<u32>();
            }
        }
        let mean = f64::from(squares) / f64::from(64 * 64 * 3);
        let psnr = 10.0 * (255.0_f64.powi(2) / mean).log10();
        assert!(psnr > 30.0, "{psnr} dB");
    }
}
