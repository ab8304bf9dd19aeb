//! ICC profiles, through a colour management library.

use moxcms::{
    CmsError, ColorProfile, DataColorSpace, Layout, ParsingOptions, ProfileClass, RenderingIntent,
    TransformOptions,
};

use super::super::{Alpha, ColourModel, Depth, Samples};
use super::plain;
use super::transform::{Scratch, Transform, guarded};

/// The longest profile that is read: the largest of those in common use, of printing presses, stay below 3 MiB.
const MAX_BYTES: usize = 4 << 20;

/// The conversion that a profile describes; a sentence where it cannot be used.
pub(super) fn transform(profile: &[u8], samples: Samples) -> Result<Transform, String> {
    if profile.len() > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    guarded(|| Some(build(profile, samples)))
        .unwrap_or_else(|| Err("the colour management library panics on it".to_owned()))
}

fn build(bytes: &[u8], samples: Samples) -> Result<Transform, String> {
    let profile = parse(bytes).map_err(|error| error.to_string())?;
    let (space, layout) = match samples.model {
        ColourModel::Grey => (DataColorSpace::Gray, Layout::Gray),
        ColourModel::Rgb => (DataColorSpace::Rgb, Layout::Rgb),
        ColourModel::Cmyk => (DataColorSpace::Cmyk, Layout::Rgba),
        ColourModel::Lab => (DataColorSpace::Lab, Layout::Rgb),
    };
    if profile.color_space != space {
        return Err(format!(
            "it is for {:?}, and the pixels are {:?}",
            profile.color_space, samples.model
        ));
    }
    match profile.profile_class {
        ProfileClass::InputDevice
        | ProfileClass::DisplayDevice
        | ProfileClass::OutputDevice
        | ProfileClass::ColorSpace => {}
        class => return Err(format!("it is of class {class:?}")),
    }
    match samples.model {
        // What these samples mean is fixed, and such a profile only says it again.
        ColourModel::Lab => Ok(Transform::Lab),
        ColourModel::Grey => grey(&profile, samples.depth),
        ColourModel::Rgb | ColourModel::Cmyk => {
            colours(profile, layout, samples).map_err(|error| error.to_string())
        }
    }
}

fn parse(bytes: &[u8]) -> Result<ColorProfile, CmsError> {
    let options = ParsingOptions {
        max_profile_size: MAX_BYTES + 1,
        max_allowed_clut_size: MAX_BYTES,
        ..ParsingOptions::default()
    };
    ColorProfile::new_from_slice_with_options(bytes, options)
}

/// Grey has one curve, from samples to light, or to L* where that is what the profile connects by.
fn grey(profile: &ColorProfile, depth: Depth) -> Result<Transform, String> {
    let curve = profile.gray_trc.as_ref().ok_or("it has no curve")?;
    let curve = curve
        .make_linear_evaluator()
        .map_err(|error| error.to_string())?;
    let value = |sample: f64| f64::from(curve.evaluate_value(sample as f32));
    Ok(if profile.pcs == DataColorSpace::Lab {
        plain::table(depth, |sample| {
            plain::light_of_lightness(100.0 * value(sample))
        })
    } else {
        plain::table(depth, value)
    })
}

fn colours(
    mut profile: ColorProfile,
    layout: Layout,
    samples: Samples,
) -> Result<Transform, CmsError> {
    // As elsewhere, a table for another intent is better than none.
    profile.lut_a_to_b_colorimetric = profile
        .lut_a_to_b_colorimetric
        .or_else(|| profile.lut_a_to_b_perceptual.clone())
        .or_else(|| profile.lut_a_to_b_saturation.clone());
    let options = TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        ..TransformOptions::default()
    };
    let srgb = ColorProfile::new_srgb();
    let transform = match (samples.model, samples.depth) {
        // Tables of four dimensions are looked up too coarsely in 8 bits: half a ΔE2000 away, in the mean.
        (ColourModel::Rgb, Depth::U8) => Transform::Profile8(profile.create_transform_8bit(
            layout,
            &srgb,
            Layout::Rgb,
            options,
        )?),
        _ => Transform::Profile16(profile.create_transform_16bit(
            layout,
            &srgb,
            Layout::Rgb,
            options,
        )?),
    };
    let changes =
        try_over_all_colours(&transform, samples).ok_or(CmsError::UnsupportedProfileConnection)?;
    Ok(if changes || samples.model == ColourModel::Cmyk {
        transform
    } else {
        Transform::Copy
    })
}

/// Runs a transform over a grid of all colours; whether it changes any by more than rounding, or nothing where it fails.
fn try_over_all_colours(transform: &Transform, samples: Samples) -> Option<bool> {
    let channels = samples.model.channels();
    let steps: &[u8] = if channels == 4 {
        &[0, 37, 128, 219, 255]
    } else {
        &[0, 7, 16, 40, 64, 90, 128, 163, 192, 224, 248, 255]
    };
    let colours = (0..steps.len().pow(channels as u32)).flat_map(|index| {
        (0..channels as u32)
            .map(move |channel| steps[index / steps.len().pow(channel) % steps.len()])
    });
    let greys = (0..=255_u8).flat_map(|grey| (0..channels).map(move |_| grey));
    let plain: Vec<u8> = colours.chain(greys).collect();
    let (source, samples) = match samples.depth {
        Depth::U8 => (plain.clone(), samples),
        // Of the same kind of number as the transform takes.
        Depth::U16 | Depth::F32 => (
            plain
                .iter()
                .flat_map(|sample| (u16::from(*sample) * 257).to_ne_bytes())
                .collect(),
            Samples {
                depth: Depth::U16,
                alpha: Alpha::None,
                ..samples
            },
        ),
    };
    let mut found = vec![0; plain.len() / channels * 3];
    transform.apply(&source, samples, &mut Scratch::default(), &mut found)?;
    Some(
        channels != 3
            || plain
                .iter()
                .zip(&found)
                .any(|(plain, found)| plain.abs_diff(*found) > 1),
    )
}
