//! What an information document says, whatever the version.

use super::{Dimensions, Limits, Pyramid, TileSize};

/// What an information document says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The size of the full image.
    pub dimensions: Dimensions,
    /// The size of the tiles that are stored.
    pub tile_size: TileSize,
    /// The scale factors that tiles are stored at: powers of two, ascending.
    pub scale_factors: Vec<u32>,
    /// The sizes of the whole image that are cheap to serve, ascending.
    pub sizes: Vec<Dimensions>,
    /// The largest sizes that are served.
    pub limits: Limits,
}

impl Info {
    /// Describes a pyramid: only what a request for it would get.
    #[must_use]
    pub fn of(pyramid: Pyramid, limits: &Limits) -> Self {
        Self {
            dimensions: pyramid.dimensions,
            tile_size: pyramid.tile,
            scale_factors: pyramid.levels().map(|level| 1 << level.exponent).collect(),
            sizes: pyramid
                .levels()
                .rev()
                .map(|level| level.dimensions)
                .filter(|size| limits.allow(*size))
                .collect(),
            limits: *limits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_ascend_and_stay_within_the_limits() {
        let pyramid = Pyramid {
            dimensions: Dimensions::new(11_600, 8_700).unwrap(),
            tile: TileSize::Px512,
        };
        let info = Info::of(pyramid, &Limits::default());
        assert_eq!(info.scale_factors, [1, 2, 4, 8, 16, 32]);
        let sizes: Vec<_> = info.sizes.iter().map(ToString::to_string).collect();
        assert_eq!(
            sizes,
            [
                "363 x 272",
                "725 x 544",
                "1450 x 1088",
                "2900 x 2175",
                "5800 x 4350"
            ]
        );
    }
}
