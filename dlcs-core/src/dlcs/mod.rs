//! The facade: one handle over the ports, for embedding programs and for the HTTP adapter.

mod builder;
mod keys;
mod spaces;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

pub use builder::{DlcsBuilder, Settings};
pub use keys::{Bootstrap, FirstKey};
pub use spaces::Spaces;

use crate::batch::Batch;
use crate::catalogue::{Catalogue, Subject};
use crate::customer::Customer;
use crate::derivative::{
    DerivativeError, DerivativeKey, DerivativeStore, ImageProcessor, ImageRenderer, Rendered,
    UploadId,
};
use crate::error::{Error, Result};
use crate::id::{BatchId, CustomerId, ImageId, ModelId};
use crate::iiif::ResolvedRequest;
use crate::image::{
    FieldProblem, Image, ImageChanges, ImageQuery, ImageSource, Registration, RegistrationMode,
};
use crate::ingest::{IngestError, Ingester, backoff};
use crate::origin::OriginRegistry;
use crate::page::{PageRequest, PageSize};
use crate::queue::{Begun, Claim, Claimed, Completion, Failure, IngestQueue, SubmissionItem};
use crate::time::Clock;

/// How often a batch is looked at while it is waited for.
const WAIT_STEP: Duration = Duration::from_millis(100);

/// Image registration: everything that a program does with images goes through this handle.
///
/// It is cheap to clone, can be shared between threads, and holds no global state: a program may have several. Every method may be
/// dropped at any await point; a registration that is dropped is taken up again by a worker when its lease ends.
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
}

/// What became of an immediate registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The image; it is served now.
    pub image: Image,
    /// Whether it is new.
    pub created: bool,
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReport {
    /// The finished batch.
    pub batch: Batch,
    /// The images that failed and have not been submitted elsewhere since.
    pub failed: Vec<Image>,
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

    /// Registers an image now: when this returns, its service is live.
    ///
    /// A failure that may pass is tried again, within the settings' bounds. The same image registered twice at once: the later one wins.
    ///
    /// # Errors
    /// * [`Error::Invalid`] or [`QueueError::Refused`](crate::queue::QueueError::Refused): nothing was stored;
    /// * [`Error::Ingest`]: the record is kept, says why, and what was served before is served still;
    /// * [`Error::Superseded`]: a later registration, or a deletion, won.
    pub async fn register(&self, registration: Registration) -> Result<Registered> {
        let items = self.prepare([registration]).await?;
        let uploads = uploads(&items);
        let Some(item) = items.into_iter().next() else {
            return Err(Error::BatchEmpty);
        };
        match self.0.queue.begin(item, self.claim()).await {
            Ok(begun) => self.run_immediately(begun).await,
            Err(error) => {
                self.discard(&uploads).await;
                Err(error.into())
            }
        }
    }

    /// Submits images as one batch, all or nothing; returns as soon as the batch is durable.
    ///
    /// # Errors
    /// * [`Error::BatchEmpty`], [`Error::BatchTooLarge`], [`Error::Invalid`];
    /// * [`QueueError::Refused`](crate::queue::QueueError::Refused) with every faulty member.
    pub async fn submit_batch(
        &self,
        registrations: impl IntoIterator<Item = Registration> + Send,
    ) -> Result<Batch> {
        let registrations: Vec<_> = registrations.into_iter().collect();
        let Some(customer) = registrations.first().map(|first| first.customer) else {
            return Err(Error::BatchEmpty);
        };
        let limit = self.0.settings.max_batch_size;
        if registrations.len() > limit {
            return Err(Error::BatchTooLarge {
                count: registrations.len(),
                limit,
            });
        }
        let items = self.prepare(registrations).await?;
        let uploads = uploads(&items);
        match self.0.queue.submit(customer, items).await {
            Ok(batch) => Ok(batch),
            Err(error) => {
                self.discard(&uploads).await;
                Err(error.into())
            }
        }
    }

    /// Waits until a batch is finished.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing batch included.
    pub async fn wait(&self, customer: CustomerId, batch: BatchId) -> Result<BatchReport> {
        let batch = loop {
            let batch = self.batch(customer, batch).await?;
            if batch.finished.is_some() {
                break batch;
            }
            tokio::time::sleep(WAIT_STEP).await;
        };
        let mut query = ImageQuery::of(customer).in_batch(batch.id);
        query.failed = Some(true);
        let mut failed = Vec::new();
        for index in 0.. {
            let page = PageRequest {
                index,
                size: PageSize::new(PageSize::MAX),
            };
            let listed = self.0.catalogue.list_images(&query, page).await?;
            failed.extend(listed.items);
            if page.offset() + u64::from(PageSize::MAX) >= listed.total {
                break;
            }
        }
        Ok(BatchReport { batch, failed })
    }

    /// Returns a batch.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing batch included.
    pub async fn batch(&self, customer: CustomerId, batch: BatchId) -> Result<Batch> {
        self.0
            .catalogue
            .find_batch(customer, batch)
            .await?
            .ok_or(Error::not_found(Subject::Batch))
    }

    /// Returns an image.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing image included.
    pub async fn image(&self, id: &ImageId) -> Result<Image> {
        self.0
            .catalogue
            .find_image(id)
            .await?
            .ok_or(Error::not_found(Subject::Image))
    }

    /// Changes an image; processes it again, as [`Self::register`] does, only when a change takes effect no other way.
    ///
    /// # Errors
    /// As [`Self::register`], and [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound).
    pub async fn update_image(&self, id: &ImageId, changes: ImageChanges) -> Result<Image> {
        let image = self.image(id).await?;
        self.check([(0, &changes)])?;
        if !changes.need_processing(&image) {
            return Ok(self.0.catalogue.update_image(id, changes).await?);
        }
        let item = SubmissionItem {
            image: id.clone(),
            changes,
            mode: RegistrationMode::Merge,
        };
        let begun = self.0.queue.begin(item, self.claim()).await?;
        Ok(self.run_immediately(begun).await?.image)
    }

    /// Deletes an image and what is served of it.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing image included.
    pub async fn delete_image(&self, id: &ImageId) -> Result<()> {
        Ok(self.0.catalogue.delete_image(id).await?)
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

    /// Returns the customer with an id or a name, as they stand in public addresses.
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

    /// Checks that requests will be served: the catalogue and the store answer.
    ///
    /// # Errors
    /// The error of the part that does not.
    pub async fn ready(&self) -> Result<()> {
        self.0.catalogue.find_customer(CustomerId::FIRST).await?;
        match self
            .0
            .derivatives
            .length(&DerivativeKey::Upload(UploadId::assign()))
            .await
        {
            Ok(_) | Err(DerivativeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn claim(&self) -> Claim<'_> {
        Claim {
            owner: &self.0.owner,
            lease_for: self.0.settings.lease_for,
        }
    }

    fn ingester(&self) -> Ingester<'_> {
        let Inner { settings, .. } = self.0.as_ref();
        Ingester {
            catalogue: self.0.catalogue.as_ref(),
            queue: self.0.queue.as_ref(),
            derivatives: &self.0.derivatives,
            origins: &self.0.origins,
            processor: self.0.processor.as_ref(),
            source_limit: settings.source_limit,
            patience: settings.origin_patience,
            lease_for: settings.lease_for,
            heartbeat: settings.heartbeat,
        }
    }

    /// Refuses what no image may have, and origins that nobody serves.
    fn check<'c>(&self, all: impl IntoIterator<Item = (usize, &'c ImageChanges)>) -> Result<()> {
        let mut problems = Vec::new();
        for (index, changes) in all {
            problems.extend(changes.problems(index));
            let origins = [
                ("initialOrigin", changes.initial_origin.as_ref()),
                ("origin", origin_of(changes)),
            ];
            for (field, origin) in origins {
                if let Some(Err(error)) =
                    origin.map(|origin| self.0.origins.get(origin.url().scheme()))
                {
                    problems.push(FieldProblem {
                        index,
                        field: field.to_owned(),
                        reason: error.to_string(),
                    });
                }
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid { problems })
        }
    }

    /// Turns registrations into items of a submission: assigns ids, stores bytes that came along.
    async fn prepare(
        &self,
        registrations: impl IntoIterator<Item = Registration> + Send,
    ) -> Result<Vec<SubmissionItem>> {
        let registrations: Vec<_> = registrations.into_iter().collect();
        self.check(
            registrations
                .iter()
                .map(|registration| &registration.changes)
                .enumerate(),
        )?;
        let mut items = Vec::with_capacity(registrations.len());
        for registration in registrations {
            let Registration {
                customer,
                space,
                model,
                mut changes,
                bytes,
                mode,
            } = registration;
            let image = ImageId::new(customer, space, model.unwrap_or_else(ModelId::assign));
            if let Some(bytes) = bytes {
                match self.store_upload(bytes).await {
                    Ok(upload) => changes.source = Some(ImageSource::Upload(upload)),
                    Err(error) => {
                        self.discard(&uploads(&items)).await;
                        return Err(error);
                    }
                }
            }
            items.push(SubmissionItem {
                image,
                changes,
                mode,
            });
        }
        Ok(items)
    }

    async fn store_upload(&self, bytes: Bytes) -> Result<UploadId> {
        let upload = UploadId::assign();
        let body = futures_util::stream::once(async { Ok(bytes) }).boxed();
        self.0
            .derivatives
            .put(&DerivativeKey::Upload(upload), body)
            .await?;
        Ok(upload)
    }

    async fn discard(&self, uploads: &[UploadId]) {
        for upload in uploads {
            if let Err(error) = self
                .0
                .derivatives
                .delete(&DerivativeKey::Upload(*upload))
                .await
            {
                tracing::warn!(%upload, %error, "the bytes of a refused registration could not be deleted");
            }
        }
    }

    /// Runs a claimed image to its end, trying again within the bounds of an immediate registration.
    async fn run_immediately(&self, begun: Begun) -> Result<Registered> {
        let Begun {
            claimed: Claimed { image, mut lease },
            created,
        } = begun;
        let settings = &self.0.settings;
        let mut patience = settings.immediate_patience;
        let mut attempt = 1;
        let outcome = loop {
            let error = match self.ingester().attempt(&image, &mut lease).await {
                Ok(stored) => break Ok(stored),
                Err(error) => error.after_attempts(attempt),
            };
            // A fraction of what a queued image waits: somebody is waiting for the answer.
            let wait =
                (backoff(attempt, None, jitter()) / 8).max(error.retry_after().unwrap_or_default());
            if !error.is_transient() || attempt >= settings.attempts || wait > patience {
                break Err(error);
            }
            patience -= wait;
            attempt += 1;
            let pause = async {
                tokio::time::sleep(wait).await;
                Ok(())
            };
            if let Err(error) = self.ingester().holding(&mut lease, pause).await {
                break Err(error);
            }
        };
        match outcome {
            Ok(stored) => match self.0.queue.complete(lease, stored).await? {
                Completion::Recorded(image) => Ok(Registered {
                    image: *image,
                    created,
                }),
                Completion::Superseded => Err(Error::Superseded { image: image.id }),
            },
            Err(IngestError::LeaseLost) => Err(Error::Superseded { image: image.id }),
            Err(source) => {
                tracing::info!(image = %image.id, error = source.sentence(), "an image could not be registered");
                let failure = Failure::Final {
                    error: source.sentence(),
                };
                match self.0.queue.fail(lease, failure).await? {
                    Completion::Recorded(image) => Err(Error::Ingest { image, source }),
                    Completion::Superseded => Err(Error::Superseded { image: image.id }),
                }
            }
        }
    }
}

const _: fn() = || {
    fn shareable<T: Send + Sync + Clone + 'static>() {}
    shareable::<Dlcs>();
};

const fn origin_of(changes: &ImageChanges) -> Option<&crate::image::OriginUrl> {
    match &changes.source {
        Some(ImageSource::Origin(origin)) => Some(origin),
        _ => None,
    }
}

fn uploads(items: &[SubmissionItem]) -> Vec<UploadId> {
    let upload_of = |item: &SubmissionItem| match item.changes.source {
        Some(ImageSource::Upload(upload)) => Some(upload),
        _ => None,
    };
    items.iter().filter_map(upload_of).collect()
}

/// A number from 0 to 1, different each time.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness the spread is lost, not the retry.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
