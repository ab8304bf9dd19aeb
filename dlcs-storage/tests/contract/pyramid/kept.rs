//! TIFF sources that already are pyramids, kept as they are.

use dlcs_core::derivative::ProcessOptions;
use dlcs_testkit::program;

use super::support::{Raster, process_as, run};

#[tokio::test]
async fn pyramids_of_others_are_kept_and_served() {
    let test = "pyramids_of_others_are_kept_and_served";
    let Some([vips, tiffinfo]) = program::find(test, ["vips", "tiffinfo"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let options = ProcessOptions::default().with_original();
    // Sizes that libvips, which rounds down, halves to other ones than we.
    for (width, height, channels) in [(1500, 1101, 3), (1300, 900, 1)] {
        let photograph = Raster::photograph(width, height, channels);
        std::fs::write(at("source.png"), photograph.to_png()).unwrap();
        for (name, arguments, tile, is_kept) in [
            (
                "jpeg",
                &["--compression", "jpeg", "--Q", "85"][..],
                256,
                true,
            ),
            ("512", &["--compression", "jpeg"], 512, true),
            ("deflate", &["--compression", "deflate"], 256, true),
            (
                "deflate, differences",
                &["--compression", "deflate", "--predictor", "horizontal"],
                256,
                true,
            ),
            ("none", &["--compression", "none"], 256, true),
            ("lzw", &["--compression", "lzw"], 256, false),
        ] {
            let (source, pyramid, side) = (at("source.png"), at("pyramid.tif"), tile.to_string());
            let mut save = vec!["tiffsave", &source, &pyramid, "--tile", "--pyramid"];
            save.extend(["--tile-width", &side, "--tile-height", &side]);
            save.extend(arguments);
            run(&vips, &save);
            let bytes = std::fs::read(&pyramid).unwrap();
            let ready = process_as(&options, bytes.clone()).await.unwrap();
            let facts = &ready.service.derivative;
            assert_eq!(ready.bytes.starts_with(&bytes), is_kept, "{name}");
            assert_eq!(
                (
                    ready.service.dimensions().width(),
                    facts.thumbnails.len() > 2
                ),
                (width, true)
            );
            if is_kept {
                assert_eq!(facts.pyramid.tile.get(), tile, "{name}");
                std::fs::write(at("derivative.tif"), &ready.bytes).unwrap();
                let ours = run(&tiffinfo, &[&at("derivative.tif")]).replace("derivative", "");
                assert_eq!(ours, run(&tiffinfo, &[&pyramid]).replace("pyramid", ""));
            }
            // The slot of a full tile, an edge that has to be made, a smaller level, and a thumbnail.
            for path in [
                format!("0,0,{tile},{tile}/{tile},{tile}/0/default"),
                format!("1024,768,{},{}/max/0/default", width - 1024, height - 768),
                "0,0,1024,768/512,384/0/default".to_owned(),
                "full/!400,400/0/default".to_owned(),
            ] {
                let sent = ready.pixels(&format!("{path}.jpg")).await;
                let decoded = ready.pixels(&format!("{path}.png")).await;
                assert!(sent.psnr(&decoded) > 30.0, "{name} {path}");
            }
            let full = ready.pixels("full/max/0/default.png").await;
            let floor = if name == "jpeg" || name == "512" || !is_kept {
                30.0
            } else {
                90.0
            };
            assert!(full.psnr(&photograph) > floor, "{name}");
            for level in facts.pyramid.levels() {
                let level = ready.level(level).await;
                let whole = ready
                    .pixels(&format!(
                        "full/{},{}/0/default.jpg",
                        level.width, level.height
                    ))
                    .await;
                assert!(level.psnr(&whole) > 28.0, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_damaged_pyramid_is_not_kept() {
    let test = "a_damaged_pyramid_is_not_kept";
    let Some([vips]) = program::find(test, ["vips"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("source.png"), Raster::photograph(1300, 900, 3).to_png()).unwrap();
    let (source, pyramid) = (at("source.png"), at("pyramid.tif"));
    let save = [
        "tiffsave",
        &source,
        &pyramid,
        "--tile",
        "--pyramid",
        "--compression",
        "jpeg",
    ];
    run(
        &vips,
        &[&save[..], &["--tile-width", "256", "--tile-height", "256"]].concat(),
    );
    let whole = std::fs::read(&pyramid).unwrap();
    let options = ProcessOptions::default().with_original();
    let mut damaged = whole.clone();
    // In the middle of the tiles of full resolution.
    let middle = whole.len() / 3;
    damaged[middle..middle + 2000].fill(0xFF);
    for bytes in [damaged, whole[..whole.len() / 2].to_vec()] {
        assert!(process_as(&options, bytes).await.is_err());
    }
    process_as(&options, whole).await.unwrap();
}
