//! Colours that are described by code points (ITU-T H.273).

use moxcms::ColorProfile;

use super::Profile;

/// What these primaries and this transfer mean; what is close to sRGB, or not known here, is sRGB.
pub(super) fn profile(primaries: u16, transfer: u16) -> Profile {
    // The curves of films, of sRGB, and none that is named.
    let is_usual = matches!(transfer, 1 | 2 | 6 | 13 | 14 | 15);
    if !is_usual {
        if transfer != 0 {
            tracing::warn!(
                transfer,
                "a transfer of colours is not known and was taken as sRGB"
            );
        }
        return Profile::Untagged;
    }
    let profile = match primaries {
        9 => ColorProfile::new_bt2020(),
        12 => ColorProfile::new_display_p3(),
        _ => return Profile::Untagged,
    };
    profile.encode().map_or(Profile::Untagged, Profile::Icc)
}
