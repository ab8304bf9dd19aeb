//! Files that are cut or changed: an error of a known type, or the same pixels each time.

use dlcs_core::derivative::ProcessError;

use super::{Workshop, read};

/// One or two files of each format, and the programs that make them.
const FILES: &[(&str, &str)] = &[
    ("plain.png", "convert scene.ppm plain.png"),
    (
        "adam7.png",
        "convert deep.ppm -interlace PNG -define png:bit-depth=16 adam7.png",
    ),
    (
        "palette.png",
        "convert scene.ppm -colors 60 PNG8:palette.png",
    ),
    ("plain.gif", "convert scene.ppm -colors 250 plain.gif"),
    (
        "animated.gif",
        "gifsicle --interlace --loopcount=0 plain.gif plain.gif -o animated.gif",
    ),
    ("24.bmp", "convert scene.ppm -define bmp:format=bmp3 24.bmp"),
    (
        "rle.bmp",
        "convert scene.ppm -colors 9 -type Palette -compress RLE -define bmp:format=bmp3 rle.bmp",
    ),
    ("lossy.webp", "cwebp -quiet -q 80 plain.png -o lossy.webp"),
    (
        "lossless.webp",
        "cwebp -quiet -lossless plain.png -o lossless.webp",
    ),
    (
        "animated.webp",
        "gif2webp -quiet animated.gif -o animated.webp",
    ),
    ("lossless.jp2", "opj_compress -i scene.ppm -o lossless.jp2"),
    (
        "lossy.j2k",
        "opj_compress -i scene.ppm -r 12 -I -t 40,40 -o lossy.j2k",
    ),
    (
        "parts.jp2",
        "opj_compress -i scene.ppm -r 30,10,1 -TP R -p RLCP -o parts.jp2",
    ),
];

const PROGRAMS: [&str; 5] = ["convert", "gifsicle", "cwebp", "gif2webp", "opj_compress"];

/// Calls something with each file.
fn for_each_file(test: &str, mut call: impl FnMut(&str, &[u8])) {
    // Small, because each is read hundreds of times.
    let Some(workshop) = Workshop::of_size(test, PROGRAMS, 97, 71) else {
        return;
    };
    for (file, make) in FILES {
        workshop.run(make);
        call(file, &workshop.bytes(file));
    }
}

#[test]
fn cut_files_are_refused_wherever_they_are_cut() {
    for_each_file(
        "cut_files_are_refused_wherever_they_are_cut",
        |file, whole| {
            read(whole).unwrap_or_else(|error| panic!("{file}: {error}"));
            let sixteenths = (1..16).map(|part| whole.len() * part / 16);
            for end in sixteenths.chain([whole.len() - 30, whole.len() - 3, whole.len() - 1]) {
                match read(&whole[..end]).map(|(header, _)| header) {
                    Err(ProcessError::Damaged { reason, .. }) => {
                        assert!(!reason.is_empty(), "{file}");
                    }
                    other => panic!("{file} cut at {end} of {}: {other:?}", whole.len()),
                }
            }
        },
    );
}

#[test]
fn files_with_a_changed_bit_are_refused_or_read_the_same_way_twice() {
    let test = "files_with_a_changed_bit_are_refused_or_read_the_same_way_twice";
    for_each_file(test, |file, whole| {
        let mut refused = 0;
        for place in 0..256 {
            let mut changed = whole.to_vec();
            changed[whole.len() * place / 256] ^= 1 << (place % 8);
            let outcome = || read(&changed).map(|(_, data)| data);
            match (outcome(), outcome()) {
                (Ok(first), Ok(second)) => assert!(first == second, "{file} changed at {place}"),
                (Err(first), Err(second)) => {
                    refused += 1;
                    assert_eq!(first.to_string(), second.to_string(), "{file}");
                    assert!(
                        !matches!(first, ProcessError::Backend { .. }),
                        "{file} changed at {place}: {first:?}"
                    );
                }
                _ => panic!("{file} changed at {place}: two outcomes"),
            }
        }
        // Checksums see every change but those of metadata, which is left out.
        if file.ends_with("plain.png") {
            assert!(refused >= 230, "{file}: {refused} of 256 changes are seen");
        }
    });
}

#[test]
fn tiles_of_jpeg_2000_that_are_missing_or_too_small_are_refused() {
    let test = "tiles_of_jpeg_2000_that_are_missing_or_too_small_are_refused";
    let Some(workshop) = Workshop::new(test, ["opj_compress"]) else {
        return;
    };
    workshop.run("opj_compress -i scene.ppm -t 100,90 -o tiled.j2k");
    let whole = workshop.bytes("tiled.j2k");
    let parts: Vec<usize> = whole
        .windows(4)
        .enumerate()
        .filter(|(_, bytes)| *bytes == [0xFF, 0x90, 0, 10])
        .map(|(place, _)| place)
        .collect();
    assert_eq!(parts.len(), 12);
    let said = |bytes: &[u8]| match read(bytes).map(|(header, _)| header) {
        Err(error) => error.to_string(),
        Ok(header) => panic!("{header:?}"),
    };
    // The second tile is taken out; the others are whole.
    let without = [&whole[..parts[1]], &whole[parts[2]..]].concat();
    assert!(said(&without).contains("a tile is missing"));
    // Everything but the last marker is there.
    assert!(said(&whole[..whole.len() - 2]).contains("ends early"));
    // The numbers of the size, from the fourth byte of its segment on.
    let changed = |changes: &[(usize, u32)]| {
        let mut bytes = whole.clone();
        for (index, value) in changes {
            bytes[8 + 4 * index..12 + 4 * index].copy_from_slice(&value.to_be_bytes());
        }
        bytes
    };
    for (changes, expected) in [
        (&[(4, 1), (5, 1)][..], "65,535 tiles"),
        (
            &[(0, 60_000), (1, 60_000), (4, 60_000), (5, 60_000)],
            "at most",
        ),
        (&[(0, 65_501)], "each side may have at most"),
        (&[(0, 4000), (1, 4000), (4, 32), (5, 64)], "64 x 64"),
        (&[(4, 0)], "do not cover"),
        (&[(2, 400)], "no pixels"),
    ] {
        let sentence = said(&changed(changes));
        assert!(sentence.contains(expected), "{expected}: {sentence}");
    }
    // More components than are read, of which the file has none.
    let mut many = whole.clone();
    many[40..42].copy_from_slice(&16_384_u16.to_be_bytes());
    assert!(said(&many).contains("components"));
    // The style of code-blocks of high throughput; more levels than there are.
    let style = whole
        .windows(2)
        .position(|pair| pair == [0xFF, 0x52])
        .unwrap();
    let mut fast = whole.clone();
    fast[style + 12] |= 0x40;
    assert!(said(&fast).contains("high throughput"));
    let mut deep = whole;
    deep[style + 9] = 33;
    assert!(said(&deep).contains("32 levels"));
}

#[test]
fn numbers_without_a_colour_are_black_and_runs_beyond_a_row_are_dropped() {
    // Four pixels in two rows, from the lowest: a run of three in a row of two, the end of the row, then two single ones.
    let runs = [3, 0x12, 0, 0, 1, 0x20, 1, 0x70, 0, 1];
    let mut file =
        b"BM\0\0\0\0\0\0\0\0\x42\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x04\0\x02\0\0\0"
            .to_vec();
    file.extend([0; 12]);
    file.extend([3, 0, 0, 0, 0, 0, 0, 0]);
    file.extend([0, 0, 0, 0, 10, 20, 30, 0, 40, 50, 60, 0]);
    file.extend(runs);
    let (header, data) = read(&file).unwrap();
    assert_eq!((header.width, header.height, header.held_bytes), (2, 2, 4));
    assert_eq!(data, [60, 50, 40, 0, 0, 0, 30, 20, 10, 60, 50, 40]);
    assert!(read(&file[..file.len() - 5]).is_err());
}
