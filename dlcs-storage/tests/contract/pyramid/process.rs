//! What becomes of sources, good and bad.

use std::num::NonZeroUsize;

use bytes::Bytes;
use dlcs_core::derivative::{ImageProcessor, ProcessError, ProcessOptions};
use dlcs_core::origin::{OriginError, OriginResponse};
use dlcs_storage::pyramid::{PyramidProcessor, PyramidProcessorConfig};
use futures_util::StreamExt;
use image::ImageEncoder;
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

use super::support::{Raster, process, process_with};

fn progressive(raster: &Raster) -> Vec<u8> {
    jpeg(raster).progressive(true).encode().unwrap()
}

fn jpeg(raster: &Raster) -> Encoder<'_> {
    let format = if raster.channels == 1 {
        PixelFormat::Grayscale
    } else {
        PixelFormat::Rgb
    };
    Encoder::new(
        &raster.data,
        raster.width as usize,
        raster.height as usize,
        format,
    )
    .quality(95)
    .subsampling(Subsampling::S420)
}

/// Exif with nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    [
        &b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..],
        &[orientation],
        &[0; 6],
    ]
    .concat()
}

#[tokio::test]
async fn full_resolution_is_close_to_the_source_and_levels_to_their_averages() {
    for (width, height, channels) in [
        (1025, 769, 3),
        (1025, 769, 1),
        (511, 513, 3),
        (1, 3000, 3),
        (1, 1, 1),
    ] {
        let mut expected = Raster::photograph(width, height, channels);
        let ready = process(expected.to_png()).await.unwrap();
        for level in ready.service.derivative.pyramid.levels() {
            let found = ready.level(level).await.psnr(&expected);
            assert!(
                found >= 30.0,
                "level {} of {width} x {height}: {found:.1} dB",
                level.exponent
            );
            expected = expected.halved();
        }
    }
}

#[tokio::test]
async fn all_orientations_of_exif_are_applied_and_others_ignored() {
    let corners = [[220, 30, 30], [30, 200, 30], [30, 30, 220], [230, 230, 230]];
    let (width, height) = (96, 64);
    let mut raster = Raster {
        width,
        height,
        channels: 3,
        data: Vec::new(),
    };
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        raster
            .data
            .extend(corners[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)]);
    }
    // Which stored corner is seen at the upper left, upper right, lower left and lower right.
    for (orientation, seen) in [
        (0, [0, 1, 2, 3]),
        (1, [0, 1, 2, 3]),
        (2, [1, 0, 3, 2]),
        (3, [3, 2, 1, 0]),
        (4, [2, 3, 0, 1]),
        (5, [0, 2, 1, 3]),
        (6, [2, 0, 3, 1]),
        (7, [3, 1, 2, 0]),
        (8, [1, 3, 0, 2]),
        (9, [0, 1, 2, 3]),
    ] {
        let exif = exif(orientation);
        let mut png_bytes = Vec::new();
        let mut info = png::Info::with_size(width, height);
        info.color_type = png::ColorType::Rgb;
        info.exif_metadata = Some(exif.clone().into());
        let encoder = png::Encoder::with_info(&mut png_bytes, info).unwrap();
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&raster.data)
            .unwrap();
        let jpeg_bytes = jpeg(&raster).exif_data(&exif).encode().unwrap();
        for source in [jpeg_bytes, png_bytes] {
            let ready = process(source).await.unwrap();
            let size = ready.service.dimensions();
            let expected = if matches!(orientation, 5..=8) {
                (height, width)
            } else {
                (width, height)
            };
            assert_eq!(
                (size.width(), size.height()),
                expected,
                "orientation {orientation}"
            );
            let upright = ready.pixels("full/max/0/default.png").await;
            let (right, bottom) = (upright.width - 5, upright.height - 5);
            for (place, stored) in [(4, 4), (right, 4), (4, bottom), (right, bottom)]
                .into_iter()
                .zip(seen)
            {
                let pixel = upright.pixel(place.0, place.1);
                let close = pixel
                    .iter()
                    .zip(corners[stored])
                    .all(|(a, b)| a.abs_diff(b) < 20);
                assert!(close, "orientation {orientation} at {place:?}: {pixel:?}");
            }
        }
    }
}

#[tokio::test]
async fn truncated_sources_are_never_a_success() {
    let raster = Raster::photograph(300, 200, 3);
    let sources = [
        ("JPEG", jpeg(&raster).encode().unwrap()),
        ("JPEG", jpeg(&raster).progressive(true).encode().unwrap()),
        (
            "JPEG",
            jpeg(&Raster::photograph(300, 200, 1)).encode().unwrap(),
        ),
        ("PNG", raster.to_png()),
    ];
    for (format, source) in sources {
        process(source.clone()).await.unwrap();
        let source = Bytes::from(source);
        let sixteenths = (1..16).map(|part| source.len() * part / 16);
        for end in sixteenths.chain([source.len() - 40, source.len() - 13, source.len() - 2]) {
            match process(source.slice(..end)).await.map(|_| ()) {
                Err(ProcessError::Damaged { format: found, .. }) => assert_eq!(found, format),
                other => panic!("{format} cut at {end} of {}: {other:?}", source.len()),
            }
        }
    }
}

#[tokio::test]
async fn jpegs_that_miss_a_part_of_their_scans_are_never_a_success() {
    let colour = Raster::photograph(700, 500, 3);
    let grey = Raster::photograph(700, 500, 1);
    let kinds: [(&str, Vec<u8>); 6] = [
        ("4:2:0", jpeg(&colour).encode().unwrap()),
        (
            "4:4:4",
            jpeg(&colour)
                .subsampling(Subsampling::S444)
                .encode()
                .unwrap(),
        ),
        (
            "optimised",
            jpeg(&colour).optimize_huffman(true).encode().unwrap(),
        ),
        ("restarts", jpeg(&colour).restart_rows(1).encode().unwrap()),
        (
            "progressive",
            jpeg(&colour).progressive(true).encode().unwrap(),
        ),
        ("grey", jpeg(&grey).encode().unwrap()),
    ];
    for (kind, whole) in kinds {
        process(whole.clone()).await.unwrap();
        let middle = whole.len() / 2;
        for (how, bytes) in [
            (
                "the end is missing",
                [&whole[..middle], b"\xFF\xD9"].concat(),
            ),
            (
                "a little of the end is missing",
                [&whole[..whole.len() - 30], b"\xFF\xD9"].concat(),
            ),
            (
                "3000 bytes of the middle are missing",
                [&whole[..middle], &whole[middle + 3000..]].concat(),
            ),
        ] {
            match process(bytes).await.map(|_| ()) {
                Err(ProcessError::Damaged { format: "JPEG", .. }) => {}
                other => panic!("{kind}, {how}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_or_ends_early_is_an_error_of_the_origin() {
    let whole = Bytes::from(Raster::photograph(64, 64, 3).to_png());
    let processor = PyramidProcessor::default();
    let short = OriginResponse::from_bytes(whole.clone()).with_length(whole.len() as u64 + 1);
    let broken = futures_util::stream::iter([
        Ok(whole),
        Err(OriginError::Interrupted {
            received: 1,
            expected: None,
        }),
    ]);
    for response in [short, OriginResponse::new(broken.boxed())] {
        let result = processor
            .process(response, &ProcessOptions::default())
            .await;
        assert!(
            matches!(
                result,
                Err(ProcessError::Origin(OriginError::Interrupted { .. }))
            ),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_image_is_named() {
    let mut named = vec![
        (&b""[..], "empty"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"PK\x03\x04", "ZIP"),
        (b"no", "text"),
    ];
    if !cfg!(feature = "source-pdf") {
        named.push((b"%PDF-1.4", "PDF"));
    }
    for (bytes, name) in named {
        match process(bytes).await.map(|_| ()) {
            Err(ProcessError::Unrecognised { seen }) => assert_eq!(seen, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    for bytes in [
        &b"\xFF\xD8\xFF"[..],
        b"\x89PNG\r\n\x1A\n",
        b"GIF89a",
        b"II*\0",
        b"RIFF\0\0\0\0WEBP",
        b"MM\0*\xFF\xFF\xFF\xFF",
    ] {
        let result = process(bytes).await.map(|_| ());
        assert!(
            matches!(result, Err(ProcessError::Damaged { .. })),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn images_of_unread_kinds_are_not_called_damaged() {
    let raster = Raster::photograph(64, 64, 3);
    let good = jpeg(&raster).encode().unwrap();
    let frame = good
        .windows(2)
        .position(|pair| pair == b"\xFF\xC0")
        .unwrap();
    let changed = |place: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[frame + place] = value;
        bytes
    };
    let mut tiff = Vec::new();
    image::codecs::tiff::TiffEncoder::new(std::io::Cursor::new(&mut tiff))
        .write_image(&raster.data, 64, 64, image::ExtendedColorType::Rgb8)
        .unwrap();
    let compression = tiff
        .windows(8)
        .position(|entry| entry == [3, 1, 3, 0, 1, 0, 0, 0])
        .unwrap();
    // JPEG 2000.
    tiff[compression + 8..compression + 10].copy_from_slice(&34_712_u16.to_le_bytes());
    for (bytes, expected, said) in [
        (
            jpeg(&raster).arithmetic(true).encode().unwrap(),
            "JPEG",
            "arithmetically",
        ),
        (changed(4, 12), "JPEG", "8 bits"),
        (changed(1, 0xC3), "JPEG", "lossless"),
        (tiff, "TIFF", "34712"),
    ] {
        match process(bytes).await.map(|_| ()) {
            Err(error @ ProcessError::Unsupported { format, .. }) => {
                assert_eq!(format, expected);
                let sentence = error.to_string();
                assert!(
                    sentence.starts_with(&format!(
                        "the source is a {format} image of a kind that is not read yet: "
                    )) && sentence.contains(said),
                    "{sentence}"
                );
            }
            other => panic!("{said}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn images_over_the_limits_are_refused_from_their_header() {
    let mut config = PyramidProcessorConfig::default();
    config.max_side = 1000;
    config.max_pixels = 500_000;
    config.decode_budget = 600_000;
    let processor = PyramidProcessor::new(config);
    let refused = async |source: Vec<u8>| {
        process_with(&processor, source)
            .await
            .map(|_| ())
            .unwrap_err()
    };
    let wide = Raster::photograph(1001, 3, 3);
    let large = Raster::photograph(800, 700, 3);
    let heavy = Raster::photograph(600, 400, 3);
    for (wide, large, heavy) in [
        (wide.to_png(), large.to_png(), progressive(&heavy)),
        (
            jpeg(&wide).encode().unwrap(),
            jpeg(&large).encode().unwrap(),
            progressive(&heavy),
        ),
    ] {
        assert!(matches!(
            refused(wide).await,
            ProcessError::SideTooLong {
                width: 1001,
                limit: 1000,
                ..
            }
        ));
        assert!(matches!(
            refused(large).await,
            ProcessError::TooManyPixels { limit: 500_000, .. }
        ));
        assert!(matches!(
            refused(heavy).await,
            ProcessError::TooManyBytes { limit: 600_000, .. }
        ));
    }
    process_with(&processor, Raster::photograph(400, 400, 3).to_png())
        .await
        .unwrap();
    // A header that promises what no machine has.
    let mut bomb = Raster::photograph(2, 2, 1).to_png();
    bomb[16..24].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);
    let checksum = crc(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&checksum);
    let result = process(bomb).await.map(|_| ());
    assert!(
        matches!(
            result,
            Err(ProcessError::SideTooLong { .. } | ProcessError::Damaged { .. })
        ),
        "{result:?}"
    );
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

#[tokio::test]
async fn alpha_is_kept_where_the_format_can_and_lies_on_white_elsewhere() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Rgba);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&[10, 20, 30, 0].repeat(64 * 64))
        .unwrap();
    let ready = process(bytes).await.unwrap();
    let kept = ready.pixels("full/max/0/default.png").await;
    assert_eq!(kept.channels, 4);
    assert!(
        kept.data
            .as_chunks::<4>()
            .0
            .iter()
            .all(|p| *p == [10, 20, 30, 0])
    );
    for path in ["full/max/0/default.jpg", "full/40,/0/default.jpg"] {
        let composed = ready.pixels(path).await;
        assert_eq!(composed.channels, 3);
        assert!(composed.data.iter().all(|value| *value >= 254), "{path}");
    }
}

#[tokio::test]
async fn alpha_that_hides_nothing_costs_nothing() {
    let opaque = Raster::photograph(700, 300, 3);
    let data: Vec<u8> = opaque
        .data
        .as_chunks::<3>()
        .0
        .iter()
        .flat_map(|[r, g, b]| [*r, *g, *b, 255])
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 700, 300);
    encoder.set_color(png::ColorType::Rgba);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&data)
        .unwrap();
    let with_alpha = process(bytes).await.unwrap().bytes;
    assert!(with_alpha == process(opaque.to_png()).await.unwrap().bytes);
}

#[tokio::test]
async fn the_same_source_gives_the_same_bytes_on_any_number_of_threads() {
    let source = Raster::photograph(1300, 700, 3).to_png();
    let first = process(source.clone()).await.unwrap().bytes;
    for threads in [1, 3, 8] {
        let mut config = PyramidProcessorConfig::default();
        config.encode_threads = NonZeroUsize::new(threads).unwrap();
        let again = process_with(&PyramidProcessor::new(config), source.clone())
            .await
            .unwrap()
            .bytes;
        assert!(first == again, "{threads} threads");
    }
}
