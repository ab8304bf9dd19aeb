//! The value of the private tag: where the streams are that no TIFF has a place for.
//!
//! All numbers are little-endian, in this order:
//!
//! | Bytes | What |
//! |---|---|
//! | 1 | the version of this value: 2 |
//! | 2 + n | the length of the tables of the thumbnails, and the tables |
//! | 2 | how many thumbnails there are |
//! | 20 each | width (4), height (4), offset (8), length (4) |
//! | 1 | 1 where tiles of JPEG that their level fills only in part hold the [exact ones](super::super::exact), otherwise 0 |
//!
//! Where the version is 1, the places of exact tiles follow the thumbnails instead: these are passed over, and such tiles are made anew.

use dlcs_core::iiif::Dimensions;

use super::{Index, Place, ThumbnailIndex};

const VERSION: u8 = 2;
/// The version that had exact tiles as streams of their own.
const APART: u8 = 1;

/// What the tag says.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) thumbnails: Vec<ThumbnailIndex>,
    pub(super) thumbnail_tables: Vec<u8>,
    pub(super) has_exact: bool,
}

pub(super) fn write(index: &Index) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend((index.thumbnail_tables.len() as u16).to_le_bytes());
    bytes.extend(&index.thumbnail_tables);
    bytes.extend((index.thumbnails.len() as u16).to_le_bytes());
    for ThumbnailIndex { dimensions, place } in &index.thumbnails {
        bytes.extend(dimensions.width().to_le_bytes());
        bytes.extend(dimensions.height().to_le_bytes());
        bytes.extend(place.offset.to_le_bytes());
        bytes.extend(place.length.to_le_bytes());
    }
    bytes.push(index.has_exact.into());
    bytes
}

pub(super) fn read(bytes: &[u8]) -> Result<Streams, &'static str> {
    let mut reader = Reader(bytes);
    let [version] = reader.take()?;
    if ![APART, VERSION].contains(&version) {
        return Err("its private tag is of a version that is not known");
    }
    let length = u16::from_le_bytes(reader.take()?);
    let thumbnail_tables = reader.slice(usize::from(length))?.to_vec();
    let mut thumbnails = Vec::new();
    for _ in 0..u16::from_le_bytes(reader.take()?) {
        let width = u32::from_le_bytes(reader.take()?);
        let height = u32::from_le_bytes(reader.take()?);
        thumbnails.push(ThumbnailIndex {
            dimensions: Dimensions::new(width, height).ok_or("a thumbnail has no pixels")?,
            place: Place {
                offset: u64::from_le_bytes(reader.take()?),
                length: u32::from_le_bytes(reader.take()?),
            },
        });
    }
    let has_exact = version == VERSION && reader.take()? == [1];
    Ok(Streams {
        thumbnails,
        thumbnail_tables,
        has_exact,
    })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn slice(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or("its private tag is cut")?;
        self.0 = rest;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let mut taken = [0; N];
        taken.copy_from_slice(self.slice(N)?);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_tiles_that_lie_apart_are_passed_over() {
        let first = [&[1, 0, 0, 0, 0][..], &[1, 0, 1, 0, 0, 0], &[7; 12]].concat();
        assert!(!read(&first).unwrap().has_exact);
        for (flag, has_exact) in [(0, false), (1, true)] {
            assert_eq!(read(&[2, 0, 0, 0, 0, flag]).unwrap().has_exact, has_exact);
        }
        for bad in [&[][..], &[3, 0, 0, 0, 0, 1], &[2, 0, 0, 0, 0], &[2, 9, 0]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
