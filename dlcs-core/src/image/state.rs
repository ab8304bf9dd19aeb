//! Where an image is on its way, and what is served of it.

use crate::derivative::{DerivativeFacts, DerivativeKey, SourceFacts};
use crate::id::ImageId;
use crate::iiif::Dimensions;
use crate::queue::{Generation, LeaseToken};
use crate::time::Timestamp;

/// What is served of an image: one stored derivative, of one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageService {
    /// The registration that it was made by.
    pub generation: Generation,
    /// The claim of that registration.
    pub token: LeaseToken,
    /// What is in it.
    pub derivative: DerivativeFacts,
    /// The source that it was made from.
    pub source: SourceFacts,
    /// When it became visible.
    pub finished: Timestamp,
}

impl ImageService {
    /// Where the derivative is stored.
    #[must_use]
    pub fn key(&self, image: &ImageId) -> DerivativeKey {
        DerivativeKey::pyramid(image, self.generation, self.token)
    }

    /// The size of the full image, upright.
    #[must_use]
    pub const fn dimensions(&self) -> Dimensions {
        self.derivative.dimensions()
    }
}

/// Where an image is on its way.
///
/// While an image is registered again, and when that fails, the service of the registration before stays live: it is `previous`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// In the queue.
    Waiting {
        /// What is served meanwhile.
        previous: Option<ImageService>,
    },
    /// Being fetched and processed.
    Ingesting {
        /// Since when.
        since: Timestamp,
        /// What is served meanwhile.
        previous: Option<ImageService>,
    },
    /// Served.
    Ready {
        /// What is served.
        service: ImageService,
    },
    /// Registered and, as was asked, not processed: nothing is served.
    Registered {
        /// Since when.
        finished: Timestamp,
    },
    /// The last registration failed.
    Failed {
        /// One sentence for people.
        error: String,
        /// When.
        finished: Timestamp,
        /// What is served all the same.
        previous: Option<ImageService>,
    },
}

impl ImageState {
    /// What is served, whatever the state.
    #[must_use]
    pub const fn service(&self) -> Option<&ImageService> {
        match self {
            Self::Waiting { previous }
            | Self::Ingesting { previous, .. }
            | Self::Failed { previous, .. } => previous.as_ref(),
            Self::Ready { service } => Some(service),
            Self::Registered { .. } => None,
        }
    }

    /// What is served, taken out of the state.
    #[must_use]
    pub fn into_service(self) -> Option<ImageService> {
        match self {
            Self::Waiting { previous }
            | Self::Ingesting { previous, .. }
            | Self::Failed { previous, .. } => previous,
            Self::Ready { service } => Some(service),
            Self::Registered { .. } => None,
        }
    }

    /// Whether the image waits or is being processed.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Ingesting { .. })
    }

    /// The sentence that says why the last registration failed.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed { error, .. } => Some(error),
            _ => None,
        }
    }

    /// When a registration of the image ended last.
    #[must_use]
    pub const fn finished(&self) -> Option<Timestamp> {
        match self {
            Self::Failed { finished, .. } | Self::Registered { finished } => Some(*finished),
            _ => match self.service() {
                Some(service) => Some(service.finished),
                None => None,
            },
        }
    }
}
