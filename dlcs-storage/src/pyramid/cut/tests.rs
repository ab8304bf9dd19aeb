use dlcs_core::policy::{ChromaSampling, TileCoding};
use dlcs_testkit::program;
use moxcms::{ColorProfile, ProfileText, ToneReprCurve};

use super::super::exact;
use super::super::jpeg::{prefix, splice};
use super::super::pixels::Pixels;
use super::super::source::jpeg::made::{Image, pipe, spooled};
use super::super::tile::{encode_edge, encode_tile};
use super::*;

fn cutter(bytes: &[u8], tile: TileSize) -> Box<Cutter> {
    match Cutter::open(&spooled(bytes), tile).unwrap() {
        Cut::Cutter(cutter) => cutter,
        Cut::Impossible(reason) => panic!("{reason}"),
    }
}

fn all_rows(mut cutter: Box<Cutter>) -> Result<Vec<Vec<Vec<u8>>>, ProcessError> {
    let mut rows = Vec::new();
    loop {
        match cutter.next_row()? {
            row if row.is_empty() => return Ok(rows),
            row => rows.push(row),
        }
    }
}

/// The tools that make and read sources here.
fn tools(test: &str) -> Option<[std::path::PathBuf; 2]> {
    program::find(test, ["cjpeg", "djpeg"])
}

#[test]
fn tiles_are_bit_for_bit_what_the_source_decodes_to() {
    let Some([cjpeg, djpeg]) = tools("tiles_are_bit_for_bit_what_the_source_decodes_to") else {
        return;
    };
    let kinds: [(usize, &[&str]); 12] = [
        (3, &["-sample", "1x1"]),
        (3, &["-sample", "2x1"]),
        (3, &["-sample", "1x2"]),
        (3, &["-sample", "2x2"]),
        (3, &["-sample", "4x1"]),
        (3, &["-sample", "4x2"]),
        (3, &["-sample", "2x2", "-restart", "3B"]),
        (3, &["-sample", "2x1", "-restart", "1"]),
        (3, &["-sample", "2x2", "-optimize", "-quality", "30"]),
        (3, &["-sample", "1x1", "-quality", "100"]),
        (1, &["-grayscale"]),
        (
            1,
            &[
                "-grayscale",
                "-sample",
                "2x2",
                "-optimize",
                "-restart",
                "7B",
            ],
        ),
    ];
    for ((channels, arguments), (width, height, tile)) in kinds.into_iter().zip(
        [
            (700, 530, 256),
            (512, 300, 256),
            (1000, 1025, 512),
            (255, 257, 256),
        ]
        .into_iter()
        .cycle(),
    ) {
        let source = pipe(
            &cjpeg,
            arguments,
            &Image::made(width, height, channels).to_pnm(),
        );
        let whole = Image::from_pnm(&pipe(&djpeg, &["-nosmooth", "-pnm"], &source));
        let cutter = cutter(&source, TileSize::new(tile).unwrap());
        assert_eq!(cutter.channels().count(), channels);
        let prefix = prefix(cutter.tables()).unwrap();
        let decoded =
            |stream: &[u8]| Image::from_pnm(&pipe(&djpeg, &["-nosmooth", "-pnm"], stream));
        let side = tile as usize;
        let rows = all_rows(cutter).unwrap();
        assert_eq!(rows.len(), height.div_ceil(side), "{arguments:?}");
        for (row, tiles) in rows.iter().enumerate() {
            assert_eq!(tiles.len(), width.div_ceil(side), "{arguments:?}");
            for (column, tile) in tiles.iter().enumerate() {
                let (left, top) = (column * side, row * side);
                let (across, down) = (side.min(width - left), side.min(height - top));
                let expected = whole.crop(left, top, across, down);
                let padded = decoded(&splice(&prefix, tile).unwrap());
                assert_eq!((padded.width, padded.height), (side, side));
                let what = format!("{arguments:?}: tile {column}, {row}");
                assert!(
                    padded.crop(0, 0, across, down) == expected,
                    "{what}, padded"
                );
                let exact = exact::take(&prefix, tile, (across as u32, down as u32));
                assert_eq!(exact.is_some(), across < side || down < side, "{what}");
                if let Some(exact) = exact {
                    assert!(decoded(&exact) == expected, "{what}, exact");
                }
            }
        }
    }
}

#[test]
fn a_tile_that_is_cut_again_stays_as_it_is() {
    let Some([cjpeg, _]) = tools("a_tile_that_is_cut_again_stays_as_it_is") else {
        return;
    };
    let source = pipe(&cjpeg, &["-optimize"], &Image::made(300, 300, 3).to_pnm());
    let first = cutter(&source, TileSize::Px256);
    let prefix = prefix(first.tables()).unwrap();
    let tile = all_rows(first).unwrap().swap_remove(0).swap_remove(0);
    let again = all_rows(cutter(&splice(&prefix, &tile).unwrap(), TileSize::Px256)).unwrap();
    assert!(again[0][0] == tile, "the same coefficients");
    assert_eq!((again.len(), again[0].len()), (1, 1));
}

#[test]
fn what_cannot_be_cut_says_why() {
    let Some([cjpeg, _]) = tools("what_cannot_be_cut_says_why") else {
        return;
    };
    let image = Image::made(90, 70, 3).to_pnm();
    for (arguments, reason) in [
        (&["-progressive"][..], "progressive"),
        (&["-rgb"], "neither grey nor YCbCr"),
        (&["-sample", "3x1"], "unusual"),
        (&["-sample", "1x1,2x2,1x1"], "unusual"),
        (&["-arithmetic"], "arithmetically"),
    ] {
        let source = pipe(&cjpeg, arguments, &image);
        match Cutter::open(&spooled(&source), TileSize::Px256).unwrap() {
            Cut::Impossible(said) => assert!(said.contains(reason), "{said}"),
            Cut::Cutter(_) => panic!("{arguments:?} is cut"),
        }
    }
}

/// A JPEG with a profile.
fn tagged(source: &[u8], profile: &[u8]) -> Vec<u8> {
    let length = (2 + 12 + 2 + profile.len()) as u16;
    let mut bytes = source[..2].to_vec();
    bytes.extend([0xFF, 0xE2]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(b"ICC_PROFILE\0\x01\x01");
    bytes.extend(profile);
    bytes.extend(&source[2..]);
    bytes
}

#[test]
fn colours_are_judged_by_what_a_profile_does_and_not_by_its_name() {
    let Some([cjpeg, _]) = tools("colours_are_judged_by_what_a_profile_does_and_not_by_its_name")
    else {
        return;
    };
    let source = pipe(&cjpeg, &[], &Image::made(90, 70, 3).to_pnm());
    let srgb = ColorProfile::new_srgb();
    let mut nameless = srgb.clone();
    nameless.description = Some(ProfileText::PlainString("a monitor".to_owned()));
    let mut linear = srgb.clone();
    // What else a profile may say of its curves goes before them.
    linear.cicp = None;
    let light = Some(ToneReprCurve::Lut(vec![0, u16::MAX]));
    (linear.red_trc, linear.green_trc, linear.blue_trc) = (light.clone(), light.clone(), light);
    let mut wide = ColorProfile::new_display_p3();
    wide.description.clone_from(&srgb.description);
    for (name, profile, is_cut) in [
        ("sRGB", srgb, true),
        ("linear", linear, false),
        ("sRGB by another name", nameless, true),
        ("wide", wide, false),
    ] {
        let source = tagged(&source, &profile.encode().unwrap());
        match Cutter::open(&spooled(&source), TileSize::Px256).unwrap() {
            Cut::Cutter(_) => assert!(is_cut, "{name} is cut"),
            Cut::Impossible(said) => assert!(!is_cut && said.contains("sRGB"), "{name}: {said}"),
        }
    }
}

#[test]
fn a_source_of_which_a_part_is_missing_is_never_cut_to_its_end() {
    let Some([cjpeg, _]) = tools("a_source_of_which_a_part_is_missing_is_never_cut_to_its_end")
    else {
        return;
    };
    for arguments in [&["-sample", "2x2"][..], &["-restart", "1"], &["-optimize"]] {
        let source = pipe(&cjpeg, arguments, &Image::made(400, 300, 3).to_pnm());
        let start = source
            .windows(2)
            .position(|pair| pair == b"\xFF\xDA")
            .unwrap()
            + 14;
        for step in 0..40 {
            let end = start + (source.len() - 4 - start) * step / 39;
            for tail in [&b""[..], b"\xFF\xD9"] {
                let cut = [&source[..end], tail].concat();
                match all_rows(cutter(&cut, TileSize::Px256)) {
                    Err(ProcessError::Damaged { format: "JPEG", .. }) => {}
                    other => panic!("{arguments:?} cut at {end}: {:?}", other.map(|_| ())),
                }
            }
        }
        for end in 0..start - 14 {
            let opened = Cutter::open(&spooled(&source[..end]), TileSize::Px256);
            assert!(opened.is_err(), "{end}");
        }
    }
}

#[test]
fn flipped_bits_end_in_tiles_or_in_a_sentence() {
    let Some([cjpeg, _]) = tools("flipped_bits_end_in_tiles_or_in_a_sentence") else {
        return;
    };
    let source = pipe(
        &cjpeg,
        &["-restart", "2"],
        &Image::made(130, 90, 3).to_pnm(),
    );
    for bit in (0..source.len() * 8).step_by(7) {
        let mut bad = source.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        match Cutter::open(&spooled(&bad), TileSize::Px256) {
            Ok(Cut::Cutter(cutter)) => drop(all_rows(cutter)),
            Ok(Cut::Impossible(_)) | Err(ProcessError::Damaged { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// Tiles as the encoder makes them, of every size that a level may leave of one.
#[test]
fn what_is_padded_holds_the_exact_tile_bit_for_bit() {
    let test = "what_is_padded_holds_the_exact_tile_bit_for_bit";
    let Some([_, djpeg]) = tools(test) else {
        return;
    };
    let sampled = |channels, sampling| {
        (
            channels,
            TileCoding::Jpeg {
                quality: 85,
                sampling,
            },
        )
    };
    for (channels, coding) in [
        sampled(Channels::Rgb, ChromaSampling::Quarter),
        sampled(Channels::Rgb, ChromaSampling::Full),
        sampled(Channels::Grey, ChromaSampling::Full),
    ] {
        let mut whole = Pixels::blank(256, 256, channels);
        whole.data = Image::made(256, 256, channels.count()).data;
        for (width, height) in [(256, 97), (97, 256), (33, 40), (1, 1), (255, 255), (16, 8)] {
            let tile = whole.corner(width, height);
            let stored = encode_edge(&tile, TileSize::Px256, coding).unwrap();
            let alone = encode_tile(&tile, coding).unwrap();
            assert_eq!(stored.tables, alone.tables);
            let prefix = prefix(&stored.tables).unwrap();
            let decoded =
                |stream: &[u8]| Image::from_pnm(&pipe(&djpeg, &["-nosmooth", "-pnm"], stream));
            let expected = decoded(&splice(&prefix, &alone.stream).unwrap());
            let exact = decoded(&exact::take(&prefix, &stored.stream, (width, height)).unwrap());
            let slot = decoded(&splice(&prefix, &stored.stream).unwrap());
            let what = format!("{channels:?}, {width} × {height}");
            assert!(exact == expected, "{what}");
            assert_eq!((slot.width, slot.height), (256, 256));
            let shown = slot.crop(0, 0, width as usize, height as usize);
            assert!(shown == expected, "{what}, padded");
        }
    }
}

/// Decoders let colours run over the edges of blocks: what is made up must not show in what is real.
#[test]
fn what_is_made_up_looks_like_what_is_beside_it() {
    let Some([_, djpeg]) = tools("what_is_made_up_looks_like_what_is_beside_it") else {
        return;
    };
    let coding = TileCoding::Jpeg {
        quality: 85,
        sampling: ChromaSampling::Quarter,
    };
    let mut whole = Pixels::blank(256, 256, Channels::Rgb);
    for (place, pixel) in whole.data.chunks_exact_mut(3).enumerate() {
        pixel[if place % 256 < 128 { 2 } else { 0 }] = 255;
    }
    for (width, height) in [(256, 96), (192, 96), (192, 256)] {
        let stored = encode_edge(&whole.corner(width, height), TileSize::Px256, coding).unwrap();
        let prefix = prefix(&stored.tables).unwrap();
        let decoded = |stream: &[u8]| Image::from_pnm(&pipe(&djpeg, &["-pnm"], stream));
        let exact = exact::take(&prefix, &stored.stream, (width, height)).unwrap();
        let slot = decoded(&splice(&prefix, &stored.stream).unwrap());
        let shown = slot.crop(0, 0, width as usize, height as usize).data;
        let expected = decoded(&exact).data;
        let pairs = shown.iter().zip(&expected);
        let worst = pairs.map(|(shown, exact)| shown.abs_diff(*exact)).max();
        assert!(worst <= Some(2), "{width} × {height}: {worst:?}");
    }
}
