//! The facade: one handle over the ports, for embedding programs and for the HTTP adapter.

mod batches;
mod builder;
mod check;
mod held;
mod keys;
mod notices;
mod origins;
mod queries;
mod register;
mod spaces;
mod stored;
mod workers;

use std::sync::Arc;

pub use batches::BatchReport;
pub use builder::{DlcsBuilder, Settings};
pub use keys::{Bootstrap, FirstKey};
pub use origins::{OriginAnswer, OriginTrial};
pub use spaces::Spaces;

use crate::catalogue::{Catalogue, Subject};
use crate::customer::Customer;
use crate::derivative::{DerivativeStore, ImageProcessor, ImageRenderer, Rendered, check};
use crate::error::{Error, Result};
use crate::id::{CustomerId, ImageId};
use crate::iiif::{FormatSet, ResolvedRequest};
use crate::image::Image;
use crate::ingest::{Fetcher, Ingester};
use crate::notifier::BatchNotifier;
use crate::origin::OriginRegistry;
use crate::queue::{Claim, IngestQueue};
use crate::storage::Quota;
use crate::time::Clock;
use stored::LastStored;

/// Image registration: everything that a program does with images goes through this handle.
///
/// It is cheap to clone, can be shared between threads, and holds no global state: a program may have several. Every method may be
/// dropped at any await point; a registration that is dropped is given back to the queue, where a worker
/// takes it up again.
///
/// # Examples
/// See the [crate's front page](crate).
#[derive(Debug, Clone)]
pub struct Dlcs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    catalogue: Arc<dyn Catalogue>,
    queue: Arc<dyn IngestQueue>,
    derivatives: Arc<dyn DerivativeStore>,
    origins: OriginRegistry,
    processor: Arc<dyn ImageProcessor>,
    renderer: Arc<dyn ImageRenderer>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    owner: String,
    notifier: Option<Arc<dyn BatchNotifier>>,
    stored: LastStored,
}

/// What became of an immediate registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The image; it is served now.
    pub image: Image,
    /// Whether it is new.
    pub created: bool,
}

impl Dlcs {
    /// Starts putting one together.
    #[must_use]
    pub fn builder() -> DlcsBuilder {
        DlcsBuilder::default()
    }

    /// The catalogue, for reading and for what needs no more than one of its operations.
    #[must_use]
    pub fn catalogue(&self) -> &dyn Catalogue {
        self.0.catalogue.as_ref()
    }

    /// The queue, for reading its size.
    #[must_use]
    pub fn queue(&self) -> &dyn IngestQueue {
        self.0.queue.as_ref()
    }

    /// The store of derivatives and uploads.
    #[must_use]
    pub fn derivatives(&self) -> &dyn DerivativeStore {
        self.0.derivatives.as_ref()
    }

    /// The origins.
    #[must_use]
    pub fn origins(&self) -> &OriginRegistry {
        &self.0.origins
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    /// The spaces of the first customer.
    #[must_use]
    pub const fn spaces(&self) -> Spaces<'_> {
        self.spaces_of(CustomerId::FIRST)
    }

    /// The spaces of a customer.
    #[must_use]
    pub const fn spaces_of(&self, customer: CustomerId) -> Spaces<'_> {
        Spaces::new(self, customer)
    }

    /// Returns an image.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing image included.
    pub async fn image(&self, id: &ImageId) -> Result<Arc<Image>> {
        self.0
            .catalogue
            .find_image(id)
            .await?
            .ok_or(Error::not_found(Subject::Image))
    }

    /// Deletes an image and what is served of it.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing image included.
    pub async fn delete_image(&self, id: &ImageId) -> Result<()> {
        Ok(self.0.catalogue.delete_image(id).await?)
    }

    /// The formats that are served: what the renderer can write and the settings allow.
    #[must_use]
    pub fn formats(&self) -> FormatSet {
        self.0
            .renderer
            .formats()
            .intersection(self.0.settings.formats)
    }

    /// Answers a IIIF Image API request for an image.
    ///
    /// The request must have been resolved against the dimensions of what the image serves.
    ///
    /// # Errors
    /// [`Error::NotReady`] for an image that has never been processed, or the renderer's.
    pub async fn render(&self, image: &Image, request: &ResolvedRequest) -> Result<Rendered> {
        let service = image.service().ok_or_else(|| Error::NotReady {
            image: image.id.clone(),
        })?;
        Ok(self
            .0
            .renderer
            .render(
                self.0.derivatives.as_ref(),
                &service.key(&image.id),
                service,
                request,
            )
            .await?)
    }

    /// Returns a customer.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) included.
    pub async fn customer(&self, id: CustomerId) -> Result<Customer> {
        self.0
            .catalogue
            .find_customer(id)
            .await?
            .ok_or(Error::not_found(Subject::Customer))
    }

    /// Checks that requests will be served: catalogue and store can be read and written.
    ///
    /// # Errors
    /// The error of the part that cannot.
    pub async fn ready(&self) -> Result<()> {
        self.0.catalogue.check().await?;
        Ok(check(self.0.derivatives.as_ref()).await?)
    }

    /// How much a customer may have.
    fn quota(&self, customer: CustomerId) -> Quota {
        self.0.settings.storage.of(customer).quota
    }

    fn claim(&self) -> Claim<'_> {
        Claim {
            owner: &self.0.owner,
            lease_for: self.0.settings.lease_for,
            per_host: self.0.settings.per_host,
        }
    }

    fn fetcher(&self) -> Fetcher<'_> {
        let Inner { settings, .. } = self.0.as_ref();
        Fetcher {
            catalogue: self.0.catalogue.as_ref(),
            origins: &self.0.origins,
            source_limit: settings.source_limit,
            patience: settings.origin_patience,
        }
    }

    fn ingester(&self) -> Ingester<'_> {
        let Inner { settings, .. } = self.0.as_ref();
        Ingester {
            fetcher: self.fetcher(),
            queue: self.0.queue.as_ref(),
            derivatives: &self.0.derivatives,
            processor: self.0.processor.as_ref(),
            lease_for: settings.lease_for,
            heartbeat: settings.heartbeat,
            limit: settings.attempt_limit,
            storage: &settings.storage,
        }
    }
}

const _: fn() = || {
    fn shareable<T: Send + Sync + Clone + 'static>() {}
    shareable::<Dlcs>();
};

/// A number from 0 to 1, different each time.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness the spread is lost, not the retry.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
