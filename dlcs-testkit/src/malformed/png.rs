//! PNG files, from nothing and from a good one.

use super::deflate::{bomb, stored};
use super::{Malformed, Outcome};

const MAGIC: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Files that need no good one.
pub(super) fn files() -> Vec<Malformed> {
    use Outcome::{Read, Refused, RefusedOrRead};
    let rgb = |width: u32, height: u32| ihdr(width, height, 8, 2, 0);
    let pixels = |length: usize| chunk(b"IDAT", &stored(&vec![0; length]));
    let small = |extra: &[Vec<u8>]| {
        let mut chunks = vec![rgb(2, 2)];
        chunks.extend_from_slice(extra);
        chunks.push(pixels(14));
        png(&chunks)
    };
    let text = |keyword: &str, text: &[u8]| [keyword.as_bytes(), b"\0\0", text].concat();
    let mut wrong_crc = small(&[]);
    let last = wrong_crc.len() - 14;
    wrong_crc[last] ^= 0xFF;
    let mut endless = [MAGIC, &rgb(2, 2)].concat();
    endless.extend([0xFF, 0xFF, 0xFF, 0xFF]);
    endless.extend(b"IDAT123");
    let tiny: Vec<Vec<u8>> = (0..100_000).map(|_| chunk(b"tEXt", b"a\0b")).collect();
    let frames: Vec<Vec<u8>> = std::iter::once(chunk(b"acTL", &[0, 0, 39, 16, 0, 0, 0, 0]))
        .chain((0..10_000_u32).map(|index| {
            let data = [&index.to_be_bytes()[..], &[0; 22]].concat();
            chunk(b"fcTL", &data)
        }))
        .collect();
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\">]><x:xmpmeta xmlns:x='adobe:ns:meta/'>&a;<script>alert(1)</script></x:xmpmeta>";
    let bomb = bomb(64 << 20);
    let mut files: Vec<_> = [
        ("0 columns", Refused, png(&[rgb(0, 2), pixels(2)])),
        ("0 rows", Refused, png(&[rgb(2, 0), pixels(0)])),
        ("2^31 columns", Refused, png(&[rgb(1 << 31, 1), pixels(1)])),
        (
            "a side longer than allowed",
            Refused,
            png(&[rgb(70_000, 1), pixels(210_001)]),
        ),
        (
            "more pixels than allowed",
            Refused,
            png(&[rgb(65_000, 65_000), pixels(1)]),
        ),
        (
            "many pixels and no data",
            Refused,
            png(&[rgb(15_000, 15_000), pixels(1)]),
        ),
        (
            "no palette",
            Refused,
            png(&[ihdr(2, 2, 8, 3, 0), pixels(6)]),
        ),
        (
            "a palette of 5 bytes",
            Refused,
            png(&[ihdr(2, 2, 8, 3, 0), chunk(b"PLTE", &[0; 5]), pixels(6)]),
        ),
        (
            "an entry beyond the palette",
            RefusedOrRead,
            png(&[
                ihdr(2, 2, 8, 3, 0),
                chunk(b"PLTE", &[9; 3]),
                chunk(b"IDAT", &stored(&[0, 7, 7, 0, 7, 7])),
            ]),
        ),
        (
            "transparency beside alpha",
            RefusedOrRead,
            png(&[ihdr(2, 2, 8, 6, 0), chunk(b"tRNS", &[0; 6]), pixels(18)]),
        ),
        (
            "3 bits a sample",
            Refused,
            png(&[ihdr(2, 2, 3, 0, 0), pixels(4)]),
        ),
        (
            "an unknown filter",
            Refused,
            png(&[rgb(2, 2), chunk(b"IDAT", &stored(&[9; 14]))]),
        ),
        ("too few pixels", Refused, png(&[rgb(2, 2), pixels(7)])),
        (
            "too many pixels",
            RefusedOrRead,
            png(&[rgb(2, 2), pixels(1_000)]),
        ),
        (
            "data that is not compressed",
            Refused,
            png(&[rgb(2, 2), chunk(b"IDAT", &[0x55; 40])]),
        ),
        (
            "interlaced and too short",
            Refused,
            png(&[ihdr(9, 9, 8, 2, 1), pixels(20)]),
        ),
        ("no data", Refused, png(&[rgb(2, 2)])),
        ("no header", Refused, png(&[pixels(14)])),
        (
            "two headers",
            RefusedOrRead,
            png(&[rgb(2, 2), rgb(3, 3), pixels(14)]),
        ),
        ("a wrong checksum", RefusedOrRead, wrong_crc),
        ("a chunk of 4 GiB", Refused, endless),
        ("100000 small texts", RefusedOrRead, small(&tiny)),
        ("10000 frames announced", RefusedOrRead, small(&frames)),
        (
            "a profile that is a bomb",
            Read,
            small(&[chunk(b"iCCP", &text("p", &bomb))]),
        ),
        (
            "a text that is a bomb",
            Read,
            small(&[chunk(b"zTXt", &text("Comment", &bomb))]),
        ),
        (
            "an international text that is a bomb",
            Read,
            small(&[chunk(
                b"iTXt",
                &[b"Comment\0\x01\0\0\0".as_slice(), &bomb].concat(),
            )]),
        ),
        (
            "metadata of 40 MiB in ten chunks",
            Read,
            small(&[b"eXIf", b"iCCP", b"iTXt", b"zTXt", b"tEXt"].map(|kind| {
                let data = [b"a\0\0".as_slice(), &vec![b'b'; 4 << 20][3..]].concat();
                chunk(kind, &data).repeat(2)
            })),
        ),
        (
            "Exif of 5 MiB",
            RefusedOrRead,
            small(&[chunk(b"eXIf", &vec![b'I'; 5 << 20])]),
        ),
        (
            "XMP with a script and entities",
            Read,
            small(&[chunk(
                b"iTXt",
                &[b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), laughs.as_bytes()].concat(),
            )]),
        ),
    ]
    .into();
    files.extend(suite(&[rgb(2, 2), pixels(14)]));
    files
        .into_iter()
        .map(|(name, outcome, bytes)| Malformed::new(format!("PNG: {name}"), outcome, bytes))
        .collect()
}

/// What the files with an `x` of Willem van Schaik's `PngSuite` have, and the files above have not.
fn suite(good: &[Vec<u8>; 2]) -> Vec<(&'static str, Outcome, Vec<u8>)> {
    use Outcome::Refused;
    let [header, pixels] = good;
    let mut files: Vec<_> = [
        (
            "the first bit of its signature lost",
            &b"\tPNG\r\n\x1A\n"[..],
        ),
        ("a Q in its signature", b"\x89QNG\r\n\x1A\n"),
        ("a small letter in its signature", b"\x89PNg\r\n\x1A\n"),
        ("a blank in its signature", b"\x89PNG\r\n\x20\n"),
        ("returns added to its signature", b"\x89PNG\r\r\n\x1A\r\n"),
        ("returns taken from its signature", b"\x89PNG\n\x1A\n"),
    ]
    .map(|(name, magic)| {
        let bytes = [magic, header, pixels, &chunk(b"IEND", &[])].concat();
        (name, Refused, bytes)
    })
    .into();
    for (name, bits, kind) in [
        ("colours of a kind that there is not", 8, 1),
        ("colours of a kind beyond all", 8, 9),
        ("0 bits a sample", 0, 2),
        ("99 bits a sample", 99, 2),
    ] {
        let header = ihdr(2, 2, bits, kind, 0);
        files.push((name, Refused, png(&[header, pixels.clone()])));
    }
    let mut header = header.clone();
    if let Some(last) = header.last_mut() {
        *last ^= 0xFF;
    }
    let name = "a wrong checksum of the header";
    files.push((name, Refused, png(&[header, pixels.clone()])));
    files
}

/// Files made from a good one.
#[must_use]
pub fn of_png(good: &[u8]) -> Vec<Malformed> {
    let after = |tail: &[u8]| [good, tail].concat();
    // Signature and header.
    let with = |extra: Vec<u8>| [&good[..33], &extra, &good[33..]].concat();
    let profile = |bytes: &[u8]| chunk(b"iCCP", &[b"p\0\0".as_slice(), &stored(bytes)].concat());
    let mut files = vec![
        (
            "a page of HTML behind it",
            after(b"<html><script>alert(1)</script></html>"),
        ),
        ("a ZIP behind it", after(b"PK\x03\x04\x14\0\0\0")),
    ];
    for (name, bytes) in nonsense_profiles() {
        files.push((name, with(profile(&bytes))));
    }
    files
        .into_iter()
        .map(|(name, bytes)| Malformed::new(format!("PNG: {name}"), Outcome::Read, bytes))
        .collect()
}

/// Colour profiles that no honest program writes.
pub(super) fn nonsense_profiles() -> Vec<(&'static str, Vec<u8>)> {
    let header = |version: u8, class: &[u8; 4], space: &[u8; 4], tags: u32| {
        let mut profile = vec![0; 132];
        profile[8] = version;
        profile[12..16].copy_from_slice(class);
        profile[16..20].copy_from_slice(space);
        profile[20..24].copy_from_slice(b"XYZ ");
        profile[36..40].copy_from_slice(b"acsp");
        profile[128..132].copy_from_slice(&tags.to_be_bytes());
        profile
    };
    // A table of four inputs with 255 places each, and tags that lie in themselves.
    let mut table = header(2, b"mntr", b"RGB ", 1);
    table.extend(b"A2B0\0\0\0\x90\0\0\0\x40mft2\0\0\0\0\x04\x03\xFF\0");
    table.resize(0x90 + 0x40, 0);
    let mut inside = header(4, b"mntr", b"RGB ", 3);
    for name in [b"rTRC", b"gTRC", b"bTRC"] {
        inside.extend(name);
        inside.extend([0, 0, 0, 128, 0, 0, 0, 0xFF]);
    }
    vec![
        ("a profile of noise", vec![0xA5; 300]),
        ("a profile of version 5", header(5, b"mntr", b"RGB ", 0)),
        ("a profile without tags", header(4, b"mntr", b"RGB ", 0)),
        (
            "a profile that links devices",
            header(4, b"link", b"RGB ", 0),
        ),
        ("a profile of other colours", header(4, b"prtr", b"CMYK", 0)),
        (
            "a profile of 2^32 tags",
            header(4, b"mntr", b"RGB ", u32::MAX),
        ),
        ("a profile with a table of 255^4 places", table),
        ("a profile whose tags lie in itself", inside),
    ]
}

pub(super) fn ihdr(width: u32, height: u32, bits: u8, kind: u8, interlace: u8) -> Vec<u8> {
    let mut data = Vec::from(width.to_be_bytes());
    data.extend(height.to_be_bytes());
    data.extend([bits, kind, 0, 0, interlace]);
    chunk(b"IHDR", &data)
}

/// A file of these chunks, with its end.
pub(super) fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(chunks.iter().flatten());
    bytes.extend(chunk(b"IEND", &[]));
    bytes
}

pub(super) fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::from((data.len() as u32).to_be_bytes());
    bytes.extend(kind);
    bytes.extend(data);
    let sum = crc(&bytes[4..]);
    bytes.extend(sum.to_be_bytes());
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8).fold(index as u32, |crc, _| {
            crc >> 1 ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    });
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        table[((crc ^ u32::from(*byte)) & 0xFF) as usize] ^ crc >> 8
    })
}
