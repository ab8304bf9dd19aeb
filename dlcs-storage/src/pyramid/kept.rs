//! Originals that are kept: a TIFF that already is a pyramid, and after it what it lacks to be served.
//!
//! The bytes of the original come first, unchanged; programs that read TIFFs see them and nothing else. After them come thumbnails, and a
//! head as that of other derivatives, whose places are those of the original's tiles.

use bytes::Bytes;
use dlcs_core::derivative::{Checksum, DerivativeFacts, ProcessError};
use dlcs_core::iiif::{Level, Pyramid};
use dlcs_core::policy::TileCoding;

use super::build::{Built, THUMBNAIL_CODING};
use super::error::PyramidError;
use super::level::{LevelBuilder, Strip};
use super::source::tiff::original::{OriginalCoding, OriginalPyramid};
use super::spool::SpooledFile;
use super::spooled::OrderedStreams;
use super::thumbnail::{ThumbnailMaker, Thumbnails, thumbnail_sizes};
use super::tiff::{Coding, Index, LevelIndex, Place, Samples, ThumbnailIndex, Variant, write_head};
use super::upright::UprightRows;

/// Makes the derivative of an original that is kept.
///
/// All of its pixels are read, so that a damaged one is not kept.
pub(super) fn keep(
    mut rows: UprightRows,
    original: &OriginalPyramid,
    file: &SpooledFile,
    squares: &[u32],
    coding: TileCoding,
) -> Result<Built, ProcessError> {
    let pyramid = Pyramid {
        dimensions: rows.dimensions(),
        tile: original.tile,
    };
    let channels = rows.channels();
    let sizes = thumbnail_sizes(pyramid.dimensions, squares);
    let mut maker = ThumbnailMaker::new(pyramid, channels, sizes);
    let mut levels = LevelBuilder::new(pyramid, channels);
    let mut row = vec![0; pyramid.dimensions.width() as usize * channels.count()];
    for _ in 0..pyramid.dimensions.height() {
        rows.next_row(&mut row)?;
        levels.push_row(&row, &mut |strip: &Strip<'_>| {
            if let Some(maker) = &mut maker {
                maker.see(strip);
            }
            Ok::<_, PyramidError>(())
        })?;
    }
    rows.finish()?;
    let coding = match coding {
        TileCoding::Jpeg { .. } => coding,
        TileCoding::Lossless => THUMBNAIL_CODING,
    };
    let thumbnails = match maker {
        Some(maker) => maker.finish(coding)?,
        None => Thumbnails::default(),
    };
    let mut tail = Vec::new();
    let mut index = Index {
        pyramid,
        channels,
        levels: levels_of(original),
        thumbnails: Vec::new(),
        thumbnail_tables: thumbnails.tables,
    };
    for (dimensions, stream) in thumbnails.streams {
        let place = Place {
            offset: file.length() + tail.len() as u64,
            length: u32::try_from(stream.len())
                .map_err(|error| PyramidError::Encode(error.into()))?,
        };
        index.thumbnails.push(ThumbnailIndex { dimensions, place });
        tail.extend(stream);
    }
    let thumbnail_bytes = tail.len() as u64;
    let start = file.length() + thumbnail_bytes;
    tail.extend(write_head(Variant::Big, &index, start));
    let length = file.length() + tail.len() as u64;
    let streams = OrderedStreams::of_file(file.clone());
    let mut hash = blake3::Hasher::new();
    for piece in streams.pieces() {
        hash.update(&piece?);
    }
    hash.update(&tail);
    let facts = DerivativeFacts {
        thumbnails: index
            .thumbnails
            .iter()
            .map(|thumbnail| thumbnail.dimensions)
            .collect(),
        thumbnail_bytes,
        ..DerivativeFacts::new(
            pyramid,
            start..length,
            length,
            Checksum(*hash.finalize().as_bytes()),
        )
    };
    Ok(Built {
        facts,
        head: Bytes::new(),
        streams,
        tail: tail.into(),
    })
}

fn levels_of(original: &OriginalPyramid) -> Vec<LevelIndex> {
    (0..)
        .zip(&original.levels)
        .map(|(exponent, level)| LevelIndex {
            level: Level::new(exponent, level.dimensions, original.tile),
            coding: match &level.coding {
                OriginalCoding::Jpeg { tables, sampling } => Coding::Jpeg {
                    tables: tables.clone(),
                    sampling: *sampling,
                },
                OriginalCoding::Deflate { differences: true } => {
                    Coding::Deflate(Samples::Differences)
                }
                OriginalCoding::Deflate { differences: false } => Coding::Deflate(Samples::Plain),
                OriginalCoding::Plain => Coding::Plain,
            },
            tiles: level
                .tiles
                .iter()
                .map(|(offset, length)| Place {
                    offset: *offset,
                    length: *length,
                })
                .collect(),
            edges: Vec::new(),
        })
        .collect()
}
