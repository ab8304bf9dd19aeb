//! TIFF files (TIFF 6.0 and BigTIFF), from nothing.

use super::deflate::{bomb, stored};
use super::lzw;
use super::{Malformed, Outcome};

const SHORT: u16 = 3;
const LONG: u16 = 4;

/// One entry of a directory: tag, type, count and value.
type Entry = (u16, u16, u32, u32);

/// A grey picture of 8 bits; its only strip is what follows its directory.
struct Picture {
    width: u32,
    height: u32,
    compression: u32,
    data: Vec<u8>,
    /// In place of the entries of the same tag, or besides them.
    entries: Vec<Entry>,
    /// Where the next directory is.
    next: u32,
}

impl Picture {
    const fn new(width: u32, height: u32, compression: u32, data: Vec<u8>) -> Self {
        Self {
            width,
            height,
            compression,
            data,
            entries: Vec::new(),
            next: 0,
        }
    }

    fn with(mut self, entries: &[Entry]) -> Self {
        self.entries.extend_from_slice(entries);
        self
    }

    /// The file: header, directory, strip.
    fn bytes(&self) -> Vec<u8> {
        let mut entries: Vec<Entry> = vec![
            (256, LONG, 1, self.width),
            (257, LONG, 1, self.height),
            (258, SHORT, 1, 8),
            (259, SHORT, 1, self.compression),
            (262, SHORT, 1, 1),
            (273, LONG, 1, 0),
            (277, SHORT, 1, 1),
            (278, LONG, 1, self.height),
            (279, LONG, 1, self.data.len() as u32),
        ];
        for entry in &self.entries {
            match entries.iter_mut().find(|(tag, ..)| *tag == entry.0) {
                Some(there) => *there = *entry,
                None => entries.push(*entry),
            }
        }
        if entries.iter().any(|(tag, ..)| *tag == 322) {
            // Tiles in place of strips.
            entries.retain(|(tag, ..)| !matches!(tag, 273 | 278 | 279));
        }
        entries.sort_by_key(|(tag, ..)| *tag);
        let start = 8 + 2 + 12 * entries.len() as u32 + 4;
        let mut file = b"II*\0\x08\0\0\0".to_vec();
        file.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            let strip = matches!(tag, 273 | 324) && value == 0;
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(if strip { start } else { value }.to_le_bytes());
        }
        file.extend(self.next.to_le_bytes());
        file.extend(&self.data);
        file
    }
}

pub(super) fn files() -> Vec<Malformed> {
    use Outcome::{Read, Refused, RefusedOrRead};
    let plain = |entries: &[Entry]| Picture::new(4, 4, 1, vec![7; 16]).with(entries).bytes();
    let mut cycle = Picture::new(4, 4, 1, vec![7; 16]);
    cycle.next = 8;
    let tiled = |width: u32, height: u32| {
        let mut picture = Picture::new(4, 4, 1, vec![7; 256]);
        picture = picture.with(&[
            (322, LONG, 1, width),
            (323, LONG, 1, height),
            (324, LONG, 1, 0),
            (325, LONG, 1, 256),
        ]);
        picture.bytes()
    };
    let mut unreadable = Picture::new(8, 8, 7, b"\xFF\xD8\xFF\xD9".to_vec());
    unreadable = unreadable.with(&[(347, 7, 4, 0x00FF_D8FF)]);
    [
        (
            "a directory that is followed by itself",
            RefusedOrRead,
            cycle.bytes(),
        ),
        ("65000 directories", RefusedOrRead, many_directories(65_000)),
        (
            "a sub-directory that is its own parent",
            RefusedOrRead,
            plain(&[(330, LONG, 1, 8)]),
        ),
        (
            "Exif that is its own parent",
            RefusedOrRead,
            plain(&[(34665, LONG, 1, 8)]),
        ),
        ("0 rows a strip", RefusedOrRead, plain(&[(278, LONG, 1, 0)])),
        (
            "2^31 strips",
            Refused,
            plain(&[
                (273, LONG, 1 << 31, 8),
                (279, LONG, 1 << 31, 8),
                (278, LONG, 1, 1),
            ]),
        ),
        (
            "2^32-1 rows a strip",
            Read,
            plain(&[(278, LONG, 1, u32::MAX)]),
        ),
        (
            "a strip beyond the end",
            Refused,
            plain(&[(273, LONG, 1, 0xFFFF_FFF0)]),
        ),
        (
            "a strip of 4 GiB",
            RefusedOrRead,
            plain(&[(279, LONG, 1, u32::MAX)]),
        ),
        (
            "a strip that is too short",
            RefusedOrRead,
            plain(&[(279, LONG, 1, 3)]),
        ),
        ("no strips", Refused, plain(&[(273, LONG, 0, 0)])),
        ("0 columns", Refused, plain(&[(256, LONG, 1, 0)])),
        (
            "2^32-1 rows and columns",
            Refused,
            plain(&[(256, LONG, 1, u32::MAX), (257, LONG, 1, u32::MAX)]),
        ),
        (
            "a side longer than allowed",
            Refused,
            plain(&[(256, LONG, 1, 70_000)]),
        ),
        (
            "many pixels and no data",
            Refused,
            plain(&[
                (256, LONG, 1, 40_000),
                (257, LONG, 1, 40_000),
                (278, LONG, 1, 40_000),
            ]),
        ),
        ("0 samples a pixel", Refused, plain(&[(277, SHORT, 1, 0)])),
        (
            "65535 samples a pixel",
            Refused,
            plain(&[(277, SHORT, 1, 65_535)]),
        ),
        ("37 bits a sample", Refused, plain(&[(258, SHORT, 1, 37)])),
        (
            "floats of 64 bits in planes",
            Refused,
            plain(&[
                (258, SHORT, 1, 64),
                (339, SHORT, 1, 3),
                (277, SHORT, 1, 3),
                (262, SHORT, 1, 2),
                (284, SHORT, 1, 2),
            ]),
        ),
        (
            "a palette that is not there",
            Refused,
            plain(&[(262, SHORT, 1, 3)]),
        ),
        (
            "a photometry that nobody knows",
            Refused,
            plain(&[(262, SHORT, 1, 999)]),
        ),
        (
            "a compression that nobody knows",
            Refused,
            plain(&[(259, SHORT, 1, 999)]),
        ),
        (
            "chroma sampled 0 x 0",
            Refused,
            plain(&[(262, SHORT, 1, 6), (277, SHORT, 1, 3), (530, SHORT, 2, 0)]),
        ),
        ("tiles of 1 x 1", Refused, tiled(1, 1)),
        ("tiles of 0 x 0", Refused, tiled(0, 0)),
        (
            "tiles of 2^32-1 x 2^32-1",
            Refused,
            tiled(u32::MAX, u32::MAX),
        ),
        ("tiles larger than their data", Refused, tiled(4096, 4096)),
        (
            "a value of 4 GiB",
            RefusedOrRead,
            plain(&[(34675, 7, u32::MAX, 8)]),
        ),
        (
            "a profile of 4 bytes",
            Read,
            plain(&[(34675, 7, 4, 0x4141_4141)]),
        ),
        ("orientation 9", Read, plain(&[(274, SHORT, 1, 9)])),
        (
            "Deflate that is a bomb",
            RefusedOrRead,
            Picture::new(16, 16, 8, bomb(256 << 20)).bytes(),
        ),
        (
            "LZW that is a bomb",
            RefusedOrRead,
            Picture::new(16, 16, 5, lzw::bomb(256 << 20)).bytes(),
        ),
        (
            "Deflate that is too short",
            Refused,
            Picture::new(64, 64, 8, stored(&[0; 64])).bytes(),
        ),
        (
            "Deflate that is noise",
            Refused,
            Picture::new(16, 16, 8, vec![0x55; 64]).bytes(),
        ),
        (
            "LZW that is noise",
            Refused,
            Picture::new(16, 16, 5, vec![0x55; 64]).bytes(),
        ),
        (
            "PackBits that are too short",
            Refused,
            Picture::new(64, 64, 32_773, vec![0x81, 9]).bytes(),
        ),
        ("JPEG without tables or pixels", Refused, unreadable.bytes()),
        (
            "old-style JPEG of nothing",
            Refused,
            Picture::new(16, 16, 6, vec![0; 9]).bytes(),
        ),
        (
            "fax of noise",
            RefusedOrRead,
            Picture::new(1000, 16, 4, vec![0x35; 64])
                .with(&[(258, SHORT, 1, 1)])
                .bytes(),
        ),
        (
            "fax that ends early",
            Refused,
            Picture::new(64, 64, 4, vec![0x80])
                .with(&[(258, SHORT, 1, 1)])
                .bytes(),
        ),
        (
            "ZSTD that is noise",
            Refused,
            Picture::new(16, 16, 50_000, vec![0x55; 64]).bytes(),
        ),
        (
            "WebP that is noise",
            Refused,
            Picture::new(16, 16, 50_001, vec![0x55; 64]).bytes(),
        ),
        (
            "a directory beyond the end",
            Refused,
            b"II*\0\xF0\xFF\xFF\xFF".to_vec(),
        ),
        (
            "a directory of 65535 entries",
            Refused,
            b"II*\0\x08\0\0\0\xFF\xFF".to_vec(),
        ),
        ("BigTIFF of 2^64-1 entries", Refused, big(u64::MAX)),
        ("BigTIFF of no entries", Refused, big(0)),
    ]
    .map(|(name, outcome, bytes)| Malformed::new(format!("TIFF: {name}"), outcome, bytes))
    .into()
}

/// A picture with this many directories behind its own, all of them empty.
fn many_directories(count: u32) -> Vec<u8> {
    let mut picture = Picture::new(4, 4, 1, vec![7; 16]);
    let end = picture.bytes().len() as u32;
    picture.next = end;
    let mut file = picture.bytes();
    for index in 1..=count {
        let next = if index == count { 0 } else { end + 6 * index };
        file.extend([0, 0]);
        file.extend(next.to_le_bytes());
    }
    file
}

fn big(entries: u64) -> Vec<u8> {
    let mut file = b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
    file.extend(entries.to_le_bytes());
    file.extend([0; 40]);
    file
}
