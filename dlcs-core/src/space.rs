//! Spaces: what a customer's images are partitioned into.

use crate::id::{CustomerId, SpaceId};
use crate::image::OpenAccess;
use crate::merge::{set, set_or_clear};
use crate::order::{Key, Order};
use crate::storage::{StorageFigures, StoredBytes};
use crate::time::Timestamp;

/// The longest name of a space, in characters.
pub const SPACE_NAME_MAX_CHARS: usize = 200;

/// A space, with the defaults of the images that are registered in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Whose it is.
    pub customer: CustomerId,
    /// Its number.
    pub id: SpaceId,
    /// Its name, unique within the customer.
    pub name: String,
    /// Tags of images that come without.
    pub default_tags: Vec<String>,
    /// Roles of images that come without.
    pub default_roles: Vec<String>,
    /// How large images that do not say may be seen without a role.
    pub default_max_unauthorised: OpenAccess,
    /// The policy that the pyramids of images without one of their own are made by, whenever they are; `None`: the default.
    pub image_optimisation_policy: Option<String>,
    /// The policy that the thumbnails of images without one of their own are made by, whenever they are; `None`: the default.
    pub thumbnail_policy: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// How many images it holds.
    pub image_count: u64,
    /// How many bytes are stored of them.
    pub stored: StoredBytes,
}

/// An order of spaces; what is equal goes by number.
pub type SpaceOrder = Order<SpaceOrderBy>;

/// A property to order spaces by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpaceOrderBy {
    /// The number.
    Id,
    /// The name.
    Name,
    /// When it was made.
    Created,
    /// Tags of images that come without.
    DefaultTags,
    /// Roles of images that come without.
    DefaultRoles,
    /// How large images that do not say may be seen without a role; -1: as large as they are.
    DefaultMaxUnauthorised,
    /// The policy of pyramids.
    ImageOptimisationPolicy,
    /// The policy of thumbnails.
    ThumbnailPolicy,
    /// How many images it holds.
    ImageCount,
}

impl SpaceOrderBy {
    /// What a space has of the property.
    #[must_use]
    pub fn key(self, space: &Space) -> Key {
        match self {
            Self::Id => i64::from(space.id.get()).into(),
            Self::Name => space.name.as_str().into(),
            Self::Created => space.created.into(),
            Self::DefaultTags => Key::list(&space.default_tags),
            Self::DefaultRoles => Key::list(&space.default_roles),
            Self::DefaultMaxUnauthorised => space.default_max_unauthorised.to_wire().into(),
            Self::ImageOptimisationPolicy => space.image_optimisation_policy.as_deref().into(),
            Self::ThumbnailPolicy => space.thumbnail_policy.as_deref().into(),
            Self::ImageCount => space.image_count.into(),
        }
    }
}

/// Changes to a space: what is left out keeps its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpaceChanges {
    /// Its name.
    pub name: Option<String>,
    /// Tags of images that come without.
    pub default_tags: Option<Vec<String>>,
    /// Roles of images that come without.
    pub default_roles: Option<Vec<String>>,
    /// How large images that do not say may be seen without a role.
    pub default_max_unauthorised: Option<OpenAccess>,
    /// The policy that pyramids are made by; empty clears it.
    pub image_optimisation_policy: Option<String>,
    /// The policy that thumbnails are made by; empty clears it.
    pub thumbnail_policy: Option<String>,
}

impl SpaceChanges {
    /// A space with this name and the defaults of the program.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }
}

impl Space {
    /// Makes an empty space; one without a name is called by its number.
    #[must_use]
    pub fn first(customer: CustomerId, id: SpaceId, changes: SpaceChanges, now: Timestamp) -> Self {
        let mut space = Self {
            customer,
            id,
            name: id.to_string(),
            default_tags: Vec::new(),
            default_roles: Vec::new(),
            default_max_unauthorised: OpenAccess::Full,
            image_optimisation_policy: None,
            thumbnail_policy: None,
            created: now,
            image_count: 0,
            stored: StoredBytes::default(),
        };
        space.merge(changes);
        space
    }

    /// How much is stored in it.
    #[must_use]
    pub const fn storage(&self) -> StorageFigures {
        StorageFigures {
            images: self.image_count,
            bytes: self.stored,
        }
    }

    /// Merges changes: what they leave out keeps its value.
    pub fn merge(&mut self, changes: SpaceChanges) {
        set(&mut self.name, changes.name);
        set(&mut self.default_tags, changes.default_tags);
        set(&mut self.default_roles, changes.default_roles);
        set(
            &mut self.default_max_unauthorised,
            changes.default_max_unauthorised,
        );
        set_or_clear(
            &mut self.image_optimisation_policy,
            changes.image_optimisation_policy,
        );
        set_or_clear(&mut self.thumbnail_policy, changes.thumbnail_policy);
    }
}
