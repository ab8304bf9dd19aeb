//! What an information document says, whatever the version.

use super::{Dimensions, Format, FormatSet, Limits, Pyramid, TileSize};

/// What an information document says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The size of the full image.
    pub dimensions: Dimensions,
    /// The size of the tiles that are stored.
    pub tile_size: TileSize,
    /// The scale factors that tiles are stored at and served: powers of two, ascending.
    pub scale_factors: Vec<u32>,
    /// The sizes of the whole image that are cheap to serve, ascending.
    pub sizes: Vec<Dimensions>,
    /// The largest sizes that are served of this image.
    pub limits: Limits,
    /// The formats that are served.
    pub formats: FormatSet,
}

impl Info {
    /// Describes a pyramid and the thumbnails that are stored beside it: only what a request for it would get.
    ///
    /// The level that one tile holds is a size, too.
    #[must_use]
    pub fn of(
        pyramid: Pyramid,
        thumbnails: &[Dimensions],
        limits: &Limits,
        formats: FormatSet,
    ) -> Self {
        let limits = limits.of_image(pyramid.dimensions);
        let mut sizes = thumbnails.to_vec();
        sizes.extend(pyramid.levels().next_back().map(|level| level.dimensions));
        // A size is promised in every format.
        let longest = formats.iter().map(Format::longest_side).min();
        let has_room = |size: &Dimensions| {
            longest.is_none_or(|longest| size.width().max(size.height()) <= longest)
        };
        sizes.retain(|size| limits.allow(*size) && has_room(size));
        sizes.sort_by_key(|size| (size.area(), size.width()));
        sizes.dedup();
        Self {
            dimensions: pyramid.dimensions,
            tile_size: pyramid.tile,
            scale_factors: scale_factors(pyramid, &limits),
            sizes,
            limits,
            formats,
        }
    }
}

fn scale_factors(pyramid: Pyramid, limits: &Limits) -> Vec<u32> {
    let tile = pyramid.tile.get();
    let is_served = |size: Dimensions| {
        let largest = Dimensions::new(size.width().min(tile), size.height().min(tile));
        largest.is_some_and(|largest| limits.allow(largest))
    };
    let levels = pyramid.levels().filter(|level| is_served(level.dimensions));
    levels.map(|level| 1 << level.exponent).collect()
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
        let levels: Vec<_> = pyramid.levels().map(|level| level.dimensions).collect();
        let info = Info::of(pyramid, &levels, &Limits::default(), FormatSet::LEVEL_2);
        assert_eq!(info.limits.max_area, Some(Limits::LARGEST_AREA));
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

    #[test]
    fn sizes_are_those_that_every_format_has_room_for() {
        let pyramid = Pyramid {
            dimensions: Dimensions::new(40_000, 1000).unwrap(),
            tile: TileSize::Px512,
        };
        let levels: Vec<_> = pyramid.levels().map(|level| level.dimensions).collect();
        let largest = |formats| {
            let info = Info::of(pyramid, &levels, &Limits::default(), formats);
            info.sizes.last().map(|size| size.width())
        };
        assert_eq!(largest(FormatSet::LEVEL_2), Some(40_000));
        assert_eq!(largest(FormatSet::ALL), Some(10_000));
    }

    #[test]
    fn tiles_that_are_above_the_limits_are_not_promised() {
        let pyramid = Pyramid {
            dimensions: Dimensions::new(2000, 300).unwrap(),
            tile: TileSize::Px512,
        };
        for (max_width, factors) in [(512, vec![1, 2, 4]), (500, vec![4]), (499, vec![])] {
            let limits = Limits {
                max_width: Some(max_width),
                ..Limits::default()
            };
            let info = Info::of(pyramid, &[], &limits, FormatSet::LEVEL_2);
            assert_eq!(info.scale_factors, factors, "{max_width}");
        }
    }

    #[test]
    fn the_level_that_one_tile_holds_is_a_size_among_the_thumbnails() {
        let size = |(width, height)| Dimensions::new(width, height).unwrap();
        let pyramid = Pyramid {
            dimensions: size((1300, 975)),
            tile: TileSize::Px512,
        };
        for (thumbnails, expected) in [
            (vec![], vec![(325, 244)]),
            (vec![(325, 244)], vec![(325, 244)]),
            (
                vec![(100, 75), (400, 300)],
                vec![(100, 75), (325, 244), (400, 300)],
            ),
        ] {
            let thumbnails: Vec<_> = thumbnails.into_iter().map(size).collect();
            let info = Info::of(pyramid, &thumbnails, &Limits::default(), FormatSet::LEVEL_2);
            assert_eq!(
                info.sizes,
                expected.into_iter().map(size).collect::<Vec<_>>()
            );
        }
    }
}
