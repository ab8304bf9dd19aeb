//! Colours that are described by code points (ITU-T H.273).

use moxcms::{ColorProfile, ToneReprCurve};

use super::Profile;

/// What these primaries and this transfer mean; what is close to sRGB, or not known here, is sRGB.
#[cfg(any(feature = "source-avif", feature = "source-heic"))]
pub(super) fn profile(primaries: u16, transfer: u16) -> Profile {
    known(primaries, transfer).unwrap_or_else(|| {
        tracing::warn!(
            transfer,
            "a transfer of colours is not known and was taken as sRGB"
        );
        Profile::Untagged
    })
}

/// As [`profile`]; `None` for a transfer that is not known here: those of pictures brighter than white are not.
pub(super) fn known(primaries: u16, transfer: u16) -> Option<Profile> {
    let exponent = match transfer {
        // Nothing is said, or the curves of films and of sRGB.
        0 | 1 | 2 | 6 | 13 | 14 | 15 => None,
        4 => Some(2.2),
        5 => Some(2.8),
        8 => Some(1.0),
        _ => return None,
    };
    let mut profile = match primaries {
        9 => ColorProfile::new_bt2020(),
        12 => ColorProfile::new_display_p3(),
        _ => return Some(exponent.map_or(Profile::Untagged, Profile::Gamma)),
    };
    if let Some(exponent) = exponent {
        set_curve(&mut profile, Some(power(exponent)));
    } else if transfer == 13 {
        set_curve(&mut profile, ColorProfile::new_srgb().red_trc);
    }
    Some(profile.encode().map_or(Profile::Untagged, Profile::Icc))
}

/// The curve of samples that are a power of light.
pub(super) fn power(exponent: f64) -> ToneReprCurve {
    ToneReprCurve::Parametric(vec![exponent as f32])
}

/// Gives all three colours one curve.
pub(super) fn set_curve(profile: &mut ColorProfile, curve: Option<ToneReprCurve>) {
    profile.red_trc.clone_from(&curve);
    profile.green_trc.clone_from(&curve);
    profile.blue_trc = curve;
}
