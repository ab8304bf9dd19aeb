//! Everything that a customer has said of delivery channels, put together.

use super::{
    ChannelPolicy, DefaultChannel, DefaultChannels, Setting, SettingBody, SettingKind,
    media_type_of,
};
use crate::catalogue::{Catalogue, Result};
use crate::id::{CustomerId, SpaceId};
use crate::image::{DeliveryChannel, FieldProblem, Image, ImageChanges, ImageSource, shorten};
use crate::policy::Channel;

/// What a customer has said of delivery channels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelRules {
    defaults: DefaultChannels,
    policies: Vec<ChannelPolicy>,
}

/// A media type for which a customer has no default channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchannelled(pub String);

impl ChannelRules {
    /// Puts rules together.
    #[must_use]
    pub const fn new(defaults: DefaultChannels, policies: Vec<ChannelPolicy>) -> Self {
        Self { defaults, policies }
    }

    /// The rules of a customer.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn of(catalogue: &dyn Catalogue, customer: CustomerId) -> Result<Self> {
        let defaults = default_channels(catalogue, customer).await?;
        let policies = channel_policies(catalogue, customer).await?;
        Ok(Self::new(DefaultChannels::new(defaults), policies))
    }

    /// What is wrong with the name of a policy of a channel; `None` where there is one of this name.
    #[must_use]
    pub fn policy_problem(&self, channel: Channel, name: &str) -> Option<String> {
        let own = self.policies.iter();
        let own = own.filter(|policy| policy.data.channel() == channel);
        let own = own.map(|policy| policy.name.as_str());
        let known: Vec<_> = channel.policies().iter().copied().chain(own).collect();
        (!known.contains(&name)).then(|| {
            format!(
                "names the policy `{}`, which the channel `{channel}` does not know; known are {}",
                shorten(name),
                known.join(", ")
            )
        })
    }

    /// Whether what the changes say of channels depends on what is stored of the image.
    #[must_use]
    pub fn depend_on_stored(changes: &ImageChanges) -> bool {
        let names_default = changes.delivery_channels.as_ref().is_some_and(|channels| {
            channels.is_empty() || channels.iter().any(|named| is(named, Channel::Default))
        });
        let is_document = declared(changes).is_some_and(|it| !it.starts_with("image/"));
        names_default && declared(changes).is_none() && changes.source.is_none()
            || changes.delivery_channels.is_none() && is_document
    }

    /// Puts channels where none or `default` is named, and policies where none is named.
    ///
    /// # Errors
    /// [`Unchannelled`] where there are no default channels for the media type of a source that comes along.
    pub fn settle(
        &self,
        space: SpaceId,
        changes: &mut ImageChanges,
        stored: Option<&Image>,
    ) -> std::result::Result<(), Unchannelled> {
        let media_type = media_type(changes, stored);
        let defaults = self.defaults.of(space, &media_type);
        let has_source = changes.source.is_some();
        let needs_defaults = match &mut changes.delivery_channels {
            None => {
                let has_some = stored.filter(|image| !image.delivery_channels.is_empty());
                let channels = has_some.map_or(&defaults, |image| &image.delivery_channels);
                changes.default_channels.clone_from(channels);
                has_some.is_none()
            }
            Some(channels) => {
                let named = channels.len();
                let others: Vec<_> = channels
                    .iter()
                    .filter(|channel| !is(channel, Channel::Default))
                    .cloned()
                    .collect();
                let needs_defaults = named == 0 || others.len() < named;
                if needs_defaults {
                    let is_new = |default: &&DeliveryChannel| {
                        others.iter().all(|other| other.channel != default.channel)
                    };
                    let added = defaults.iter().filter(is_new).cloned();
                    *channels = others.iter().cloned().chain(added).collect();
                }
                channels.iter_mut().for_each(name_policy);
                needs_defaults
            }
        };
        if needs_defaults && defaults.is_empty() && has_source {
            return Err(Unchannelled(media_type));
        }
        Ok(())
    }
}

impl From<Unchannelled> for FieldProblem {
    fn from(Unchannelled(media_type): Unchannelled) -> Self {
        let media_type = shorten(&media_type);
        let av = media_type.starts_with("video/") || media_type.starts_with("audio/");
        let reason = if av {
            format!(
                "are not named, and a source of the type `{media_type}` has none by default (audio and video are not delivered here): \
                 name `file` to keep it, or `none`"
            )
        } else {
            format!(
                "are not named, and a source of the type `{media_type}` has none by default: name some, or make default delivery channels for it"
            )
        };
        Self {
            index: 0,
            field: "deliveryChannels".to_owned(),
            reason,
        }
    }
}

/// A customer's own policies of delivery channels.
pub(crate) async fn channel_policies(
    catalogue: &dyn Catalogue,
    customer: CustomerId,
) -> Result<Vec<ChannelPolicy>> {
    let listed = catalogue
        .list_settings(customer, SettingKind::ChannelPolicy)
        .await?;
    let policies = listed.into_iter().filter_map(|setting| match setting.body {
        SettingBody::ChannelPolicy(policy) => Some(policy),
        _ => None,
    });
    Ok(policies.collect())
}

async fn default_channels(
    catalogue: &dyn Catalogue,
    customer: CustomerId,
) -> Result<Vec<DefaultChannel>> {
    let listed: Vec<Setting> = catalogue
        .list_settings(customer, SettingKind::DefaultChannel)
        .await?;
    let defaults = listed.into_iter().filter_map(|setting| match setting.body {
        SettingBody::DefaultChannel(default) => Some(default),
        _ => None,
    });
    Ok(defaults.collect())
}

fn is(named: &DeliveryChannel, channel: Channel) -> bool {
    named.channel == channel.as_str()
}

fn name_policy(named: &mut DeliveryChannel) {
    if let (Ok(channel), None) = (named.channel.parse::<Channel>(), &named.policy) {
        named.policy = Some(channel.default_policy().to_owned());
    }
}

fn declared(changes: &ImageChanges) -> Option<&str> {
    changes
        .media_type
        .as_deref()
        .filter(|text| !text.is_empty())
}

/// The media type that default channels go by: the declared one, or what the address looks like, or what is stored.
fn media_type(changes: &ImageChanges, stored: Option<&Image>) -> String {
    let looks_like = |source: &ImageSource| match source {
        ImageSource::Origin(origin) => media_type_of(origin.url()).map(ToOwned::to_owned),
        ImageSource::Upload(_) => None,
    };
    let is_stored = |image: &Image| {
        let found = image.service().map(|it| it.source.media_type.clone());
        let declared = image.media_type.clone();
        declared.or(found).or_else(|| looks_like(&image.source))
    };
    let named = declared(changes).map(ToOwned::to_owned);
    named
        .or_else(|| changes.source.as_ref().and_then(looks_like))
        .or_else(|| {
            stored
                .filter(|_| changes.source.is_none())
                .and_then(is_stored)
        })
        .unwrap_or_else(|| DefaultChannels::UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{MediaRange, PolicyData, SettingName};
    use super::*;
    use crate::image::OriginUrl;

    /// `image/*` → `iiif-img` and `thumbs/mine`; `application/*` → `file`.
    fn rules() -> ChannelRules {
        let default = |media_type: &str, channel: Channel, policy: &str| DefaultChannel {
            space: None,
            media_type: MediaRange::parse(media_type).unwrap(),
            channel,
            policy: policy.to_owned(),
        };
        let policy = ChannelPolicy {
            name: SettingName::parse("mine").unwrap(),
            display_name: String::new(),
            data: PolicyData::parse("thumbs", &["200,".to_owned()]).unwrap(),
        };
        let defaults = vec![
            default("image/*", Channel::IiifImg, "default"),
            default("image/*", Channel::Thumbs, "mine"),
            default("application/*", Channel::File, "none"),
        ];
        ChannelRules::new(DefaultChannels::new(defaults), vec![policy])
    }

    fn named(text: &str) -> Vec<DeliveryChannel> {
        let channel = |text: &str| {
            let (channel, policy) = text.split_once('/').unwrap_or((text, ""));
            DeliveryChannel {
                channel: channel.to_owned(),
                policy: (!policy.is_empty()).then(|| policy.to_owned()),
            }
        };
        text.split_whitespace().map(channel).collect()
    }

    fn changes(origin: &str, media_type: &str, channels: Option<&str>) -> ImageChanges {
        let origin = (!origin.is_empty()).then(|| OriginUrl::parse(origin).unwrap());
        ImageChanges {
            source: origin.map(ImageSource::Origin),
            media_type: (!media_type.is_empty()).then(|| media_type.to_owned()),
            delivery_channels: channels.map(named),
            ..ImageChanges::default()
        }
    }

    #[test]
    fn channels_are_found_for_what_names_none() {
        for (origin, media_type, expected) in [
            ("https://h/a.tif", "", "iiif-img/default thumbs/mine"),
            ("https://h/a", "", "iiif-img/default thumbs/mine"),
            ("https://h/a.pdf", "", "file/none"),
            (
                "https://h/a.pdf",
                "image/tiff",
                "iiif-img/default thumbs/mine",
            ),
            ("", "", "iiif-img/default thumbs/mine"),
        ] {
            let mut changes = changes(origin, media_type, None);
            rules().settle(SpaceId::FIRST, &mut changes, None).unwrap();
            assert_eq!(changes.delivery_channels, None);
            assert_eq!(
                changes.default_channels,
                named(expected),
                "{origin} {media_type}"
            );
        }
    }

    #[test]
    fn default_stands_for_the_defaults_and_no_policy_for_the_first() {
        for (channels, expected) in [
            ("", "iiif-img/default thumbs/mine"),
            ("default", "iiif-img/default thumbs/mine"),
            (
                "default/default file",
                "file/none iiif-img/default thumbs/mine",
            ),
            (
                "iiif-img/use-original default",
                "iiif-img/use-original thumbs/mine",
            ),
            ("iiif-img thumbs", "iiif-img/default thumbs/default"),
            ("none", "none/none"),
            ("iiif-av", "iiif-av"),
        ] {
            let mut changes = changes("https://h/a", "", Some(channels));
            rules().settle(SpaceId::FIRST, &mut changes, None).unwrap();
            assert_eq!(
                changes.delivery_channels,
                Some(named(expected)),
                "{channels}"
            );
        }
    }

    #[test]
    fn what_has_no_default_channels_is_said() {
        let settle = |mut changes: ImageChanges| rules().settle(SpaceId::FIRST, &mut changes, None);
        let unchannelled = Err(Unchannelled("video/mp4".to_owned()));
        assert_eq!(settle(changes("https://h/a.mp4", "", None)), unchannelled);
        assert_eq!(
            settle(changes("https://h/a.mp4", "", Some("default"))),
            unchannelled
        );
        assert_eq!(settle(changes("https://h/a.mp4", "", Some("file"))), Ok(()));
        assert_eq!(
            settle(changes("", "video/mp4", None)),
            Ok(()),
            "it may be there already"
        );
    }

    #[test]
    fn policies_are_those_of_the_program_and_the_customers_own() {
        let rules = rules();
        for (channel, name, is_known) in [
            (Channel::Thumbs, "mine", true),
            (Channel::Thumbs, "default", true),
            (Channel::IiifImg, "mine", false),
            (Channel::IiifImg, "use-original", true),
            (Channel::File, "none", true),
        ] {
            let problem = rules.policy_problem(channel, name);
            assert_eq!(problem.is_none(), is_known, "{channel} {name}");
        }
        let problem = rules.policy_problem(Channel::Thumbs, "x").unwrap();
        assert!(problem.ends_with("known are default, mine"), "{problem}");
    }
}
