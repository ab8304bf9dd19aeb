//! What a request means for an image of known size.

use super::geometry::{confine, dimensions, proportional};
use super::limits::Ceiling;
use super::request::{Region, Size};
use super::{
    Dimensions, Format, GrammarVersion, ImageRequest, Limits, Quality, RequestError, Rotation,
    Version, rotated_size,
};

/// A rectangle of the image, in pixels of full resolution; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// The distance from the left edge.
    pub x: u32,
    /// The distance from the upper edge.
    pub y: u32,
    /// The width.
    pub width: u32,
    /// The height.
    pub height: u32,
}

impl Rect {
    /// The whole of an image.
    #[must_use]
    pub const fn whole(image: Dimensions) -> Self {
        Self {
            x: 0,
            y: 0,
            width: image.width(),
            height: image.height(),
        }
    }

    fn size(self) -> Dimensions {
        dimensions(self.width, self.height)
    }
}

/// A request that has been resolved against the image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResolvedRequest {
    /// The part of the image, clipped to it.
    pub region: Rect,
    /// What the region is scaled to.
    pub size: Dimensions,
    /// Whether left and right change places, before the turn.
    pub mirror: bool,
    /// The clockwise turn.
    pub rotation: Rotation,
    /// The quality.
    pub quality: Quality,
    /// The format.
    pub format: Format,
    /// The name that version 3.0 has for the size, where it is the largest one with or without enlarging.
    pub(super) maximum: Option<&'static str>,
}

impl ImageRequest {
    /// Finds the region and the size that are meant, in pixels.
    ///
    /// # Errors
    /// [`RequestError`] says what is outside the image, empty, or larger than is served.
    pub fn resolve(
        &self,
        image: Dimensions,
        limits: &Limits,
    ) -> Result<ResolvedRequest, RequestError> {
        let region = self.resolve_region(image)?;
        let ceiling = limits.of_image(image).of_format(self.format);
        let size = self.resolve_size(region, image, &ceiling)?;
        let largest = |enlarge| ceiling.largest(region.size(), self.rotation, enlarge);
        let maximum = if size == largest(false) {
            Some("max")
        } else if !ceiling.is_open && size == largest(true) {
            Some("^max")
        } else {
            None
        };
        Ok(ResolvedRequest {
            maximum,
            region,
            size,
            mirror: self.mirror,
            rotation: self.rotation,
            quality: self.quality,
            format: self.format,
        })
    }

    pub(super) fn resolve_region(&self, image: Dimensions) -> Result<Rect, RequestError> {
        let (width, height) = (image.width(), image.height());
        let [x, y, w, h] = match &self.region {
            Region::Full => return Ok(Rect::whole(image)),
            Region::Square => {
                let side = width.min(height);
                return Ok(Rect {
                    x: (width - side) / 2,
                    y: (height - side) / 2,
                    width: side,
                    height: side,
                });
            }
            Region::Pixels(numbers) => numbers.map(u64::from),
            Region::Percent([x, y, w, h]) => [
                x.percent_of(width),
                y.percent_of(height),
                w.percent_of(width),
                h.percent_of(height),
            ],
        };
        if w == 0 || h == 0 {
            return Err(RequestError::RegionEmpty);
        }
        if x >= u64::from(width) || y >= u64::from(height) {
            return Err(RequestError::RegionOutside { image });
        }
        // Both are below the sides of the image.
        let (x, y) = (x as u32, y as u32);
        Ok(Rect {
            x,
            y,
            width: w.min(u64::from(width - x)) as u32,
            height: h.min(u64::from(height - y)) as u32,
        })
    }

    fn resolve_size(
        &self,
        region: Rect,
        image: Dimensions,
        ceiling: &Ceiling,
    ) -> Result<Dimensions, RequestError> {
        let full = region.size();
        let (width, height) = match &self.size {
            Size::Full => (u64::from(region.width), u64::from(region.height)),
            Size::Max => {
                // Where nothing is said of a maximum, there is none to enlarge to.
                let enlarge = self.enlarge && !ceiling.is_open;
                return Ok(ceiling.largest(full, self.rotation, enlarge));
            }
            Size::Width(width) => (u64::from(*width), height_for(*width, region, image)),
            Size::Height(height) => (width_for(*height, region, image), u64::from(*height)),
            Size::Percent(percent) => {
                if percent.exceeds(100) && !self.may_enlarge() {
                    return Err(RequestError::SizeEnlarges { region: full });
                }
                (
                    percent.percent_of(region.width),
                    percent.percent_of(region.height),
                )
            }
            Size::Exact(width, height) => (u64::from(*width), u64::from(*height)),
            Size::Confined(0, _) | Size::Confined(_, 0) => return Err(RequestError::SizeEmpty),
            Size::Confined(width, height) => {
                let (mut width, mut height) = (*width, *height);
                if self.version == GrammarVersion::V2
                    && width >= full.width()
                    && height >= full.height()
                {
                    // Version 2.1 confines and never enlarges.
                    (width, height) = (full.width(), full.height());
                }
                let size = if level_height(width, region, image) == Some(height) {
                    dimensions(width, height)
                } else {
                    confine(full, width, height)
                };
                let is_refused = !self.enlarge && is_larger(size, full);
                let size = if is_refused || ceiling.allows(size, self.rotation) {
                    size
                } else {
                    // Limits confine as the box does, where they are narrower.
                    let limit = ceiling.largest(full, self.rotation, self.enlarge);
                    dimensions(limit.width().min(width), limit.height().min(height))
                };
                (u64::from(size.width()), u64::from(size.height()))
            }
        };
        if width == 0 || height == 0 {
            return Err(RequestError::SizeEmpty);
        }
        // No limit allows as much as 32 bits hold.
        let side = |length: u64| u32::try_from(length).unwrap_or(u32::MAX);
        let size = dimensions(side(width), side(height));
        if is_larger(size, full) && !self.may_enlarge() {
            Err(RequestError::SizeEnlarges { region: full })
        } else if ceiling.allows(size, self.rotation) {
            Ok(size)
        } else {
            Err(RequestError::SizeOverLimit {
                largest: ceiling.largest(full, self.rotation, self.may_enlarge()),
            })
        }
    }

    /// Version 2.1 has no sign for it: there, a size that is larger than the region enlarges.
    fn may_enlarge(&self) -> bool {
        self.enlarge || self.version == GrammarVersion::V2
    }
}

impl ResolvedRequest {
    /// The size of the result, after the turn.
    #[must_use]
    pub fn output(&self) -> Dimensions {
        rotated_size(self.size, self.rotation)
    }

    /// The one way to write this request that the version of the API recommends: `region/size/rotation/quality.format`.
    #[must_use]
    pub fn canonical(&self, version: Version, image: Dimensions) -> String {
        let Rect {
            x,
            y,
            width,
            height,
        } = self.region;
        let region = if self.region == Rect::whole(image) {
            "full".to_owned()
        } else {
            format!("{x},{y},{width},{height}")
        };
        let (w, h) = (self.size.width(), self.size.height());
        let size = match (version, self.maximum) {
            (Version::V2, _) if self.size == self.region.size() => "full".to_owned(),
            (Version::V2, _) if height_for(w, self.region, image) == u64::from(h) => {
                format!("{w},")
            }
            (Version::V2, _) => format!("{w},{h}"),
            (Version::V3, Some(name)) => name.to_owned(),
            (Version::V3, None) if w > width || h > height => format!("^{w},{h}"),
            (Version::V3, None) => format!("{w},{h}"),
        };
        let mirror = if self.mirror { "!" } else { "" };
        format!(
            "{region}/{size}/{mirror}{}/{}.{}",
            self.rotation,
            self.quality.as_str(),
            self.format.extension()
        )
    }
}

fn is_larger(size: Dimensions, region: Dimensions) -> bool {
    size.width() > region.width() || size.height() > region.height()
}

/// The height that goes with a width: that of a level where the region is made of whole pixels of it, otherwise in proportion.
///
/// Levels round up, and their tiles must come out exactly as viewers expect them.
fn height_for(width: u32, region: Rect, image: Dimensions) -> u64 {
    level_height(width, region, image).map_or_else(
        || proportional(width, region.height, region.width).max(u64::from(width > 0)),
        u64::from,
    )
}

fn width_for(height: u32, region: Rect, image: Dimensions) -> u64 {
    let turned = Rect {
        x: region.y,
        y: region.x,
        width: region.height,
        height: region.width,
    };
    height_for(height, turned, dimensions(image.height(), image.width()))
}

/// The height of the region at the level where it has this width; `None` where no level has it in whole pixels.
fn level_height(width: u32, region: Rect, image: Dimensions) -> Option<u32> {
    (0..u32::BITS).find_map(|exponent| {
        let aligned = |start: u32, length: u32, end: u32| {
            let below = (1 << exponent) - 1;
            start & below == 0 && (length & below == 0 || start + length == end)
        };
        let level = region.size().scaled_down(exponent);
        (level.width() == width
            && aligned(region.x, region.width, image.width())
            && aligned(region.y, region.height, image.height()))
        .then_some(level.height())
    })
}
