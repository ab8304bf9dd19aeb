//! The terms of the Image API: versions, formats and qualities.

use std::str::FromStr;

use super::RequestError;

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
    /// WebP.
    Webp,
    /// GIF.
    Gif,
    /// TIFF.
    Tif,
    /// JPEG 2000.
    Jp2,
    /// AVIF.
    Avif,
    /// PDF, one page.
    Pdf,
}

impl Format {
    /// Every format that has a name here, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::Jpg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Tif,
        Self::Jp2,
        Self::Avif,
        Self::Pdf,
    ];

    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Tif => "image/tiff",
            Self::Jp2 => "image/jp2",
            Self::Avif => "image/avif",
            Self::Pdf => "application/pdf",
        }
    }

    /// The extension, which is also the name in a request.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Tif => "tif",
            Self::Jp2 => "jp2",
            Self::Avif => "avif",
            Self::Pdf => "pdf",
        }
    }

    /// Whether pixels may be transparent; where not, the corners beside a turned image are black.
    #[must_use]
    pub const fn has_alpha(self) -> bool {
        !matches!(self, Self::Jpg | Self::Pdf)
    }

    /// The longest side in pixels that a file of this format may have.
    #[must_use]
    pub const fn longest_side(self) -> u32 {
        match self {
            // 14 bits, of which zero means one.
            Self::Webp => 16_383,
            // What the codecs of JPEG write; the others would have room for little more.
            _ => 65_500,
        }
    }
}

impl FromStr for Format {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.extension() == text)
            .ok_or(RequestError::Format)
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
