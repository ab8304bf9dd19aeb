//! Levels and tiles of a pyramid.

use std::fmt;

use super::geometry::confine;

/// A width and a height, in pixels; neither is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dimensions {
    width: u32,
    height: u32,
}

impl Dimensions {
    /// Returns these dimensions; `None` when one of them is zero.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Option<Self> {
        if width == 0 || height == 0 {
            None
        } else {
            Some(Self { width, height })
        }
    }

    /// The width in pixels.
    #[must_use]
    pub const fn width(self) -> u32 {
        self.width
    }

    /// The height in pixels.
    #[must_use]
    pub const fn height(self) -> u32 {
        self.height
    }

    /// The number of pixels.
    #[must_use]
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// The dimensions at a scale factor of a power of two: divided by it, rounding up.
    #[must_use]
    pub const fn scaled_down(self, exponent: u32) -> Self {
        let factor = 1_u64 << exponent;
        Self {
            width: (self.width as u64).div_ceil(factor) as u32,
            height: (self.height as u64).div_ceil(factor) as u32,
        }
    }
}

impl Dimensions {
    /// The largest size of the same shape within a box of these sides, which must not be zero; never larger than this one.
    ///
    /// Halves are rounded up, and no side becomes zero.
    #[must_use]
    pub fn confined_to(self, width: u32, height: u32) -> Self {
        if self.width <= width && self.height <= height {
            return self;
        }
        confine(self, width, height)
    }
}

impl fmt::Display for Dimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

/// The side of a tile in pixels: 256, 512 or 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TileSize {
    /// 256 pixels.
    Px256,
    /// 512 pixels.
    #[default]
    Px512,
    /// 1024 pixels.
    Px1024,
}

impl TileSize {
    /// Returns the tile size with this side; `None` for any other number.
    #[must_use]
    pub const fn new(side: u32) -> Option<Self> {
        match side {
            256 => Some(Self::Px256),
            512 => Some(Self::Px512),
            1024 => Some(Self::Px1024),
            _ => None,
        }
    }

    /// The side in pixels.
    #[must_use]
    pub const fn get(self) -> u32 {
        match self {
            Self::Px256 => 256,
            Self::Px512 => 512,
            Self::Px1024 => 1024,
        }
    }
}

/// One resolution level of a pyramid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// 0 is full resolution; each level halves the one before it, rounding up. The scale factor is two to the power of this.
    pub exponent: u32,
    /// Its size in pixels.
    pub dimensions: Dimensions,
    /// Tiles from left to right.
    pub columns: u32,
    /// Tiles from top to bottom.
    pub rows: u32,
}

impl Level {
    /// A level of this size, cut into tiles.
    #[must_use]
    pub const fn new(exponent: u32, dimensions: Dimensions, tile: TileSize) -> Self {
        Self {
            exponent,
            dimensions,
            columns: dimensions.width.div_ceil(tile.get()),
            rows: dimensions.height.div_ceil(tile.get()),
        }
    }
}

/// The levels of a tiled pyramid: halved, rounding up, until the image fits in one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pyramid {
    /// The size of the full image.
    pub dimensions: Dimensions,
    /// The size of its tiles.
    pub tile: TileSize,
}

impl Pyramid {
    /// How many levels there are, full resolution included.
    #[must_use]
    pub const fn level_count(self) -> u32 {
        let mut exponent = 0;
        loop {
            let size = self.dimensions.scaled_down(exponent);
            if size.width <= self.tile.get() && size.height <= self.tile.get() {
                return exponent + 1;
            }
            exponent += 1;
        }
    }

    /// One level; `None` past the smallest.
    #[must_use]
    pub const fn level(self, exponent: u32) -> Option<Level> {
        if exponent >= self.level_count() {
            return None;
        }
        let dimensions = self.dimensions.scaled_down(exponent);
        Some(Level::new(exponent, dimensions, self.tile))
    }

    /// Every level, full resolution first.
    #[must_use]
    pub fn levels(self) -> impl DoubleEndedIterator<Item = Level> + ExactSizeIterator {
        (0..self.level_count() as usize).map(move |exponent| {
            self.level(exponent as u32)
                .expect("the exponent is below the count of levels")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_round_up_until_one_tile_holds_the_image() {
        let pyramid = Pyramid {
            dimensions: Dimensions::new(11_600, 8_700).unwrap(),
            tile: TileSize::Px512,
        };
        let sizes: Vec<_> = pyramid
            .levels()
            .map(|level| (level.dimensions.width(), level.dimensions.height()))
            .collect();
        assert_eq!(
            sizes,
            [
                (11_600, 8_700),
                (5_800, 4_350),
                (2_900, 2_175),
                (1_450, 1_088),
                (725, 544),
                (363, 272)
            ]
        );
        let full = pyramid.level(0).unwrap();
        assert_eq!((full.columns, full.rows), (23, 17));
        assert!(pyramid.level(6).is_none());
    }

    #[test]
    fn small_and_thin_images_have_their_levels_too() {
        let count = |w, h| {
            Pyramid {
                dimensions: Dimensions::new(w, h).unwrap(),
                tile: TileSize::Px512,
            }
            .level_count()
        };
        assert_eq!(
            [
                count(1, 1),
                count(512, 512),
                count(513, 1),
                count(1, 65_535),
                count(u32::MAX, 1)
            ],
            [1, 1, 2, 8, 24]
        );
    }
}
