//! TIFF sources that already are pyramids, kept as they are.

use std::ops::Range;

use dlcs_core::derivative::ProcessOptions;
use dlcs_testkit::program;

use super::support::{Raster, Ready, process_as, run};

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

/// Where the tiles of each level of a small TIFF are, as libtiff writes it on this machine.
fn levels(file: &[u8]) -> Vec<Vec<Range<usize>>> {
    let number = |at: usize, bytes: usize| {
        let bytes = file[at..at + bytes].iter().rev();
        bytes.fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    assert_eq!(&file[..4], b"II*\0");
    let mut levels = Vec::new();
    let mut directory = number(4, 4);
    while directory != 0 {
        let count = number(directory, 2);
        let list = |tag: usize| -> Vec<usize> {
            let mut entries = (0..count).map(|index| directory + 2 + 12 * index);
            let entry = entries.find(|entry| number(*entry, 2) == tag).unwrap();
            let bytes = if number(entry + 2, 2) == 3 { 2 } else { 4 };
            let values = number(entry + 4, 4);
            let start = if values * bytes <= 4 {
                entry + 8
            } else {
                number(entry + 8, 4)
            };
            (0..values)
                .map(|index| number(start + index * bytes, bytes))
                .collect()
        };
        let places = list(324).into_iter().zip(list(325));
        levels.push(
            places
                .map(|(start, length)| start..start + length)
                .collect(),
        );
        directory = number(directory + 2 + 12 * count, 4);
    }
    levels
}

/// Pyramids of libvips with tiles of 256 pixels, by the arguments that make them.
fn pyramids(test: &str, kinds: &[&[&str]]) -> Option<Vec<Vec<u8>>> {
    let [vips] = program::find(test, ["vips"])?;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (source, pyramid) = (at("source.png"), at("pyramid.tif"));
    std::fs::write(&source, Raster::photograph(1300, 900, 3).to_png()).unwrap();
    let save = ["tiffsave", &source, &pyramid, "--tile", "--pyramid"];
    let size = ["--tile-width", "256", "--tile-height", "256"];
    let made = kinds.iter().map(|kind| {
        run(&vips, &[&save[..], &size, kind].concat());
        std::fs::read(&pyramid).unwrap()
    });
    Some(made.collect())
}

const JPEG: &[&str] = &["--compression", "jpeg"];
const DEFLATED: &[&str] = &["--compression", "deflate"];
const DIFFERENCES: &[&str] = &["--compression", "deflate", "--predictor", "horizontal"];

/// Asks for all tiles of every level, and for the whole.
async fn is_served_whole(ready: &Ready, what: &str) {
    let pyramid = ready.service.derivative.pyramid;
    for level in pyramid.levels() {
        let (width, height) = (level.dimensions.width(), level.dimensions.height());
        for format in ["png", "jpg"] {
            let path = format!("full/{width},{height}/0/default.{format}");
            let found = ready.render(&path).await;
            assert!(found.is_ok(), "{what}: {path}: {found:?}");
        }
    }
    let full = ready.pixels("full/max/0/default.png").await;
    let photograph = Raster::photograph(1300, 900, 3);
    assert!(full.psnr(&photograph) > 28.0, "{what}");
    let small = ready.pixels("full/325,225/0/default.png").await;
    let expected = photograph.halved().halved();
    assert!(small.psnr(&expected) > 25.0, "{what}");
}

#[tokio::test]
async fn a_pyramid_with_a_damaged_level_is_not_kept() {
    let test = "a_pyramid_with_a_damaged_level_is_not_kept";
    let kinds = [JPEG, DEFLATED, DIFFERENCES];
    let Some(pyramids) = pyramids(test, &kinds) else {
        return;
    };
    let options = ProcessOptions::default().with_original();
    for (whole, kind) in pyramids.iter().zip(kinds) {
        let levels = levels(whole);
        assert_eq!(levels.len(), 4);
        for (number, level) in levels.iter().enumerate() {
            let last = level.len() - 1;
            for (tile, place) in level.iter().enumerate() {
                if tile != 0 && tile != last {
                    continue;
                }
                let third = place.start + place.len() / 3;
                let mut ends_early = whole.clone();
                ends_early[third..place.end].fill(0);
                ends_early[third..third + 2].copy_from_slice(&[0xFF, 0xD9]);
                let mut overwritten = whole.clone();
                overwritten[third..place.end].fill(0xFF);
                for damaged in [ends_early, overwritten] {
                    let what = format!("{kind:?}: level {number}, tile {tile}");
                    match process_as(&options, damaged.clone()).await {
                        Err(_) => assert_eq!(number, 0, "{what}: the smaller ones can be made"),
                        Ok(ready) => {
                            assert!(!ready.bytes.starts_with(&damaged), "{what} is kept");
                            // Codes may mean other pixels of full resolution.
                            if number > 0 {
                                is_served_whole(&ready, &what).await;
                            } else {
                                assert_ne!(kind, JPEG, "{what}");
                            }
                        }
                    }
                }
            }
        }
        let cut = whole[..whole.len() / 2].to_vec();
        assert!(process_as(&options, cut).await.is_err());
        let ready = process_as(&options, whole.clone()).await.unwrap();
        assert!(ready.bytes.starts_with(whole));
        is_served_whole(&ready, "as it was").await;
    }
}

#[tokio::test]
async fn damage_below_the_last_row_harms_nothing() {
    let test = "damage_below_the_last_row_harms_nothing";
    let Some(pyramids) = pyramids(test, &[DEFLATED, DIFFERENCES]) else {
        return;
    };
    let options = ProcessOptions::default().with_original();
    for whole in pyramids {
        // The last row of tiles of each level is filled for less than nine tenths, and the codes of what fills it up come last.
        for (number, level) in levels(&whole).into_iter().enumerate() {
            let mut damaged = whole.clone();
            let place = level.last().unwrap();
            damaged[place.end - 12..place.end].fill(0xFF);
            let ready = process_as(&options, damaged).await.unwrap();
            is_served_whole(&ready, &format!("level {number}")).await;
        }
    }
}
