//! Turning pixels upright.

use image::metadata::Orientation;

use super::pixels::{Channels, Pixels};

/// Whether width and height change places.
pub(super) const fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// Turns and mirrors pixels.
pub(super) fn apply(pixels: Pixels, orientation: Orientation) -> Pixels {
    if orientation == Orientation::NoTransforms {
        return pixels;
    }
    match pixels.channels {
        Channels::Grey => turn::<1>(&pixels, orientation),
        Channels::GreyAlpha => turn::<2>(&pixels, orientation),
        Channels::Rgb => turn::<3>(&pixels, orientation),
        Channels::Rgba => turn::<4>(&pixels, orientation),
    }
}

fn turn<const N: usize>(pixels: &Pixels, orientation: Orientation) -> Pixels {
    let (width, height) = if swaps_sides(orientation) {
        (pixels.height, pixels.width)
    } else {
        (pixels.width, pixels.height)
    };
    let mut turned = Pixels::blank(width, height, pixels.channels);
    let (source, _) = pixels.data.as_chunks::<N>();
    let (target, _) = turned.data.as_chunks_mut::<N>();
    let (w, h) = (width as usize, height as usize);
    let source_width = pixels.width as usize;
    // Squares, so that reading down a column stays within the caches.
    const SQUARE: usize = 64;
    for top in (0..h).step_by(SQUARE) {
        for left in (0..w).step_by(SQUARE) {
            for y in top..h.min(top + SQUARE) {
                for x in left..w.min(left + SQUARE) {
                    let (from_x, from_y) = match orientation {
                        Orientation::NoTransforms => (x, y),
                        Orientation::FlipHorizontal => (w - 1 - x, y),
                        Orientation::Rotate180 => (w - 1 - x, h - 1 - y),
                        Orientation::FlipVertical => (x, h - 1 - y),
                        // Transposed.
                        Orientation::Rotate90FlipH => (y, x),
                        Orientation::Rotate90 => (y, w - 1 - x),
                        // Transposed along the other diagonal.
                        Orientation::Rotate270FlipH => (h - 1 - y, w - 1 - x),
                        Orientation::Rotate270 => (h - 1 - y, x),
                    };
                    target[y * w + x] = source[from_y * source_width + from_x];
                }
            }
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_orientations_are_those_of_exif() {
        let pixels = Pixels {
            width: 3,
            height: 2,
            channels: Channels::Grey,
            data: vec![1, 2, 3, 4, 5, 6],
        };
        for (value, width, expected) in [
            (1, 3, [1, 2, 3, 4, 5, 6]),
            (2, 3, [3, 2, 1, 6, 5, 4]),
            (3, 3, [6, 5, 4, 3, 2, 1]),
            (4, 3, [4, 5, 6, 1, 2, 3]),
            (5, 2, [1, 4, 2, 5, 3, 6]),
            (6, 2, [4, 1, 5, 2, 6, 3]),
            (7, 2, [6, 3, 5, 2, 4, 1]),
            (8, 2, [3, 6, 2, 5, 1, 4]),
        ] {
            let turned = apply(pixels.clone(), Orientation::from_exif(value).unwrap());
            assert_eq!(
                (turned.width, turned.data.as_slice()),
                (width, &expected[..]),
                "{value}"
            );
        }
    }
}
