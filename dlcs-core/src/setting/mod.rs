//! What a customer says once for many images: delivery channel policies, default delivery channels, named queries, roles, authentication
//! services.

mod access;
mod channel_policy;
mod channel_rules;
mod default_channel;
mod media_type;
mod name;
mod named_query;

use std::fmt;
use std::str::FromStr;

pub use access::{AccessRole, AuthService};
pub use channel_policy::{
    BuiltInPolicy, ChannelPolicy, PolicyData, PolicyDataError, Pyramids, ThumbnailSize,
};
pub(crate) use channel_rules::channel_policies;
pub use channel_rules::{ChannelRules, Unchannelled};
pub use default_channel::{DefaultChannel, DefaultChannels, MediaRange, MediaRangeError};
pub use media_type::media_type_of;
pub use name::{SettingName, SettingNameError};
pub use named_query::{NamedQuery, NamedQueryError, SelectedSpace, Selection};

use crate::catalogue::Subject;
use crate::id::{CustomerId, SpaceId};
use crate::policy::Channel;
use crate::time::Timestamp;

/// The id of a setting, assigned by the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingId(uuid::Uuid);

impl SettingId {
    /// Returns a new id.
    #[must_use]
    pub fn assign() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl fmt::Display for SettingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SettingId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// What kinds of settings there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SettingKind {
    /// [`ChannelPolicy`].
    ChannelPolicy,
    /// [`DefaultChannel`].
    DefaultChannel,
    /// [`NamedQuery`].
    NamedQuery,
    /// [`AccessRole`].
    AccessRole,
    /// [`AuthService`].
    AuthService,
}

impl SettingKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::ChannelPolicy,
        Self::DefaultChannel,
        Self::NamedQuery,
        Self::AccessRole,
        Self::AuthService,
    ];

    /// Its name, for storing it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChannelPolicy => "channel-policy",
            Self::DefaultChannel => "default-channel",
            Self::NamedQuery => "named-query",
            Self::AccessRole => "role",
            Self::AuthService => "auth-service",
        }
    }

    /// What an error calls one.
    #[must_use]
    pub const fn subject(self) -> Subject {
        match self {
            Self::ChannelPolicy => Subject::ChannelPolicy,
            Self::DefaultChannel => Subject::DefaultChannel,
            Self::NamedQuery => Subject::NamedQuery,
            Self::AccessRole => Subject::AccessRole,
            Self::AuthService => Subject::AuthService,
        }
    }

    /// The property, as the API calls it, that no two of a customer may share.
    #[must_use]
    pub const fn unique_property(self) -> &'static str {
        match self {
            Self::DefaultChannel => "mediaType",
            Self::ChannelPolicy | Self::NamedQuery | Self::AccessRole | Self::AuthService => "name",
        }
    }
}

/// What a setting says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingBody {
    /// How a delivery channel makes what it delivers.
    ChannelPolicy(ChannelPolicy),
    /// A channel of images for which none is named.
    DefaultChannel(DefaultChannel),
    /// A query that is delivered as a manifest.
    NamedQuery(NamedQuery),
    /// A role that an image may need.
    AccessRole(AccessRole),
    /// How somebody comes by a role.
    AuthService(AuthService),
}

impl SettingBody {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> SettingKind {
        match self {
            Self::ChannelPolicy(_) => SettingKind::ChannelPolicy,
            Self::DefaultChannel(_) => SettingKind::DefaultChannel,
            Self::NamedQuery(_) => SettingKind::NamedQuery,
            Self::AccessRole(_) => SettingKind::AccessRole,
            Self::AuthService(_) => SettingKind::AuthService,
        }
    }

    /// What no two settings of a kind and a customer share.
    #[must_use]
    pub fn unique_name(&self) -> String {
        match self {
            Self::ChannelPolicy(policy) => format!("{}/{}", policy.data.channel(), policy.name),
            Self::DefaultChannel(default) => {
                let space = default.space.map_or(0, SpaceId::get);
                format!("{space}/{}/{}", default.media_type, default.channel)
            }
            Self::NamedQuery(query) => query.name.to_string(),
            Self::AccessRole(role) => role.name.clone(),
            Self::AuthService(service) => service.name.clone(),
        }
    }

    /// The space that it belongs to, and ends with.
    #[must_use]
    pub const fn space(&self) -> Option<SpaceId> {
        match self {
            Self::DefaultChannel(default) => default.space,
            _ => None,
        }
    }
}

/// A setting of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its id.
    pub id: SettingId,
    /// Whose it is.
    pub customer: CustomerId,
    /// What it says.
    pub body: SettingBody,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

impl Setting {
    /// A new setting, with an id of its own.
    #[must_use]
    pub fn new(customer: CustomerId, body: SettingBody, now: Timestamp) -> Self {
        Self {
            id: SettingId::assign(),
            customer,
            body,
            created: now,
            modified: now,
        }
    }

    /// The settings that a customer begins with: the default delivery channels of images and of documents.
    #[must_use]
    pub fn first_of(customer: CustomerId, now: Timestamp) -> Vec<Self> {
        let default = |media_type: &str, channel: Channel| {
            let body = SettingBody::DefaultChannel(DefaultChannel {
                space: None,
                media_type: MediaRange::parse(media_type)
                    .expect("a media range that is written here"),
                channel,
                policy: channel.default_policy().to_owned(),
            });
            Self::new(customer, body, now)
        };
        vec![
            default("image/*", Channel::IiifImg),
            default("image/*", Channel::Thumbs),
            default("application/*", Channel::File),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_begins_with_channels_for_images_and_documents() {
        let first = Setting::first_of(CustomerId::FIRST, Timestamp::from_micros(1));
        let names: Vec<_> = first.iter().map(|it| it.body.unique_name()).collect();
        assert_eq!(
            names,
            [
                "0/image/*/iiif-img",
                "0/image/*/thumbs",
                "0/application/*/file"
            ]
        );
    }
}
