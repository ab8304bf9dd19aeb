//! What libtiff and libvips see in a derivative.

use dlcs_testkit::program;

use super::support::{Raster, process, run};

#[tokio::test]
async fn libtiff_and_libvips_read_the_same_levels_and_pixels() {
    let test = "libtiff_and_libvips_read_the_same_levels_and_pixels";
    let Some([tiffinfo, tiffdump, tiffcp, vips, vipsheader]) = program::find(
        test,
        ["tiffinfo", "tiffdump", "tiffcp", "vips", "vipsheader"],
    ) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    for (width, height, channels) in [(1300, 1100, 3), (513, 1025, 1), (1, 700, 3), (40, 30, 3)] {
        let ready = process(Raster::photograph(width, height, channels).to_png())
            .await
            .unwrap();
        let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let derivative = at("derivative.tif");
        std::fs::write(&derivative, &ready.bytes).unwrap();
        let pyramid = ready.service.derivative.pyramid;

        let info = run(&tiffinfo, &[&derivative]);
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
        assert!(info.contains("Compression Scheme: JPEG"), "{info}");
        assert_eq!(
            info.matches("reduced-resolution image").count(),
            sizes.len() - 1,
            "{info}"
        );
        run(&tiffdump, &[&derivative]);

        for level in pyramid.levels() {
            let ours = ready.level(level).await;
            let page = level.exponent;
            let (plain, copied) = (at("plain.tif"), at("copied.png"));
            run(
                &tiffcp,
                &["-s", "-c", "none", &format!("{derivative},{page}"), &plain],
            );
            let decoded = image::open(&plain).unwrap();
            let by_libtiff = Raster {
                width: decoded.width(),
                height: decoded.height(),
                channels,
                data: if channels == 1 {
                    decoded.into_luma8().into_raw()
                } else {
                    decoded.into_rgb8().into_raw()
                },
            };
            // Decoders may round differently, and no more than that.
            assert!(
                by_libtiff.largest_difference(&ours) <= 4,
                "libtiff at level {page} of {width} x {height}"
            );
            let header = run(&vipsheader, &[&format!("{derivative}[page={page}]")]);
            let size = format!(
                "{}x{} ",
                level.dimensions.width(),
                level.dimensions.height()
            );
            assert!(header.contains(&size), "{header}");
            run(
                &vips,
                &["copy", &format!("{derivative}[page={page}]"), &copied],
            );
            let by_libvips = Raster::from_png(&std::fs::read(&copied).unwrap());
            assert!(
                by_libvips.largest_difference(&ours) <= 4,
                "libvips at level {page} of {width} x {height}"
            );
        }
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
