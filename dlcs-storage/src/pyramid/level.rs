//! Levels that are built as rows arrive, from top to bottom.

use dlcs_core::iiif::{Level, Pyramid};

use super::pixels::{Channels, Pixels};

/// One row of tiles that is complete.
#[derive(Debug)]
pub(super) struct Strip<'a> {
    pub(super) level: Level,
    /// Which row of tiles, from the top.
    pub(super) row: u32,
    tile: u32,
    channels: Channels,
    /// The pixels of each tile that there are, row by row.
    tiles: &'a mut [Vec<u8>],
}

impl Strip<'_> {
    /// Takes one tile, of as many pixels as there are, and leaves memory for another one.
    pub(super) fn take(&mut self, column: u32, memory: Vec<u8>) -> Pixels {
        let data = std::mem::replace(&mut self.tiles[column as usize], memory);
        let width = width_of(self.level, self.tile, column);
        let stride = width as usize * self.channels.count();
        Pixels {
            width,
            height: (data.len() / stride) as u32,
            channels: self.channels,
            data,
        }
    }

    /// Copies the pixels of all its tiles, row by row, and returns how many bytes these are.
    pub(super) fn copy_to(&self, target: &mut [u8]) -> usize {
        let bytes = self.channels.count();
        let stride = self.level.dimensions.width() as usize * bytes;
        for (column, data) in (0..).zip(&*self.tiles) {
            let left = (column * self.tile) as usize * bytes;
            let there = width_of(self.level, self.tile, column) as usize * bytes;
            let rows = target.chunks_exact_mut(stride);
            for (row, pixels) in rows.zip(data.chunks_exact(there)) {
                row[left..left + there].copy_from_slice(pixels);
            }
        }
        self.tiles.iter().map(Vec::len).sum()
    }
}

/// How many of the columns of a tile there are.
fn width_of(level: Level, tile: u32, column: u32) -> u32 {
    tile.min(level.dimensions.width() - column * tile)
}

/// Builds the levels of a pyramid from the rows of its full resolution.
pub(super) struct LevelBuilder {
    tile: u32,
    channels: Channels,
    levels: Vec<LevelState>,
}

struct LevelState {
    level: Level,
    /// The tiles of the strip that is being filled: rows are told apart as they come.
    tiles: Vec<Vec<u8>>,
    /// Rows that have arrived.
    arrived: u32,
    /// The first row of a pair.
    upper: Vec<u8>,
    /// Half of two rows, for the next level; empty until there are two.
    halved: Vec<u8>,
}

impl LevelBuilder {
    pub(super) fn new(pyramid: Pyramid, channels: Channels) -> Self {
        let levels = pyramid
            .levels()
            .map(|level| LevelState {
                level,
                tiles: vec![Vec::new(); level.columns as usize],
                arrived: 0,
                upper: Vec::new(),
                halved: Vec::new(),
            })
            .collect();
        Self {
            tile: pyramid.tile.get(),
            channels,
            levels,
        }
    }

    /// Takes the next row of the full resolution and hands over every strip that it completes.
    pub(super) fn push_row<E>(
        &mut self,
        row: &[u8],
        finished: &mut impl FnMut(&mut Strip<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut above: Option<&[u8]> = None;
        for state in &mut self.levels {
            if !state.push(above.unwrap_or(row), self.tile, self.channels, finished)? {
                return Ok(());
            }
            above = Some(&state.halved);
        }
        Ok(())
    }
}

impl LevelState {
    /// Takes one row; says whether the next level gets one.
    fn push<E>(
        &mut self,
        row: &[u8],
        tile: u32,
        channels: Channels,
        finished: &mut impl FnMut(&mut Strip<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let height = self.level.dimensions.height();
        let is_first = self.arrived.is_multiple_of(tile);
        let rows = tile.min(height - self.arrived) as usize;
        let pieces = row.chunks(tile as usize * channels.count());
        for (tile, piece) in self.tiles.iter_mut().zip(pieces) {
            if is_first {
                tile.clear();
                tile.reserve_exact(rows * piece.len());
            }
            tile.extend_from_slice(piece);
        }
        self.arrived += 1;
        let is_last = self.arrived == height;
        let is_pair = self.arrived.is_multiple_of(2);
        if is_pair || is_last {
            // The last of an odd number has no partner.
            let upper = if is_pair { &self.upper } else { row };
            self.halved.clear();
            halve(upper, row, channels, &mut self.halved);
        } else {
            self.upper.clear();
            self.upper.extend_from_slice(row);
        }
        if is_last || self.arrived.is_multiple_of(tile) {
            finished(&mut Strip {
                level: self.level,
                row: (self.arrived - 1) / tile,
                tile,
                channels,
                tiles: &mut self.tiles,
            })?;
        }
        Ok(is_pair || is_last)
    }
}

/// Averages squares of two by two pixels; an odd last column is averaged with itself.
fn halve(upper: &[u8], lower: &[u8], channels: Channels, halved: &mut Vec<u8>) {
    match channels {
        Channels::Grey => halve_opaque::<1, 2>(upper, lower, halved),
        Channels::GreyAlpha => halve_alpha::<2, 1>(upper, lower, halved),
        Channels::Rgb => halve_opaque::<3, 6>(upper, lower, halved),
        Channels::Rgba => halve_alpha::<4, 3>(upper, lower, halved),
    }
}

/// `PAIR` is twice `N`.
fn halve_opaque<const N: usize, const PAIR: usize>(
    upper: &[u8],
    lower: &[u8],
    halved: &mut Vec<u8>,
) {
    let (above, above_last) = upper.as_chunks::<PAIR>();
    let (below, below_last) = lower.as_chunks::<PAIR>();
    let pairs = above.len();
    halved.resize(pairs * N, 0);
    let (target, _) = halved.as_chunks_mut::<N>();
    for ((target, above), below) in target.iter_mut().zip(above).zip(below) {
        for channel in 0..N {
            let sum = u16::from(above[channel])
                + u16::from(above[channel + N])
                + u16::from(below[channel])
                + u16::from(below[channel + N]);
            target[channel] = ((sum + 2) / 4) as u8;
        }
    }
    let last = above_last.iter().zip(below_last);
    halved.extend(last.map(|(a, b)| (u16::from(*a) + u16::from(*b)).div_ceil(2) as u8));
}

/// Averages with the opacity as weight, so that what cannot be seen does not colour what can. `COLOURS` is one less than `N`.
fn halve_alpha<const N: usize, const COLOURS: usize>(
    upper: &[u8],
    lower: &[u8],
    halved: &mut Vec<u8>,
) {
    let (upper, _) = upper.as_chunks::<N>();
    let (lower, _) = lower.as_chunks::<N>();
    for (above, below) in upper.chunks(2).zip(lower.chunks(2)) {
        let four = [
            &above[0],
            &above[above.len() - 1],
            &below[0],
            &below[below.len() - 1],
        ];
        let opacity: u32 = four.iter().map(|pixel| u32::from(pixel[COLOURS])).sum();
        for channel in 0..COLOURS {
            let weighted = four
                .iter()
                .map(|pixel| u32::from(pixel[channel]) * u32::from(pixel[COLOURS]));
            let plain = four.iter().map(|pixel| u32::from(pixel[channel]));
            let average = match opacity {
                0 => (plain.sum::<u32>() + 2) / 4,
                _ => (weighted.sum::<u32>() + opacity / 2) / opacity,
            };
            halved.push(average as u8);
        }
        halved.push(((opacity + 2) / 4) as u8);
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::iiif::{Dimensions, TileSize};

    use super::*;

    #[test]
    fn levels_average_what_exists_and_tiles_repeat_their_edges() {
        let pyramid = Pyramid {
            dimensions: Dimensions::new(513, 3).unwrap(),
            tile: TileSize::Px256,
        };
        let mut builder = LevelBuilder::new(pyramid, Channels::Grey);
        let mut tiles = Vec::new();
        for row in [0_u8, 10, 100] {
            let mut pixels = vec![row; 513];
            pixels[512] = 200;
            builder
                .push_row(&pixels, &mut |strip: &mut Strip<'_>| {
                    let size = strip.level.dimensions;
                    let mut whole = Pixels::blank(size.width(), size.height(), Channels::Grey);
                    assert_eq!(strip.copy_to(&mut whole.data), whole.data.len());
                    for column in 0..strip.level.columns {
                        let exact = strip.take(column, Vec::new());
                        for (whole, exact) in whole.rows().zip(exact.rows()) {
                            assert!(whole[column as usize * 256..].starts_with(exact));
                        }
                        tiles.push((strip.level.exponent, column, exact.padded(256)));
                    }
                    Ok::<_, ()>(())
                })
                .unwrap();
        }
        let places: Vec<_> = tiles
            .iter()
            .map(|(level, column, _)| (*level, *column))
            .collect();
        assert_eq!(places, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]);
        let pixel = |index: usize, x: usize, y: usize| tiles[index].2.data[y * 256 + x];
        assert_eq!(
            [
                pixel(0, 0, 0),
                pixel(0, 0, 1),
                pixel(0, 0, 2),
                pixel(0, 0, 255)
            ],
            [0, 10, 100, 100]
        );
        assert_eq!([pixel(2, 0, 0), pixel(2, 255, 255)], [200, 200]);
        // Level 1 is 257 x 2, level 2 is 129 x 1.
        assert_eq!(
            [
                pixel(3, 0, 0),
                pixel(3, 0, 1),
                pixel(4, 0, 0),
                pixel(4, 9, 9)
            ],
            [5, 100, 200, 200]
        );
        assert_eq!(
            [pixel(5, 0, 0), pixel(5, 128, 0), pixel(5, 255, 9)],
            [53, 200, 200]
        );
    }

    #[test]
    fn transparent_pixels_colour_nothing() {
        let mut halved = Vec::new();
        let upper = [9, 9, 9, 0, 100, 50, 20, 200, 8, 8, 8, 0];
        let lower = [9, 9, 9, 0, 100, 50, 20, 200, 8, 8, 8, 0];
        halve(&upper, &lower, Channels::Rgba, &mut halved);
        assert_eq!(halved, [100, 50, 20, 100, 8, 8, 8, 0]);
    }

    #[test]
    fn rows_of_any_width_are_halved_by_rounding_up() {
        for channels in [Channels::Grey, Channels::Rgb, Channels::Rgba] {
            for width in 1..9_usize {
                let row = vec![255; width * channels.count()];
                let mut halved = Vec::new();
                halve(&row, &row, channels, &mut halved);
                assert_eq!(
                    halved,
                    vec![255; width.div_ceil(2) * channels.count()],
                    "{width}"
                );
            }
        }
    }
}
