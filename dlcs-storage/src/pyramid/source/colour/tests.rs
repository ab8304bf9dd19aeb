//! Raw rows beside what other programs make of the same numbers.

#[path = "../../../../tests/contract/pyramid/delta_e.rs"]
mod delta_e;

use std::path::Path;
use std::process::Command;

use dlcs_testkit::program;
use image::metadata::Orientation;

use super::super::Depth;
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

/// What libvips makes of rows of raw samples, by Little CMS.
fn by_vips(
    vips: &Path,
    row: &[u8],
    bands: usize,
    interpretation: &str,
    transform: &[&str],
) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (raw, image, rgb, out) = (at("in.raw"), at("in.v"), at("rgb.v"), at("out.raw"));
    std::fs::write(&raw, row).unwrap();
    let (width, bands) = ((row.len() / bands).to_string(), bands.to_string());
    run(
        vips,
        &[
            "rawload",
            &raw,
            &image,
            &width,
            "1",
            &bands,
            "--interpretation",
            interpretation,
        ],
    );
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
    let row = grid(4, 9);
    for name in ["default_cmyk.icc", "ps_cmyk.icc"] {
        let path = format!("{GHOSTSCRIPT}/{name}");
        let Ok(profile) = std::fs::read(&path) else {
            return program::skip(test, &path);
        };
        let expected = by_vips(
            &vips,
            &row,
            4,
            "cmyk",
            &["icc_transform", "srgb", "--input-profile", &path],
        );
        let wide: Vec<u16> = row.iter().map(|sample| u16::from(*sample) * 257).collect();
        let float: Vec<f32> = row
            .iter()
            .map(|sample| f32::from(*sample) / 255.0)
            .collect();
        for (depth, row) in [
            (Depth::U8, row.clone()),
            (Depth::U16, u16s(&wide)),
            (Depth::F32, f32s(&float)),
        ] {
            let samples = opaque(ColourModel::Cmyk, depth);
            let found = convert(samples, Profile::Icc(profile.clone()), &row);
            let difference = mean(found, expected.clone());
            program::say(&format!("{name} {depth:?}: {difference:.3}"));
            assert!(difference < 1.0, "{name} {depth:?}: {difference}");
        }
    }
}
