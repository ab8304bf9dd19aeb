//! Policies of delivery channels: those of the program, and a customer's own.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::SettingName;
use crate::iiif::Dimensions;
use crate::image::shorten;
use crate::policy::{Channel, ImageOptimisationPolicy, ThumbnailPolicy};

/// The longest side that a thumbnail may have, in pixels.
const SIDE_MAX: u32 = 2048;
/// The most thumbnails of one policy.
const SIZES_MAX: usize = 50;

/// A policy that every customer has, and nobody can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltInPolicy {
    /// The channel, as the API calls it.
    pub channel: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its name for people.
    pub display_name: &'static str,
}

impl BuiltInPolicy {
    /// Every one. Those of `iiif-av` are here to be found; audio and video are not delivered.
    pub const ALL: [Self; 7] = [
        Self::new(
            "iiif-img",
            "default",
            "As the image optimisation policy says",
        ),
        Self::new(
            "iiif-img",
            Channel::USE_ORIGINAL,
            "The source's own coding where that can be",
        ),
        Self::new("thumbs", "default", "As the thumbnail policy says"),
        Self::new("iiif-av", "default-video", "Video (not delivered here)"),
        Self::new("iiif-av", "default-audio", "Audio (not delivered here)"),
        Self::new("file", "none", "The source as it is"),
        Self::new("none", "none", "Nothing"),
    ];
    /// The channels that have policies, as the API calls them.
    pub const CHANNELS: [&'static str; 5] = ["iiif-img", "thumbs", "iiif-av", "file", "none"];

    const fn new(channel: &'static str, name: &'static str, display_name: &'static str) -> Self {
        Self {
            channel,
            name,
            display_name,
        }
    }

    /// The one of a channel with this name.
    #[must_use]
    pub fn find(channel: &str, name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|policy| policy.channel == channel && policy.name == name)
    }

    /// What it says, as a customer's own would.
    #[must_use]
    pub fn data(self) -> Vec<String> {
        match (self.channel, self.name) {
            ("thumbs", _) => {
                let squares = ThumbnailPolicy::default().sizes().iter();
                squares.map(|side| format!("!{side},{side}")).collect()
            }
            ("iiif-img", "default") => vec![ImageOptimisationPolicy::default().to_string()],
            ("iiif-img", name) => vec![name.to_owned()],
            ("iiif-av", "default-video") => vec!["video-mp4-720p".to_owned()],
            ("iiif-av", _) => vec!["audio-mp3-128".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// A customer's own policy of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPolicy {
    /// Its name, unique within the customer and the channel.
    pub name: SettingName,
    /// Its name for people.
    pub display_name: String,
    /// What it says.
    pub data: PolicyData,
}

/// What a policy says, by its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyData {
    /// How pyramids are made.
    IiifImg(Pyramids),
    /// Which thumbnails are made.
    Thumbs(Vec<ThumbnailSize>),
}

/// How the channel `iiif-img` makes pyramids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pyramids {
    /// By an image optimisation policy.
    By(ImageOptimisationPolicy),
    /// With the source's own coding where that can be; by the image optimisation policy of the image elsewhere.
    Original,
}

/// Why a policy cannot say what it should.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyDataError {
    /// A channel that nobody can make policies for.
    #[error("is for the channel `{}`, which has no policies but its own: make one for `iiif-img` or `thumbs`", shorten(.0))]
    Channel(String),
    /// Nothing, or too much of it.
    #[error("holds {0} items: send {1}")]
    Count(usize, &'static str),
    /// Not one of the ways to make a pyramid.
    #[error("says `{}`: known are fast-lossy, fast-higher, lossless and use-original", shorten(.0))]
    Pyramids(String),
    /// Not the size of a thumbnail.
    #[error(
        "holds the size `{}`: send `!w,h`, `w,` or `,h`, each side of 1 to {SIDE_MAX} pixels (`max`, `pct:` and `w,h` are not for thumbnails)",
        shorten(.0)
    )]
    Size(String),
}

impl PolicyData {
    /// Reads what a policy of a channel says.
    ///
    /// # Errors
    /// [`PolicyDataError`], which says what is wrong and what would do.
    pub fn parse(channel: &str, items: &[String]) -> Result<Self, PolicyDataError> {
        match channel.parse() {
            Ok(Channel::IiifImg) => match items {
                [one] if one == Channel::USE_ORIGINAL => Ok(Self::IiifImg(Pyramids::Original)),
                [one] => {
                    let policy = one
                        .parse()
                        .map_err(|_| PolicyDataError::Pyramids(one.clone()))?;
                    Ok(Self::IiifImg(Pyramids::By(policy)))
                }
                more => Err(PolicyDataError::Count(more.len(), "one")),
            },
            Ok(Channel::Thumbs) if (1..=SIZES_MAX).contains(&items.len()) => {
                let sizes = items.iter().map(|item| item.parse());
                Ok(Self::Thumbs(sizes.collect::<Result<_, _>>()?))
            }
            Ok(Channel::Thumbs) => Err(PolicyDataError::Count(items.len(), "1 to 50")),
            _ => Err(PolicyDataError::Channel(channel.to_owned())),
        }
    }

    /// The channel that it is for.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::IiifImg(_) => Channel::IiifImg,
            Self::Thumbs(_) => Channel::Thumbs,
        }
    }

    /// What it says, as it was said.
    #[must_use]
    pub fn items(&self) -> Vec<String> {
        match self {
            Self::IiifImg(Pyramids::By(policy)) => vec![policy.to_string()],
            Self::IiifImg(Pyramids::Original) => vec![Channel::USE_ORIGINAL.to_owned()],
            Self::Thumbs(sizes) => sizes.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The size of a thumbnail, as a size of the IIIF Image API says it. An image is never enlarged to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThumbnailSize {
    bound: Bound,
    /// Whether it was written with `^`, which changes nothing here.
    caret: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Bound {
    /// `!w,h`
    Within(u32, u32),
    /// `w,`
    Width(u32),
    /// `,h`
    Height(u32),
}

impl ThumbnailSize {
    /// Confined to a square of so many pixels.
    #[must_use]
    pub const fn square(side: u32) -> Self {
        Self {
            bound: Bound::Within(side, side),
            caret: false,
        }
    }

    /// How large the thumbnail of an image is; `None` where it would be longer than any may be.
    #[must_use]
    pub fn of(self, image: Dimensions) -> Option<Dimensions> {
        let size = match self.bound {
            Bound::Within(width, height) => image.confined_to(width, height),
            Bound::Width(width) => image.confined_to(width, image.height()),
            Bound::Height(height) => image.confined_to(image.width(), height),
        };
        (size.width().max(size.height()) <= SIDE_MAX).then_some(size)
    }
}

impl fmt::Display for ThumbnailSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.caret {
            f.write_str("^")?;
        }
        match self.bound {
            Bound::Within(width, height) => write!(f, "!{width},{height}"),
            Bound::Width(width) => write!(f, "{width},"),
            Bound::Height(height) => write!(f, ",{height}"),
        }
    }
}

impl FromStr for ThumbnailSize {
    type Err = PolicyDataError;

    fn from_str(text: &str) -> Result<Self, PolicyDataError> {
        let side = |text: &str| {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            let side = text.parse::<u32>().ok().filter(|_| digits);
            side.filter(|side| (1..=SIDE_MAX).contains(side))
        };
        let (caret, rest) = text
            .strip_prefix('^')
            .map_or((false, text), |rest| (true, rest));
        let bound = match (rest.strip_prefix('!'), rest.split_once(',')) {
            (Some(within), _) => within
                .split_once(',')
                .and_then(|(width, height)| Some(Bound::Within(side(width)?, side(height)?))),
            (None, Some((width, ""))) => side(width).map(Bound::Width),
            (None, Some(("", height))) => side(height).map(Bound::Height),
            _ => None,
        };
        let bound = bound.ok_or_else(|| PolicyDataError::Size(text.to_owned()))?;
        Ok(Self { bound, caret })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str, [width, height]: [u32; 2]) -> Option<[u32; 2]> {
        let image = Dimensions::new(width, height).unwrap();
        let size = text.parse::<ThumbnailSize>().unwrap().of(image)?;
        Some([size.width(), size.height()])
    }

    #[test]
    fn thumbnails_have_sizes_of_the_image_api_and_never_enlarge() {
        for (text, image, expected) in [
            ("!400,400", [1000, 500], Some([400, 200])),
            ("!400,100", [1000, 500], Some([200, 100])),
            ("^!400,400", [100, 50], Some([100, 50])),
            ("200,", [1000, 500], Some([200, 100])),
            ("200,", [100, 500], Some([100, 500])),
            (",50", [1000, 500], Some([100, 50])),
            ("^,50", [20, 10], Some([20, 10])),
            ("100,", [1000, 60_000], None),
        ] {
            assert_eq!(size(text, image), expected, "{text} of {image:?}");
        }
    }

    #[test]
    fn sizes_are_written_as_they_were_read() {
        for text in ["!1024,1024", "^!10,20", "200,", "^200,", ",200", "^,2048"] {
            assert_eq!(text.parse::<ThumbnailSize>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_size_of_a_thumbnail_is_refused() {
        for text in [
            "",
            "max",
            "^max",
            "full",
            "pct:50",
            "100,100",
            "!100",
            "!100,",
            "!,100",
            ",",
            "0,",
            "2049,",
            "!0,10",
            "+1,",
            "-1,",
            "1.5,",
            " 1,",
            "^",
            "^^1,",
            "99999999999,",
        ] {
            assert!(text.parse::<ThumbnailSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn data_says_what_its_channel_understands() {
        let parse = |channel: &str, items: &[&str]| {
            let items: Vec<_> = items.iter().map(|item| (*item).to_owned()).collect();
            PolicyData::parse(channel, &items).map(|data| data.items())
        };
        for (channel, items) in [
            ("iiif-img", vec!["lossless"]),
            ("iiif-img", vec!["use-original"]),
            ("thumbs", vec!["!10,10", "^20,"]),
        ] {
            let expected = items.iter().map(|item| (*item).to_owned()).collect();
            assert_eq!(parse(channel, &items), Ok(expected));
        }
        assert!(matches!(
            parse("iiif-img", &["x"]),
            Err(PolicyDataError::Pyramids(_))
        ));
        assert!(matches!(
            parse("iiif-img", &[]),
            Err(PolicyDataError::Count(0, _))
        ));
        assert!(matches!(
            parse("thumbs", &[]),
            Err(PolicyDataError::Count(0, _))
        ));
        assert!(matches!(
            parse("thumbs", &["1,"; 51]),
            Err(PolicyDataError::Count(51, _))
        ));
        assert!(matches!(
            parse("thumbs", &["max"]),
            Err(PolicyDataError::Size(_))
        ));
        for channel in ["file", "none", "iiif-av", "default", "x"] {
            assert!(
                matches!(parse(channel, &["x"]), Err(PolicyDataError::Channel(_))),
                "{channel}"
            );
        }
    }

    #[test]
    fn what_is_built_in_says_what_it_does() {
        for policy in BuiltInPolicy::ALL {
            assert_eq!(
                BuiltInPolicy::find(policy.channel, policy.name),
                Some(policy)
            );
            assert!(BuiltInPolicy::CHANNELS.contains(&policy.channel));
            if let Ok(Channel::IiifImg | Channel::Thumbs) = policy.channel.parse() {
                PolicyData::parse(policy.channel, &policy.data()).unwrap();
            }
        }
        assert_eq!(BuiltInPolicy::find("thumbs", "none"), None);
    }
}
