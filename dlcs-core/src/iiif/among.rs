//! Requests to a service of level 0, which has some sizes of the whole image and nothing else.

use super::request::Size;
use super::{
    Dimensions, Format, GrammarVersion, ImageRequest, Quality, Rect, RequestError, ResolvedRequest,
    Rotation,
};

impl ImageRequest {
    /// Finds which of the sizes is meant that lie ready, in a service whose full image is the largest of them.
    ///
    /// A width or a height alone names the largest size that has it, and a box the size that fills it. Only the whole image is there,
    /// upright, in its colours and as `jpg`.
    ///
    /// # Errors
    /// [`RequestError::NotReady`] where no size is meant that is there; others for a region that means nothing.
    pub fn resolve_among(&self, ready: &[Dimensions]) -> Result<ResolvedRequest, RequestError> {
        let mut sizes = ready.to_vec();
        sizes.sort_by_key(|size| (size.area(), size.width()));
        let full = *sizes.last().ok_or(RequestError::NotReady)?;
        let is_as_stored = self.resolve_region(full)? == Rect::whole(full)
            && !self.mirror
            && self.rotation == Rotation::DEG_0
            && matches!(self.quality, Quality::Default | Quality::Color)
            && self.format == Format::Jpg;
        let mut largest_first = sizes.into_iter().rev();
        let size = largest_first
            .find(|size| is_as_stored && self.means(*size, full))
            .ok_or(RequestError::NotReady)?;
        Ok(ResolvedRequest {
            region: Rect::whole(full),
            size,
            mirror: false,
            rotation: Rotation::DEG_0,
            quality: self.quality,
            format: self.format,
            maximum: (size == full).then_some("max"),
        })
    }

    fn means(&self, size: Dimensions, full: Dimensions) -> bool {
        let (width, height) = (size.width(), size.height());
        match &self.size {
            Size::Full | Size::Max => size == full,
            Size::Width(wanted) => width == *wanted,
            Size::Height(wanted) => height == *wanted,
            Size::Percent(percent) => {
                percent.percent_of(full.width()) == u64::from(width)
                    && percent.percent_of(full.height()) == u64::from(height)
            }
            Size::Exact(wide, high) => (width, height) == (*wide, *high),
            // Version 2.1 confines and never enlarges.
            Size::Confined(wide, high)
                if self.version == GrammarVersion::V2
                    && *wide >= full.width()
                    && *high >= full.height() =>
            {
                size == full
            }
            Size::Confined(wide, high) => {
                (width == *wide && height <= *high) || (height == *high && width <= *wide)
            }
        }
    }
}

impl ResolvedRequest {
    /// The same size, of the whole of the image that this service has a smaller copy of.
    #[must_use]
    pub fn of_whole(&self, image: Dimensions) -> Self {
        Self {
            region: Rect::whole(image),
            maximum: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iiif::Version;

    fn size((width, height): (u32, u32)) -> Dimensions {
        Dimensions::new(width, height).unwrap()
    }

    fn among(
        version: GrammarVersion,
        path: &str,
        ready: &[(u32, u32)],
    ) -> Result<ResolvedRequest, RequestError> {
        let parts: Vec<&str> = path.split('/').collect();
        let ready: Vec<_> = ready.iter().copied().map(size).collect();
        ImageRequest::parse(version, parts[0], parts[1], parts[2], parts[3])?.resolve_among(&ready)
    }

    const READY: [(u32, u32); 4] = [(100, 67), (200, 133), (400, 267), (1024, 683)];

    #[test]
    fn every_way_to_write_a_size_finds_the_one_that_is_ready() {
        use GrammarVersion::{Unversioned, V2, V3};
        for (written, expected, versions) in [
            ("max", (1024, 683), &[V2, V3, Unversioned][..]),
            ("full", (1024, 683), &[V2, Unversioned]),
            ("^max", (1024, 683), &[V3, Unversioned]),
            ("1024,683", (1024, 683), &[V2, V3, Unversioned]),
            ("1024,", (1024, 683), &[V2, V3, Unversioned]),
            ("400,267", (400, 267), &[V2, V3, Unversioned]),
            ("400,", (400, 267), &[V2, V3, Unversioned]),
            (",267", (400, 267), &[V2, V3, Unversioned]),
            ("^400,267", (400, 267), &[V3, Unversioned]),
            ("!400,400", (400, 267), &[V2, V3, Unversioned]),
            ("!400,267", (400, 267), &[V2, V3, Unversioned]),
            ("!1024,1024", (1024, 683), &[V2, V3, Unversioned]),
            ("!9000,9000", (1024, 683), &[V2]),
            ("pct:100", (1024, 683), &[V2, V3, Unversioned]),
            // 683 / 1024 makes 66.7 of 100, as it should.
            ("100,", (100, 67), &[V2, V3, Unversioned]),
        ] {
            for region in ["full", "0,0,1024,683", "pct:0,0,100,100"] {
                for file in ["0/default.jpg", "360/color.jpg"] {
                    for version in versions {
                        let path = format!("{region}/{written}/{file}");
                        let found = among(*version, &path, &READY).unwrap();
                        assert_eq!(found.size, size(expected), "{version:?} {path}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_ready_is_refused() {
        for path in [
            "full/300,/0/default.jpg",
            "full/400,266/0/default.jpg",
            "full/267,400/0/default.jpg",
            "full/,400/0/default.jpg",
            "full/!300,300/0/default.jpg",
            "full/!400,200/0/default.jpg",
            "full/!9000,9000/0/default.jpg",
            "full/^2048,/0/default.jpg",
            "full/pct:50/0/default.jpg",
            "full/pct:0/0/default.jpg",
            "full/0,0/0/default.jpg",
            "full/0,/0/default.jpg",
            "square/max/0/default.jpg",
            "0,0,400,267/400,267/0/default.jpg",
            "full/max/90/default.jpg",
            "full/max/!0/default.jpg",
            "full/max/0/gray.jpg",
            "full/max/0/default.png",
        ] {
            let found = among(GrammarVersion::Unversioned, path, &READY);
            assert_eq!(found, Err(RequestError::NotReady), "{path}");
        }
        let outside = among(GrammarVersion::V3, "2000,0,1,1/max/0/default.jpg", &READY);
        assert!(matches!(outside, Err(RequestError::RegionOutside { .. })));
        let nothing = among(GrammarVersion::V3, "full/max/0/default.jpg", &[]);
        assert_eq!(nothing, Err(RequestError::NotReady));
    }

    #[test]
    fn thin_images_have_several_sizes_of_one_width() {
        let ready = [(1, 100), (1, 400), (1, 1024)];
        let found = among(GrammarVersion::V3, "full/1,/0/default.jpg", &ready).unwrap();
        assert_eq!(found.size, size((1, 1024)));
    }

    #[test]
    fn canonical_addresses_are_those_of_the_smaller_service() {
        for (path, version, expected) in [
            ("full/1024,683/0/default.jpg", Version::V3, "full/max"),
            ("full/400,/0/default.jpg", Version::V3, "full/400,267"),
            ("full/1024,/0/default.jpg", Version::V2, "full/full"),
            ("full/400,267/0/default.jpg", Version::V2, "full/400,"),
        ] {
            let found = among(GrammarVersion::Unversioned, path, &READY).unwrap();
            let canonical = found.canonical(version, size((1024, 683)));
            assert_eq!(canonical, format!("{expected}/0/default.jpg"), "{path}");
            let whole = found.of_whole(size((3000, 2001)));
            assert_eq!(whole.region, Rect::whole(size((3000, 2001))));
            assert_eq!(whole.size, found.size);
        }
    }
}
