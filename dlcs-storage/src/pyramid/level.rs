//! Levels that are built as rows arrive, from top to bottom.

use dlcs_core::iiif::{Level, Pyramid};

use super::pixels::{Channels, Pixels};

/// One row of tiles that is complete.
#[derive(Debug)]
pub(super) struct Strip<'a> {
    pub(super) level: Level,
    pixels: &'a [u8],
    tile: u32,
    channels: Channels,
}

impl Strip<'_> {
    /// Cuts out one tile; past the edges of the image the last pixels are repeated.
    pub(super) fn tile(&self, column: u32) -> Pixels {
        let bytes = self.channels.count();
        let side = self.tile as usize;
        let stride = self.level.dimensions.width() as usize * bytes;
        let rows = self.pixels.len() / stride;
        let left = column as usize * side * bytes;
        let wanted = side * bytes;
        let there = wanted.min(stride - left);
        let mut tile = Pixels::blank(self.tile, self.tile, self.channels);
        for (y, target) in tile.data.chunks_exact_mut(wanted).enumerate() {
            let start = y.min(rows - 1) * stride + left;
            target[..there].copy_from_slice(&self.pixels[start..start + there]);
            for x in (there..wanted).step_by(bytes) {
                target.copy_within(there - bytes..there, x);
            }
        }
        tile
    }
}

/// Builds the levels of a pyramid from the rows of its full resolution.
pub(super) struct LevelBuilder {
    tile: u32,
    channels: Channels,
    levels: Vec<LevelState>,
}

struct LevelState {
    level: Level,
    /// The rows of the strip that is being filled.
    strip: Vec<u8>,
    /// Rows that have arrived.
    arrived: u32,
    /// The row before this one, while it waits for its partner.
    waiting: Vec<u8>,
}

impl LevelBuilder {
    pub(super) fn new(pyramid: Pyramid, channels: Channels) -> Self {
        let levels = pyramid
            .levels()
            .map(|level| LevelState {
                level,
                strip: Vec::new(),
                arrived: 0,
                waiting: Vec::new(),
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
        finished: &mut impl FnMut(&Strip<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reduced: Option<Vec<u8>> = None;
        for state in &mut self.levels {
            let row = reduced.as_deref().unwrap_or(row);
            state.strip.extend_from_slice(row);
            state.arrived += 1;
            let last = state.arrived == state.level.dimensions.height();
            if last || state.strip.len() == row.len() * self.tile as usize {
                finished(&Strip {
                    level: state.level,
                    pixels: &state.strip,
                    tile: self.tile,
                    channels: self.channels,
                })?;
                state.strip.clear();
            }
            let next = if state.waiting.is_empty() {
                if !last {
                    state.waiting.extend_from_slice(row);
                    return Ok(());
                }
                // The last of an odd number of rows has no partner.
                halve(row, row, self.channels)
            } else {
                let next = halve(&state.waiting, row, self.channels);
                state.waiting.clear();
                next
            };
            reduced = Some(next);
        }
        Ok(())
    }
}

/// Averages squares of two by two pixels; an odd last column is averaged with itself.
fn halve(upper: &[u8], lower: &[u8], channels: Channels) -> Vec<u8> {
    match channels {
        Channels::Grey => halve_pixels::<1>(upper, lower),
        Channels::GreyAlpha => halve_pixels::<2>(upper, lower),
        Channels::Rgb => halve_pixels::<3>(upper, lower),
        Channels::Rgba => halve_pixels::<4>(upper, lower),
    }
}

fn halve_pixels<const N: usize>(upper: &[u8], lower: &[u8]) -> Vec<u8> {
    let (upper, _) = upper.as_chunks::<N>();
    let (lower, _) = lower.as_chunks::<N>();
    let mut halved = vec![0; upper.len().div_ceil(2) * N];
    let (target, _) = halved.as_chunks_mut::<N>();
    for ((target, above), below) in target.iter_mut().zip(upper.chunks(2)).zip(lower.chunks(2)) {
        let (a, b) = (above[0], above[above.len() - 1]);
        let (c, d) = (below[0], below[below.len() - 1]);
        for channel in 0..N {
            let sum = u16::from(a[channel])
                + u16::from(b[channel])
                + u16::from(c[channel])
                + u16::from(d[channel]);
            target[channel] = ((sum + 2) / 4) as u8;
        }
    }
    halved
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
                .push_row(&pixels, &mut |strip: &Strip<'_>| {
                    for column in 0..strip.level.columns {
                        tiles.push((strip.level.exponent, column, strip.tile(column)));
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
}
