//! Writing the head.

use dlcs_core::iiif::TileSize;

use super::super::pixels::Channels;
use super::{
    BITS_PER_SAMPLE, COMPRESSION, COMPRESSION_DEFLATE, COMPRESSION_JPEG, COMPRESSION_NONE, Coding,
    EXTRA_SAMPLES, EXTRA_SAMPLES_UNASSOCIATED, IMAGE_LENGTH, IMAGE_WIDTH, Index, JPEG_TABLES, LONG,
    LONG8, LevelIndex, PHOTOMETRIC, PHOTOMETRIC_BLACK_IS_ZERO, PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR,
    PLANAR_CONFIGURATION, PREDICTOR, PREDICTOR_HORIZONTAL, Place, RATIONAL, REFERENCE_BLACK_WHITE,
    SAMPLES_PER_PIXEL, SHORT, STREAMS, SUBFILE_TYPE, Samples, TILE_BYTE_COUNTS, TILE_LENGTH,
    TILE_OFFSETS, TILE_WIDTH, UNDEFINED, YCBCR_SUBSAMPLING, streams,
};

/// Classic TIFF has offsets of 32 bits, `BigTIFF` of 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Variant {
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

    fn bytes(tag: u16, value: Vec<u8>) -> Self {
        Self {
            tag,
            kind: UNDEFINED,
            count: value.len(),
            value,
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

/// Writes the head that an index describes, which begins at `base` in the file.
///
/// Its length depends on the variant and on how many places there are, not on where they are.
pub(in super::super) fn write_head(variant: Variant, index: &Index, base: u64) -> Vec<u8> {
    let directories: Vec<Vec<Entry>> = index
        .levels
        .iter()
        .map(|level| {
            let mut entries = directory(variant, level, index.pyramid.tile, index.channels);
            if level.level.exponent == 0 {
                entries.push(Entry::bytes(STREAMS, streams::write(index)));
            }
            entries
        })
        .collect();
    assemble(variant, &directories, base)
}

fn directory(
    variant: Variant,
    level: &LevelIndex,
    tile: TileSize,
    channels: Channels,
) -> Vec<Entry> {
    let (compression, colours) = match level.coding {
        Coding::Jpeg { .. } => (COMPRESSION_JPEG, PHOTOMETRIC_YCBCR),
        Coding::Deflate(_) => (COMPRESSION_DEFLATE, PHOTOMETRIC_RGB),
        Coding::Plain => (COMPRESSION_NONE, PHOTOMETRIC_RGB),
    };
    let photometric = match channels {
        Channels::Grey | Channels::GreyAlpha => PHOTOMETRIC_BLACK_IS_ZERO,
        Channels::Rgb | Channels::Rgba => colours,
    };
    let (count, dimensions) = (channels.count(), level.level.dimensions);
    // In ascending order of their tags, as the format demands.
    let mut entries = vec![
        Entry::longs(SUBFILE_TYPE, &[u32::from(level.level.exponent > 0)]),
        Entry::longs(IMAGE_WIDTH, &[dimensions.width()]),
        Entry::longs(IMAGE_LENGTH, &[dimensions.height()]),
        Entry::shorts(BITS_PER_SAMPLE, &[8; 4][..count]),
        Entry::shorts(COMPRESSION, &[compression]),
        Entry::shorts(PHOTOMETRIC, &[photometric]),
        Entry::shorts(SAMPLES_PER_PIXEL, &[count as u16]),
        Entry::shorts(PLANAR_CONFIGURATION, &[1]),
    ];
    if level.coding == Coding::Deflate(Samples::Differences) {
        entries.push(Entry::shorts(PREDICTOR, &[PREDICTOR_HORIZONTAL]));
    }
    entries.extend([
        Entry::longs(TILE_WIDTH, &[tile.get()]),
        Entry::longs(TILE_LENGTH, &[tile.get()]),
        offsets(variant, &level.tiles),
        lengths(&level.tiles),
    ]);
    if channels.has_alpha() {
        entries.push(Entry::shorts(EXTRA_SAMPLES, &[EXTRA_SAMPLES_UNASSOCIATED]));
    }
    if let Coding::Jpeg {
        tables,
        sampling: (columns, rows),
    } = &level.coding
    {
        entries.push(Entry::bytes(JPEG_TABLES, tables.clone()));
        if photometric == PHOTOMETRIC_YCBCR {
            let sampling = [u16::from(*columns), u16::from(*rows)];
            entries.push(Entry::shorts(YCBCR_SUBSAMPLING, &sampling));
            let mut reference = Entry::longs(
                REFERENCE_BLACK_WHITE,
                &[0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1],
            );
            (reference.kind, reference.count) = (RATIONAL, 6);
            entries.push(reference);
        }
    }
    entries
}

fn offsets(variant: Variant, places: &[Place]) -> Entry {
    let mut value = Vec::with_capacity(places.len() * variant.word());
    for place in places {
        variant.put_word(&mut value, place.offset);
    }
    Entry {
        tag: TILE_OFFSETS,
        kind: if variant == Variant::Big { LONG8 } else { LONG },
        count: places.len(),
        value,
    }
}

fn lengths(places: &[Place]) -> Entry {
    let lengths: Vec<u32> = places.iter().map(|place| place.length).collect();
    Entry::longs(TILE_BYTE_COUNTS, &lengths)
}

fn assemble(variant: Variant, directories: &[Vec<Entry>], base: u64) -> Vec<u8> {
    let mut bytes = b"II".to_vec();
    match variant {
        Variant::Classic => bytes.extend_from_slice(&[42, 0]),
        Variant::Big => bytes.extend_from_slice(&[43, 0, 8, 0, 0, 0]),
    }
    let header = bytes.len() + variant.word();
    variant.put_word(&mut bytes, base + header as u64);
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
                variant.put_word(&mut bytes, base + (values_start + values.len()) as u64);
                values.extend_from_slice(&entry.value);
                // Values begin at even offsets.
                values.resize(values.len().next_multiple_of(2), 0);
            }
        }
        let last = index + 1 == directories.len();
        variant.put_word(&mut bytes, if last { 0 } else { base + start as u64 });
    }
    bytes.extend_from_slice(&values);
    bytes
}
