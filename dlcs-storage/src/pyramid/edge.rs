//! Tiles at the right and lower edges, which a level fills only in part.

use dlcs_core::iiif::Level;

/// The size in pixels of what a tile holds of its level.
pub(super) fn exact_size(level: Level, tile: u32, column: u32, row: u32) -> (u32, u32) {
    (
        tile.min(level.dimensions.width() - column * tile),
        tile.min(level.dimensions.height() - row * tile),
    )
}

/// How many tiles a level fills only in part.
pub(super) fn edge_count(level: Level, tile: u32) -> usize {
    let (right, bottom) = partial(level, tile);
    let (columns, rows) = (level.columns as usize, level.rows as usize);
    match (right, bottom) {
        (false, false) => 0,
        (true, false) => rows,
        (false, true) => columns,
        (true, true) => rows + columns - 1,
    }
}

/// The place of a tile among those that its level fills only in part, row by row; `None` for a tile that is full.
pub(super) fn edge_place(level: Level, tile: u32, column: u32, row: u32) -> Option<usize> {
    let (right, bottom) = partial(level, tile);
    if bottom && row + 1 == level.rows {
        let above = if right { row as usize } else { 0 };
        Some(above + column as usize)
    } else if right && column + 1 == level.columns {
        Some(row as usize)
    } else {
        None
    }
}

/// Whether the last column and the last row are narrower than a tile.
const fn partial(level: Level, tile: u32) -> (bool, bool) {
    (
        !level.dimensions.width().is_multiple_of(tile),
        !level.dimensions.height().is_multiple_of(tile),
    )
}

#[cfg(test)]
mod tests {
    use dlcs_core::iiif::{Dimensions, Pyramid, TileSize};

    use super::*;

    #[test]
    fn every_partial_tile_has_one_place_in_order() {
        for (width, height) in [
            (512, 512),
            (513, 512),
            (512, 513),
            (700, 900),
            (256, 1),
            (1, 256),
            (1025, 1025),
        ] {
            let pyramid = Pyramid {
                dimensions: Dimensions::new(width, height).unwrap(),
                tile: TileSize::Px256,
            };
            let level = pyramid.level(0).unwrap();
            let tiles =
                (0..level.rows).flat_map(|row| (0..level.columns).map(move |column| (column, row)));
            let mut next = 0;
            for (column, row) in tiles {
                let partial = exact_size(level, 256, column, row) != (256, 256);
                assert_eq!(
                    edge_place(level, 256, column, row),
                    partial.then_some(next),
                    "{column} {row} of {width} x {height}"
                );
                next += usize::from(partial);
            }
            assert_eq!(edge_count(level, 256), next);
        }
    }
}
