//! Which channels an image has for which none is named.

use std::fmt;

use thiserror::Error;

use crate::id::SpaceId;
use crate::image::DeliveryChannel;
use crate::policy::Channel;

/// The longest media range, in characters.
const MAX_CHARS: usize = 200;

/// Why a text is not a media range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a media type such as `image/jpeg`, nor a range of them such as `image/*`")]
pub struct MediaRangeError;

/// A media type, or all of one kind (`image/*`), or all of them (`*/*`); in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaRange(String);

impl MediaRange {
    /// Parses a range; case is ignored.
    ///
    /// # Errors
    /// [`MediaRangeError`].
    pub fn parse(text: &str) -> Result<Self, MediaRangeError> {
        let text = text.trim().to_ascii_lowercase();
        // RFC 6838 section 4.2.
        let is_name = |name: &str| {
            let characters = b"!#$&-^_.+";
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || characters.contains(&b))
        };
        let parts = text.split_once('/').ok_or(MediaRangeError)?;
        let is_range = match parts {
            ("*", rest) => rest == "*",
            (kind, "*") => is_name(kind),
            (kind, name) => is_name(kind) && is_name(name),
        };
        if is_range && text.len() <= MAX_CHARS {
            Ok(Self(text))
        } else {
            Err(MediaRangeError)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How exactly it names a media type (more is more exact); `None` where that is not in it.
    fn exactness(&self, media_type: &str) -> Option<u8> {
        let (kind, name) = self.0.split_once('/')?;
        let (wanted, _) = media_type.split_once('/').unwrap_or((media_type, ""));
        match (kind, name) {
            ("*", _) => Some(0),
            (kind, "*") => (kind == wanted).then_some(1),
            _ => (self.0 == media_type).then_some(2),
        }
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A channel of images for which none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultChannel {
    /// Only of images in this space; `None`: of all of the customer's.
    pub space: Option<SpaceId>,
    /// Only of images of these media types.
    pub media_type: MediaRange,
    /// The channel.
    pub channel: Channel,
    /// The channel's policy.
    pub policy: String,
}

/// All default channels of a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultChannels(Vec<DefaultChannel>);

impl DefaultChannels {
    /// What is tried where nothing is known of the media type.
    pub const UNKNOWN: &'static str = "image/*";

    /// Collects them.
    #[must_use]
    pub const fn new(all: Vec<DefaultChannel>) -> Self {
        Self(all)
    }

    /// The channels of an image of a media type in a space: those of the space that name it most exactly, or else the customer's that do.
    ///
    /// Empty where there are none for it.
    #[must_use]
    pub fn of(&self, space: SpaceId, media_type: &str) -> Vec<DeliveryChannel> {
        let media_type = essence(media_type);
        for level in [Some(space), None] {
            let at_level = self.0.iter().filter(|default| default.space == level);
            let fitting: Vec<_> = at_level
                .filter_map(|default| Some((default.media_type.exactness(&media_type)?, default)))
                .collect();
            let Some(best) = fitting.iter().map(|(exactness, _)| *exactness).max() else {
                continue;
            };
            let chosen = fitting
                .into_iter()
                .filter(|(exactness, _)| *exactness == best);
            return chosen
                .map(|(_, default)| DeliveryChannel {
                    channel: default.channel.as_str().to_owned(),
                    policy: Some(default.policy.clone()),
                })
                .collect();
        }
        Vec::new()
    }
}

/// A media type without its parameters, in lower case.
fn essence(media_type: &str) -> String {
    let (essence, _) = media_type.split_once(';').unwrap_or((media_type, ""));
    essence.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(rows: &[(u32, &str, Channel, &str)]) -> DefaultChannels {
        let row =
            |(space, media_type, channel, policy): &(u32, &str, Channel, &str)| DefaultChannel {
                space: SpaceId::new(*space),
                media_type: MediaRange::parse(media_type).unwrap(),
                channel: *channel,
                policy: (*policy).to_owned(),
            };
        DefaultChannels::new(rows.iter().map(row).collect())
    }

    fn of(defaults: &DefaultChannels, media_type: &str) -> String {
        let channels = defaults.of(SpaceId::FIRST, media_type);
        let channels = channels.into_iter().map(|channel| {
            let policy = channel.policy.unwrap_or_default();
            format!("{}/{policy}", channel.channel)
        });
        channels.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_space_decides_before_the_customer_and_the_exact_before_the_vague() {
        use Channel::{File, IiifImg, Thumbs};
        let all = defaults(&[
            (0, "image/*", IiifImg, "default"),
            (0, "image/*", Thumbs, "default"),
            (0, "image/tiff", IiifImg, "use-original"),
            (0, "application/*", File, "none"),
            (1, "image/jpeg", Thumbs, "mine"),
            (2, "image/*", File, "none"),
        ]);
        for (media_type, expected) in [
            ("image/png", "iiif-img/default thumbs/default"),
            ("image/*", "iiif-img/default thumbs/default"),
            ("image/tiff", "iiif-img/use-original"),
            ("IMAGE/TIFF; charset=x", "iiif-img/use-original"),
            ("image/jpeg", "thumbs/mine"),
            ("application/pdf", "file/none"),
            ("video/mp4", ""),
            ("nonsense", ""),
        ] {
            assert_eq!(of(&all, media_type), expected, "{media_type}");
        }
        let catch_all = defaults(&[(0, "*/*", File, "none"), (0, "image/*", IiifImg, "default")]);
        assert_eq!(of(&catch_all, "video/mp4"), "file/none");
        assert_eq!(of(&catch_all, "image/x"), "iiif-img/default");
    }

    #[test]
    fn ranges_are_media_types_or_kinds_of_them() {
        for good in [
            "image/*",
            "image/jpeg",
            "*/*",
            "IMAGE/JPEG",
            "image/svg+xml",
        ] {
            assert_eq!(
                MediaRange::parse(good).unwrap().as_str(),
                good.to_ascii_lowercase()
            );
        }
        for bad in [
            "", "image", "image/", "/jpeg", "*", "*/jpeg", "image/**", "a b/c", "a/b/c",
        ] {
            assert!(MediaRange::parse(bad).is_err(), "{bad}");
        }
    }
}
