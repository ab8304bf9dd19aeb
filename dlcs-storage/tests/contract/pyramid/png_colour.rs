//! PNGs that say in numbers, and not by a profile, what their colours are.
//!
//! Neither libvips nor ImageMagick of Debian 12 reads these numbers: both show such files as if they were sRGB. Browsers read them. So each
//! file is held against the same samples with a profile of these colours, which libvips gives to Little CMS.

use std::path::PathBuf;

use dlcs_core::derivative::ProcessOptions;
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_testkit::program;
use moxcms::ColorProfile;
use tempfile::TempDir;

use super::delta_e;
use super::support::{Raster, process_as, run};

/// Where the profiles of Debian's `colord-data` are.
const PROFILES: &str = "/usr/share/color/icc/colord";

/// White, red, green, blue, the exponent of the samples, and the profile of the same colours.
const SPACES: [(&str, [&str; 4], &str, &str); 3] = [
    (
        "Adobe RGB",
        ["0.3127,0.3290", "0.64,0.33", "0.21,0.71", "0.15,0.06"],
        "0.45470",
        "AdobeRGB1998.icc",
    ),
    (
        "ProPhoto",
        [
            "0.3457,0.3585",
            "0.7347,0.2653",
            "0.1596,0.8404",
            "0.0366,0.0001",
        ],
        "0.55556",
        "ProPhotoRGB.icc",
    ),
    (
        "old screens of Apple",
        ["0.3127,0.3290", "0.625,0.34", "0.28,0.595", "0.155,0.07"],
        "0.55556",
        "AppleRGB.icc",
    ),
];

/// The kind of a chunk and its data.
type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

/// A folder with a picture in it.
struct Desk {
    directory: TempDir,
    vips: PathBuf,
    convert: PathBuf,
}

impl Desk {
    fn new(test: &str) -> Option<Self> {
        let [vips, convert] = program::find(test, ["vips", "convert"])?;
        let desk = Self {
            directory: tempfile::tempdir().unwrap(),
            vips,
            convert,
        };
        std::fs::write(desk.at("picture.png"), picture().to_png()).unwrap();
        Some(desk)
    }

    fn at(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// What Little CMS makes of the samples of the picture when they are of a profile.
    fn shown(&self, profile: &str) -> Raster {
        let (picture, shown) = (self.at("picture.png"), self.at("shown.png"));
        let of = ["--input-profile", profile];
        run(
            &self.vips,
            &[&["icc_transform", &picture, &shown, "srgb"][..], &of].concat(),
        );
        Raster::from_png(&std::fs::read(shown).unwrap())
    }

    /// The picture with more chunks before its pixels.
    fn with(&self, chunks: &[Chunk<'_>]) -> Vec<u8> {
        self.with_in("picture.png", chunks)
    }

    /// Any file with more chunks before its pixels.
    fn with_in(&self, name: &str, chunks: &[Chunk<'_>]) -> Vec<u8> {
        let mut file = std::fs::read(self.at(name)).unwrap();
        for (kind, data) in chunks {
            let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
            chunk.extend(*kind);
            chunk.extend(*data);
            let mut crc = flate2::Crc::new();
            crc.update(&chunk[4..]);
            chunk.extend(crc.sum().to_be_bytes());
            // Behind the header.
            file.splice(33..33, chunk);
        }
        file
    }
}

/// All hues, from white to black.
fn picture() -> Raster {
    let (width, height) = (240, 160);
    let mut data = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let hue = f64::from(x) / f64::from(width) * std::f64::consts::TAU;
        let light = 1.0 - f64::from(y) / f64::from(height - 1);
        let colour = 0.45 * (1.0 - (2.0 * light - 1.0).abs());
        for turn in [0.0, 1.0, 2.0] {
            let wave = (hue - turn / 3.0 * std::f64::consts::TAU).cos();
            data.push(((light + colour * wave).clamp(0.0, 1.0) * 255.0).round() as u8);
        }
    }
    Raster {
        width,
        height,
        channels: 3,
        data,
    }
}

/// What is served of a file, without a loss of our own.
async fn ours(file: Vec<u8>) -> Raster {
    let lossless = ProcessOptions::default().with_policy(ImageOptimisationPolicy::Lossless);
    let ready = process_as(&lossless, file).await.unwrap();
    ready.pixels("full/max/0/default.png").await
}

#[tokio::test]
async fn primaries_and_exponents_are_honoured() {
    let test = "primaries_and_exponents_are_honoured";
    let Some(desk) = Desk::new(test) else {
        return;
    };
    for (name, [white, red, green, blue], exponent, profile) in SPACES {
        let profile = format!("{PROFILES}/{profile}");
        if !std::path::Path::new(&profile).is_file() {
            program::skip(test, "colord-data");
            continue;
        }
        let expected = desk.shown(&profile);
        for depth in ["8", "16"] {
            let tagged = desk.at("tagged.png");
            let bits = format!("png:bit-depth={depth}");
            let colours = [
                "-white-point",
                white,
                "-red-primary",
                red,
                "-green-primary",
                green,
                "-blue-primary",
                blue,
                "-set",
                "gamma",
                exponent,
            ];
            let chunks = ["-define", "png:include-chunk=cHRM,gAMA", "-define", &bits];
            run(
                &desk.convert,
                &[
                    &[desk.at("picture.png").as_str(), "-depth", depth][..],
                    &colours,
                    &chunks,
                    &[tagged.as_str()],
                ]
                .concat(),
            );
            let file = std::fs::read(&tagged).unwrap();
            assert!(
                file.windows(4).any(|kind| kind == b"cHRM"),
                "ImageMagick writes primaries"
            );
            let difference = delta_e::mean(&ours(file).await, &expected);
            program::say(&format!("{name}, {depth} bits: {difference:.3}"));
            assert!(difference <= 1.0, "{name}, {depth} bits: {difference}");
            // The picture would show if it were otherwise.
            assert!(delta_e::mean(&picture(), &expected) > 2.0, "{name}");
        }
    }
}

#[tokio::test]
async fn code_points_are_honoured_before_everything_else() {
    let test = "code_points_are_honoured_before_everything_else";
    let Some(desk) = Desk::new(test) else {
        return;
    };
    // Debian has no profile of these.
    let profile = desk.at("display-p3.icc");
    let bytes = ColorProfile::new_display_p3().encode().unwrap();
    std::fs::write(&profile, &bytes).unwrap();
    let expected = desk.shown(&profile);
    let display_p3: Chunk<'_> = (b"cICP", &[12, 13, 0, 1]);
    let linear: Chunk<'_> = (b"gAMA", &100_000_u32.to_be_bytes());
    let srgb: Chunk<'_> = (b"sRGB", &[0]);
    for chunks in [
        &[display_p3][..],
        &[display_p3, linear],
        &[display_p3, srgb],
        &[linear, display_p3],
    ] {
        let difference = delta_e::mean(&ours(desk.with(chunks)).await, &expected);
        program::say(&format!("{} chunks: {difference:.3}", chunks.len()));
        assert!(difference <= 1.0, "{chunks:?}: {difference}");
    }
    assert!(delta_e::mean(&picture(), &expected) > 1.5);
    // Those of sRGB itself change nothing, and neither do those that nobody knows.
    for points in [&[1, 13, 0, 1][..], &[12, 16, 0, 1], &[12, 13, 1, 1], &[12]] {
        let shown = ours(desk.with(&[(b"cICP", points)])).await;
        assert!(shown == picture(), "{points:?}");
    }
}

/// White, red, green and blue, as the chunk has them.
fn primaries(places: [u32; 8]) -> Vec<u8> {
    places
        .iter()
        .flat_map(|place| place.to_be_bytes())
        .collect()
}

#[tokio::test]
async fn what_says_more_of_the_colours_comes_first() {
    let test = "what_says_more_of_the_colours_comes_first";
    let Some(desk) = Desk::new(test) else {
        return;
    };
    let adobe_rgb = format!("{PROFILES}/AdobeRGB1998.icc");
    if !std::path::Path::new(&adobe_rgb).is_file() {
        return program::skip(test, "colord-data");
    }
    let (picture_file, tagged) = (desk.at("picture.png"), desk.at("tagged.png"));
    let save = ["pngsave", &picture_file, &tagged, "--profile", &adobe_rgb];
    run(&desk.vips, &save);
    let p3_file = desk.at("display-p3.icc");
    let bytes = ColorProfile::new_display_p3().encode().unwrap();
    std::fs::write(&p3_file, &bytes).unwrap();
    let (as_adobe, as_p3) = (desk.shown(&adobe_rgb), desk.shown(&p3_file));

    let of_p3 = primaries([
        31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000,
    ]);
    let linear = 100_000_u32.to_be_bytes();
    let p3: Chunk<'_> = (b"cICP", &[12, 13, 0, 1]);
    let hdr: Chunk<'_> = (b"cICP", &[9, 16, 0, 1]);
    let by_primaries: Chunk<'_> = (b"cHRM", &of_p3);
    let by_exponent: Chunk<'_> = (b"gAMA", &linear);
    let srgb: Chunk<'_> = (b"sRGB", &[0]);
    let profiled = |chunks: &[Chunk<'_>]| desk.with_in("tagged.png", chunks);
    for (what, file, expected) in [
        ("a profile", profiled(&[]), &as_adobe),
        ("code points before a profile", profiled(&[p3]), &as_p3),
        (
            "a profile before what is not known",
            profiled(&[hdr]),
            &as_adobe,
        ),
        (
            "a profile before primaries",
            profiled(&[by_primaries, by_exponent]),
            &as_adobe,
        ),
        (
            "sRGB before primaries",
            desk.with(&[srgb, by_primaries, by_exponent]),
            &picture(),
        ),
        (
            "primaries alone, with the curve of sRGB",
            desk.with(&[by_primaries]),
            &as_p3,
        ),
    ] {
        let difference = delta_e::mean(&ours(file).await, expected);
        program::say(&format!("{what}: {difference:.3}"));
        assert!(difference <= 0.5, "{what}: {difference}");
    }
    // A point, a line, and what lies outside of everything.
    for places in [
        [0; 8],
        [
            31_270, 32_900, 10_000, 10_000, 20_000, 20_000, 30_000, 30_000,
        ],
        [
            31_270, 32_900, 90_000, 90_000, 30_000, 60_000, 15_000, 6_000,
        ],
        [u32::MAX; 8],
    ] {
        let shown = ours(desk.with(&[(b"cHRM", &primaries(places))])).await;
        assert!(shown == picture(), "{places:?}");
    }
}
