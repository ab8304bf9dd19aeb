//! What libtiff and libvips see in a derivative.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dlcs_core::derivative::ProcessOptions;
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_testkit::program;

use super::support::{Raster, Ready, process, process_as, run};

/// Sizes, channels and policies of derivatives that others must understand.
fn derivatives() -> [(u32, u32, usize, ImageOptimisationPolicy); 8] {
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

async fn made(
    (width, height, channels, policy): (u32, u32, usize, ImageOptimisationPolicy),
) -> Ready {
    let options = ProcessOptions::default().with_policy(policy);
    let source = Raster::photograph(width, height, channels).to_png();
    process_as(&options, source).await.unwrap()
}

#[tokio::test]
async fn libtiff_libvips_and_imagemagick_read_the_same_levels_and_pixels() {
    let test = "libtiff_libvips_and_imagemagick_read_the_same_levels_and_pixels";
    let Some([tiffinfo, tiffdump, tiffcp, vips, vipsheader, convert]) = program::find(
        test,
        [
            "tiffinfo",
            "tiffdump",
            "tiffcp",
            "vips",
            "vipsheader",
            "convert",
        ],
    ) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    for case in derivatives() {
        let ready = made(case).await;
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
        run(&tiffdump, &[&derivative]);

        // Decoders of JPEG may round differently, and no more than that.
        let tolerance = if is_lossless { 0 } else { 4 };
        for level in pyramid.levels() {
            let ours = ready.level(level).await;
            let page = level.exponent;
            let (plain, copied) = (at("plain.tif"), at("copied.png"));
            let check = |by: &str, theirs: &Raster| {
                let difference = theirs.largest_difference(&ours);
                assert!(
                    difference <= tolerance,
                    "{by} at level {page} of {case:?}: {difference}"
                );
            };
            run(
                &tiffcp,
                &["-s", "-c", "none", &format!("{derivative},{page}"), &plain],
            );
            check("libtiff", &Raster::from_plain_tiff(&plain, ours.channels));
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
            check(
                "libvips",
                &Raster::from_png(&std::fs::read(&copied).unwrap()),
            );
            let kind = ["", "gray", "graya", "rgb", "rgba"][ours.channels];
            let raw = at(&format!("raw.{kind}"));
            let depth = ["-depth", "8"];
            run(
                &convert,
                &[
                    &format!("{derivative}[{page}]"),
                    depth[0],
                    depth[1],
                    &format!("{kind}:{raw}"),
                ],
            );
            let by_imagemagick = Raster {
                data: std::fs::read(&raw).unwrap(),
                ..ours.clone()
            };
            check("ImageMagick", &by_imagemagick);
        }
    }
}

#[tokio::test]
async fn iipimage_serves_a_derivative() {
    let test = "iipimage_serves_a_derivative";
    let Some([client]) = program::find(test, ["cgi-fcgi"]) else {
        return;
    };
    let server = Path::new("/usr/lib/iipimage-server/iipsrv.fcgi");
    if !server.is_file() {
        program::skip(test, "iipimage-server");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _running = Running(
        Command::new(server)
            .args(["--bind", socket.to_str().unwrap()])
            .env(
                "FILESYSTEM_PREFIX",
                format!("{}/", directory.path().display()),
            )
            .env("LOGFILE", directory.path().join("log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait_for(&socket).await;
    let ask = |what: &str| {
        let output = Command::new(&client)
            .args(["-bind", "-connect", socket.to_str().unwrap()])
            .env("REQUEST_METHOD", "GET")
            .env("REQUEST_URI", format!("/{what}"))
            .env("QUERY_STRING", format!("IIIF={what}"))
            .output()
            .unwrap();
        // Headers end with an empty line, however lines end.
        let text = &output.stdout;
        let ends = [&b"\r\n\r\n"[..], b"\n\n"].map(|end| {
            let start = text.windows(end.len()).position(|bytes| bytes == end);
            start.map(|start| start + end.len())
        });
        let start = ends.into_iter().flatten().min();
        let start = start.unwrap_or_else(|| panic!("{what}: {}", String::from_utf8_lossy(text)));
        text[start..].to_vec()
    };
    for (number, case @ (width, height, channels, _)) in derivatives().into_iter().enumerate() {
        // It was made for photographs: one tile is enough of everything else.
        if channels == 4 || width == 1 {
            continue;
        }
        let ready = made(case).await;
        // It remembers files by their names.
        let name = format!("{number}.tif");
        std::fs::write(directory.path().join(&name), &ready.bytes).unwrap();
        let info = String::from_utf8(ask(&format!("{name}/info.json"))).unwrap();
        for said in [
            format!("\"width\" : {width}"),
            format!("\"height\" : {height}"),
        ] {
            assert!(info.contains(&said), "{info}");
        }
        let region = format!("0,0,{},{}", width.min(256), height.min(256));
        let theirs = Raster::from_jpeg(&ask(&format!("{name}/{region}/full/0/native.jpg")));
        let ours = ready.pixels(&format!("{region}/max/0/default.png")).await;
        assert!(theirs.psnr(&ours) > 30.0, "{case:?}");
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a server has made its socket.
async fn wait_for(socket: &Path) {
    let there = async {
        while !socket.try_exists().unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), there)
        .await
        .expect("the server starts");
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
