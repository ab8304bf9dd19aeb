//! Files that lie: each ends in an error that says what is wrong, soon and in little memory.

use dlcs_core::derivative::ProcessError;

use super::handmade::{Handmade, LONG, SHORT};
use super::workshop::{Workshop, photograph};

/// A grey image of 64 × 64 pixels in one strip.
pub(super) const GREY: [(u16, u32); 7] = [
    (256, 64),
    (257, 64),
    (258, 8),
    (259, 1),
    (262, 1),
    (277, 1),
    (278, 64),
];

fn grey() -> Handmade {
    Handmade::new(&GREY, vec![vec![100; 64 * 64]])
}

fn decode(bytes: &[u8]) -> Result<(), ProcessError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    super::workshop::decode(file.path()).map(|_| ())
}

#[test]
fn lies_of_a_directory_are_damage() {
    decode(&grey().to_bytes()).unwrap();
    let tiled = |width, height| {
        grey()
            .with(322, LONG, &[width])
            .with(323, LONG, &[height])
            .tiled()
    };
    let mut cases = vec![
        ("no width", grey().with(256, LONG, &[0])),
        ("no rows in a strip", grey().with(278, LONG, &[0])),
        ("no samples", grey().with(277, LONG, &[0])),
        ("tiles without pixels", tiled(0, 64)),
        ("two strips and one place", grey().with(278, LONG, &[32])),
        (
            "pixels past the end",
            grey().with(273, LONG, &[0xFFFF_FF00]),
        ),
        (
            "pixels that are not there",
            grey().with(273, LONG, &[0]).with(279, LONG, &[0]),
        ),
        (
            "more strips than bytes",
            grey().with(257, LONG, &[65_000]).with(278, LONG, &[1]),
        ),
        ("a fax of bytes", grey().with(259, LONG, &[4])),
        ("a palette without colours", grey().with(262, LONG, &[3])),
        ("too few samples for colours", grey().with(262, LONG, &[2])),
        (
            "an impossible arrangement",
            grey().with(277, LONG, &[3]).with(284, LONG, &[9]),
        ),
        ("no stream of JPEG", grey().with(259, LONG, &[7])),
        ("no LZW", grey().with(259, LONG, &[5])),
        ("no Deflate", grey().with(259, LONG, &[8])),
        ("no Zstandard", grey().with(259, LONG, &[50_000])),
        ("short PackBits", grey().with(259, LONG, &[32_773])),
        (
            "an unknown predictor",
            grey().with(259, LONG, &[5]).with(317, LONG, &[77]),
        ),
        ("no compression", grey().with(259, LONG, &[0])),
    ];
    let mut fax = Handmade::new(&GREY, vec![vec![0; 300]]);
    fax = fax.with(258, LONG, &[1]).with(259, LONG, &[4]);
    cases.push(("a fax of zeros", fax));
    let mut fax = Handmade::new(&GREY, vec![vec![0x55; 3000]]);
    fax = fax.with(258, LONG, &[1]).with(259, LONG, &[3]);
    cases.push(("a fax without marks", fax));
    for (name, file) in cases {
        match decode(&file.to_bytes()) {
            Err(ProcessError::Damaged { format: "TIFF", .. }) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn kinds_that_are_not_read_are_named() {
    for (file, said) in [
        (grey().with(259, LONG, &[34_712]), "34712 (JPEG 2000)"),
        (grey().with(259, LONG, &[34_887]), "34887 (LERC)"),
        (grey().with(259, LONG, &[34_925]), "34925 (LZMA)"),
        (grey().with(259, LONG, &[77]), "way 77"),
        (grey().with(262, LONG, &[32_803]), "raw of a camera"),
        (grey().with(258, LONG, &[64]), "64 bits"),
        (grey().with(339, LONG, &[5]), "complex"),
        (grey().with(277, LONG, &[2000]), "2000 samples"),
        (
            grey().with(277, LONG, &[3]).with(258, SHORT, &[8, 8, 4]),
            "different ways",
        ),
        (
            grey().with(322, LONG, &[1]).with(323, LONG, &[1]).tiled(),
            "1 × 1 pixels",
        ),
        (
            grey()
                .with(322, LONG, &[1 << 30])
                .with(323, LONG, &[1 << 30])
                .tiled(),
            "1073741824 × 1073741824 pixels",
        ),
        (grey().with(50_706, LONG, &[1]), "camera"),
    ] {
        match decode(&file.to_bytes()) {
            Err(error @ ProcessError::Unsupported { .. }) => {
                let sentence = error.to_string();
                assert!(sentence.contains(said), "{said}: {sentence}");
            }
            other => panic!("{said}: {other:?}"),
        }
    }
}

#[test]
fn directories_in_a_circle_or_without_end_are_left_alone() {
    // A reduced copy whose next directory is itself: the only image there is.
    let mut bytes = grey().with(254, LONG, &[1]).to_bytes();
    let start = bytes[4..8].to_vec();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&start);
    decode(&bytes).unwrap();
    // A directory of 65535 entries.
    let mut bytes = b"II*\0\x08\0\0\0\xFF\xFF".to_vec();
    bytes.resize(10 + 65_535 * 12 + 4, 0);
    assert!(matches!(decode(&bytes), Err(ProcessError::Damaged { .. })));
    // Lists that are said to be longer than any file.
    for count in [u32::MAX, 1 << 31] {
        let mut bytes = grey().to_bytes();
        let entry = bytes
            .windows(8)
            .position(|entry| entry == [0x11, 1, 4, 0, 1, 0, 0, 0])
            .unwrap();
        bytes[entry + 4..entry + 8].copy_from_slice(&count.to_le_bytes());
        assert!(matches!(decode(&bytes), Err(ProcessError::Damaged { .. })));
    }
    // BigTIFF with counts beyond measure.
    let mut bytes = b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
    bytes.extend([0xFF; 64]);
    assert!(matches!(decode(&bytes), Err(ProcessError::Damaged { .. })));
}

#[test]
fn files_that_are_cut_or_flipped_never_panic_and_cut_ones_never_pass() {
    let test = "files_that_are_cut_or_flipped_never_panic_and_cut_ones_never_pass";
    let Some(shop) = Workshop::open(test) else {
        return;
    };
    shop.write("colour.ppm", &photograph(160, 120, 3));
    shop.run("convert @colour.ppm -compress None @rgb.tif");
    shop.run("convert @colour.ppm -threshold 50% -type bilevel -depth 1 -compress None @black.tif");
    for (name, line) in [
        ("plain", "tiffcp -c none -r 16 @rgb.tif @x.tif"),
        ("tiles", "tiffcp -c none -t -w 64 -l 64 @rgb.tif @x.tif"),
        ("LZW", "tiffcp -c lzw:2 -r 16 @rgb.tif @x.tif"),
        ("Deflate", "tiffcp -c zip -t -w 64 -l 64 @rgb.tif @x.tif"),
        ("Zstandard", "tiffcp -c zstd -r 16 @rgb.tif @x.tif"),
        ("PackBits", "tiffcp -c packbits -r 16 @rgb.tif @x.tif"),
        ("JPEG", "tiffcp -c jpeg -t -w 64 -l 64 @rgb.tif @x.tif"),
        ("WebP", "tiffcp -c webp @rgb.tif @x.tif"),
        ("fax", "tiffcp -c g4 -r 16 @black.tif @x.tif"),
        ("fax, group 3", "tiffcp -c g3:2d -r 16 @black.tif @x.tif"),
        ("BigTIFF", "tiffcp -8 -c none -r 16 @rgb.tif @x.tif"),
    ] {
        shop.run(line);
        let whole = shop.bytes("x.tif");
        decode(&whole).unwrap_or_else(|error| panic!("{name}: {error}"));
        for end in (0..16).map(|part| whole.len() * part / 16) {
            match decode(&whole[..end]) {
                Err(ProcessError::Damaged { .. }) => {}
                other => panic!("{name} cut at {end} of {}: {other:?}", whole.len()),
            }
        }
        for place in 0..256 {
            let mut flipped = whole.clone();
            let at = place * (whole.len() - 1) / 255;
            flipped[at] ^= 1 << (place % 8);
            match decode(&flipped) {
                Ok(()) | Err(ProcessError::Damaged { .. } | ProcessError::Unsupported { .. }) => {}
                Err(ProcessError::SideTooLong { .. } | ProcessError::TooManyPixels { .. }) => {}
                Err(other) => panic!("{name} flipped at {at}: {other}"),
            }
        }
    }
}

#[test]
fn parts_of_streams_that_are_missing_are_missed() {
    let Some(shop) = Workshop::open("parts_of_streams_that_are_missing_are_missed") else {
        return;
    };
    shop.write("colour.ppm", &photograph(160, 120, 3));
    shop.run("convert @colour.ppm -quality 90 @x.jpg");
    let stream = shop.bytes("x.jpg");
    let fields = [
        (256, 160),
        (257, 120),
        (259, 7),
        (262, 6),
        (277, 3),
        (278, 120),
    ];
    let file = |stream: Vec<u8>, width: u32| {
        Handmade::new(&fields, vec![stream])
            .with(258, SHORT, &[8, 8, 8])
            .with(256, LONG, &[width])
            .to_bytes()
    };
    decode(&file(stream.clone(), 160)).unwrap();
    let cut = [&stream[..stream.len() / 2], b"\xFF\xD9"].concat();
    for (name, bytes) in [
        ("half of a stream", file(cut, 160)),
        ("a stream of another width", file(stream, 176)),
    ] {
        match decode(&bytes) {
            Err(ProcessError::Damaged { .. }) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}
