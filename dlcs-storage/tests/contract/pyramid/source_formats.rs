//! Every source format from end to end, in files of other programs.

use dlcs_core::derivative::ProcessError;
use dlcs_testkit::program;

use super::support::{Raster, process, run};

/// Name, program, what it is told between the source and the file, and media type.
const FORMATS: &[(&str, &str, &[&str], &str)] = &[
    ("plain.png", "convert", &[], "image/png"),
    (
        "deep.png",
        "convert",
        &["-depth", "16", "-define", "png:bit-depth=16"],
        "image/png",
    ),
    (
        "interlaced.png",
        "convert",
        &["-interlace", "PNG"],
        "image/png",
    ),
    ("plain.gif", "convert", &["-colors", "250"], "image/gif"),
    ("plain.bmp", "convert", &[], "image/bmp"),
    (
        "old.bmp",
        "convert",
        &["-define", "bmp:format=bmp3"],
        "image/bmp",
    ),
    (
        "lossless.webp",
        "convert",
        &["-define", "webp:lossless=true"],
        "image/webp",
    ),
    ("lossy.webp", "convert", &["-quality", "90"], "image/webp"),
    ("lossless.jp2", "opj_compress", &[], "image/jp2"),
    (
        "tiled.jp2",
        "opj_compress",
        &["-t", "128,100", "-r", "8", "-I"],
        "image/jp2",
    ),
    ("plain.j2k", "opj_compress", &["-r", "8"], "image/jp2"),
];

#[tokio::test]
async fn every_format_becomes_a_derivative_that_shows_it() {
    let test = "every_format_becomes_a_derivative_that_shows_it";
    let Some([convert, opj_compress]) = program::find(test, ["convert", "opj_compress"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let scene = Raster::photograph(601, 403, 3);
    let source = at("source.png");
    std::fs::write(&source, scene.to_png()).unwrap();
    for (name, program, arguments, media_type) in FORMATS {
        let target = at(name);
        if *program == "convert" {
            let all = [&[source.as_str()][..], arguments, &[&target]].concat();
            run(&convert, &all);
        } else {
            let ends = ["-i", source.as_str(), "-o", &target];
            run(&opj_compress, &[&ends[..], arguments].concat());
        }
        let bytes = std::fs::read(&target).unwrap();
        let length = bytes.len();
        let ready = process(bytes.clone())
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(ready.service.source.media_type, *media_type, "{name}");
        assert_eq!(ready.service.source.size, length as u64, "{name}");
        let shown = ready.pixels("full/max/0/default.png").await;
        let found = shown.psnr(&scene);
        assert!(found >= 25.0, "{name}: {found:.1} dB");
        match process(bytes[..length / 2].to_vec()).await.map(|_| ()) {
            Err(ProcessError::Damaged { .. }) => {}
            other => panic!("half of {name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn formats_that_are_not_read_are_named() {
    for (bytes, seen) in [
        (&b"8BPS\0\x01"[..], "Photoshop"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp41", "a film"),
        (b"\xFF\x0A\0\0", "JPEG XL"),
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ] {
        match process(bytes.to_vec()).await.map(|_| ()) {
            Err(ProcessError::Unrecognised { seen: found }) => assert_eq!(found, seen),
            other => panic!("{seen}: {other:?}"),
        }
    }
}
