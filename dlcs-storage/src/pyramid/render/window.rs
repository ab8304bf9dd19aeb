//! The rows of a level that are decoded, from top to bottom.

use super::super::cover::Cover;
use super::super::pixels::{Channels, Pixels};

/// Rows of the area of a cover: rows of tiles come in below, rows that are done with go away above.
#[derive(Debug)]
pub(super) struct Window {
    cover: Cover,
    channels: Channels,
    /// The first row that is held, counted from the top of the area.
    first: u32,
    rows: Vec<u8>,
}

impl Window {
    pub(super) const fn new(cover: Cover, channels: Channels) -> Self {
        Self {
            cover,
            channels,
            first: 0,
            rows: Vec::new(),
        }
    }

    fn stride(&self) -> usize {
        self.cover.area.width as usize * self.channels.count()
    }

    /// The row after the last that is held, counted from the top of the area.
    pub(super) fn end(&self) -> u32 {
        self.first + (self.rows.len() / self.stride()) as u32
    }

    /// Makes room for the next row of tiles, which begins at this row of the level.
    pub(super) fn grow(&mut self, row: u32) {
        let bottom = (row + 1) * self.cover.tile - self.cover.area.y;
        let missing = bottom.min(self.cover.area.height) - self.end();
        let length = self.rows.len() + missing as usize * self.stride();
        self.rows.resize(length, 0);
    }

    /// Copies what the area needs of a tile, for which there is room.
    pub(super) fn place(&mut self, column: u32, row: u32, tile: &Pixels) {
        let (area, side) = (self.cover.area, self.cover.tile);
        let bytes = self.channels.count();
        let (left, top) = (column * side, row * side);
        // Where the part begins in the tile, and in the area.
        let (from_x, from_y) = (area.x.saturating_sub(left), area.y.saturating_sub(top));
        let (to_x, to_y) = (left.saturating_sub(area.x), top.saturating_sub(area.y));
        let width = (tile.width.saturating_sub(from_x)).min(area.width - to_x) as usize;
        let height = (tile.height.saturating_sub(from_y)).min(area.height - to_y);
        let stride = self.stride();
        for y in 0..height {
            let read = (from_y + y) as usize * tile.stride() + from_x as usize * bytes;
            let write = (to_y + y - self.first) as usize * stride + to_x as usize * bytes;
            self.rows[write..write + width * bytes]
                .copy_from_slice(&tile.data[read..read + width * bytes]);
        }
    }

    /// Rows that are held, from one to before another, counted from the top of the area.
    pub(super) fn rows(&self, from: u32, to: u32) -> &[u8] {
        let stride = self.stride();
        &self.rows[(from - self.first) as usize * stride..(to - self.first) as usize * stride]
    }

    /// Lets go of what lies above a row.
    pub(super) fn forget_above(&mut self, row: u32) {
        let row = row.clamp(self.first, self.end());
        self.rows
            .drain(..(row - self.first) as usize * self.stride());
        self.first = row;
    }
}
