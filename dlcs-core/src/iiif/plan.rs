//! Which stored pixels answer a request.

use super::{Format, Level, Pyramid, Quality, Rect, ResolvedRequest, Rotation};

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
    /// Pixels are made from the smallest level that has enough of them.
    Render {
        /// The exponent of that level.
        level: u32,
    },
}

/// Plans how a request is answered from a pyramid.
#[must_use]
pub fn plan(pyramid: Pyramid, request: &ResolvedRequest) -> Plan {
    let as_stored = request.format == Format::Jpg
        && request.rotation == Rotation::DEG_0
        && !request.mirror
        && matches!(request.quality, Quality::Default | Quality::Color);
    if as_stored
        && let Some(stored) = pyramid
            .levels()
            .find_map(|level| stored_tile(pyramid, level, request))
    {
        return stored;
    }
    let Rect { width, height, .. } = request.region;
    let level = pyramid
        .levels()
        .rev()
        .find(|level| {
            let factor = 1_u64 << level.exponent;
            u64::from(width).div_ceil(factor) >= u64::from(request.size.width())
                && u64::from(height).div_ceil(factor) >= u64::from(request.size.height())
        })
        .map_or(0, |level| level.exponent);
    Plan::Render { level }
}

/// The tile of this level that is the answer: only one without padding is.
fn stored_tile(pyramid: Pyramid, level: Level, request: &ResolvedRequest) -> Option<Plan> {
    let tile = pyramid.tile.get();
    if request.size.width() != tile || request.size.height() != tile {
        return None;
    }
    let side = u64::from(tile) << level.exponent;
    let fits = |start: u32, length: u32, end: u32, level_end: u32| {
        let index = u64::from(start) / side;
        let whole = (index + 1) * u64::from(tile) <= u64::from(level_end);
        let exact =
            u64::from(start) % side == 0 && u64::from(length) == side.min(u64::from(end - start));
        (whole && exact).then_some(index as u32)
    };
    let (region, image) = (request.region, pyramid.dimensions);
    Some(Plan::StoredTile {
        level: level.exponent,
        column: fits(
            region.x,
            region.width,
            image.width(),
            level.dimensions.width(),
        )?,
        row: fits(
            region.y,
            region.height,
            image.height(),
            level.dimensions.height(),
        )?,
    })
}
