//! Which stream goes where in a derivative.

use dlcs_core::iiif::{Dimensions, Pyramid};

use super::super::pixels::Channels;
use super::write::{Variant, write_head};
use super::{Coding, Index, LevelIndex, Place, ThumbnailIndex};

/// What a derivative will hold, before anything has a place.
#[derive(Debug, Clone)]
pub(in super::super) struct Outline {
    pub(in super::super) pyramid: Pyramid,
    pub(in super::super) channels: Channels,
    /// Full resolution first.
    pub(in super::super) levels: Vec<LevelOutline>,
    /// The size and the length in bytes of each thumbnail.
    pub(in super::super) thumbnails: Vec<(Dimensions, u32)>,
    pub(in super::super) thumbnail_tables: Vec<u8>,
    /// Whether padded tiles hold their exact ones.
    pub(in super::super) has_exact: bool,
}

/// What a level will hold: the lengths of its streams.
#[derive(Debug, Clone)]
pub(in super::super) struct LevelOutline {
    pub(in super::super) coding: Coding,
    pub(in super::super) tiles: Vec<u32>,
}

/// A derivative in which everything has its place.
#[derive(Debug)]
pub(in super::super) struct LaidOut {
    /// Everything before the first stream.
    pub(in super::super) head: Vec<u8>,
    /// The length of the whole.
    pub(in super::super) length: u64,
}

/// Gives every stream its place; a classic TIFF where that is no longer than this.
pub(in super::super) fn lay_out(outline: &Outline, max_classic_bytes: u32) -> LaidOut {
    let classic = lay_out_variant(Variant::Classic, outline);
    if classic.length <= u64::from(max_classic_bytes) {
        return classic;
    }
    lay_out_variant(Variant::Big, outline)
}

fn lay_out_variant(variant: Variant, outline: &Outline) -> LaidOut {
    // The length of the head does not depend on the places.
    let (index, _) = place_all(outline, 0);
    let start = write_head(variant, &index, 0).len() as u64;
    let (index, length) = place_all(outline, start);
    LaidOut {
        head: write_head(variant, &index, 0),
        length,
    }
}

/// Places thumbnails and tiles one after the other; returns where they end.
fn place_all(outline: &Outline, start: u64) -> (Index, u64) {
    let mut end = start;
    let mut place = |length: &u32| {
        let place = Place {
            offset: end,
            length: *length,
        };
        end = place.end();
        place
    };
    let thumbnails = outline
        .thumbnails
        .iter()
        .map(|(dimensions, length)| ThumbnailIndex {
            dimensions: *dimensions,
            place: place(length),
        })
        .collect();
    let smallest_first = outline.pyramid.levels().zip(&outline.levels).rev();
    let mut levels: Vec<LevelIndex> = smallest_first
        .map(|(level, outline)| LevelIndex {
            level,
            coding: outline.coding.clone(),
            tiles: outline.tiles.iter().map(&mut place).collect(),
        })
        .collect();
    levels.reverse();
    let index = Index {
        pyramid: outline.pyramid,
        channels: outline.channels,
        levels,
        thumbnails,
        thumbnail_tables: outline.thumbnail_tables.clone(),
        has_exact: outline.has_exact,
    };
    (index, end)
}
