//! What is to be made of an image: its channels and policies, and those of its space, put together.

use std::str::FromStr;

use thiserror::Error;

use super::{Image, shorten};
use crate::derivative::ProcessOptions;
use crate::policy::{Channel, ThumbnailPolicy};
use crate::setting::{ChannelPolicy, PolicyData, Pyramids};
use crate::space::Space;

/// What a registration of an image is to make; where that is nothing, the source is not even fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processing {
    /// A derivative, made so.
    pub derivative: Option<ProcessOptions>,
    /// Whether the source is kept as it came.
    pub keeps_original: bool,
}

/// A policy that an image or its space names, and that is not known: another version of the program may have known it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the {kind} policy `{}` is not known: name another", shorten(.name))]
pub struct UnknownPolicy {
    /// What it is a policy of, for people.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

impl Image {
    /// Whether the image is to be delivered through a channel: one that is named, or one of the defaults where they apply.
    #[must_use]
    pub fn has_channel(&self, channel: Channel) -> bool {
        let named = |wanted: Channel| {
            self.delivery_channels
                .iter()
                .any(|named| named.channel == wanted.as_str())
        };
        let has_defaults = self.delivery_channels.is_empty() || named(Channel::Default);
        named(channel) || (has_defaults && Channel::DEFAULTS.contains(&channel))
    }

    /// What a registration of the image makes.
    ///
    /// * The source is kept as it came for the channel `file`; without another channel that needs one, no derivative is made.
    /// * `iiif-img/use-original` keeps the source's own coding where that can be. How everything else is coded says the customer's own policy
    ///   of the channel, or else the image's policy, or else its space's, or else the default.
    /// * Thumbnails are made for the channel `thumbs`, by the customer's own policy of the channel, or else the image's policy, or else its
    ///   space's, or else the default.
    ///
    /// The customer's own policies are needed where [`Self::names_own_policy`].
    ///
    /// # Errors
    /// [`UnknownPolicy`] for the name of a policy that decides and is not known.
    pub fn processing(
        &self,
        space: &Space,
        own: &[ChannelPolicy],
    ) -> Result<Processing, UnknownPolicy> {
        let (iiif_img, thumbs) = (
            self.has_channel(Channel::IiifImg),
            self.has_channel(Channel::Thumbs),
        );
        let keeps_original = self.has_channel(Channel::File);
        if !iiif_img && !thumbs {
            return Ok(Processing {
                derivative: None,
                keeps_original,
            });
        }
        let pyramids = match self.own_policy(Channel::IiifImg, own)? {
            Some(PolicyData::IiifImg(pyramids)) => Some(*pyramids),
            _ if self.policy_of(Channel::IiifImg) == Some(Channel::USE_ORIGINAL) => {
                Some(Pyramids::Original)
            }
            _ => None,
        };
        let policy = match pyramids {
            Some(Pyramids::By(policy)) => policy,
            Some(Pyramids::Original) | None => decide(
                "image optimisation",
                [
                    &self.image_optimisation_policy,
                    &space.image_optimisation_policy,
                ],
            )?,
        };
        let mut options = ProcessOptions::default()
            .with_policy(policy)
            .with_thumbnails(&[]);
        if thumbs {
            options = match self.own_policy(Channel::Thumbs, own)? {
                Some(PolicyData::Thumbs(sizes)) => options.with_thumbnail_sizes(sizes.clone()),
                _ => {
                    let named = [&self.thumbnail_policy, &space.thumbnail_policy];
                    let policy: ThumbnailPolicy = decide("thumbnail", named)?;
                    options.with_thumbnails(policy.sizes())
                }
            };
        }
        if pyramids == Some(Pyramids::Original) {
            options = options.with_original();
        }
        Ok(Processing {
            derivative: Some(options),
            keeps_original,
        })
    }

    /// Whether a channel of the image has a policy of the customer's own.
    #[must_use]
    pub fn names_own_policy(&self) -> bool {
        let mut channels = self.delivery_channels.iter();
        channels.any(|named| {
            let channel = named.channel.parse::<Channel>();
            let (Ok(channel), Some(policy)) = (channel, named.policy.as_deref()) else {
                return false;
            };
            !channel.policies().contains(&policy)
        })
    }

    /// What the customer's own policy says that the image names for a channel.
    fn own_policy<'p>(
        &self,
        channel: Channel,
        own: &'p [ChannelPolicy],
    ) -> Result<Option<&'p PolicyData>, UnknownPolicy> {
        let Some(name) = self.policy_of(channel) else {
            return Ok(None);
        };
        if channel.policies().contains(&name) {
            return Ok(None);
        }
        let named = |it: &&ChannelPolicy| it.data.channel() == channel && it.name.as_str() == name;
        match own.iter().find(named) {
            Some(policy) => Ok(Some(&policy.data)),
            None => Err(UnknownPolicy {
                kind: "delivery channel",
                name: name.to_owned(),
            }),
        }
    }

    /// The policy that the image names for a channel.
    fn policy_of(&self, channel: Channel) -> Option<&str> {
        self.delivery_channels
            .iter()
            .find(|named| named.channel == channel.as_str())
            .and_then(|named| named.policy.as_deref())
    }
}

/// The first policy that is named, or the default.
fn decide<P: FromStr + Default>(
    kind: &'static str,
    names: [&Option<String>; 2],
) -> Result<P, UnknownPolicy> {
    match names.into_iter().flatten().next() {
        None => Ok(P::default()),
        Some(name) => name.parse().map_err(|_| UnknownPolicy {
            kind,
            name: name.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CustomerId, ImageId, SpaceId};
    use crate::image::{DeliveryChannel, ImageChanges, ImageSource, OriginUrl};
    use crate::policy::ImageOptimisationPolicy;
    use crate::setting::{SettingName, ThumbnailSize};
    use crate::space::SpaceChanges;
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_micros(0);

    /// An image with these channels, as `channel/policy` and separated by spaces, and policies; and its space.
    fn pair(
        channels: &str,
        [image_pyramid, image_thumbs, space_pyramid, space_thumbs]: [&str; 4],
    ) -> (Image, Space) {
        let changes = SpaceChanges {
            image_optimisation_policy: Some(space_pyramid.to_owned()),
            thumbnail_policy: Some(space_thumbs.to_owned()),
            ..SpaceChanges::default()
        };
        let space = Space::first(CustomerId::FIRST, SpaceId::FIRST, changes, NOW);
        let channel = |text: &str| {
            let (channel, policy) = text.split_once('/').unwrap_or((text, ""));
            DeliveryChannel {
                channel: channel.to_owned(),
                policy: (!policy.is_empty()).then(|| policy.to_owned()),
            }
        };
        let origin = OriginUrl::parse("https://example.org/a.tif").unwrap();
        let changes = ImageChanges {
            source: Some(ImageSource::Origin(origin)),
            delivery_channels: Some(channels.split_whitespace().map(channel).collect()),
            image_optimisation_policy: Some(image_pyramid.to_owned()),
            thumbnail_policy: Some(image_thumbs.to_owned()),
            ..ImageChanges::default()
        };
        let id = ImageId::new(
            CustomerId::FIRST,
            SpaceId::FIRST,
            "a".parse().expect("an id"),
        );
        let image = Image::first(id, &space, changes, NOW).unwrap();
        (image, space)
    }

    fn options(channels: &str, policies: [&str; 4]) -> ProcessOptions {
        let (image, space) = pair(channels, policies);
        let processing = image.processing(&space, &[]).unwrap();
        processing.derivative.expect(channels)
    }

    const UNSET: [&str; 4] = [""; 4];

    #[test]
    fn channels_decide_what_is_made() {
        let squares = [1024, 400, 200, 100].map(ThumbnailSize::square);
        let standard = squares.as_slice();
        for (channels, use_original, thumbnails) in [
            ("", false, standard),
            ("default", false, standard),
            ("default/default", false, standard),
            ("iiif-img thumbs", false, standard),
            ("thumbs/default iiif-img/default", false, standard),
            ("iiif-img", false, &[] as &[ThumbnailSize]),
            ("iiif-img/use-original", true, &[]),
            ("iiif-img/use-original thumbs", true, standard),
            ("thumbs", false, standard),
            ("file thumbs", false, standard),
            ("file/none iiif-img", false, &[]),
            ("default file", false, standard),
            ("iiif-img/use-original default", true, standard),
        ] {
            let made = options(channels, UNSET);
            assert_eq!(
                (made.policy, made.use_original, made.thumbnails.as_slice()),
                (ImageOptimisationPolicy::FastLossy, use_original, thumbnails),
                "{channels}"
            );
        }
    }

    #[test]
    fn own_policies_win_over_all_others() {
        let own = |channel: &str, items: &[&str]| ChannelPolicy {
            name: SettingName::parse("mine").unwrap(),
            display_name: String::new(),
            data: {
                let items: Vec<_> = items.iter().map(|item| (*item).to_owned()).collect();
                PolicyData::parse(channel, &items).unwrap()
            },
        };
        let policies = ["fast-lossy", "standard", "fast-lossy", ""];
        let made = |channels: &str, own: &[ChannelPolicy]| {
            let (image, space) = pair(channels, policies);
            assert!(image.names_own_policy());
            let processing = image.processing(&space, own).unwrap();
            processing.derivative.expect(channels)
        };
        let lossless = made("iiif-img/mine thumbs", &[own("iiif-img", &["lossless"])]);
        assert_eq!(lossless.policy, ImageOptimisationPolicy::Lossless);
        assert!(!lossless.use_original);
        assert_eq!(lossless.thumbnails.len(), 4);
        let original = made("iiif-img/mine", &[own("iiif-img", &["use-original"])]);
        assert_eq!(original.policy, ImageOptimisationPolicy::FastLossy);
        assert!(original.use_original);
        let few = made(
            "iiif-img thumbs/mine",
            &[own("iiif-img", &["lossless"]), own("thumbs", &["200,"])],
        );
        assert_eq!(few.policy, ImageOptimisationPolicy::FastLossy);
        assert_eq!(few.thumbnails, ["200,".parse().unwrap()]);
        let (image, space) = pair("thumbs/mine", policies);
        let error = image.processing(&space, &[]).unwrap_err();
        assert_eq!(
            (error.kind, error.name.as_str()),
            ("delivery channel", "mine")
        );
        let (image, _) = pair("iiif-img/use-original thumbs/default file", policies);
        assert!(!image.names_own_policy());
    }

    #[test]
    fn nothing_is_made_for_channels_that_need_no_derivative() {
        for (channels, keeps_original) in [
            ("none", false),
            ("none/none", false),
            ("file", true),
            ("file/none", true),
        ] {
            let (image, space) = pair(channels, ["lossless", "standard", "", ""]);
            let expected = Processing {
                derivative: None,
                keeps_original,
            };
            assert_eq!(image.processing(&space, &[]), Ok(expected), "{channels}");
        }
        let (image, space) = pair("iiif-img file", ["", "", "", ""]);
        assert!(image.processing(&space, &[]).unwrap().keeps_original);
    }

    #[test]
    fn the_image_decides_before_its_space_and_its_space_before_the_default() {
        use ImageOptimisationPolicy::{FastHigher, FastLossy, Lossless};
        for (of_image, of_space, expected) in [
            ("", "", FastLossy),
            ("fast-higher", "", FastHigher),
            ("", "lossless", Lossless),
            ("fast-higher", "lossless", FastHigher),
            ("fast-lossy", "lossless", FastLossy),
        ] {
            for channels in ["", "iiif-img", "thumbs", "iiif-img/use-original"] {
                let made = options(channels, [of_image, "", of_space, "standard"]);
                assert_eq!(made.policy, expected, "{of_image} {of_space} {channels}");
            }
        }
    }

    #[test]
    fn a_policy_that_is_not_known_is_named_where_it_decides() {
        for (channels, policies, kind, name) in [
            ("", ["x", "", "lossless", ""], "image optimisation", "x"),
            ("", ["", "", "y", ""], "image optimisation", "y"),
            ("", ["", "x", "", ""], "thumbnail", "x"),
            ("thumbs", ["", "", "", "y"], "thumbnail", "y"),
        ] {
            let (image, space) = pair(channels, policies);
            let error = image.processing(&space, &[]).unwrap_err();
            assert_eq!((error.kind, error.name.as_str()), (kind, name));
        }
        assert_eq!(
            options("iiif-img", ["lossless", "x", "y", "z"]).thumbnails,
            [],
            "what does not decide does no harm"
        );
    }

    #[test]
    fn an_image_has_the_channels_that_it_names_or_else_the_defaults() {
        for (channels, expected) in [
            ("", [true, true, false, false]),
            ("default", [true, true, false, false]),
            ("default file", [true, true, true, false]),
            ("iiif-img/use-original", [true, false, false, false]),
            ("thumbs file", [false, true, true, false]),
            ("none", [false, false, false, true]),
        ] {
            let (image, _) = pair(channels, UNSET);
            let asked = [
                Channel::IiifImg,
                Channel::Thumbs,
                Channel::File,
                Channel::None,
            ];
            assert_eq!(
                asked.map(|channel| image.has_channel(channel)),
                expected,
                "{channels}"
            );
        }
    }
}
