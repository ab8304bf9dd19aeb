//! The value of the private tag: where the streams are that no TIFF has a place for.
//!
//! All numbers are little-endian, in this order:
//!
//! | Bytes | What |
//! |---|---|
//! | 1 | the version of this value: 1 |
//! | 2 + n | the length of the tables of the thumbnails, and the tables |
//! | 2 | how many thumbnails there are |
//! | 20 each | width (4), height (4), offset (8), length (4) |
//! | 2 | how many levels there are |
//! | 4 + 8 + 4 n each | how many exact edge tiles the level has; unless none, the offset of the first; the length of each, one after the other |

use dlcs_core::iiif::Dimensions;

use super::{Index, Place, ThumbnailIndex};

const VERSION: u8 = 1;

/// What the tag says.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) thumbnails: Vec<ThumbnailIndex>,
    pub(super) thumbnail_tables: Vec<u8>,
    /// The edge tiles of each level, full resolution first.
    pub(super) edges: Vec<Vec<Place>>,
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
    bytes.extend((index.levels.len() as u16).to_le_bytes());
    for level in &index.levels {
        bytes.extend((level.edges.len() as u32).to_le_bytes());
        if let Some(first) = level.edges.first() {
            bytes.extend(first.offset.to_le_bytes());
            bytes.extend(
                level
                    .edges
                    .iter()
                    .flat_map(|edge| edge.length.to_le_bytes()),
            );
        }
    }
    bytes
}

pub(super) fn read(bytes: &[u8]) -> Result<Streams, &'static str> {
    let mut reader = Reader(bytes);
    let [version] = reader.take()?;
    if version != VERSION {
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
    let mut edges = Vec::new();
    for _ in 0..u16::from_le_bytes(reader.take()?) {
        edges.push(reader.edges()?);
    }
    Ok(Streams {
        thumbnails,
        thumbnail_tables,
        edges,
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

    fn edges(&mut self) -> Result<Vec<Place>, &'static str> {
        let count = u32::from_le_bytes(self.take()?) as usize;
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut offset = u64::from_le_bytes(self.take()?);
        let length = count.checked_mul(4).ok_or("its private tag is cut")?;
        let lengths = self.slice(length)?.as_chunks::<4>().0.iter();
        lengths
            .map(|length| {
                let place = Place {
                    offset,
                    length: u32::from_le_bytes(*length),
                };
                offset = offset
                    .checked_add(u64::from(place.length))
                    .ok_or("an edge tile lies past every end")?;
                Ok(place)
            })
            .collect()
    }
}
