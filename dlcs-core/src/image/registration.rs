//! What a caller says of an image when registering or changing it.

use bytes::Bytes;

use super::{Image, ImageSource, OpenAccess, OriginUrl, OriginUrlError};
use crate::derivative::UploadId;
use crate::id::{CustomerId, ModelId, SpaceId};
use crate::policy::Channel;
use crate::space::Space;

/// How an image is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryChannel {
    /// The name of a [`Channel`].
    pub channel: String,
    /// The policy of the channel; `None`: its default.
    pub policy: Option<String>,
}

/// Changes to an image: what is left out keeps its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageChanges {
    /// Where the master is.
    pub source: Option<ImageSource>,
    /// Where the master is for the first fetch only; `Some(None)` clears it.
    pub initial_origin: Option<Option<OriginUrl>>,
    /// The declared media type; empty clears it.
    pub media_type: Option<String>,
    /// `string1` to `string3`.
    pub strings: [Option<String>; 3],
    /// `number1` to `number3`.
    pub numbers: [Option<i64>; 3],
    /// Tags.
    pub tags: Option<Vec<String>>,
    /// Roles.
    pub roles: Option<Vec<String>>,
    /// Manifests.
    pub manifests: Option<Vec<String>>,
    /// How large the image may be seen without a role.
    pub max_unauthorised: Option<OpenAccess>,
    /// How the image is to be delivered.
    pub delivery_channels: Option<Vec<DeliveryChannel>>,
    /// How an image is to be delivered of which that has never been said; [`ChannelRules`](crate::setting::ChannelRules) find it out.
    pub default_channels: Vec<DeliveryChannel>,
    /// The policy that the pyramid is made by; empty clears it.
    pub image_optimisation_policy: Option<String>,
    /// The policy that thumbnails are made by; empty clears it.
    pub thumbnail_policy: Option<String>,
}

impl ImageChanges {
    /// The fields whose changes take effect only by processing the image again, as the API calls them.
    #[must_use]
    pub fn fields_that_need_processing(&self, image: &Image) -> Vec<&'static str> {
        fn differs<T: PartialEq>(change: Option<&T>, field: &T) -> bool {
            change.is_some_and(|value| value != field)
        }
        let policy_differs = |change: &Option<String>, field: &Option<String>| {
            change
                .as_deref()
                .is_some_and(|text| text != field.as_deref().unwrap_or_default())
        };
        let fields = [
            ("origin", differs(self.source.as_ref(), &image.source)),
            (
                "deliveryChannels",
                differs(
                    self.delivery_channels.as_deref().map(spelt_out).as_ref(),
                    &spelt_out(&image.delivery_channels),
                ),
            ),
            (
                "maxUnauthorised",
                // Nothing that is made depends on it: what cannot be made again need not be.
                differs(self.max_unauthorised.as_ref(), &image.max_unauthorised)
                    && !image.needs_bytes_again(self),
            ),
            (
                "imageOptimisationPolicy",
                policy_differs(
                    &self.image_optimisation_policy,
                    &image.image_optimisation_policy,
                ),
            ),
            (
                "thumbnailPolicy",
                policy_differs(&self.thumbnail_policy, &image.thumbnail_policy),
            ),
        ];
        let needing = fields.into_iter().filter(|(_, needs)| *needs);
        needing.map(|(field, _)| field).collect()
    }
}

/// Channels with the policies that they have: images may be older than the rule that all are named.
fn spelt_out(channels: &[DeliveryChannel]) -> Vec<(String, Option<String>)> {
    let policy = |channel: &str, named: Option<&String>| {
        let known = channel.parse::<Channel>().ok();
        let default = known.map(|channel| channel.default_policy().to_owned());
        named.cloned().or(default)
    };
    let named = channels
        .iter()
        .map(|it| (it.channel.clone(), it.policy.as_ref()));
    let defaults = Channel::DEFAULTS.map(|channel| (channel.as_str().to_owned(), None));
    let all: Vec<_> = if channels.is_empty() {
        defaults.into()
    } else {
        named.collect()
    };
    let all = all.into_iter();
    all.map(|(channel, named)| {
        let policy = policy(&channel, named);
        (channel, policy)
    })
    .collect()
}

/// What a registration does with an id that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RegistrationMode {
    /// Registers it again, merging.
    #[default]
    Merge,
    /// Refuses.
    CreateOnly,
    /// Registers it again, merging; refuses one that does not exist.
    UpdateOnly,
}

/// A request to register an image.
///
/// # Examples
/// ```
/// use dlcs_core::{CustomerId, Registration, SpaceId};
/// let registration = Registration::in_space(CustomerId::FIRST, SpaceId::FIRST)
///     .with_origin("https://example.org/f1r.tif")?
///     .with_string1("bib343434")
///     .with_number1(1);
/// # Ok::<(), dlcs_core::image::OriginUrlError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Registration {
    pub(crate) customer: CustomerId,
    pub(crate) space: SpaceId,
    pub(crate) model: Option<ModelId>,
    pub(crate) changes: ImageChanges,
    pub(crate) bytes: Option<Bytes>,
    pub(crate) mode: RegistrationMode,
}

impl Registration {
    /// A registration in a space, with an assigned id until [`Self::with_id`] gives one.
    #[must_use]
    pub fn new(space: &Space) -> Self {
        Self::in_space(space.customer, space.id)
    }

    /// A registration in the space with these ids.
    #[must_use]
    pub fn in_space(customer: CustomerId, space: SpaceId) -> Self {
        Self {
            customer,
            space,
            model: None,
            changes: ImageChanges::default(),
            bytes: None,
            mode: RegistrationMode::default(),
        }
    }

    /// Chooses the id.
    #[must_use]
    pub fn with_id(mut self, model: ModelId) -> Self {
        self.model = Some(model);
        self
    }

    /// Says where the master is.
    ///
    /// # Errors
    /// [`OriginUrlError`] for a text that is not an origin.
    pub fn with_origin(mut self, origin: &str) -> Result<Self, OriginUrlError> {
        self.changes.source = Some(ImageSource::Origin(OriginUrl::parse(origin)?));
        Ok(self)
    }

    /// Sends the master along.
    #[must_use]
    pub fn with_bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.bytes = Some(bytes.into());
        self
    }

    /// Says that the master has been stored by [`Dlcs::upload`](crate::Dlcs::upload).
    #[must_use]
    pub fn with_upload(mut self, upload: UploadId) -> Self {
        self.changes.source = Some(ImageSource::Upload(upload));
        self
    }

    /// Sets `string1`.
    #[must_use]
    pub fn with_string1(mut self, text: impl Into<String>) -> Self {
        self.changes.strings[0] = Some(text.into());
        self
    }

    /// Sets `number1`.
    #[must_use]
    pub const fn with_number1(mut self, number: i64) -> Self {
        self.changes.numbers[0] = Some(number);
        self
    }

    /// Sets the tags.
    #[must_use]
    pub fn with_tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.changes.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Says how the image is to be delivered.
    #[must_use]
    pub fn with_channels(mut self, channels: impl IntoIterator<Item = DeliveryChannel>) -> Self {
        self.changes.delivery_channels = Some(channels.into_iter().collect());
        self
    }

    /// Sets everything that [`ImageChanges`] can hold, at once.
    #[must_use]
    pub fn with_changes(mut self, changes: ImageChanges) -> Self {
        self.changes = changes;
        self
    }

    /// Says what to do with an id that exists.
    #[must_use]
    pub const fn with_mode(mut self, mode: RegistrationMode) -> Self {
        self.mode = mode;
        self
    }
}
