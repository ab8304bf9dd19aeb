use std::io::Write;
use std::path::PathBuf;

use dlcs_testkit::program;
use libjpeg_turbo_rs::{Encoder, PixelFormat};

use super::made::{Image, pipe, spooled};
use super::*;
use crate::pyramid::source::{Rows, open as open_source};

const LIMITS: SourceLimits = SourceLimits {
    max_side: 65_500,
    max_pixels: 1 << 30,
};

fn opened(bytes: &[u8]) -> Result<Source, ProcessError> {
    open_source(&spooled(bytes), SourceFormat::Jpeg, &LIMITS)
}

/// All samples of a source, read to its end.
fn samples(bytes: &[u8]) -> Result<Vec<u8>, ProcessError> {
    let source = opened(bytes)?;
    let header = source.header.clone();
    let mut rows: Box<dyn Rows> = source.start()?;
    let mut data = vec![0; header.row_bytes() * header.height as usize];
    for row in data.chunks_exact_mut(header.row_bytes()) {
        rows.next_row(row)?;
    }
    rows.finish()?;
    Ok(data)
}

fn tools(test: &str) -> Option<[PathBuf; 2]> {
    program::find(test, ["cjpeg", "djpeg"])
}

/// Where the first scan begins with its codes.
fn codes_of(bytes: &[u8]) -> usize {
    let scan = bytes
        .windows(2)
        .position(|pair| pair == b"\xFF\xDA")
        .unwrap();
    let length = usize::from(u16::from_be_bytes([bytes[scan + 2], bytes[scan + 3]]));
    scan + 2 + length
}

#[test]
fn every_kind_is_decoded_as_djpeg_does() {
    let Some([cjpeg, djpeg]) = tools("every_kind_is_decoded_as_djpeg_does") else {
        return;
    };
    let mut script = tempfile::NamedTempFile::new().unwrap();
    script.write_all(b"0;\n1;\n2;\n").unwrap();
    let script = script.path().to_str().unwrap();
    let colour = Image::made(371, 243, 3);
    let kinds: [&[&str]; 17] = [
        &[],
        &["-progressive"],
        &["-progressive", "-restart", "2"],
        &["-grayscale"],
        &["-grayscale", "-progressive", "-sample", "2x2"],
        &["-sample", "1x1"],
        &["-sample", "2x1"],
        &["-sample", "1x2"],
        &["-sample", "4x1"],
        &["-sample", "4x2", "-optimize"],
        &["-sample", "3x1"],
        &["-sample", "1x1,2x2,1x1"],
        &["-sample", "2x2,1x1,2x2", "-progressive"],
        &["-restart", "5B"],
        &["-rgb"],
        &["-quality", "3"],
        &["-scans", script],
    ];
    for arguments in kinds {
        let source = pipe(&cjpeg, arguments, &colour.to_pnm());
        let expected = Image::from_pnm(&pipe(&djpeg, &["-pnm"], &source));
        let found = samples(&source).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        let difference = expected.mean_difference(&found);
        assert!(difference <= 0.5, "{arguments:?}: {difference:.2}");
    }
    assert!(
        pipe(&cjpeg, kinds[15], &colour.to_pnm())
            .windows(5)
            .any(|bytes| bytes[..2] == *b"\xFF\xDB" && bytes[4] == 0x10),
        "tables of 16 bits are among the kinds"
    );
}

#[test]
fn coefficients_are_held_only_where_there_are_several_scans() {
    let Some([cjpeg, _]) = tools("coefficients_are_held_only_where_there_are_several_scans") else {
        return;
    };
    let colour = Image::made(3000, 800, 3).to_pnm();
    let held = |arguments: &[&str]| {
        let source = pipe(&cjpeg, arguments, &colour);
        opened(&source).unwrap().header.held_bytes
    };
    assert!(held(&["-sample", "1x1"]) < 3000 * 300 * 3);
    let progressive = held(&["-progressive", "-sample", "1x1"]);
    assert!(progressive >= 2 * 3000 * 800 * 3, "{progressive}");
    assert!(held(&["-progressive", "-sample", "2x2"]) < progressive);
}

#[test]
fn a_part_that_is_missing_is_always_found() {
    let Some([cjpeg, _]) = tools("a_part_that_is_missing_is_always_found") else {
        return;
    };
    let colour = Image::made(420, 300, 3).to_pnm();
    let kinds: [&[&str]; 6] = [
        &["-sample", "2x2"],
        &["-sample", "1x1", "-optimize"],
        &["-restart", "1"],
        &["-grayscale"],
        &["-progressive"],
        &["-progressive", "-restart", "3"],
    ];
    for arguments in kinds {
        let source = pipe(&cjpeg, arguments, &colour);
        samples(&source).unwrap();
        let (start, end) = (codes_of(&source), source.len() - 3);
        for step in 0..=60 {
            let cut = start + (end - start) * step / 60;
            for tail in [&b""[..], b"\xFF\xD9"] {
                let bytes = [&source[..cut], tail].concat();
                match samples(&bytes).map(|_| ()) {
                    Err(ProcessError::Damaged { format: "JPEG", .. }) => {}
                    other => panic!("{arguments:?} cut at {cut} of {end}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_progressive_image_without_its_last_scans_is_refused() {
    let Some([cjpeg, _]) = tools("a_progressive_image_without_its_last_scans_is_refused") else {
        return;
    };
    let source = pipe(&cjpeg, &["-progressive"], &Image::made(90, 70, 3).to_pnm());
    let scans: Vec<usize> = (1..source.len())
        .filter(|end| source[*end - 1..].starts_with(b"\xFF\xDA"))
        .collect();
    assert!(scans.len() > 5);
    for scan in &scans[1..] {
        // The tables of the next scan do not matter.
        let bytes = [&source[..*scan - 1], b"\xFF\xD9"].concat();
        let error = samples(&bytes).unwrap_err().to_string();
        assert!(error.contains("before its last scan"), "{error}");
    }
}

#[test]
fn bytes_too_many_are_no_damage() {
    let Some([cjpeg, _]) = tools("bytes_too_many_are_no_damage") else {
        return;
    };
    let colour = Image::made(200, 150, 3).to_pnm();
    for arguments in [&[][..], &["-restart", "1"], &["-progressive"]] {
        let source = pipe(&cjpeg, arguments, &colour);
        let expected = samples(&source).unwrap();
        let end = source.len() - 2;
        let before_end = [&source[..end], b"\0\0\0", &source[end..]].concat();
        // Another image, as in files of several pictures, and what is none.
        let behind = [&source[..], &source, b"and more"].concat();
        for bytes in [before_end, behind] {
            assert!(samples(&bytes).unwrap() == expected, "{arguments:?}");
        }
    }
}

#[test]
fn inks_are_full_at_the_largest_value() {
    let test = "inks_are_full_at_the_largest_value";
    let Some([convert]) = program::find(test, ["convert"]) else {
        return;
    };
    let colour = Image::made(120, 90, 3).to_pnm();
    let by_convert = pipe(
        &convert,
        &["{}", "-colorspace", "CMYK", "-quality", "95", "jpg:-"],
        &colour,
    );
    let marker = by_convert
        .windows(7)
        .position(|part| part == b"\0\x0EAdobe");
    let marker = marker.unwrap() - 2;
    let inks: Vec<u8> = (0..120 * 90 * 4).map(|index| (index % 251) as u8).collect();
    let ycck = Encoder::new(&inks, 120, 90, PixelFormat::Cmyk)
        .quality(95)
        .encode()
        .unwrap();
    assert!(ycck.windows(5).any(|part| part == b"Adobe"));
    for source in [&by_convert, &ycck] {
        // ImageMagick takes all inks as Adobe writes them.
        let expected = Image {
            width: 120,
            height: 90,
            channels: 4,
            data: pipe(&convert, &["jpg:{}", "-depth", "8", "cmyk:-"], source),
        };
        let found = samples(source).unwrap();
        let difference = expected.mean_difference(&found);
        assert!(difference <= 1.0, "{difference:.2}");
        assert_eq!(
            opened(source).unwrap().header.samples.model,
            ColourModel::Cmyk
        );
    }
    // Without the marker, inks are neither transformed nor inverted.
    let mut untransformed = by_convert.clone();
    untransformed[marker + 15] = 0;
    let plain = [&by_convert[..marker], &by_convert[marker + 16..]].concat();
    let inverted: Vec<u8> = samples(&plain).unwrap().iter().map(|ink| !ink).collect();
    assert!(inverted == samples(&untransformed).unwrap());
}

#[test]
fn profiles_come_whole_from_their_chunks() {
    let Some([cjpeg, _]) = tools("profiles_come_whole_from_their_chunks") else {
        return;
    };
    let colour = Image::made(40, 30, 3).to_pnm();
    for length in [500, 200_000] {
        let profile: Vec<u8> = (0..length).map(|index| (index % 253) as u8).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&profile).unwrap();
        let source = pipe(&cjpeg, &["-icc", file.path().to_str().unwrap()], &colour);
        let header = opened(&source).unwrap().header;
        assert!(header.profile == Profile::Icc(profile), "{length}");
    }
    let source = pipe(&cjpeg, &[], &colour);
    assert_eq!(opened(&source).unwrap().header.profile, Profile::Untagged);
}

#[test]
fn kinds_that_are_not_read_are_named() {
    let Some([cjpeg, _]) = tools("kinds_that_are_not_read_are_named") else {
        return;
    };
    let source = pipe(&cjpeg, &[], &Image::made(40, 30, 3).to_pnm());
    let arithmetic = pipe(&cjpeg, &["-arithmetic"], &Image::made(40, 30, 3).to_pnm());
    let frame = source
        .windows(2)
        .position(|pair| pair == b"\xFF\xC0")
        .unwrap();
    let changed = |places: &[(usize, u8)]| {
        let mut bytes = source.clone();
        for (place, value) in places {
            bytes[frame + place] = *value;
        }
        bytes
    };
    for (bytes, said) in [
        (arithmetic, "arithmetically"),
        (changed(&[(4, 12)]), "8 bits"),
        (changed(&[(1, 0xC3)]), "lossless"),
        (changed(&[(1, 0xC5)]), "hierarchically"),
        (changed(&[(11, 0x31), (14, 0x21)]), "whole numbers"),
        (changed(&[(5, 0), (6, 0)]), "height"),
    ] {
        match opened(&bytes) {
            Err(ProcessError::Unsupported { format, reason }) => {
                assert_eq!(format, "JPEG");
                assert!(reason.contains(said), "{reason}");
            }
            other => panic!("{said}: {other:?}"),
        }
    }
}

#[test]
fn flipped_bits_give_the_same_pixels_twice_or_a_sentence() {
    let Some([cjpeg, _]) = tools("flipped_bits_give_the_same_pixels_twice_or_a_sentence") else {
        return;
    };
    let colour = Image::made(70, 50, 3).to_pnm();
    for arguments in [&["-restart", "2"][..], &["-progressive"]] {
        let source = pipe(&cjpeg, arguments, &colour);
        for step in 0..256 {
            let bit = source.len() * 8 * step / 256;
            let mut bad = source.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            match (samples(&bad), samples(&bad)) {
                (Ok(once), Ok(again)) => assert!(once == again, "bit {bit}"),
                (Err(error), Err(_)) => assert!(!error.is_transient(), "bit {bit}: {error}"),
                _ => panic!("bit {bit}"),
            }
        }
    }
}

#[test]
fn rows_may_be_left_unread() {
    let Some([cjpeg, _]) = tools("rows_may_be_left_unread") else {
        return;
    };
    let source = pipe(&cjpeg, &[], &Image::made(900, 900, 3).to_pnm());
    let opened = opened(&source).unwrap();
    let mut row = vec![0; opened.header.row_bytes()];
    let mut rows = opened.start().unwrap();
    rows.next_row(&mut row).unwrap();
    drop(rows);
}
