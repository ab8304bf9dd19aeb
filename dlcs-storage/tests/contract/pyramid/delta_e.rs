//! How different two colours look: CIEDE2000.
//!
//! Source: G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula", Color Research and Application 30 (2005).

use super::support::Raster;

/// The mean difference of two pictures of the same size; grey ones count as colours.
///
/// # Panics
/// When their sizes differ.
pub(super) fn mean(one: &Raster, other: &Raster) -> f64 {
    assert_eq!(
        (one.width, one.height),
        (other.width, other.height),
        "pictures of different sizes"
    );
    let pixels = colours(one).zip(colours(other));
    let sum: f64 = pixels
        .map(|(one, other)| {
            if one == other {
                0.0
            } else {
                between(lab_of_srgb(one), lab_of_srgb(other))
            }
        })
        .sum();
    sum / (f64::from(one.width) * f64::from(one.height))
}

/// The colours of a picture, without alpha.
fn colours(picture: &Raster) -> impl Iterator<Item = [u8; 3]> {
    picture
        .data
        .chunks_exact(picture.channels)
        .map(|pixel| match pixel {
            [grey] | [grey, _] => [*grey; 3],
            pixel => [pixel[0], pixel[1], pixel[2]],
        })
}

/// CIE L*a*b* of an sRGB colour, relative to its own white.
pub(super) fn lab_of_srgb(colour: [u8; 3]) -> [f64; 3] {
    let [r, g, b] = colour.map(|sample| {
        let sample = f64::from(sample) / 255.0;
        if sample <= 0.040_45 {
            sample / 12.92
        } else {
            ((sample + 0.055) / 1.055).powf(2.4)
        }
    });
    let [x, y, z] = [
        [0.412_456_4, 0.357_576_1, 0.180_437_5],
        [0.212_672_9, 0.715_152_2, 0.072_175_0],
        [0.019_333_9, 0.119_192_0, 0.950_304_1],
    ]
    .map(|row| {
        let white: f64 = row.iter().sum();
        let relative = (row[0] * r + row[1] * g + row[2] * b) / white;
        if relative > 216.0 / 24_389.0 {
            relative.cbrt()
        } else {
            (24_389.0 / 27.0 * relative + 16.0) / 116.0
        }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The difference of two colours in L*a*b*; 1 can just be seen.
pub(super) fn between(one: [f64; 3], other: [f64; 3]) -> f64 {
    let chroma = |lab: [f64; 3]| lab[1].hypot(lab[2]);
    let stretch = {
        let mean = ((chroma(one) + chroma(other)) / 2.0).powi(7);
        1.5 - 0.5 * (mean / (mean + 25.0_f64.powi(7))).sqrt()
    };
    // Lightness, chroma and hue in degrees; the hue of a grey is 0.
    let polar = |[l, a, b]: [f64; 3]| {
        let a = a * stretch;
        let hue = if a == 0.0 && b == 0.0 {
            0.0
        } else {
            b.atan2(a).to_degrees().rem_euclid(360.0)
        };
        (l, a.hypot(b), hue)
    };
    let ((l1, c1, h1), (l2, c2, h2)) = (polar(one), polar(other));
    let grey = c1 * c2 == 0.0;
    let turn = match h2 - h1 {
        _ if grey => 0.0,
        turn if turn > 180.0 => turn - 360.0,
        turn if turn < -180.0 => turn + 360.0,
        turn => turn,
    };
    let (dl, dc) = (l2 - l1, c2 - c1);
    let dh = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin();
    let (l, c) = ((l1 + l2) / 2.0, (c1 + c2) / 2.0);
    let h = match h1 + h2 {
        sum if grey => sum,
        sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
        sum if sum < 360.0 => (sum + 360.0) / 2.0,
        sum => (sum - 360.0) / 2.0,
    };
    let cosine = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cosine(h - 30.0) + 0.24 * cosine(2.0 * h) + 0.32 * cosine(3.0 * h + 6.0)
        - 0.20 * cosine(4.0 * h - 63.0);
    let middle = (l - 50.0).powi(2);
    let sl = 1.0 + 0.015 * middle / (20.0 + middle).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let rotation = {
        let theta = 30.0 * (-((h - 275.0) / 25.0).powi(2)).exp();
        let c7 = c.powi(7);
        -2.0 * (c7 / (c7 + 25.0_f64.powi(7))).sqrt() * (2.0 * theta).to_radians().sin()
    };
    let (l, c, h) = (dl / sl, dc / sc, dh / sh);
    (l * l + c * c + h * h + rotation * c * h).sqrt()
}

#[test]
fn differences_are_those_that_the_authors_of_the_formula_publish() {
    // Table 1 of the paper.
    for (one, other, expected) in [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, 3.1571, -77.2803], [50.0, 0.0, -82.7485], 2.8615),
        ([50.0, 2.8361, -74.0200], [50.0, 0.0, -82.7485], 3.4412),
        ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0),
        ([50.0, -1.1848, -84.8006], [50.0, 0.0, -82.7485], 1.0),
        ([50.0, -0.9009, -85.5211], [50.0, 0.0, -82.7485], 1.0),
        ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
        ([50.0, -1.0, 2.0], [50.0, 0.0, 0.0], 2.3669),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0009], 7.1792),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0010], 7.1792),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0011], 7.2195),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0012], 7.2195),
        ([50.0, -0.001, 2.49], [50.0, 0.0009, -2.49], 4.8045),
        ([50.0, -0.001, 2.49], [50.0, 0.0010, -2.49], 4.8045),
        ([50.0, -0.001, 2.49], [50.0, 0.0011, -2.49], 4.7461),
        ([50.0, 2.5, 0.0], [50.0, 0.0, -2.5], 4.3065),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        ([50.0, 2.5, 0.0], [61.0, -5.0, 29.0], 22.8977),
        ([50.0, 2.5, 0.0], [56.0, -27.0, -3.0], 31.9030),
        ([50.0, 2.5, 0.0], [58.0, 24.0, 15.0], 19.4535),
        ([50.0, 2.5, 0.0], [50.0, 3.1736, 0.5854], 1.0),
        ([50.0, 2.5, 0.0], [50.0, 3.2972, 0.0], 1.0),
        ([50.0, 2.5, 0.0], [50.0, 1.8634, 0.5757], 1.0),
        ([50.0, 2.5, 0.0], [50.0, 3.2592, 0.3350], 1.0),
        (
            [60.2574, -34.0099, 36.2677],
            [60.4626, -34.1751, 39.4387],
            1.2644,
        ),
        (
            [63.0109, -31.0961, -5.8663],
            [62.8187, -29.7946, -4.0864],
            1.2630,
        ),
        (
            [61.2901, 3.7196, -5.3901],
            [61.4292, 2.2480, -4.9620],
            1.8731,
        ),
        (
            [35.0831, -44.1164, 3.7933],
            [35.0232, -40.0716, 1.5901],
            1.8645,
        ),
        (
            [22.7233, 20.0904, -46.6940],
            [23.0331, 14.9730, -42.5619],
            2.0373,
        ),
        (
            [36.4612, 47.8580, 18.3852],
            [36.2715, 50.5065, 21.2231],
            1.4146,
        ),
        (
            [90.8027, -2.0831, 1.4410],
            [91.1528, -1.6435, 0.0447],
            1.4441,
        ),
        (
            [90.9257, -0.5406, -0.9208],
            [88.6381, -0.8985, -0.7239],
            1.5381,
        ),
        (
            [6.7747, -0.2908, -2.4247],
            [5.8714, -0.0985, -2.2286],
            0.6377,
        ),
        (
            [2.0776, 0.0795, -1.1350],
            [0.9033, -0.0636, -0.5514],
            0.9082,
        ),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let found = between(one, other);
            assert!(
                (found - expected).abs() <= 0.000_051,
                "{one:?} and {other:?}: {found} and not {expected}"
            );
        }
    }
}

#[test]
fn white_and_grey_have_no_hue() {
    for (grey, lightness) in [(255, 100.0), (0, 0.0), (119, 50.034)] {
        let [l, a, b] = lab_of_srgb([grey; 3]);
        assert!((l - lightness).abs() < 0.001 && a.abs() < 1e-9 && b.abs() < 1e-9);
    }
}
