//! The terms of the Image API: versions, formats, qualities and turns.

use std::str::FromStr;

use super::RequestError;
use super::number::Decimal;

/// A version of the Image API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// Image API 2.1.
    V2,
    /// Image API 3.0.
    V3,
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG.
    Jpg,
    /// PNG.
    Png,
}

impl Format {
    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// The extension, which is also the name in a request.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
        }
    }
}

impl FromStr for Format {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        match text {
            "jpg" => Ok(Self::Jpg),
            "png" => Ok(Self::Png),
            _ => Err(RequestError::Format),
        }
    }
}

/// The quality of the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    /// As the image is.
    Default,
    /// In colour.
    Color,
    /// In shades of grey.
    Gray,
    /// In black and white.
    Bitonal,
}

impl Quality {
    /// The name in a request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Color => "color",
            Self::Gray => "gray",
            Self::Bitonal => "bitonal",
        }
    }
}

impl FromStr for Quality {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        match text {
            "default" => Ok(Self::Default),
            "color" => Ok(Self::Color),
            "gray" => Ok(Self::Gray),
            "bitonal" => Ok(Self::Bitonal),
            _ => Err(RequestError::Quality),
        }
    }
}

/// A clockwise turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rotation {
    /// None.
    Deg0,
    /// A quarter turn.
    Deg90,
    /// Half a turn.
    Deg180,
    /// Three quarters of a turn.
    Deg270,
}

impl Rotation {
    /// The turn in degrees.
    #[must_use]
    pub const fn degrees(self) -> u32 {
        match self {
            Self::Deg0 => 0,
            Self::Deg90 => 90,
            Self::Deg180 => 180,
            Self::Deg270 => 270,
        }
    }

    /// Whether width and height change places.
    #[must_use]
    pub const fn swaps_sides(self) -> bool {
        matches!(self, Self::Deg90 | Self::Deg270)
    }

    pub(super) fn parse(text: &str) -> Result<Self, RequestError> {
        let angle = Decimal::parse(text).map_err(|_| RequestError::RotationSyntax)?;
        if angle.exceeds(360) {
            return Err(RequestError::RotationSyntax);
        }
        match angle.as_whole() {
            Some(0 | 360) => Ok(Self::Deg0),
            Some(90) => Ok(Self::Deg90),
            Some(180) => Ok(Self::Deg180),
            Some(270) => Ok(Self::Deg270),
            _ => Err(RequestError::RotationUnsupported),
        }
    }
}
