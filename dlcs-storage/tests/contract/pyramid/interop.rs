//! What libtiff and libvips see in a derivative.

use std::path::PathBuf;

use dlcs_core::derivative::ProcessOptions;
use dlcs_core::iiif::Level;
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_storage::pyramid::{PyramidProcessor, PyramidProcessorConfig};
use dlcs_testkit::program;
use tempfile::TempDir;

use super::support::{Raster, Ready, make, process, run};

/// Width, height, channels and policy of a derivative.
pub(super) type Case = (u32, u32, usize, ImageOptimisationPolicy);

/// Derivatives that others must understand.
pub(super) fn derivatives() -> [Case; 8] {
    use ImageOptimisationPolicy::{FastHigher, FastLossy, Lossless};
    [
        (1300, 1100, 3, FastLossy),
        (513, 1025, 1, FastLossy),
        (1, 700, 3, FastLossy),
        (40, 30, 3, FastLossy),
        (1300, 700, 3, FastHigher),
        (1100, 600, 3, Lossless),
        (600, 300, 1, Lossless),
        // What is transparent is never stored as JPEG.
        (700, 600, 4, FastLossy),
    ]
}

/// Makes one; what is longer than this is a BigTIFF.
pub(super) async fn made((width, height, channels, policy): Case, max_classic_bytes: u32) -> Ready {
    let mut config = PyramidProcessorConfig::default();
    config.max_classic_bytes = max_classic_bytes;
    let options = ProcessOptions::default().with_policy(policy);
    let source = Raster::photograph(width, height, channels).to_png();
    make(&PyramidProcessor::new(config), &options, source)
        .await
        .unwrap()
}

/// The programs that look at every level of a derivative, and where they write.
struct Readers {
    directory: TempDir,
    tools: [PathBuf; 6],
}

impl Readers {
    fn find(test: &str) -> Option<Self> {
        let names = [
            "tiffinfo",
            "tiffdump",
            "tiffcp",
            "vips",
            "vipsheader",
            "convert",
        ];
        Some(Self {
            tools: program::find(test, names)?,
            directory: tempfile::tempdir().unwrap(),
        })
    }

    fn at(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Compares what they see of every level with what is served of it.
    async fn agree(&self, case: Case, ready: &Ready) {
        let [tiffinfo, tiffdump, ..] = &self.tools;
        let derivative = self.at("derivative.tif");
        std::fs::write(&derivative, &ready.bytes).unwrap();
        let pyramid = ready.service.derivative.pyramid;
        let info = run(tiffinfo, &[&derivative]);
        let sizes: Vec<String> = pyramid
            .levels()
            .map(|level| {
                let (width, height) = (level.dimensions.width(), level.dimensions.height());
                format!("Image Width: {width} Image Length: {height}")
            })
            .collect();
        let found: Vec<&str> = info
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("Image Width"))
            .collect();
        assert_eq!(found, sizes);
        let is_lossless = case.3 == ImageOptimisationPolicy::Lossless || case.2 == 4;
        let coding = if is_lossless { "AdobeDeflate" } else { "JPEG" };
        assert!(
            info.contains(&format!("Compression Scheme: {coding}")),
            "{info}"
        );
        assert_eq!(
            info.matches("reduced-resolution image").count(),
            sizes.len() - 1,
            "{info}"
        );
        // One line for the directory of each level, and one for each of its entries.
        let dumped = run(tiffdump, &[&derivative]);
        assert_eq!(
            dumped.matches("Directory ").count(),
            sizes.len(),
            "{dumped}"
        );
        // Decoders of JPEG may round differently, and no more than that.
        let tolerance = if is_lossless { 0 } else { 4 };
        for level in pyramid.levels() {
            let ours = ready.level(level).await;
            for (by, theirs) in self.read(&derivative, level, &ours) {
                let difference = theirs.largest_difference(&ours);
                assert!(
                    difference <= tolerance,
                    "{by} at level {} of {case:?}: {difference}",
                    level.exponent
                );
            }
        }
    }

    /// The pixels of a level by each of them.
    fn read(&self, derivative: &str, level: Level, ours: &Raster) -> [(&'static str, Raster); 3] {
        let [_, _, tiffcp, vips, vipsheader, convert] = &self.tools;
        let page = level.exponent;
        let (plain, copied) = (self.at("plain.tif"), self.at("copied.png"));
        let directory = format!("{derivative},{page}");
        run(tiffcp, &["-s", "-c", "none", &directory, &plain]);
        let of_vips = format!("{derivative}[page={page}]");
        let header = run(vipsheader, &[&of_vips]);
        let (width, height) = (level.dimensions.width(), level.dimensions.height());
        assert!(header.contains(&format!("{width}x{height} ")), "{header}");
        run(vips, &["copy", &of_vips, &copied]);
        let kind = ["", "gray", "graya", "rgb", "rgba"][ours.channels];
        let raw = self.at(&format!("raw.{kind}"));
        let of_magick = format!("{derivative}[{page}]");
        let target = format!("{kind}:{raw}");
        run(convert, &[&of_magick, "-depth", "8", &target]);
        let by_magick = Raster {
            data: std::fs::read(&raw).unwrap(),
            ..ours.clone()
        };
        [
            ("libtiff", Raster::from_plain_tiff(&plain, ours.channels)),
            (
                "libvips",
                Raster::from_png(&std::fs::read(&copied).unwrap()),
            ),
            ("ImageMagick", by_magick),
        ]
    }
}

#[tokio::test]
async fn libtiff_libvips_and_imagemagick_read_the_same_levels_and_pixels() {
    let test = "libtiff_libvips_and_imagemagick_read_the_same_levels_and_pixels";
    let Some(readers) = Readers::find(test) else {
        return;
    };
    for case in derivatives() {
        let ready = made(case, u32::MAX).await;
        assert_eq!(ready.bytes[..4], *b"II*\0");
        readers.agree(case, &ready).await;
    }
}

#[tokio::test]
async fn they_read_the_same_of_what_is_too_long_for_a_classic_tiff() {
    let test = "they_read_the_same_of_what_is_too_long_for_a_classic_tiff";
    let Some(readers) = Readers::find(test) else {
        return;
    };
    for case in derivatives() {
        // As if nothing were short enough.
        let ready = made(case, 0).await;
        assert_eq!(ready.bytes[..4], *b"II+\0");
        readers.agree(case, &ready).await;
    }
}

#[tokio::test]
async fn files_of_other_programs_are_read_as_what_they_show() {
    let test = "files_of_other_programs_are_read_as_what_they_show";
    let Some([convert, cwebp]) = program::find(test, ["convert", "cwebp"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let source = at("source.png");
    let colour = Raster::photograph(601, 403, 3);
    std::fs::write(&source, colour.to_png()).unwrap();
    let webp = at("lossy.webp");
    run(&cwebp, &["-quiet", "-q", "90", &source, "-o", &webp]);
    let made: &[(&str, &[&str], &str, f64)] = &[
        ("baseline.jpg", &["-quality", "92"], "image/jpeg", 30.0),
        (
            "progressive.jpg",
            &["-quality", "92", "-interlace", "JPEG"],
            "image/jpeg",
            30.0,
        ),
        (
            "grey.jpg",
            &["-colorspace", "Gray", "-quality", "92"],
            "image/jpeg",
            30.0,
        ),
        (
            "444.jpg",
            &["-quality", "95", "-sampling-factor", "4:4:4"],
            "image/jpeg",
            30.0,
        ),
        (
            "cmyk.jpg",
            &["-colorspace", "CMYK", "-quality", "95"],
            "image/jpeg",
            25.0,
        ),
        ("8.png", &["-depth", "8"], "image/png", 30.0),
        (
            "16.png",
            &["-depth", "16", "-define", "png:bit-depth=16"],
            "image/png",
            30.0,
        ),
        (
            "alpha.png",
            &["-alpha", "set", "-define", "png:color-type=6"],
            "image/png",
            30.0,
        ),
        (
            "palette.png",
            &["-colors", "200", "-define", "png:color-type=3"],
            "image/png",
            25.0,
        ),
        ("palette.gif", &["-colors", "250"], "image/gif", 25.0),
        ("lzw.tif", &["-compress", "LZW"], "image/tiff", 30.0),
        (
            "grey.tif",
            &["-colorspace", "Gray", "-compress", "None"],
            "image/tiff",
            30.0,
        ),
        (
            "lossless.webp",
            &["-define", "webp:lossless=true"],
            "image/webp",
            30.0,
        ),
    ];
    for (name, arguments, _, _) in made {
        let target = at(name);
        let all: Vec<&str> = [source.as_str()]
            .into_iter()
            .chain(arguments.iter().copied())
            .chain([target.as_str()])
            .collect();
        run(&convert, &all);
    }
    let all = made
        .iter()
        .map(|(name, _, kind, psnr)| (*name, *kind, *psnr))
        .chain([("lossy.webp", "image/webp", 30.0)]);
    for (name, media_type, psnr) in all {
        let bytes = std::fs::read(at(name)).unwrap();
        let size = bytes.len() as u64;
        let ready = process(bytes)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(ready.service.source.media_type, media_type, "{name}");
        assert_eq!(ready.service.source.size, size, "{name}");
        let ours = ready.pixels("full/max/0/default.png").await;
        let grey = name.starts_with("grey");
        assert_eq!(ours.channels, if grey { 1 } else { 3 }, "{name}");
        let expected = if grey {
            let shown = at("shown.png");
            run(
                &convert,
                &[
                    &source,
                    "-colorspace",
                    "Gray",
                    "-define",
                    "png:color-type=0",
                    &shown,
                ],
            );
            Raster::from_png(&std::fs::read(shown).unwrap())
        } else {
            colour.clone()
        };
        let found = ours.psnr(&expected);
        assert!(found >= psnr, "{name}: {found:.1} dB");
    }
}

#[tokio::test]
async fn truncated_files_of_other_programs_are_never_a_success() {
    let test = "truncated_files_of_other_programs_are_never_a_success";
    let Some([convert, cwebp]) = program::find(test, ["convert", "cwebp"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let source = at("source.png");
    std::fs::write(&source, Raster::photograph(300, 200, 3).to_png()).unwrap();
    run(&cwebp, &["-quiet", &source, "-o", &at("lossy.webp")]);
    run(
        &cwebp,
        &["-quiet", "-lossless", &source, "-o", &at("lossless.webp")],
    );
    run(&convert, &[&source, &at("palette.gif")]);
    run(&convert, &[&source, "-compress", "LZW", &at("lzw.tif")]);
    run(&convert, &[&source, "-compress", "None", &at("plain.tif")]);
    for name in [
        "lossy.webp",
        "lossless.webp",
        "palette.gif",
        "lzw.tif",
        "plain.tif",
    ] {
        let whole = std::fs::read(at(name)).unwrap();
        process(whole.clone()).await.unwrap();
        for end in (1..16).map(|part| whole.len() * part / 16) {
            let result = process(whole[..end].to_vec()).await.map(|_| ());
            assert!(result.is_err(), "{name} cut at {end} of {}", whole.len());
        }
    }
}

#[tokio::test]
async fn orientation_of_other_formats_is_applied() {
    let Some([convert]) = program::find("orientation_of_other_formats_is_applied", ["convert"])
    else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("source.png"), Raster::photograph(300, 200, 3).to_png()).unwrap();
    run(
        &convert,
        &[
            &at("source.png"),
            "-orient",
            "RightTop",
            "-compress",
            "None",
            &at("turned.tif"),
        ],
    );
    run(
        &convert,
        &[&at("source.png"), "-rotate", "90", &at("upright.png")],
    );
    let ready = process(std::fs::read(at("turned.tif")).unwrap())
        .await
        .unwrap();
    let upright = Raster::from_png(&std::fs::read(at("upright.png")).unwrap());
    assert!(ready.pixels("full/max/0/default.png").await.psnr(&upright) >= 30.0);
}
