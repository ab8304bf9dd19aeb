//! Which stored streams answer a request.

use super::{Dimensions, Format, Level, Pyramid, Quality, Rect, ResolvedRequest, Rotation};

/// What a derivative holds ready.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// The levels that the image has, by its size and that of its tiles.
    pub pyramid: Pyramid,
    /// Whether there are no colours, so that `gray` is what is stored.
    pub is_grey: bool,
    /// The levels that are stored, full resolution first; never empty.
    pub levels: &'a [StoredLevel],
    /// The sizes of the whole image that are stored as JPEG.
    pub thumbnails: &'a [Dimensions],
}

/// What a derivative holds of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredLevel {
    /// Its size and how it is cut; a derivative that was not made here may halve rounding down.
    pub level: Level,
    /// Whether its tiles are JPEG, so that they can be sent as they are.
    pub is_jpeg: bool,
    /// Whether the tiles that it fills only in part can be had in their exact size without decoding.
    pub has_edges: bool,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// A stored tile is the answer, byte for byte.
    StoredTile {
        /// The exponent of its level.
        level: u32,
        /// Its place from the left.
        column: u32,
        /// Its place from the top.
        row: u32,
    },
    /// The exact stream of a tile that its level fills only in part is the answer; its bits are stored.
    StoredEdge {
        /// The exponent of its level.
        level: u32,
        /// Its place from the left.
        column: u32,
        /// Its place from the top.
        row: u32,
    },
    /// A stored thumbnail is the answer, byte for byte.
    Thumbnail {
        /// Its place among the thumbnails.
        place: usize,
    },
    /// Pixels are made from the smallest level that has enough of them.
    Render {
        /// The exponent of that level.
        level: u32,
    },
}

/// Finds out how to answer a request.
#[must_use]
pub fn plan(stored: &Stored<'_>, request: &ResolvedRequest) -> Plan {
    if is_as_stored(stored, request)
        && let Some(plan) = find_stored(stored, request)
    {
        return plan;
    }
    let Rect { width, height, .. } = request.region;
    let suffices = |level: &&StoredLevel| {
        let factor = 1_u64 << level.level.exponent;
        u64::from(width).div_ceil(factor) >= u64::from(request.size.width())
            && u64::from(height).div_ceil(factor) >= u64::from(request.size.height())
    };
    let level = stored.levels.iter().rev().find(suffices);
    Plan::Render {
        level: level.map_or(0, |level| level.level.exponent),
    }
}

/// Whether nothing is asked for that stored streams do not have.
fn is_as_stored(stored: &Stored<'_>, request: &ResolvedRequest) -> bool {
    let quality = match request.quality {
        Quality::Default | Quality::Color => true,
        Quality::Gray => stored.is_grey,
        Quality::Bitonal => false,
    };
    quality
        && request.format == Format::Jpg
        && request.rotation == Rotation::DEG_0
        && !request.mirror
}

fn find_stored(stored: &Stored<'_>, request: &ResolvedRequest) -> Option<Plan> {
    let tile = stored
        .levels
        .iter()
        .find_map(|level| stored_tile(stored.pyramid, level, request));
    tile.or_else(|| {
        let is_whole = request.region == Rect::whole(stored.pyramid.dimensions);
        let mut thumbnails = stored.thumbnails.iter();
        let place = thumbnails.position(|size| is_whole && *size == request.size)?;
        Some(Plan::Thumbnail { place })
    })
}

/// The stored tile that is the answer.
///
/// Slots hold padded tiles, so that a tile which its level fills only in part is an answer in its exact size alone.
fn stored_tile(pyramid: Pyramid, stored: &StoredLevel, request: &ResolvedRequest) -> Option<Plan> {
    if !stored.is_jpeg {
        return None;
    }
    let (level, tile) = (stored.level, pyramid.tile.get());
    let side = u64::from(tile) << level.exponent;
    // Where in the row or column of tiles, and how many pixels of it the level has.
    let find = |start: u32, length: u32, end: u32, level_end: u32, size: u32| {
        let place = u64::from(start) / side;
        let is_aligned =
            u64::from(start) % side == 0 && u64::from(length) == side.min(u64::from(end - start));
        let there = u64::from(level_end).saturating_sub(place * u64::from(tile));
        let there = there.min(u64::from(tile));
        (is_aligned && there == u64::from(size)).then_some(place as u32)
    };
    let (region, image, dimensions) = (request.region, pyramid.dimensions, level.dimensions);
    let (width, height) = (request.size.width(), request.size.height());
    let column = find(
        region.x,
        region.width,
        image.width(),
        dimensions.width(),
        width,
    )?;
    let row = find(
        region.y,
        region.height,
        image.height(),
        dimensions.height(),
        height,
    )?;
    let level = level.exponent;
    if width == tile && height == tile {
        Some(Plan::StoredTile { level, column, row })
    } else if stored.has_edges {
        Some(Plan::StoredEdge { level, column, row })
    } else {
        None
    }
}
