//! What files say beside their pixels.

use flate2::Crc;
use image::metadata::Orientation;

use super::super::Profile;
use super::{HEIGHT, WIDTH, Workshop, read};

/// A chunk of a PNG.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut checked = kind.to_vec();
    checked.extend(data);
    let mut crc = Crc::new();
    crc.update(&checked);
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], &checked, &crc.sum().to_be_bytes()].concat()
}

fn place_of(bytes: &[u8], what: &[u8]) -> usize {
    bytes
        .windows(what.len())
        .position(|found| found == what)
        .unwrap()
}

/// A PNG with more chunks before its pixels.
fn with_chunks(png: &[u8], chunks: &[Vec<u8>]) -> Vec<u8> {
    let pixels = place_of(png, b"IDAT") - 4;
    [&png[..pixels], &chunks.concat(), &png[pixels..]].concat()
}

/// Exif with nothing but a turn to the right.
const TURNED: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

fn packed_profile(profile: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packed = b"name\0\0".to_vec();
    let mut encoder = flate2::write::ZlibEncoder::new(&mut packed, flate2::Compression::fast());
    encoder.write_all(profile).unwrap();
    encoder.finish().unwrap();
    packed
}

#[test]
fn chunks_of_a_png_are_read_capped_or_passed_over() {
    let test = "chunks_of_a_png_are_read_capped_or_passed_over";
    let Some(workshop) = Workshop::new(test, ["convert"]) else {
        return;
    };
    workshop.run("convert scene.ppm -strip -define png:exclude-chunks=all plain.png");
    let plain = workshop.bytes("plain.png");
    let (header, pixels) = read(&plain).unwrap();
    assert_eq!((header.width, header.height), (WIDTH, HEIGHT));
    assert_eq!(header.held_bytes, 0);
    let gamma = |value: u32| chunk(b"gAMA", &value.to_be_bytes());
    let srgb = chunk(b"sRGB", &[0]);
    let profile = chunk(b"iCCP", &packed_profile(b"a profile"));
    let bomb = chunk(b"iCCP", &packed_profile(&vec![7; 5 << 20]));
    let mut wrong = gamma(100_000);
    *wrong.last_mut().unwrap() ^= 1;
    let many = chunk(b"tEXt", b"a\0b").repeat(100_000);
    let long = chunk(b"zTXt", &vec![0; 20 << 20]);
    for (chunks, expected) in [
        (vec![gamma(100_000)], Profile::Gamma(1.0)),
        (vec![gamma(45_455)], Profile::Untagged),
        (vec![gamma(0)], Profile::Untagged),
        (vec![gamma(100_000), srgb], Profile::Untagged),
        (vec![wrong], Profile::Untagged),
        (
            vec![gamma(100_000), profile],
            Profile::Icc(b"a profile".to_vec()),
        ),
        (vec![bomb], Profile::Untagged),
        (vec![many], Profile::Untagged),
        (vec![long], Profile::Untagged),
    ] {
        let (header, data) = read(&with_chunks(&plain, &chunks)).unwrap();
        assert_eq!(header.profile, expected);
        assert!(data == pixels);
    }
    // Exif may follow the pixels.
    let end = place_of(&plain, b"IEND") - 4;
    let after = [&plain[..end], &chunk(b"eXIf", TURNED), &plain[end..]].concat();
    for turned in [after, with_chunks(&plain, &[chunk(b"eXIf", TURNED)])] {
        let (header, _) = read(&turned).unwrap();
        assert_eq!(header.orientation, Orientation::Rotate90);
    }
}

#[test]
fn further_images_and_data_of_a_png_are_passed_over_and_wrong_sums_are_not() {
    let test = "further_images_and_data_of_a_png_are_passed_over_and_wrong_sums_are_not";
    let Some(workshop) = Workshop::new(test, ["convert"]) else {
        return;
    };
    workshop.run("convert scene.ppm -strip -define png:exclude-chunks=all plain.png");
    let plain = workshop.bytes("plain.png");
    let (_, pixels) = read(&plain).unwrap();
    let end = place_of(&plain, b"IEND") - 4;
    let control = chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    let frame = |sequence: u32| {
        let mut data = sequence.to_be_bytes().to_vec();
        for number in [3_u32, 2, 0, 0] {
            data.extend(number.to_be_bytes());
        }
        data.extend([0, 1, 0, 1, 0, 0]);
        chunk(b"fcTL", &data)
    };
    let more = [frame(0), chunk(b"fdAT", b"\0\0\0\x01nonsense")].concat();
    let animated = with_chunks(&plain, &[control]);
    let end_of_animated = place_of(&animated, b"IEND") - 4;
    let animated = [
        &animated[..end_of_animated],
        &more,
        &animated[end_of_animated..],
    ]
    .concat();
    let extra = [&plain[..end], &chunk(b"IDAT", b"more"), &plain[end..]].concat();
    for file in [animated, extra, [&plain[..], b"trailing"].concat()] {
        let (_, data) = read(&file).unwrap();
        assert!(data == pixels);
    }
    // The sum after the last of the pixels.
    let mut wrong = plain.clone();
    wrong[end - 1] ^= 1;
    // A chunk that nobody knows, without which nothing can be shown.
    let unknown = with_chunks(&plain, &[chunk(b"ABCD", b"")]);
    let huge = with_chunks(&plain, &[b"\xFF\xFF\xFF\xF0tEXt".to_vec()]);
    for file in [wrong, unknown, huge] {
        assert!(read(&file).is_err());
    }
}

#[test]
fn profiles_and_turns_of_a_webp_are_found() {
    let test = "profiles_and_turns_of_a_webp_are_found";
    let Some(workshop) = Workshop::new(test, ["convert", "cwebp", "webpmux"]) else {
        return;
    };
    std::fs::write(workshop.at("profile.icc"), vec![9; 200]).unwrap();
    std::fs::write(workshop.at("turned.exif"), TURNED).unwrap();
    workshop.run("convert scene.ppm scene.png");
    workshop.run("cwebp -quiet scene.png -o plain.webp");
    workshop.run("webpmux -set icc profile.icc plain.webp -o profile.webp");
    workshop.run("webpmux -set exif turned.exif profile.webp -o both.webp");
    let (header, _) = read(&workshop.bytes("both.webp")).unwrap();
    assert_eq!(header.profile, Profile::Icc(vec![9; 200]));
    assert_eq!(header.orientation, Orientation::Rotate90);
}

#[test]
fn colour_spaces_of_jpeg_2000_are_those_of_its_boxes() {
    let test = "colour_spaces_of_jpeg_2000_are_those_of_its_boxes";
    let Some(workshop) = Workshop::new(test, ["opj_compress"]) else {
        return;
    };
    workshop.run("opj_compress -i scene.ppm -o plain.jp2");
    let plain = workshop.bytes("plain.jp2");
    let (header, rgb) = read(&plain).unwrap();
    assert_eq!(header.profile, Profile::Untagged);
    // The box of the colours is the last one of the header, which comes before the codestream.
    let colours = place_of(&plain, b"colr") - 4;
    let header_start = place_of(&plain, b"jp2h") - 4;
    let with_colours = |content: &[u8]| {
        let length = (content.len() as u32 + 8).to_be_bytes();
        let colr = [&length[..], b"colr", content].concat();
        let codestream = place_of(&plain, b"jp2c") - 4;
        let mut header = [&plain[header_start..colours], &colr[..]].concat();
        let length = header.len() as u32;
        header[..4].copy_from_slice(&length.to_be_bytes());
        [&plain[..header_start], &header, &plain[codestream..]].concat()
    };
    let mut icc = vec![0; 132];
    icc[16..20].copy_from_slice(b"RGB ");
    let (header, data) = read(&with_colours(&[&[2, 0, 0][..], &icc].concat())).unwrap();
    assert_eq!(header.profile, Profile::Icc(icc));
    assert!(data == rgb);
    // The same samples as luma and differences.
    let (header, data) = read(&with_colours(&[1, 0, 0, 0, 0, 0, 18])).unwrap();
    assert_eq!(header.profile, Profile::Untagged);
    for (found, given) in data.chunks_exact(3).zip(rgb.chunks_exact(3)) {
        let [y, cb, cr] = [0, 1, 2].map(|index| f64::from(given[index]));
        let expected = [
            y + 1.402 * (cr - 128.0),
            y - 0.344_136 * (cb - 128.0) - 0.714_136 * (cr - 128.0),
            y + 1.772 * (cb - 128.0),
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected.clamp(0.0, 255.0)).abs() <= 1.0);
        }
    }
    // A palette of three columns for one component, with a number outside of it.
    let mut table = vec![0, 2, 3, 7, 7, 7];
    table.extend([1, 2, 3, 200, 100, 50]);
    let boxed = |kind: &[u8; 4], content: &[u8]| {
        let length = (content.len() as u32 + 8).to_be_bytes();
        [&length[..], kind, content].concat()
    };
    workshop.run("opj_compress -i veil.pgm -o veil.jp2");
    let veil = workshop.bytes("veil.jp2");
    let (header_start, codestream) = (place_of(&veil, b"jp2h") - 4, place_of(&veil, b"jp2c") - 4);
    let mut header = [
        &veil[header_start..place_of(&veil, b"colr") - 4],
        &boxed(b"colr", &[1, 0, 0, 0, 0, 0, 16])[..],
        &boxed(b"pclr", &table),
        &boxed(b"cmap", &[0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 2]),
    ]
    .concat();
    let length = header.len() as u32;
    header[..4].copy_from_slice(&length.to_be_bytes());
    let palette = [&veil[..header_start], &header, &veil[codestream..]].concat();
    let (header, data) = read(&palette).unwrap();
    assert_eq!(header.samples.per_pixel(), 3);
    assert_eq!(data[..3], [1, 2, 3]);
    assert_eq!(data[data.len() - 3..], [200, 100, 50]);
}

#[test]
fn a_bmp_from_the_top_is_the_same_upside_down() {
    let test = "a_bmp_from_the_top_is_the_same_upside_down";
    let Some(workshop) = Workshop::new(test, ["convert"]) else {
        return;
    };
    workshop.run("convert scene.ppm -define bmp:format=bmp3 plain.bmp");
    let mut bytes = workshop.bytes("plain.bmp");
    let (_, plain) = read(&bytes).unwrap();
    bytes[22..26].copy_from_slice(&(-(HEIGHT as i32)).to_le_bytes());
    let (_, flipped) = read(&bytes).unwrap();
    let stride = WIDTH as usize * 3;
    assert!(plain.chunks(stride).rev().eq(flipped.chunks(stride)));
}
