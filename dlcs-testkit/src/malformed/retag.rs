//! TIFF files, made from a good one by changing what its first directory says.

use super::{Malformed, Outcome};

/// Files made from a good classic TIFF of little-endian numbers.
#[must_use]
pub fn of_tiff(name: &str, good: &[u8]) -> Vec<Malformed> {
    let Some(directory) = Directory::of(good) else {
        return Vec::new();
    };
    let lies: [(&str, u16, &[u32]); 14] = [
        ("another width", 256, &[1, 7, 62, 122, 60_000]),
        ("another height", 257, &[1, 48, 94, 60_000]),
        ("other depths", 258, &[1, 4, 16, 32, 64]),
        (
            "another compression",
            259,
            &[
                1, 2, 3, 4, 5, 6, 7, 8, 32_773, 34_712, 34_925, 50_000, 50_001,
            ],
        ),
        ("another photometry", 262, &[0, 1, 2, 3, 4, 5, 6, 8, 9, 10]),
        ("bits the other way round", 266, &[2, 3]),
        ("strips elsewhere", 273, &[0, 8, 0x7FFF_FFFF]),
        ("other channels", 277, &[1, 2, 4, 5, 9]),
        ("other rows a strip", 278, &[1, 3, 1_000, u32::MAX]),
        ("another length of a strip", 279, &[0, 1, u32::MAX]),
        ("planes", 284, &[2, 3]),
        ("a predictor", 317, &[2, 3, 9]),
        ("tiles of another width", 322, &[16, 48, 1024, 65_520]),
        ("tiles of another height", 323, &[16, 48, 1024, 65_520]),
    ];
    let mut files = Vec::new();
    for (what, tag, values) in lies {
        let Some(entry) = directory.entry(tag) else {
            continue;
        };
        for value in values {
            let mut bytes = good.to_vec();
            bytes[entry + 4..entry + 8].copy_from_slice(&1_u32.to_le_bytes());
            bytes[entry + 8..entry + 12].copy_from_slice(&value.to_le_bytes());
            files.push((format!("{name}: {what}, {value}"), bytes));
        }
    }
    if let Some(entry) = directory.entry(347) {
        let number = |at: usize| directory.long(at) as usize;
        let (length, start) = (number(entry + 4), number(entry + 8));
        let mut noise = good.to_vec();
        let mut cut = good.to_vec();
        let mut empty = good.to_vec();
        if let Some(tables) = noise.get_mut(start + 4..start + length) {
            tables.fill(0x55);
        }
        cut[entry + 4..entry + 8].copy_from_slice(&(length as u32 / 2).to_le_bytes());
        if let Some(tables) = empty.get_mut(start + 2..start + length - 2) {
            tables.fill(0xFF);
        }
        for (what, bytes) in [
            ("noise", noise),
            ("a half of them", cut),
            ("nothing", empty),
        ] {
            files.push((format!("{name}: {what} for tables of JPEG"), bytes));
        }
    }
    files
        .into_iter()
        .map(|(name, bytes)| Malformed::new(name, Outcome::RefusedOrRead, bytes))
        .collect()
}

/// The first directory of a file.
struct Directory<'a> {
    bytes: &'a [u8],
    entries: std::ops::Range<usize>,
}

impl<'a> Directory<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(b"II*\0") {
            return None;
        }
        let mut directory = Self {
            bytes,
            entries: 0..0,
        };
        let start = directory.long(4) as usize;
        let count = bytes.get(start..start + 2)?;
        let count = usize::from(u16::from_le_bytes([count[0], count[1]]));
        directory.entries = start + 2..start + 2 + 12 * count;
        (directory.entries.end <= bytes.len()).then_some(directory)
    }

    fn long(&self, at: usize) -> u32 {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// Where the entry of a tag begins.
    fn entry(&self, tag: u16) -> Option<usize> {
        let mut entries = self.entries.clone().step_by(12);
        entries.find(|at| self.bytes[*at..].starts_with(&tag.to_le_bytes()))
    }
}
