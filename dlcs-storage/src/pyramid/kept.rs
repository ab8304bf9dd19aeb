//! Originals that are kept: a TIFF that already is a pyramid, and after it what it lacks to be served.
//!
//! The bytes of the original come first, unchanged; programs that read TIFFs see them and nothing else. After them come thumbnails, and a
//! head as that of other derivatives, whose places are those of the original's tiles.

use bytes::Bytes;
use dlcs_core::derivative::{Checksum, DerivativeFacts, ProcessError};
use dlcs_core::iiif::{Level, Pyramid};
use dlcs_core::policy::TileCoding;
use dlcs_core::setting::ThumbnailSize;

use super::build::{Built, THUMBNAIL_CODING};
use super::error::PyramidError;
use super::index::ReadyIndex;
use super::level::{LevelBuilder, Strip};
use super::source::jpeg::scan;
use super::source::tiff::original::{OriginalCoding, OriginalPyramid};
use super::spool::SpooledFile;
use super::spooled::OrderedStreams;
use super::thumbnail::{ThumbnailMaker, Thumbnails, thumbnail_sizes};
use super::tiff::{Coding, Index, LevelIndex, Place, Samples, ThumbnailIndex, Variant, write_head};
use super::tile::is_inflated;
use super::upright::UprightRows;

/// How many times as long as its samples a stream may be: none that is sound comes near.
const LONGEST_TILE: u64 = 4;

/// Makes the derivative of an original that is kept; `None` where a part of it could not be served.
///
/// # Errors
/// Those of its rows, where full resolution is damaged.
pub(super) fn keep(
    rows: UprightRows,
    original: &OriginalPyramid,
    file: &SpooledFile,
    wanted: &[ThumbnailSize],
    coding: TileCoding,
) -> Result<Option<Built>, ProcessError> {
    let pyramid = Pyramid {
        dimensions: rows.dimensions(),
        tile: original.tile,
    };
    let mut index = Index {
        pyramid,
        channels: rows.channels(),
        levels: levels_of(original),
        thumbnails: Vec::new(),
        thumbnail_tables: Vec::new(),
        has_exact: false,
    };
    let (thumbnails, is_served) = std::thread::scope(|scope| {
        let checking = scope.spawn(|| is_served(&index, file));
        let thumbnails = thumbnails(rows, pyramid, wanted, coding);
        // What makes a decoder panic is not served either.
        (thumbnails, checking.join().unwrap_or(Ok(false)))
    });
    let thumbnails = thumbnails?;
    if !is_served? {
        return Ok(None);
    }
    index.thumbnail_tables = thumbnails.tables;
    let mut tail = Vec::new();
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
    Ok(Some(Built {
        facts,
        head: Bytes::new(),
        streams,
        tail: tail.into(),
    }))
}

/// Makes thumbnails of all rows, so that an original of which any is damaged is refused.
fn thumbnails(
    mut rows: UprightRows,
    pyramid: Pyramid,
    wanted: &[ThumbnailSize],
    coding: TileCoding,
) -> Result<Thumbnails, ProcessError> {
    let channels = rows.channels();
    let sizes = thumbnail_sizes(pyramid.dimensions, wanted);
    let mut maker = ThumbnailMaker::new(pyramid, channels, sizes);
    let mut levels = LevelBuilder::new(pyramid, channels);
    let mut row = vec![0; pyramid.dimensions.width() as usize * channels.count()];
    for _ in 0..pyramid.dimensions.height() {
        rows.next_row(&mut row)?;
        levels.push_row(&row, &mut |strip: &mut Strip<'_>| {
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
    Ok(match maker {
        Some(maker) => maker.finish(coding)?,
        None => Thumbnails::default(),
    })
}

/// Whether every tile of every level is what the renderer decodes, and what can be sent as it is.
fn is_served(index: &Index, file: &SpooledFile) -> Result<bool, PyramidError> {
    let Ok(ready) = ReadyIndex::of(index.clone()) else {
        return Ok(false);
    };
    let longest = LONGEST_TILE * ready.tile_bytes();
    for level in &index.levels {
        let exponent = level.level.exponent;
        for (number, place) in (0..).zip(&level.tiles) {
            if u64::from(place.length) > longest {
                return Ok(false);
            }
            let stream = file.read(place.offset, place.length as usize)?;
            let row = number / level.level.columns;
            let is_decoded = ready.decode(exponent, row, &stream).is_ok();
            if !is_decoded || !is_whole(&ready, level, &stream) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether a tile is whole: a decoder may make up what is missing of a JPEG, and stop before the checksum of what was deflated.
fn is_whole(ready: &ReadyIndex, level: &LevelIndex, stream: &[u8]) -> bool {
    match level.coding {
        Coding::Jpeg { .. } => ready
            .whole(level.level.exponent, stream)
            .is_ok_and(|whole| scan::check(&whole[..]).is_ok()),
        Coding::Deflate(_) => is_inflated(stream, ready.tile_bytes()),
        Coding::Plain => true,
    }
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
        })
        .collect()
}
