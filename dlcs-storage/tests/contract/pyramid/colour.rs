//! Colours of tagged sources beside what colour-managed programs make of them.

use std::path::PathBuf;

use dlcs_core::derivative::ProcessOptions;
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_testkit::program;
use moxcms::{ColorProfile, ToneReprCurve};

use super::delta_e;
use super::support::{Raster, process_as, run};

/// All hues, from white over the full colour to black, without hard edges.
fn chart(channels: usize) -> Raster {
    let (width, height) = (480, 320);
    let mut data = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let hue = f64::from(x) / f64::from(width) * std::f64::consts::TAU;
        let place = f64::from(y) / f64::from(height - 1);
        // White at the top, black at the bottom, the most colour in the middle.
        let (lightness, colour) = (1.0 - place, 1.0 - (2.0 * place - 1.0).abs());
        for channel in 0..channels {
            let turn = f64::from(channel as u32) / 3.0 * std::f64::consts::TAU;
            let wave = if channels == 1 {
                0.0
            } else {
                (hue - turn).cos()
            };
            let value = lightness + colour * 0.5 * wave;
            data.push((value.clamp(0.0, 1.0) * 255.0).round() as u8);
        }
    }
    Raster {
        width,
        height,
        channels,
        data,
    }
}

/// A profile of Debian's, or one that is written here because Debian has none.
fn profile(directory: &std::path::Path, name: &str) -> Option<PathBuf> {
    let gamma = |exponent| ColorProfile::new_gray_with_gamma(exponent);
    let made = match name {
        "Display P3" => ColorProfile::new_display_p3(),
        "grey gamma 1.0" => gamma(1.0),
        "grey gamma 1.8" => gamma(1.8),
        "grey gamma 2.2" => gamma(2.2),
        "grey dot gain 20%" => {
            let mut profile = gamma(1.0);
            // The part of a screen that stays white, where half of it grows by a fifth.
            let curve = (0..256_u16).map(|sample| {
                let dots = 1.0 - f64::from(sample) / 255.0;
                let grown = dots + 4.0 * 0.2 * dots * (1.0 - dots);
                ((1.0 - grown).clamp(0.0, 1.0) * 65_535.0).round() as u16
            });
            profile.gray_trc = Some(ToneReprCurve::Lut(curve.collect()));
            profile
        }
        name => {
            let path = std::path::Path::new("/usr/share/color/icc").join(name);
            return path.is_file().then_some(path);
        }
    };
    let path = directory.join(format!("{}.icc", name.replace([' ', '%'], "-")));
    let mut bytes = made.encode().unwrap();
    // Profiles have a multiple of four bytes, and say how many: libpng insists.
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    bytes[..4].copy_from_slice(&length);
    // The white of the connection space, which libpng looks for to the last bit.
    bytes[68..80].copy_from_slice(b"\x00\x00\xF6\xD6\x00\x01\x00\x00\x00\x00\xD3\x2D");
    std::fs::write(&path, bytes).unwrap();
    Some(path)
}

const COLOURED: [&str; 8] = [
    "sRGB.icc",
    "colord/sRGB.icc",
    "colord/AdobeRGB1998.icc",
    "compatibleWithAdobeRGB1998.icc",
    "Display P3",
    "colord/ProPhotoRGB.icc",
    "LStar-RGB.icc",
    "colord/SwappedRedAndGreen.icc",
];

const GREY: [&str; 8] = [
    "ghostscript/sgray.icc",
    "Gray.icc",
    "Gray-CIE_L.icc",
    "ghostscript/ps_gray.icc",
    "grey gamma 1.0",
    "grey gamma 1.8",
    "grey gamma 2.2",
    "grey dot gain 20%",
];

#[tokio::test]
async fn tagged_pictures_look_as_colour_managed_programs_show_them() {
    let test = "tagged_pictures_look_as_colour_managed_programs_show_them";
    let Some([vips, convert]) = program::find(test, ["vips", "convert"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let Some(srgb) = profile(directory.path(), "sRGB.icc") else {
        return program::skip(test, "icc-profiles-free");
    };
    let srgb = srgb.to_str().unwrap();
    for (channels, names) in [(3, COLOURED), (1, GREY)] {
        let (plain, wide) = (at("plain.png"), at("wide.v"));
        std::fs::write(&plain, chart(channels).to_png()).unwrap();
        let cast = at("cast.v");
        run(&vips, &["cast", &plain, &cast, "ushort", "--shift"]);
        let meaning = if channels == 1 { "grey16" } else { "rgb16" };
        run(&vips, &["copy", &cast, &wide, "--interpretation", meaning]);
        for (name, bits) in names.iter().flat_map(|name| [(name, 8), (name, 16)]) {
            let Some(profile) = profile(directory.path(), name) else {
                program::skip(test, &format!("the profile {name}"));
                continue;
            };
            let numbers = if bits == 8 { &plain } else { &wide };
            let profile = profile.to_str().unwrap();
            // libpng refuses profiles whose parts do not begin where it likes, as those of grey that are made here.
            let is_made = name.starts_with("grey");
            let save = if is_made { "tiffsave" } else { "pngsave" };
            let tagged = at(if is_made { "tagged.tif" } else { "tagged.png" });
            run(&vips, &[save, numbers, &tagged, "--profile", profile]);
            let ours = ours(&tagged).await;
            assert_eq!(ours.channels, channels, "{name}");

            let shown = at("shown.png");
            run(
                &vips,
                &[
                    "icc_transform",
                    &tagged,
                    &shown,
                    "srgb",
                    "--embedded",
                    "--depth",
                    "8",
                ],
            );
            let by_vips = Raster::from_png(&std::fs::read(&shown).unwrap());
            run(
                &convert,
                &[
                    &tagged,
                    "-profile",
                    srgb,
                    "-depth",
                    "8",
                    &format!("PNG24:{shown}"),
                ],
            );
            let by_magick = Raster::from_png(&std::fs::read(&shown).unwrap());
            for (program, theirs) in [("vips", by_vips), ("convert", by_magick)] {
                let difference = delta_e::mean(&ours, &theirs);
                program::say(&format!("{name}, {bits} bits, {program}: {difference:.3}"));
                assert!(
                    difference <= 1.0,
                    "{name}, {bits} bits: {difference} from what {program} shows"
                );
            }
        }
    }
}

/// Our full-resolution pixels of a file, without a loss of our own.
async fn ours(path: &str) -> Raster {
    let mut options = ProcessOptions::default();
    options.policy = ImageOptimisationPolicy::Lossless;
    let ready = process_as(&options, std::fs::read(path).unwrap())
        .await
        .unwrap();
    ready.pixels("full/max/0/default.png").await
}

#[tokio::test]
async fn pictures_in_inks_or_lab_look_as_other_programs_show_them() {
    let test = "pictures_in_inks_or_lab_look_as_other_programs_show_them";
    let Some([vips, convert]) = program::find(test, ["vips", "convert"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let Some(inks) = profile(directory.path(), "ghostscript/default_cmyk.icc") else {
        return program::skip(test, "libgs-common");
    };
    let inks = inks.to_str().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (source, shown) = (at("source.png"), at("shown.png"));
    std::fs::write(&source, chart(3).to_png()).unwrap();
    let read_shown = || Raster::from_png(&std::fs::read(&shown).unwrap());

    // Printed by a profile, which comes with the file.
    for name in ["inks.tif", "inks.jpg[Q=98,no_subsample]"] {
        let target = at(name);
        let file = target.split('[').next().unwrap().to_owned();
        run(
            &vips,
            &[
                "icc_transform",
                &source,
                &target,
                inks,
                "--input-profile",
                "srgb",
            ],
        );
        run(
            &vips,
            &["icc_transform", &file, &shown, "srgb", "--embedded"],
        );
        let difference = delta_e::mean(&ours(&file).await, &read_shown());
        program::say(&format!("{name} by vips: {difference:.3}"));
        assert!(difference <= 1.0, "{name}: {difference}");
    }
    // Without a profile, and Lab: both as the program that wrote the file shows it again.
    let by_convert: [(&str, &[&str]); 3] = [
        ("plain.tif", &["-colorspace", "CMYK"]),
        ("plain.jpg", &["-colorspace", "CMYK", "-quality", "98"]),
        ("sixteen.tif", &["-colorspace", "CMYK", "-depth", "16"]),
    ];
    for (name, options) in by_convert {
        let file = at(name);
        run(
            &convert,
            &[&[source.as_str()], options, &[file.as_str()]].concat(),
        );
        run(
            &convert,
            &[
                &file,
                "-colorspace",
                "sRGB",
                "-depth",
                "8",
                &format!("PNG24:{shown}"),
            ],
        );
        let difference = delta_e::mean(&ours(&file).await, &read_shown());
        program::say(&format!("{name} by convert: {difference:.3}"));
        assert!(difference <= 1.0, "{name}: {difference}");
    }
    let (lab, lab_file) = (at("lab.v"), at("lab.tif"));
    // libvips takes Lab for relative to D65, others to D50: full colours are then half as far again from each other. Its own coding of eight
    // bits and some more loses the latter in a file.
    std::fs::write(&source, Raster::photograph(300, 200, 3).to_png()).unwrap();
    for (conversion, name) in [("lab", "floats"), ("labs", "16 bits")] {
        run(&vips, &["colourspace", &source, &lab, conversion]);
        run(&vips, &["tiffsave", &lab, &lab_file]);
        run(&vips, &["colourspace", &lab_file, &shown, "srgb"]);
        let difference = delta_e::mean(&ours(&lab_file).await, &read_shown());
        program::say(&format!("Lab of {name} by vips: {difference:.3}"));
        assert!(difference <= 1.0, "Lab of {name}: {difference}");
    }
}
