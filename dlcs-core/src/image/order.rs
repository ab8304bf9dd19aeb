//! The order of a listing of images, and a place in it.

use std::cmp::Ordering;

use super::{Image, ImageSource};
use crate::id::{BatchId, ModelId, SpaceId};
use crate::order::{Key, Order, quoted};
use crate::time::Timestamp;

/// An order of images.
pub type ImageOrder = Order<ImageOrderBy>;

/// A property to order images by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageOrderBy {
    /// When it was first registered.
    Created,
    /// The model id.
    Id,
    /// The number of the space.
    Space,
    /// Where the master is; of bytes that were sent, `dlcs-upload:` and their id.
    Origin,
    /// Where the master is for the first fetch.
    InitialOrigin,
    /// The media type that was declared, or else the one that was found.
    MediaType,
    /// `string1` to `string3`.
    String(Third),
    /// `number1` to `number3`.
    Number(Third),
    /// The tags.
    Tags,
    /// The roles.
    Roles,
    /// The manifests.
    Manifests,
    /// How large it may be seen without a role; -1: as large as it is.
    MaxUnauthorised,
    /// The channels that it names, as JSON.
    DeliveryChannels,
    /// The policy that it names for its pyramid.
    ImageOptimisationPolicy,
    /// The policy that it names for its thumbnails.
    ThumbnailPolicy,
    /// The width of what is served.
    Width,
    /// The height of what is served.
    Height,
    /// When it was last put into the queue.
    Queued,
    /// When it was last taken out of the queue.
    Dequeued,
    /// When a registration of it ended last.
    Finished,
    /// Whether it waits or is being processed.
    Ingesting,
    /// Why its last registration failed.
    Error,
    /// The number of the batch that it was last submitted in.
    Batch,
    /// The checksum of the source of what is served, in hexadecimal digits.
    SourceChecksum,
    /// The size of the source of what is served, in bytes.
    SourceSize,
}

/// One of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Third {
    /// The first.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
}

impl Third {
    /// Its place in an array of three.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl ImageOrderBy {
    /// What an image has of the property.
    #[must_use]
    pub fn key(self, image: &Image) -> Key {
        let source = image.fetched();
        match self {
            Self::Created => image.created.into(),
            Self::Id => image.id.model().as_str().into(),
            Self::Space => i64::from(image.id.space().get()).into(),
            Self::Origin => match &image.source {
                ImageSource::Origin(origin) => origin.as_str().into(),
                ImageSource::Upload(id) => Key::Text(format!("dlcs-upload:{id}")),
            },
            Self::InitialOrigin => image
                .initial_origin
                .as_ref()
                .map(|origin| origin.as_str())
                .into(),
            Self::MediaType => {
                let found = source.map(|source| source.media_type.as_str());
                image.media_type.as_deref().or(found).into()
            }
            Self::String(third) => image.metadata.strings[third.index()].as_str().into(),
            Self::Number(third) => image.metadata.numbers[third.index()].into(),
            Self::Tags => Key::list(&image.metadata.tags),
            Self::Roles => Key::list(&image.metadata.roles),
            Self::Manifests => Key::list(&image.metadata.manifests),
            Self::MaxUnauthorised => image.max_unauthorised.to_wire().into(),
            Self::DeliveryChannels => channels(image),
            Self::ImageOptimisationPolicy => image.image_optimisation_policy.as_deref().into(),
            Self::ThumbnailPolicy => image.thumbnail_policy.as_deref().into(),
            Self::Width => i64::from(image.width()).into(),
            Self::Height => i64::from(image.height()).into(),
            Self::Queued => image.queued.into(),
            Self::Dequeued => image.dequeued.into(),
            Self::Finished => image.state.finished().into(),
            Self::Ingesting => image.state.is_pending().into(),
            Self::Error => image.state.error().into(),
            Self::Batch => image.batch.map_or(0, BatchId::get).into(),
            Self::SourceChecksum => {
                let checksum = source.map(|source| source.checksum.to_string());
                checksum.as_deref().into()
            }
            Self::SourceSize => source.map_or(0, |source| source.size).into(),
        }
    }

    /// Whether the property is a text, or a list.
    #[must_use]
    pub const fn is_text(self) -> bool {
        match self {
            Self::Id
            | Self::Origin
            | Self::InitialOrigin
            | Self::MediaType
            | Self::String(_)
            | Self::Tags
            | Self::Roles
            | Self::Manifests
            | Self::DeliveryChannels
            | Self::ImageOptimisationPolicy
            | Self::ThumbnailPolicy
            | Self::Error
            | Self::SourceChecksum => true,
            Self::Created
            | Self::Space
            | Self::Number(_)
            | Self::MaxUnauthorised
            | Self::Width
            | Self::Height
            | Self::Queued
            | Self::Dequeued
            | Self::Finished
            | Self::Ingesting
            | Self::Batch
            | Self::SourceSize => false,
        }
    }
}

fn channels(image: &Image) -> Key {
    let items = image.delivery_channels.iter().map(|named| {
        let policy = named.policy.as_deref();
        let policy = policy.map_or_else(|| "null".to_owned(), quoted);
        format!(
            "{{\"channel\":{},\"policy\":{policy}}}",
            quoted(&named.channel)
        )
    });
    Key::Text(format!("[{}]", items.collect::<Vec<_>>().join(",")))
}

/// A place in a listing: behind an image, whatever becomes of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageCursor {
    /// What the image had of the properties that the listing goes by, in their order.
    pub keys: Vec<Key>,
    /// When the image was first registered.
    pub created: Timestamp,
    /// The space of the image.
    pub space: SpaceId,
    /// The model id of the image.
    pub model: ModelId,
}

impl ImageCursor {
    /// The place behind an image in a listing of this order.
    #[must_use]
    pub fn behind(image: &Image, order: &[ImageOrder]) -> Self {
        Self {
            keys: order.iter().map(|order| order.by.key(image)).collect(),
            created: image.created,
            space: image.id.space(),
            model: image.id.model().clone(),
        }
    }

    /// Whether it can be a place in a listing of this order.
    #[must_use]
    pub fn fits(&self, order: &[ImageOrder]) -> bool {
        let kinds = order.iter().map(|order| order.by.is_text());
        self.keys.iter().map(Key::is_text).eq(kinds)
    }

    /// Which of two places of one listing comes first: it goes by each property in turn, then by creation, space and model id in the
    /// direction of the last.
    #[must_use]
    pub fn compare(&self, other: &Self, order: &[ImageOrder]) -> Ordering {
        let keys = self.keys.iter().zip(&other.keys).zip(order);
        let by_keys = keys
            .map(|((key, other), order)| key.compare(other, order.descending))
            .find(|ordering| ordering.is_ne());
        by_keys.unwrap_or_else(|| {
            let ties = (self.created, self.space, &self.model);
            let ties = ties.cmp(&(other.created, other.space, &other.model));
            if order.last().is_some_and(|last| last.descending) {
                ties.reverse()
            } else {
                ties
            }
        })
    }
}
