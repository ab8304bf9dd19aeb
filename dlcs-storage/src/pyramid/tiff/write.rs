//! Writing the head.

use dlcs_core::iiif::{Level, Pyramid};

use super::super::pixels::Channels;
use super::{
    BITS_PER_SAMPLE, COMPRESSION, COMPRESSION_JPEG, IMAGE_LENGTH, IMAGE_WIDTH, JPEG_TABLES, LONG,
    LONG8, PHOTOMETRIC, PHOTOMETRIC_BLACK_IS_ZERO, PHOTOMETRIC_YCBCR, PLANAR_CONFIGURATION,
    RATIONAL, REFERENCE_BLACK_WHITE, SAMPLES_PER_PIXEL, SHORT, SUBFILE_TYPE, TILE_BYTE_COUNTS,
    TILE_LENGTH, TILE_OFFSETS, TILE_WIDTH, UNDEFINED, YCBCR_SUBSAMPLING,
};

/// Writes the head of a derivative: everything before the first tile.
///
/// `lengths` are those of the tiles of each level, full resolution first, row by row.
pub(in super::super) fn write_head(
    pyramid: Pyramid,
    channels: Channels,
    tables: &[u8],
    lengths: &[Vec<u32>],
) -> Vec<u8> {
    let data: u64 = lengths.iter().flatten().copied().map(u64::from).sum();
    let classic = write_variant(Variant::Classic, pyramid, channels, tables, lengths);
    if classic.len() as u64 + data <= u64::from(u32::MAX) {
        return classic;
    }
    write_variant(Variant::Big, pyramid, channels, tables, lengths)
}

/// Classic TIFF has offsets of 32 bits, `BigTIFF` of 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Classic,
    Big,
}

impl Variant {
    const fn word(self) -> usize {
        match self {
            Self::Classic => 4,
            Self::Big => 8,
        }
    }

    fn put_word(self, bytes: &mut Vec<u8>, value: u64) {
        bytes.extend_from_slice(&value.to_le_bytes()[..self.word()]);
    }

    /// The length of a directory.
    const fn directory(self, entries: usize) -> usize {
        match self {
            Self::Classic => 2 + entries * 12 + 4,
            Self::Big => 8 + entries * 20 + 8,
        }
    }
}

struct Entry {
    tag: u16,
    kind: u16,
    count: usize,
    value: Vec<u8>,
}

impl Entry {
    fn shorts(tag: u16, values: &[u16]) -> Self {
        Self {
            tag,
            kind: SHORT,
            count: values.len(),
            value: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        }
    }

    fn longs(tag: u16, values: &[u32]) -> Self {
        Self {
            tag,
            kind: LONG,
            count: values.len(),
            value: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        }
    }
}

fn write_variant(
    variant: Variant,
    pyramid: Pyramid,
    channels: Channels,
    tables: &[u8],
    lengths: &[Vec<u32>],
) -> Vec<u8> {
    let directories = |head_length: u64| -> Vec<Vec<Entry>> {
        let offsets = offsets(head_length, lengths);
        pyramid
            .levels()
            .zip(lengths.iter().zip(&offsets))
            .map(|(level, (lengths, offsets))| {
                let offsets = Entry {
                    tag: TILE_OFFSETS,
                    kind: if variant == Variant::Big { LONG8 } else { LONG },
                    count: offsets.len(),
                    value: offsets
                        .iter()
                        .flat_map(|offset| offset.to_le_bytes().into_iter().take(variant.word()))
                        .collect(),
                };
                directory(
                    level,
                    pyramid.tile.get(),
                    channels,
                    tables,
                    offsets,
                    lengths,
                )
            })
            .collect()
    };
    // The length does not depend on the offsets.
    let length = assemble(variant, &directories(0)).len();
    assemble(variant, &directories(length as u64))
}

/// Where the tiles go: smallest level first.
fn offsets(start: u64, lengths: &[Vec<u32>]) -> Vec<Vec<u64>> {
    let mut end = start;
    let mut offsets: Vec<Vec<u64>> = lengths
        .iter()
        .rev()
        .map(|level| {
            level
                .iter()
                .map(|length| {
                    let offset = end;
                    end += u64::from(*length);
                    offset
                })
                .collect()
        })
        .collect();
    offsets.reverse();
    offsets
}

fn directory(
    level: Level,
    tile: u32,
    channels: Channels,
    tables: &[u8],
    offsets: Entry,
    lengths: &[u32],
) -> Vec<Entry> {
    let count = channels.count();
    let photometric = match channels {
        Channels::Grey => PHOTOMETRIC_BLACK_IS_ZERO,
        _ => PHOTOMETRIC_YCBCR,
    };
    // In ascending order of their tags, as the format demands.
    let mut entries = vec![
        Entry::longs(SUBFILE_TYPE, &[u32::from(level.exponent > 0)]),
        Entry::longs(IMAGE_WIDTH, &[level.dimensions.width()]),
        Entry::longs(IMAGE_LENGTH, &[level.dimensions.height()]),
        Entry::shorts(BITS_PER_SAMPLE, &[8; 3][..count]),
        Entry::shorts(COMPRESSION, &[COMPRESSION_JPEG]),
        Entry::shorts(PHOTOMETRIC, &[photometric]),
        Entry::shorts(SAMPLES_PER_PIXEL, &[count as u16]),
        Entry::shorts(PLANAR_CONFIGURATION, &[1]),
        Entry::longs(TILE_WIDTH, &[tile]),
        Entry::longs(TILE_LENGTH, &[tile]),
        offsets,
        Entry::longs(TILE_BYTE_COUNTS, lengths),
        Entry {
            tag: JPEG_TABLES,
            kind: UNDEFINED,
            count: tables.len(),
            value: tables.to_vec(),
        },
    ];
    if channels == Channels::Rgb {
        entries.push(Entry::shorts(YCBCR_SUBSAMPLING, &[2, 2]));
        let mut reference = Entry::longs(
            REFERENCE_BLACK_WHITE,
            &[0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1],
        );
        (reference.kind, reference.count) = (RATIONAL, 6);
        entries.push(reference);
    }
    entries
}

fn assemble(variant: Variant, directories: &[Vec<Entry>]) -> Vec<u8> {
    let mut bytes = b"II".to_vec();
    match variant {
        Variant::Classic => bytes.extend_from_slice(&[42, 0, 8, 0, 0, 0]),
        Variant::Big => bytes.extend_from_slice(&[43, 0, 8, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0]),
    }
    let header = bytes.len();
    let length: usize = directories
        .iter()
        .map(|entries| variant.directory(entries.len()))
        .sum();
    // Values that are too long for their entry, after all directories.
    let values_start = header + length;
    let mut values: Vec<u8> = Vec::new();
    let mut start = header;
    for (index, entries) in directories.iter().enumerate() {
        start += variant.directory(entries.len());
        match variant {
            Variant::Classic => bytes.extend_from_slice(&(entries.len() as u16).to_le_bytes()),
            Variant::Big => variant.put_word(&mut bytes, entries.len() as u64),
        }
        for entry in entries {
            bytes.extend_from_slice(&entry.tag.to_le_bytes());
            bytes.extend_from_slice(&entry.kind.to_le_bytes());
            variant.put_word(&mut bytes, entry.count as u64);
            if entry.value.len() <= variant.word() {
                let mut value = [0; 8];
                value[..entry.value.len()].copy_from_slice(&entry.value);
                bytes.extend_from_slice(&value[..variant.word()]);
            } else {
                variant.put_word(&mut bytes, (values_start + values.len()) as u64);
                values.extend_from_slice(&entry.value);
                // Values begin at even offsets.
                values.resize(values.len().next_multiple_of(2), 0);
            }
        }
        let last = index + 1 == directories.len();
        variant.put_word(&mut bytes, if last { 0 } else { start as u64 });
    }
    bytes.extend_from_slice(&values);
    bytes
}
