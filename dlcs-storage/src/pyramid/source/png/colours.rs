//! What the chunks of a PNG say of its colours.
//!
//! The first of them that can be used counts, in the order of the third edition of the PNG specification (4.3): code points (`cICP`), a
//! profile (`iCCP`), sRGB (`sRGB`), primaries and an exponent (`cHRM` and `gAMA`).

use moxcms::{Chromaticity, ColorPrimaries, ColorProfile};

use super::super::{ColourModel, Profile, cicp};
use super::chunks::Outline;

/// White, red, green and blue of sRGB: where each lies in the diagram of CIE 1931, times 100,000.
const SRGB: [u32; 8] = [
    31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000,
];

/// How far primaries may be from those of sRGB that are meant to be the same, times 100,000.
const NEAR: u32 = 500;

/// The colours of an image.
pub(super) fn profile(outline: Outline, model: ColourModel) -> Profile {
    let code_points = outline.code_points.and_then(of_code_points);
    if let Some(profile) = code_points {
        return match (model, profile) {
            // Grey has no primaries.
            (ColourModel::Grey, Profile::Icc(_)) => Profile::Untagged,
            (_, profile) => profile,
        };
    }
    if let Some(icc) = outline.icc {
        return Profile::Icc(icc);
    }
    if outline.is_srgb {
        return Profile::Untagged;
    }
    // From 0.1 to 10: others are mistakes.
    let exponent = outline
        .gamma
        .filter(|gamma| (10_000..=1_000_000).contains(gamma))
        .map(|gamma| 100_000.0 / f64::from(gamma));
    let primaries = outline.primaries.filter(|_| model == ColourModel::Rgb);
    if let Some(profile) = primaries.and_then(|primaries| of_primaries(primaries, exponent)) {
        return Profile::Icc(profile);
    }
    match exponent {
        // Within 5 % of common screens is meant to be sRGB.
        Some(exponent) if (exponent / 2.2 - 1.0).abs() > 0.05 => Profile::Gamma(exponent),
        _ => Profile::Untagged,
    }
}

/// Primaries, transfer, matrix and range; `None` where they cannot be used and what else is said has to do.
fn of_code_points([primaries, transfer, matrix, range]: [u8; 4]) -> Option<Profile> {
    // Samples of a PNG are red, green and blue; of their narrow range nothing is known here.
    let profile = if (matrix, range) == (0, 1) {
        cicp::known(primaries.into(), transfer.into())
    } else {
        None
    };
    if profile.is_none() {
        tracing::warn!(
            primaries,
            transfer,
            matrix,
            range,
            "the code points of a PNG are not known and were left out"
        );
    }
    profile
}

/// The profile of colours with these primaries, and the curve of sRGB where no exponent is said; `None` for what is sRGB, or impossible.
fn of_primaries(places: [u32; 8], exponent: Option<f64>) -> Option<Vec<u8>> {
    if places.iter().zip(SRGB).all(|(a, b)| a.abs_diff(b) <= NEAR) {
        return None;
    }
    let [white, red, green, blue] = [0, 2, 4, 6].map(|at| {
        let [x, y] = [places[at], places[at + 1]].map(|place| place as f32 / 100_000.0);
        Chromaticity::new(x, y)
    });
    let is_place = |place: &Chromaticity| place.y > 0.0 && place.x + place.y <= 1.0;
    // Twice the area of the triangle of colours: no line, and no point.
    let area = (green.x - red.x) * (blue.y - red.y) - (blue.x - red.x) * (green.y - red.y);
    if ![white, red, green, blue].iter().all(is_place) || area.abs() < 0.001 {
        tracing::warn!("the primaries of a PNG are impossible and were left out");
        return None;
    }
    // What is not said of them stays as in sRGB.
    let mut profile = ColorProfile::new_srgb();
    profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    if let Some(exponent) = exponent {
        cicp::set_curve(&mut profile, Some(cicp::power(exponent)));
    }
    profile.encode().ok()
}
