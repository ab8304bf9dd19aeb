//! Sources that lie otherwise than they are to be seen.

use dlcs_core::derivative::{ProcessError, ProcessOptions};
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_storage::pyramid::{PyramidProcessor, PyramidProcessorConfig};
use dlcs_testkit::program;

use super::delta_e;
use super::support::{Raster, make, process_as, process_with, run};

/// The eight orientations of Exif, as ImageMagick calls them.
const ORIENTATIONS: [&str; 8] = [
    "TopLeft",
    "TopRight",
    "BottomRight",
    "BottomLeft",
    "LeftTop",
    "RightTop",
    "RightBottom",
    "LeftBottom",
];

fn lossless() -> ProcessOptions {
    ProcessOptions::default().with_policy(ImageOptimisationPolicy::Lossless)
}

#[tokio::test]
async fn all_eight_orientations_are_seen_as_imagemagick_shows_them() {
    let test = "all_eight_orientations_are_seen_as_imagemagick_shows_them";
    let Some([convert, vips]) = program::find(test, ["convert", "vips"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let source = at("source.png");
    std::fs::write(&source, Raster::photograph(303, 201, 3).to_png()).unwrap();
    let (tiff, jpeg, webp) = (at("turned.tif"), at("turned.jpg"), at("turned.webp"));
    for (name, number) in ORIENTATIONS.into_iter().zip(1..) {
        run(
            &convert,
            &[&source, "-orient", name, "-compress", "LZW", &tiff],
        );
        // libvips writes the orientation into Exif.
        run(&vips, &["copy", &tiff, &format!("{jpeg}[Q=95]")]);
        run(&vips, &["copy", &tiff, &format!("{webp}[lossless]")]);
        for file in [&tiff, &jpeg, &webp] {
            let shown = at("shown.png");
            run(&convert, &[file, "-auto-orient", "-depth", "8", &shown]);
            let theirs = Raster::from_png(&std::fs::read(&shown).unwrap());
            let bytes = std::fs::read(file).unwrap();
            let ready = process_as(&lossless(), bytes).await.unwrap();
            let ours = ready.pixels("full/max/0/default.png").await;
            let size = |raster: &Raster| (raster.width, raster.height);
            assert_eq!(size(&ours), size(&theirs), "{number}: {file}");
            let expected = if number > 4 { (201, 303) } else { (303, 201) };
            assert_eq!(size(&ours), expected, "{number}: {file}");
            let difference = delta_e::mean(&ours, &theirs);
            assert!(difference <= 1.0, "{number}: {file}: {difference}");
        }
    }
}

#[tokio::test]
async fn large_sources_are_turned_in_little_memory() {
    let test = "large_sources_are_turned_in_little_memory";
    let Some([vips, tiffset]) = program::find(test, ["vips", "tiffset"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    // Twice 75 MB, if it were turned in memory.
    let (width, height) = (6001_u32, 4171_u32);
    let value = |x: u32, y: u32| [(x / 31) as u8, (y / 23) as u8, ((x + 2 * y) / 64) as u8];
    let data = (0..height).flat_map(|y| (0..width).flat_map(move |x| value(x, y)));
    let raster = Raster {
        width,
        height,
        channels: 3,
        data: data.collect(),
    };
    std::fs::write(at("source.ppm"), raster.to_ppm()).unwrap();
    let turned = at("turned.tif");
    run(&vips, &["tiffsave", &at("source.ppm"), &turned]);
    let with_budget = |budget| {
        let mut config = PyramidProcessorConfig::default();
        config.decode_budget = budget;
        PyramidProcessor::new(config)
    };
    for orientation in ["3", "6"] {
        run(&tiffset, &["-s", "274", orientation, &turned]);
        let bytes = std::fs::read(&turned).unwrap();
        let ready = make(&with_budget(64 << 20), &lossless(), bytes)
            .await
            .unwrap();
        let size = ready.service.dimensions();
        let is_half = orientation == "3";
        let (w, h) = if is_half {
            (width, height)
        } else {
            (height, width)
        };
        assert_eq!((size.width(), size.height()), (w, h));
        for (x, y) in [(0, 0), (w - 70, h - 50), (w / 2, h / 3), (17, h - 50)] {
            let path = format!("{x},{y},70,50/max/0/default.png");
            let found = ready.pixels(&path).await;
            let expected = (y..y + 50).flat_map(|y| (x..x + 70).map(move |x| (x, y)));
            let expected = expected.flat_map(|(x, y)| {
                if is_half {
                    value(width - 1 - x, height - 1 - y)
                } else {
                    value(y, height - 1 - x)
                }
            });
            assert!(found.data.iter().copied().eq(expected), "{path}");
        }
    }
    // What even that does not fit into is refused with its numbers.
    let bytes = std::fs::read(&turned).unwrap();
    match process_with(&with_budget(1 << 20), bytes).await.map(|_| ()) {
        Err(error @ ProcessError::TooManyBytes { needed, .. }) => {
            assert!(needed < 64 << 20, "{error}");
            assert!(error.to_string().contains(&needed.to_string()), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
