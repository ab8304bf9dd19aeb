//! Policies: by which rules derivatives are made, and through which channels images are delivered.
//!
//! The names are those of the DLCS; what each one means is said here, and nowhere else.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::iiif::TileSize;

/// How the colours of JPEG tiles are sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChromaSampling {
    /// One sample of colour for every pixel (4:4:4): for drawings, maps and text.
    Full,
    /// One sample of colour for two by two pixels (4:2:0): for photographs.
    Quarter,
}

/// How the tiles of a pyramid are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileCoding {
    /// As JPEG.
    Jpeg {
        /// The quality, 1 to 100, on the scale of the Independent JPEG Group.
        quality: u8,
        /// How colours are sampled.
        sampling: ChromaSampling,
    },
    /// Without loss.
    Lossless,
}

/// How the pyramid of an image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ImageOptimisationPolicy {
    /// JPEG tiles of 512 pixels at quality 85, colours at 4:2:0.
    #[default]
    FastLossy,
    /// JPEG tiles of 512 pixels at quality 92, colours at 4:4:4.
    FastHigher,
    /// Tiles of 512 pixels that hold every pixel as it is; the tiles of a JPEG source are cut out of it without decoding where that can be.
    Lossless,
}

impl ImageOptimisationPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::FastLossy, Self::FastHigher, Self::Lossless];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FastLossy => "fast-lossy",
            Self::FastHigher => "fast-higher",
            Self::Lossless => "lossless",
        }
    }

    /// How tiles are stored.
    #[must_use]
    pub const fn coding(self) -> TileCoding {
        match self {
            Self::FastLossy => TileCoding::Jpeg {
                quality: 85,
                sampling: ChromaSampling::Quarter,
            },
            Self::FastHigher => TileCoding::Jpeg {
                quality: 92,
                sampling: ChromaSampling::Full,
            },
            Self::Lossless => TileCoding::Lossless,
        }
    }

    /// How large tiles are.
    #[must_use]
    pub const fn tile(self) -> TileSize {
        TileSize::Px512
    }
}

impl fmt::Display for ImageOptimisationPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no policy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no policy has this name")]
pub struct PolicyNameError;

impl FromStr for ImageOptimisationPolicy {
    type Err = PolicyNameError;

    fn from_str(name: &str) -> Result<Self, PolicyNameError> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.as_str() == name)
            .ok_or(PolicyNameError)
    }
}

/// Which thumbnails are made of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ThumbnailPolicy {
    /// Within squares of 1024, 400, 200 and 100 pixels.
    #[default]
    Standard,
}

impl ThumbnailPolicy {
    /// Every policy.
    pub const ALL: [Self; 1] = [Self::Standard];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
        }
    }

    /// The squares, in pixels, that thumbnails are confined to; an image is never enlarged to fill one.
    #[must_use]
    pub const fn sizes(self) -> &'static [u32] {
        match self {
            Self::Standard => &[1024, 400, 200, 100],
        }
    }
}

impl fmt::Display for ThumbnailPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ThumbnailPolicy {
    type Err = PolicyNameError;

    fn from_str(name: &str) -> Result<Self, PolicyNameError> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.as_str() == name)
            .ok_or(PolicyNameError)
    }
}

/// A way of delivering an image, as a registration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The IIIF Image API.
    IiifImg,
    /// Thumbnails that lie ready.
    Thumbs,
    /// The source as it came.
    File,
    /// No way at all: registered, and not processed.
    None,
    /// The channels that an image has when nothing is said of them.
    Default,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 5] = [
        Self::IiifImg,
        Self::Thumbs,
        Self::File,
        Self::None,
        Self::Default,
    ];
    /// What [`Self::Default`] stands for.
    pub const DEFAULTS: [Self; 2] = [Self::IiifImg, Self::Thumbs];
    /// The policy of [`Self::IiifImg`] that keeps the source's own coding where that can be.
    pub const USE_ORIGINAL: &'static str = "use-original";

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IiifImg => "iiif-img",
            Self::Thumbs => "thumbs",
            Self::File => "file",
            Self::None => "none",
            Self::Default => "default",
        }
    }

    /// The name of the policy that it has when none is named.
    #[must_use]
    pub const fn default_policy(self) -> &'static str {
        self.policies()[0]
    }

    /// The names of the policies that it knows of itself; the first is the one that it has when none is named.
    #[must_use]
    pub const fn policies(self) -> &'static [&'static str] {
        match self {
            Self::IiifImg => &["default", Self::USE_ORIGINAL],
            Self::Thumbs | Self::Default => &["default"],
            Self::File | Self::None => &["none"],
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no channel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no delivery channel has this name")]
pub struct ChannelNameError;

impl FromStr for Channel {
    type Err = ChannelNameError;

    fn from_str(name: &str) -> Result<Self, ChannelNameError> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == name)
            .ok_or(ChannelNameError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_policies() {
        for policy in ImageOptimisationPolicy::ALL {
            assert_eq!(policy.as_str().parse(), Ok(policy));
        }
        for policy in ThumbnailPolicy::ALL {
            assert_eq!(policy.as_str().parse(), Ok(policy));
        }
        for channel in Channel::ALL {
            assert_eq!(channel.as_str().parse(), Ok(channel));
        }
        assert!("iiif-av".parse::<Channel>().is_err());
        assert!("Lossless".parse::<ImageOptimisationPolicy>().is_err());
        assert!("".parse::<ThumbnailPolicy>().is_err());
    }
}
