//! From rows of tiles to rows of the scaled region.

use dlcs_core::derivative::RenderError;
use dlcs_core::iiif::Dimensions;
use fast_image_resize::Resizer;

use super::super::cover::Cover;
use super::super::pixels::{Channels, Pixels};
use super::super::resample::Scaling;
use super::window::Window;

/// Bytes of one strip, unless a row is longer.
pub(super) const STRIP: u64 = 4 << 20;

/// Scales a region as the tiles of its level arrive, from top to bottom.
pub(super) struct Strips {
    scaling: Scaling,
    channels: Channels,
    window: Window,
    resizer: Resizer,
    /// The next row of the result.
    next: u32,
}

impl Strips {
    pub(super) fn new(cover: Cover, channels: Channels, size: Dimensions) -> Self {
        Self {
            scaling: cover.scaling(size),
            channels,
            window: Window::new(cover, channels),
            resizer: Resizer::new(),
            next: 0,
        }
    }

    /// Makes room for a row of tiles.
    pub(super) fn grow(&mut self, row: u32) {
        self.window.grow(row);
    }

    /// Takes one tile of the newest row.
    pub(super) fn place(&mut self, column: u32, row: u32, tile: &Pixels) {
        self.window.place(column, row, tile);
    }

    /// Whether every row of the result has been handed over.
    pub(super) const fn is_complete(&self) -> bool {
        self.next == self.scaling.size.height()
    }

    /// Hands over every row of the result that can be made now.
    pub(super) fn emit(
        &mut self,
        take: &mut impl FnMut(Pixels) -> Result<(), RenderError>,
    ) -> Result<(), RenderError> {
        let ready = self.scaling.ready(self.window.end());
        let rows = strip_rows(self.scaling.size.width(), self.channels.count());
        while self.next < ready {
            let strip = self.next..ready.min(self.next.saturating_add(rows));
            let needed = self.scaling.needs(&strip);
            let source = self.window.rows(needed.start, needed.end);
            take(
                self.scaling
                    .scale(&mut self.resizer, self.channels, source, &strip)?,
            )?;
            self.next = strip.end;
        }
        let kept = self.scaling.needs(&(self.next..self.next)).start;
        self.window.forget_above(kept);
        Ok(())
    }
}

/// How many rows of a width make a strip.
pub(super) fn strip_rows(width: u32, channels: usize) -> u32 {
    let row = u64::from(width) * channels as u64;
    (STRIP / row).max(1) as u32
}
