//! Raw rows beside what other programs make of the same numbers.

#[path = "../../../../tests/contract/pyramid/delta_e.rs"]
mod delta_e;

use std::path::Path;
use std::process::Command;

use dlcs_testkit::program;
use image::metadata::Orientation;
use moxcms::ColorProfile;

use super::super::{Depth, Nature};
use super::*;

/// What the measure of differences looks at.
mod support {
    pub(super) struct Raster {
        pub(super) width: u32,
        pub(super) height: u32,
        pub(super) channels: usize,
        pub(super) data: Vec<u8>,
    }
}
use support::Raster;

const GHOSTSCRIPT: &str = "/usr/share/color/icc/ghostscript";

fn header(width: u32, samples: Samples, profile: Profile) -> Header {
    Header {
        width,
        height: 1,
        samples,
        nature: Nature::Shaded,
        profile,
        orientation: Orientation::NoTransforms,
        held_bytes: 0,
    }
}

const fn opaque(model: ColourModel, depth: Depth) -> Samples {
    Samples {
        model,
        depth,
        alpha: Alpha::None,
    }
}

/// Converts samples as one row, in their own depth.
fn convert(samples: Samples, profile: Profile, row: &[u8]) -> Vec<u8> {
    let width = row.len() / samples.pixel_bytes();
    let mut converter = Converter::new(&header(width as u32, samples, profile));
    let mut converted = vec![0; width * converter.channels().count()];
    converter.convert(row, &mut converted);
    converted
}

fn u16s(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_ne_bytes()).collect()
}

fn f32s(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_ne_bytes()).collect()
}

/// Colours of `channels` channels, from none to all of each, in steps.
fn grid(channels: usize, steps: usize) -> Vec<u8> {
    let step = |index: usize| (index * 255 / (steps - 1)) as u8;
    (0..steps.pow(channels as u32))
        .flat_map(|index| {
            (0..channels).map(move |channel| step(index / steps.pow(channel as u32) % steps))
        })
        .collect()
}

fn run(program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
}

/// The same samples in each depth.
fn in_all_depths(row: &[u8]) -> [(Depth, Vec<u8>); 3] {
    let wide: Vec<u16> = row.iter().map(|sample| u16::from(*sample) * 257).collect();
    let float: Vec<f32> = row
        .iter()
        .map(|sample| f32::from(*sample) / 255.0)
        .collect();
    [
        (Depth::U8, row.to_vec()),
        (Depth::U16, u16s(&wide)),
        (Depth::F32, f32s(&float)),
    ]
}

/// What libvips makes of a row of raw samples, by Little CMS: how many in a pixel, of what format, and what they mean.
fn by_vips(
    vips: &Path,
    row: &[u8],
    [bands, format, interpretation]: [&str; 3],
    transform: &[&str],
) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (raw, image, rgb, out) = (at("in.raw"), at("in.v"), at("rgb.v"), at("out.raw"));
    std::fs::write(&raw, row).unwrap();
    let pixel = bands.parse::<usize>().unwrap() * if format == "float" { 4 } else { 1 };
    let width = (row.len() / pixel).to_string();
    let kind = ["--format", format, "--interpretation", interpretation];
    let mut arguments = vec!["rawload", &raw, &image, &width, "1", bands];
    arguments.extend(kind);
    run(vips, &arguments);
    let mut arguments = vec![transform[0], &image, &rgb];
    arguments.extend(&transform[1..]);
    run(vips, &arguments);
    run(vips, &["rawsave", &rgb, &out]);
    std::fs::read(&out).unwrap()
}

/// The mean difference of two rows of sRGB.
fn mean(one: Vec<u8>, other: Vec<u8>) -> f64 {
    let raster = |data: Vec<u8>| Raster {
        width: (data.len() / 3) as u32,
        height: 1,
        channels: 3,
        data,
    };
    delta_e::mean(&raster(one), &raster(other))
}

#[test]
fn inks_with_a_profile_look_as_little_cms_shows_them() {
    let test = "inks_with_a_profile_look_as_little_cms_shows_them";
    let Some([vips]) = program::find(test, ["vips"]) else {
        return;
    };
    let path = format!("{GHOSTSCRIPT}/default_cmyk.icc");
    let Ok(profile) = std::fs::read(&path) else {
        return program::skip(test, &path);
    };
    let row = grid(4, 9);
    let transform = ["icc_transform", "srgb", "--input-profile", &path];
    let expected = by_vips(&vips, &row, ["4", "uchar", "cmyk"], &transform);
    for (depth, row) in in_all_depths(&row) {
        let samples = opaque(ColourModel::Cmyk, depth);
        let found = convert(samples, Profile::Icc(profile.clone()), &row);
        let difference = mean(found, expected.clone());
        assert!(difference < 0.1, "{depth:?}: {difference}");
    }
}

#[test]
fn inks_without_a_profile_look_as_imagemagick_shows_them() {
    let test = "inks_without_a_profile_look_as_imagemagick_shows_them";
    let Some([convert_]) = program::find(test, ["convert"]) else {
        return;
    };
    let row = grid(4, 9);
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("in.cmyk"), &row).unwrap();
    let (source, shown) = (at("in.cmyk"), format!("rgb:{}", at("out")));
    let size = format!("{}x1", row.len() / 4);
    run(
        &convert_,
        &[
            "-size",
            &size,
            "-depth",
            "8",
            &source,
            "-colorspace",
            "sRGB",
            &shown,
        ],
    );
    let expected = std::fs::read(at("out")).unwrap();
    for (depth, row) in in_all_depths(&row) {
        let samples = opaque(ColourModel::Cmyk, depth);
        let difference = mean(convert(samples, Profile::Untagged, &row), expected.clone());
        assert!(difference < 0.1, "{depth:?}: {difference}");
    }
}

#[test]
fn lab_looks_as_little_cms_shows_it() {
    let test = "lab_looks_as_little_cms_shows_it";
    let Some([vips]) = program::find(test, ["vips"]) else {
        return;
    };
    let bytes = grid(3, 18);
    let lab: Vec<f32> = bytes
        .as_chunks::<3>()
        .0
        .iter()
        .flat_map(|[l, a, b]| {
            let [l, a, b] = [l, a, b].map(|sample| f32::from(*sample));
            [l * 100.0 / 255.0, a - 128.0, b - 128.0]
        })
        .collect();
    let wide: Vec<u16> = bytes
        .iter()
        .enumerate()
        .map(|(index, sample)| u16::from(*sample) * if index % 3 == 0 { 257 } else { 256 })
        .collect();
    let export = [
        "icc_export",
        "--pcs",
        "lab",
        "--output-profile",
        "srgb",
        "--depth",
        "8",
    ];
    let expected = by_vips(&vips, &f32s(&lab), ["3", "float", "lab"], &export);
    for (depth, row) in [
        (Depth::U8, bytes.clone()),
        (Depth::U16, u16s(&wide)),
        (Depth::F32, f32s(&lab)),
    ] {
        let found = convert(opaque(ColourModel::Lab, depth), Profile::Untagged, &row);
        let difference = mean(found, expected.clone());
        assert!(difference < 0.3, "{depth:?}: {difference}");
    }
}

#[test]
fn powers_of_light_take_the_curve_of_srgb() {
    // Light of 1/255, 50/255 and so on, by IEC 61966-2-1.
    let light = [0, 1, 13, 55, 128, 255];
    let shown = [0, 13, 64, 128, 188, 255];
    for model in [ColourModel::Grey, ColourModel::Rgb] {
        for (depth, row) in in_all_depths(&light) {
            let found = convert(opaque(model, depth), Profile::Gamma(1.0), &row);
            assert_eq!(found, shown, "{model:?} {depth:?}");
        }
    }
    // What is almost the curve of sRGB already changes in the dark only; nonsense changes nothing.
    let grey = opaque(ColourModel::Grey, Depth::U8);
    assert_eq!(
        convert(grey, Profile::Gamma(2.2), &[0, 10, 128, 255]),
        [0, 3, 129, 255]
    );
    for nonsense in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(convert(grey, Profile::Gamma(nonsense), &[0, 77]), [0, 77]);
    }
}

#[test]
fn alpha_is_kept_and_colours_become_straight() {
    let samples = |model, depth, alpha| Samples {
        model,
        depth,
        alpha,
    };
    let grey = |depth, alpha| samples(ColourModel::Grey, depth, alpha);
    let plain = Profile::Untagged;
    let bytes = [100, 255, 100, 128, 0, 0];
    let straight = convert(grey(Depth::U8, Alpha::Straight), plain.clone(), &bytes);
    assert_eq!(straight, bytes);
    let premultiplied = [100, 255, 50, 128, 0, 0];
    let expected = [100, 255, 100, 128, 0, 0];
    for (depth, row) in in_all_depths(&premultiplied) {
        let found = convert(grey(depth, Alpha::Premultiplied), plain.clone(), &row);
        assert_eq!(found, expected, "{depth:?}");
    }
    let inks = samples(ColourModel::Cmyk, Depth::U8, Alpha::Straight);
    assert_eq!(
        convert(inks, plain, &[255, 0, 0, 0, 7, 0, 0, 0, 255, 9]),
        [0, 255, 255, 7, 0, 0, 0, 9]
    );
    let linear = convert(
        samples(ColourModel::Rgb, Depth::U8, Alpha::Straight),
        Profile::Gamma(1.0),
        &[55, 128, 255, 55],
    );
    assert_eq!(linear, [128, 188, 255, 55]);
}

#[test]
fn numbers_outside_the_range_are_cut_off() {
    let row = f32s(&[-1.0, 2.0, f32::NAN]);
    for profile in [Profile::Untagged, Profile::Gamma(1.8)] {
        let found = convert(opaque(ColourModel::Rgb, Depth::F32), profile, &row);
        assert_eq!(found, [0, 255, 0]);
    }
    let lab = f32s(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
    convert(
        opaque(ColourModel::Lab, Depth::F32),
        Profile::Untagged,
        &lab,
    );
}

#[test]
fn a_profile_of_srgb_costs_nothing() {
    let profile = ColorProfile::new_srgb().encode().unwrap();
    for depth in [Depth::U8, Depth::U16] {
        let samples = opaque(ColourModel::Rgb, depth);
        let converter = Converter::new(&header(1, samples, Profile::Icc(profile.clone())));
        assert!(
            matches!(converter.transform, Transform::Copy),
            "{converter:?}"
        );
    }
    let other = ColorProfile::new_adobe_rgb().encode().unwrap();
    let samples = opaque(ColourModel::Rgb, Depth::U8);
    let converter = Converter::new(&header(1, samples, Profile::Icc(other)));
    assert!(
        matches!(converter.transform, Transform::Profile8(_)),
        "{converter:?}"
    );
}

#[test]
fn profiles_that_cannot_be_used_are_left_out() {
    let good = ColorProfile::new_adobe_rgb().encode().unwrap();
    let with = |place: usize, bytes: &[u8]| {
        let mut profile = good.clone();
        profile[place..place + bytes.len()].copy_from_slice(bytes);
        profile
    };
    let mut long = good.clone();
    long.resize(5 << 20, 0);
    let rgb = opaque(ColourModel::Rgb, Depth::U8);
    let cases = [
        ("empty", Vec::new()),
        ("text", b"not a profile at all".repeat(20)),
        ("cut in its header", good[..100].to_vec()),
        ("cut in its tags", good[..good.len() / 2].to_vec()),
        ("version 5", with(8, &[5])),
        ("a device link", with(12, b"link")),
        ("an abstract profile", with(12, b"abst")),
        ("named colours", with(12, b"nmcl")),
        ("for inks", with(16, b"CMYK")),
        (
            "for grey",
            ColorProfile::new_gray_with_gamma(1.8).encode().unwrap(),
        ),
        ("of 2^32 tags", with(128, &[0xFF; 4])),
        ("too long", long),
    ];
    let row = grid(3, 5);
    assert_ne!(
        convert(rgb, Profile::Icc(good.clone()), &row),
        row,
        "the good one"
    );
    for (name, profile) in cases {
        assert_eq!(convert(rgb, Profile::Icc(profile), &row), row, "{name}");
    }
}

#[test]
fn no_byte_of_a_profile_can_bring_a_conversion_down() {
    let profiles = [
        (
            ColourModel::Rgb,
            ColorProfile::new_display_p3().encode().unwrap(),
        ),
        (
            ColourModel::Grey,
            ColorProfile::new_gray_with_gamma(1.8).encode().unwrap(),
        ),
    ];
    for (model, good) in profiles {
        let row = grid(model.channels(), 3);
        for place in 0..good.len() {
            for value in [0, 0x7F, 0xFF, good[place] ^ 1] {
                let mut profile = good.clone();
                profile[place] = value;
                convert(opaque(model, Depth::U8), Profile::Icc(profile), &row);
            }
        }
    }
}
