//! What the policies of an image make of it.

use std::collections::BTreeMap;

use dlcs_core::derivative::ProcessOptions;
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_testkit::program;

use super::support::{Raster, Ready, process_as, run};

/// The least PSNR of full resolution, in dB, that each policy promises of a photograph.
const FLOORS: [(ImageOptimisationPolicy, f64, f64); 3] = [
    (ImageOptimisationPolicy::FastLossy, 33.0, 0.93),
    (ImageOptimisationPolicy::FastHigher, 38.0, 0.97),
    (ImageOptimisationPolicy::Lossless, f64::INFINITY, 1.0),
];

async fn full(ready: &Ready) -> Raster {
    ready.pixels("full/max/0/default.png").await
}

#[tokio::test]
async fn policies_keep_their_promises_of_quality() {
    for channels in [1, 3] {
        let source = Raster::photograph(1300, 900, channels);
        for (policy, psnr, ssim) in FLOORS {
            let options = ProcessOptions::default().with_policy(policy);
            let ready = process_as(&options, source.to_png()).await.unwrap();
            let stored = full(&ready).await;
            if psnr.is_infinite() {
                assert!(stored == source, "{policy} of {channels} channels");
            }
            let (found, similar) = (source.psnr(&stored), source.ssim(&stored));
            assert!(found >= psnr.min(100.0), "{policy}: {found} dB");
            assert!(similar >= ssim - 1e-9, "{policy}: SSIM {similar}");
        }
    }
}

/// The tables of quantities of a JPEG, in the order of their numbers, and the sampling of each channel.
fn tables_and_sampling(jpeg: &[u8]) -> (BTreeMap<u8, Vec<u8>>, Vec<u8>) {
    let (mut tables, mut sampling) = (BTreeMap::new(), Vec::new());
    let mut place = 2;
    while let Some([0xFF, marker, high, low]) = jpeg.get(place..place + 4) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let data = &jpeg[place + 4..place + 2 + length];
        match marker {
            0xDB => tables.extend(data.chunks(65).map(|table| (table[0], table[1..].to_vec()))),
            0xC0 => sampling = data[6..].chunks(3).map(|channel| channel[1]).collect(),
            0xDA => break,
            _ => {}
        }
        place += 2 + length;
    }
    (tables, sampling)
}

#[tokio::test]
async fn tiles_have_the_size_the_quality_and_the_sampling_of_their_policy() {
    use ImageOptimisationPolicy::{FastHigher, FastLossy, Lossless};
    let test = "tiles_have_the_size_the_quality_and_the_sampling_of_their_policy";
    let Some([cjpeg, tiffinfo]) = program::find(test, ["cjpeg", "tiffinfo"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let source = Raster::photograph(1300, 900, 3);
    std::fs::write(at("source.ppm"), source.to_ppm()).unwrap();
    for (policy, quality, factor, by_libtiff) in [
        (FastLossy, Some("85"), "2x2", "YCbCr Subsampling: 2, 2"),
        (FastHigher, Some("92"), "1x1", "YCbCr Subsampling: 1, 1"),
        (Lossless, None, "", "Compression Scheme: AdobeDeflate"),
    ] {
        let options = ProcessOptions::default().with_policy(policy);
        let ready = process_as(&options, source.to_png()).await.unwrap();
        std::fs::write(at("derivative.tif"), &ready.bytes).unwrap();
        let info = run(&tiffinfo, &[&at("derivative.tif")]);
        let levels = info.matches("Image Width").count();
        assert_eq!(
            info.matches("Tile Width: 512 Tile Length: 512").count(),
            levels,
            "{policy}: {info}"
        );
        assert_eq!(info.matches(by_libtiff).count(), levels, "{policy}: {info}");
        let Some(quality) = quality else {
            continue;
        };
        // What the Independent JPEG Group means by this quality.
        let (made, ppm) = (at("made.jpg"), at("source.ppm"));
        let how = ["-quality", quality, "-sample", factor];
        run(&cjpeg, &[&how[..], &["-outfile", &made, &ppm]].concat());
        let theirs = tables_and_sampling(&std::fs::read(made).unwrap());
        assert_eq!(theirs.0.len(), 2, "tables for luma and for colours");
        for path in [
            "0,0,512,512/512,512/0/default.jpg",
            "1024,512,276,388/276,388/0/default.jpg",
            "0,0,1024,900/512,450/0/default.jpg",
        ] {
            let served = ready.render(path).await.unwrap().bytes;
            assert!(
                tables_and_sampling(&served) == theirs,
                "{policy}: {path} has other tables or sampling"
            );
        }
    }
}

#[tokio::test]
async fn transparent_images_are_stored_without_loss_whatever_the_policy() {
    let source = Raster::photograph(700, 300, 4);
    let ready = process_as(&ProcessOptions::default(), source.to_png())
        .await
        .unwrap();
    assert!(full(&ready).await == source);
}

#[tokio::test]
async fn thumbnails_are_those_of_the_policy() {
    for (squares, expected) in [
        (&[400, 100][..], vec![(100, 75), (400, 300)]),
        (&[], vec![]),
        (&[5000], vec![(1300, 975)]),
        // That of the level which one tile holds.
        (&[325], vec![(325, 244)]),
    ] {
        let options = ProcessOptions::default().with_thumbnails(squares);
        let source = Raster::photograph(1300, 975, 3);
        let ready = process_as(&options, source.to_png()).await.unwrap();
        let mut found: Vec<_> = ready
            .service
            .derivative
            .thumbnails
            .iter()
            .map(|size| (size.width(), size.height()))
            .collect();
        found.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(found, expected);
        for (width, height) in found {
            let path = format!("full/{width},{height}/0/default");
            let stored = ready.pixels(&format!("{path}.jpg")).await;
            assert_eq!((stored.width, stored.height), (width, height));
            // Made from another level, so that it is close and not the same.
            let rendered = ready.pixels(&format!("{path}.png")).await;
            assert!(stored.psnr(&rendered) > 30.0, "{width} x {height}");
        }
    }
}

/// What lies between the markers of a stream, where it is long enough to be told apart.
fn runs(stream: &[u8]) -> Vec<&[u8]> {
    let is_marker = |at: &usize| stream[*at] == 0xFF && (0xD0..=0xD9).contains(&stream[at + 1]);
    let markers: Vec<_> = (0..stream.len() - 1).filter(is_marker).collect();
    let starts = markers.iter().map(|marker| marker + 2);
    let runs = std::iter::once(0).chain(starts).zip(&markers);
    runs.map(|(start, end)| &stream[start..*end])
        .filter(|run| run.len() > 8)
        .collect()
}

#[tokio::test]
async fn thumbnails_are_sent_as_they_are_stored_whatever_the_policy() {
    let source = Raster::photograph(1300, 975, 3);
    for policy in ImageOptimisationPolicy::ALL {
        // The second is that of the level which one tile holds.
        let options = ProcessOptions::default()
            .with_policy(policy)
            .with_thumbnails(&[100, 325, 400]);
        let ready = process_as(&options, source.to_png()).await.unwrap();
        let thumbnails = &ready.service.derivative.thumbnails;
        assert_eq!(thumbnails.len(), 3, "{policy}");
        for size in thumbnails {
            let path = format!("full/{},{}/0/default.jpg", size.width(), size.height());
            let sent = ready.render(&path).await.unwrap().bytes;
            // Tables come before it; and of a tile, what fills up the last byte of each run may be another.
            for run in runs(&sent[sent.len() / 2..]) {
                let whole = &run[..run.len() - 1];
                let mut stored = ready.bytes.windows(whole.len());
                assert!(stored.any(|bytes| bytes == whole), "{policy}: {path}");
            }
        }
    }
}

#[tokio::test]
async fn jpegs_are_cut_without_loss_where_that_is_wanted_and_can_be() {
    let test = "jpegs_are_cut_without_loss_where_that_is_wanted_and_can_be";
    let Some([cjpeg, djpeg]) = program::find(test, ["cjpeg", "djpeg"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let photograph = Raster::photograph(1300, 900, 3);
    std::fs::write(at("source.ppm"), photograph.to_ppm()).unwrap();
    let lossless = ProcessOptions::default().with_policy(ImageOptimisationPolicy::Lossless);
    let original = ProcessOptions::default().with_original();
    for (name, arguments, is_cut) in [
        ("4:4:4", &["-quality", "60", "-sample", "1x1"][..], true),
        ("4:2:0", &["-quality", "60", "-sample", "2x2"], true),
        ("restarts", &["-quality", "60", "-restart", "3B"], true),
        ("grey", &["-quality", "60", "-grayscale"], true),
        ("progressive", &["-quality", "60", "-progressive"], false),
    ] {
        let jpeg = at("source.jpg");
        let mut made = arguments.to_vec();
        let source = at("source.ppm");
        made.extend(["-outfile", &jpeg, &source]);
        run(&cjpeg, &made);
        let plain = at("plain.pnm");
        run(&djpeg, &["-nosmooth", "-pnm", "-outfile", &plain, &jpeg]);
        let theirs = Raster::from_pnm(&std::fs::read(&plain).unwrap());
        for options in [&lossless, &original] {
            let ready = process_as(options, std::fs::read(&jpeg).unwrap())
                .await
                .unwrap();
            // One tile, and an edge tile, as they are sent.
            for (region, x, y, width, height) in [
                ("512,0,512,512", 512, 0, 512, 512),
                ("1024,512,276,388", 1024, 512, 276, 388),
            ] {
                let path = format!("{region}/{width},{height}/0/default.jpg");
                let sent = ready.render(&path).await.unwrap();
                std::fs::write(at("tile.jpg"), &sent.bytes).unwrap();
                let (tile, decoded) = (at("tile.jpg"), at("tile.pnm"));
                run(&djpeg, &["-nosmooth", "-pnm", "-outfile", &decoded, &tile]);
                let ours = Raster::from_pnm(&std::fs::read(&decoded).unwrap());
                let same = ours == theirs.crop(x, y, width, height);
                assert_eq!(same, is_cut, "{name} {options:?} {region}");
            }
        }
    }
}
