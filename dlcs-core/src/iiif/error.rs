//! What can be wrong with an image request.

use thiserror::Error;

use super::Dimensions;

/// What is wrong with an image request: correct it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The region is not written as the API says.
    #[error(
        "the region is not understood: use `full`, `square`, `x,y,w,h` or `pct:x,y,w,h` with plain decimal numbers"
    )]
    RegionSyntax,
    /// The region has no pixels.
    #[error("the region has no pixels: give it a width and a height of at least one pixel")]
    RegionEmpty,
    /// The region has nothing of the image.
    #[error("the region lies outside the image: stay within its {image} pixels")]
    RegionOutside {
        /// The size of the image.
        image: Dimensions,
    },
    /// The size is not written as the API says.
    #[error("the size is not understood: use {accepted}")]
    SizeSyntax {
        /// What this version of the API understands.
        accepted: &'static str,
    },
    /// The size has no pixels.
    #[error("the size has no pixels: ask for a width and a height of at least one pixel")]
    SizeEmpty,
    /// The size is larger than the region, and not marked as such.
    #[error(
        "the size is larger than the region of {region} pixels: put `^` before it to enlarge, or ask for less"
    )]
    SizeEnlarges {
        /// The size of the region.
        region: Dimensions,
    },
    /// The size is larger than what is served.
    #[error(
        "the size is larger than what is served here: ask for {largest} pixels or less, or `max`"
    )]
    SizeOverLimit {
        /// The largest size of this region.
        largest: Dimensions,
    },
    /// A service of level 0 does not have this.
    #[error(
        "this is not among what lies ready: ask for the whole image, upright, as `jpg` and in a size that info.json lists"
    )]
    NotReady,
    /// The rotation is not written as the API says.
    #[error(
        "the rotation is not understood: use a number from 0 to 360, with `!` before it to mirror"
    )]
    RotationSyntax,
    /// The quality is unknown.
    #[error("the quality is unknown: use `default`, `color`, `gray` or `bitonal`")]
    Quality,
    /// The format is unknown, or not served.
    #[error("the format is not served here: use one that info.json lists, such as `jpg` or `png`")]
    Format,
    /// A number is larger than any image.
    #[error("a number in the {parameter} is too large: use one below 4294967296")]
    NumberTooLarge {
        /// The parameter.
        parameter: &'static str,
    },
}
