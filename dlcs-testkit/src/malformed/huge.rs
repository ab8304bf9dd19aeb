//! Small files of very many pixels: what they take is to be known before it is taken.

use super::deflate::bomb;
use super::png::{chunk, ihdr, png};

/// A PNG of black pixels, of so many bits a sample and a colour type of PNG.
#[must_use]
pub fn black_png((width, height): (u32, u32), bits: u8, kind: u8, is_interlaced: bool) -> Vec<u8> {
    let samples = match kind {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let row = |width: u32| match width {
        0 => 0,
        _ => 1 + (width as usize * samples * usize::from(bits)).div_ceil(8),
    };
    let length = if is_interlaced {
        // Where each pass of Adam7 begins, and its steps.
        [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ]
        .map(|(x, y, across, down)| {
            let columns = width.saturating_sub(x).div_ceil(across);
            row(columns) * height.saturating_sub(y).div_ceil(down) as usize
        })
        .iter()
        .sum()
    } else {
        row(width) * height as usize
    };
    png(&[
        ihdr(width, height, bits, kind, u8::from(is_interlaced)),
        chunk(b"IDAT", &bomb(length)),
    ])
}
