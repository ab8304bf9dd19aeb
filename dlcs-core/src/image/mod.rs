//! Images: the record of a registered image, and what may be said of it.

mod check;
mod metadata;
mod order;
mod original;
mod processing;
mod query;
mod registration;
mod source;
mod state;

pub use check::{FieldProblem, shorten, text_problem};
pub use metadata::{LIST_MAX_ITEMS, Metadata, OpenAccess, STRING_MAX_CHARS};
pub use order::{ImageCursor, ImageOrder, ImageOrderBy, Third};
pub use original::{ImageOriginal, ServedObject};
pub use processing::{Processing, UnknownPolicy};
pub use query::ImageQuery;
pub use registration::{DeliveryChannel, ImageChanges, Registration, RegistrationMode};
pub use source::{ImageSource, ORIGIN_MAX_BYTES, OriginUrl, OriginUrlError};
pub use state::{ImageService, ImageState};

use crate::derivative::{DerivativeKey, SourceFacts};
use crate::id::{BatchId, ImageId};
use crate::merge::{set, set_or_clear};
use crate::queue::{Generation, Lease, Success};
use crate::space::Space;
use crate::storage::StoredBytes;
use crate::time::Timestamp;

/// The record of a registered image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Where its master is.
    pub source: ImageSource,
    /// Where its master is for the first fetch only.
    pub initial_origin: Option<OriginUrl>,
    /// The media type that its owner declared.
    pub media_type: Option<String>,
    /// Free metadata.
    pub metadata: Metadata,
    /// How large it may be seen without a role.
    pub max_unauthorised: OpenAccess,
    /// How it is to be delivered; empty: the defaults.
    pub delivery_channels: Vec<DeliveryChannel>,
    /// The policy that its pyramid is made by; `None`: that of its space, or else the default.
    pub image_optimisation_policy: Option<String>,
    /// The policy that its thumbnails are made by; `None`: that of its space, or else the default.
    pub thumbnail_policy: Option<String>,
    /// When it was first registered.
    pub created: Timestamp,
    /// When it was last put into the queue.
    pub queued: Option<Timestamp>,
    /// When it was last taken out of the queue.
    pub dequeued: Option<Timestamp>,
    /// The batch that it was last submitted in; `None` once registered immediately.
    pub batch: Option<BatchId>,
    /// Counts its registrations.
    pub generation: Generation,
    /// Where it is on its way.
    pub state: ImageState,
    /// Its source as it came, where that is kept.
    pub original: Option<ImageOriginal>,
}

impl Image {
    /// An estimate of the bytes that it takes in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let address = |address: &OriginUrl| address.as_str().len();
        let source = match &self.source {
            ImageSource::Origin(origin) => address(origin),
            ImageSource::Upload(_) => 0,
        };
        let metadata = &self.metadata;
        let lists = [&metadata.tags, &metadata.roles, &metadata.manifests];
        let listed = lists.into_iter().flatten().chain(&metadata.strings);
        let channels = self.delivery_channels.iter();
        // Who keeps it has its id a second time, as the key. Some sentence may say why it failed.
        2 * (size_of::<ImageId>() + self.id.model().as_str().len())
            + size_of::<Self>()
            + 512
            + source
            + self.initial_origin.as_ref().map_or(0, address)
            + text(&self.media_type)
            + text(&self.image_optimisation_policy)
            + text(&self.thumbnail_policy)
            + listed
                .map(|item| item.len() + size_of::<String>())
                .sum::<usize>()
            + channels
                .map(|channel| channel.channel.len() + text(&channel.policy) + 64)
                .sum::<usize>()
    }

    /// Makes the record of an image that is registered for the first time, with the defaults of its space.
    ///
    /// `None` when the changes name no source.
    #[must_use]
    pub fn first(
        id: ImageId,
        space: &Space,
        changes: ImageChanges,
        now: Timestamp,
    ) -> Option<Self> {
        let source = changes.source.clone()?;
        let mut image = Self {
            id,
            source,
            initial_origin: None,
            media_type: None,
            metadata: Metadata {
                tags: space.default_tags.clone(),
                roles: space.default_roles.clone(),
                ..Metadata::default()
            },
            max_unauthorised: space.default_max_unauthorised,
            delivery_channels: Vec::new(),
            image_optimisation_policy: None,
            thumbnail_policy: None,
            created: now,
            queued: None,
            dequeued: None,
            batch: None,
            generation: Generation::NONE,
            state: ImageState::Waiting { previous: None },
            original: None,
        };
        let default_channels = changes.default_channels.clone();
        image.merge(changes);
        if image.delivery_channels.is_empty() {
            image.delivery_channels = default_channels;
        }
        Some(image)
    }

    /// Merges changes: what they leave out keeps its value.
    pub fn merge(&mut self, changes: ImageChanges) {
        set(&mut self.source, changes.source);
        set(&mut self.initial_origin, changes.initial_origin);
        set_or_clear(&mut self.media_type, changes.media_type);
        for (field, change) in self.metadata.strings.iter_mut().zip(changes.strings) {
            set(field, change);
        }
        for (field, change) in self.metadata.numbers.iter_mut().zip(changes.numbers) {
            set(field, change);
        }
        set(&mut self.metadata.tags, changes.tags);
        set(&mut self.metadata.roles, changes.roles);
        set(&mut self.metadata.manifests, changes.manifests);
        set(&mut self.max_unauthorised, changes.max_unauthorised);
        set(&mut self.delivery_channels, changes.delivery_channels);
        set_or_clear(
            &mut self.image_optimisation_policy,
            changes.image_optimisation_policy,
        );
        set_or_clear(&mut self.thumbnail_policy, changes.thumbnail_policy);
    }

    /// Begins another registration: the next generation, in the queue, with what is served meanwhile.
    pub fn begin(&mut self, batch: Option<BatchId>, now: Timestamp) {
        let previous = std::mem::replace(&mut self.state, ImageState::Waiting { previous: None })
            .into_service();
        self.state = ImageState::Waiting { previous };
        self.generation = self.generation.next();
        self.batch = batch;
        self.queued = Some(now);
        self.dequeued = None;
    }

    /// Marks the image as taken out of the queue.
    pub fn dequeue(&mut self, now: Timestamp) {
        let previous = std::mem::replace(&mut self.state, ImageState::Waiting { previous: None })
            .into_service();
        self.state = ImageState::Ingesting {
            since: now,
            previous,
        };
        self.dequeued = Some(now);
    }

    /// Marks the image as back in the queue.
    pub fn requeue(&mut self) {
        let previous = std::mem::replace(&mut self.state, ImageState::Waiting { previous: None })
            .into_service();
        self.state = ImageState::Waiting { previous };
    }

    /// Ends a registration well; returns the keys of what was served before and is not any more.
    ///
    /// What was not made, was not asked for: nothing of its kind is served from now on.
    pub fn succeed(
        &mut self,
        success: Success,
        lease: &Lease,
        now: Timestamp,
    ) -> Vec<DerivativeKey> {
        let before: Vec<_> = self.objects().map(|object| object.key).collect();
        self.state = match success.derivative {
            Some(derivative) => ImageState::Ready {
                service: derivative.into_service(lease, now),
            },
            None => ImageState::Registered { finished: now },
        };
        self.original = success
            .original
            .map(|original| original.into_original(lease, now));
        before
    }

    /// The objects that it is delivered from.
    pub fn objects(&self) -> impl Iterator<Item = ServedObject> {
        let derivative = self.service().map(|service| ServedObject {
            key: service.key(&self.id),
            length: service.derivative.length,
            checksum: service.derivative.checksum,
        });
        let original = self.original.as_ref().map(|original| ServedObject {
            key: original.key(&self.id),
            length: original.source.size,
            checksum: original.checksum,
        });
        derivative.into_iter().chain(original)
    }

    /// How many bytes are stored of it.
    #[must_use]
    pub fn stored_bytes(&self) -> StoredBytes {
        let derivative = self.service().map(|service| &service.derivative);
        let original = self.original.as_ref().map(|original| &original.source);
        StoredBytes::of(derivative, original)
    }

    /// What was fetched of its source last, where something was made of it.
    #[must_use]
    pub fn fetched(&self) -> Option<&SourceFacts> {
        let original = self.original.as_ref().map(|original| &original.source);
        self.service().map(|service| &service.source).or(original)
    }

    /// Whether something has been made of its source: bytes that were sent for it are gone then.
    const fn is_processed(&self) -> bool {
        match self.state {
            ImageState::Ready { .. } => true,
            ImageState::Registered { .. } => self.original.is_some(),
            _ => false,
        }
    }

    /// Ends a registration badly: what was served before stays.
    pub fn fail(&mut self, error: String, now: Timestamp) {
        let previous = std::mem::replace(&mut self.state, ImageState::Waiting { previous: None })
            .into_service();
        self.state = ImageState::Failed {
            error,
            finished: now,
            previous,
        };
    }

    /// What is served of the image.
    #[must_use]
    pub const fn service(&self) -> Option<&ImageService> {
        self.state.service()
    }

    /// The width in pixels of what is served; 0 before there is something.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.service()
            .map_or(0, |service| service.dimensions().width())
    }

    /// The height in pixels of what is served; 0 before there is something.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.service()
            .map_or(0, |service| service.dimensions().height())
    }

    /// Whether to process the image with these changes would need bytes that were sent before, and deleted once it was ready.
    #[must_use]
    pub const fn needs_bytes_again(&self, changes: &ImageChanges) -> bool {
        changes.source.is_none()
            && matches!(self.source, ImageSource::Upload(_))
            && self.is_processed()
    }

    /// The object of bytes that were sent for it and have not been processed yet; they are kept until then.
    #[must_use]
    pub const fn awaited_upload(&self) -> Option<DerivativeKey> {
        match &self.source {
            ImageSource::Upload(id) if !self.is_processed() => Some(DerivativeKey::Upload(*id)),
            _ => None,
        }
    }

    /// Where the next registration fetches from: the initial origin until one has succeeded.
    #[must_use]
    pub fn fetch_source(&self) -> ImageSource {
        match &self.initial_origin {
            Some(origin) if self.fetched().is_none() => ImageSource::Origin(origin.clone()),
            _ => self.source.clone(),
        }
    }

    /// The host that the next registration fetches from; empty where it fetches from none.
    #[must_use]
    pub fn fetch_host(&self) -> String {
        match self.fetch_source() {
            ImageSource::Origin(origin) => origin.url().host_str().unwrap_or_default().to_owned(),
            ImageSource::Upload(_) => String::new(),
        }
    }
}
